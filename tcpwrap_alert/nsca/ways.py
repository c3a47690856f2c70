"""The ways to NSCA servers: whether a rejection reaches us as what it is.

A server rejects by a reset. A relay on the way that ends TCP (stunnel, ssh -L, socat, haproxy, what forwards ports into
a container) takes the reset and closes to us in an orderly way, as the server does after an acceptance. So a way is

    direct    a rejection arrives as a reset: the end of the connection tells the outcome
    relay     it arrives as an end of file: we must hold our end back for two seconds (`outcome.py`)

A web proxy is a relay, and there is nothing to find out.

As long as we do not know, we hold our end back. That is right on both ways, needs nothing to be sent twice, and
leaves nothing to guess; it only takes two seconds longer. From the second acceptance on it is worth to know: then we
send one packet that every server must reject, over a connection of its own, with the extra byte and the end at once,
and look how the rejection arrives. One probe for each address, for ever, if somebody keeps what we know.

nsca --single loses sight of a connection that comes in the moment after a rejection (2.10.2, src/nsca.c,
`handle_events`: it polls the closed descriptor once more, and the new connection has got the same number). So we pause
after a probe, and the next connection is one more of ours, which nobody would miss. It also shows that the way still
works, and so that the end of the probe was no accident.
"""

from __future__ import annotations

import time

from ..sockets import socket
from .addresses import remaining
from .connect import connect
from .outcome import EXTRA_BYTE
from .padding import random_letters
from .server import AUTO, DIRECT, RELAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .server import Server

KEY = "way."
SEEN = "seen"  # one acceptance so far, and no probe
MAX_WAYS = 100
PAUSE_S = 0.1
KNOCK_S = 2.0  # servers look for new connections once a second
# A server that hangs up by itself, as one whose monitor is down, does so within this time. It rejects nothing.
HANGS_UP_S = 0.3


class Ways:
    """What we know of the ways to servers, for each address.

    Args:
        memory: where it is kept: texts by texts, which may live in a file of `key=value` lines. Other keys than those
            that begin with "way." are left alone.
    """

    def __init__(self, memory: dict[str, str] | None = None) -> None:
        self._memory: dict[str, str] = {} if memory is None else memory

    def may_hide_rejections(self, server: Server) -> bool:
        """Return whether a rejection by this server, named by an address, may look like an acceptance."""
        if not server.layout.tells_outcome or server.verdict == DIRECT:
            return False
        return server.verdict == RELAY or server.proxy is not None or self._memory.get(f"{KEY}{server}") != DIRECT

    def learn(self, server: Server, deadline: float) -> None:
        """Note that this server has accepted something; the second time, find out about the way. Never raises."""
        if not server.layout.tells_outcome or server.verdict != AUTO or server.proxy is not None:
            return
        key = f"{KEY}{server}"
        known = self._memory.get(key)
        if known in (DIRECT, RELAY):
            return
        found = SEEN if known != SEEN else find_way(server, deadline)
        if found:
            self._memory[key] = found
        else:
            del self._memory[key]  # after two more acceptances we try again
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        keys = [key for key in self._memory if key.startswith(KEY)]
        for key in keys[:-MAX_WAYS]:
            del self._memory[key]


def find_way(server: Server, deadline: float) -> str | None:
    """Return whether the way to this server, named by an address, is DIRECT or RELAY; None if nobody knows."""
    try:
        way = _probe(server, deadline)
    except OSError:
        return None
    time.sleep(PAUSE_S)
    for _ in range(2):
        try:
            connect(server, min(deadline, time.monotonic() + KNOCK_S))[0].close()
            return way
        except OSError:
            continue
    return None


def _probe(server: Server, deadline: float) -> str | None:
    """Return how a rejection arrives. Raises OSError: it does not."""
    sock = connect(server, deadline)[0]
    try:
        sock.settimeout(min(HANGS_UP_S, remaining(deadline)))
        try:
            sock.recv(1, socket.MSG_PEEK)
            return None
        except socket.timeout:
            sock.settimeout(remaining(deadline))
        # Letters are no packet for anybody: decrypted or not, the version is wrong.
        sock.sendall(random_letters(server.layout.packet_length) + EXTRA_BYTE)
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has ended already, and the read finds out how
        return None if sock.recv(1) else RELAY
    except ConnectionResetError:
        return DIRECT
    finally:
        sock.close()
