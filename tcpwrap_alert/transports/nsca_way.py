"""What can be found out about the way to an NSCA server without a result.

The server speaks first, so an init packet shows that it is one, and its clock. Then a packet that every server must
reject shows how a rejection arrives. Whether the password is right shows a result only.
"""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING

from ..nsca.connect import connect
from ..nsca.server import DIRECT, RELAY
from ..nsca.ways import find_way
from .remarks import FAIL, OK, WARN, Remark, of_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..nsca.server import Server

HIDING_NOTHING = {0: "nothing is encrypted", 1: "XOR hides nothing, as its key travels with it"}


def examine_way(server: Server) -> Iterator[Remark]:
    """Yield what there is to say. Raises DeliveryError."""
    began_s = time.monotonic()
    sock, addressed, _, packet_timestamp = connect(server, began_s + server.timeout_s)
    sock.close()
    at = f" from {addressed.host}" if addressed.host != server.host else ""
    yield Remark(OK, f"sent an init packet{at} after {(time.monotonic() - began_s) * 1000:.0f} ms")
    yield of_clock(packet_timestamp)
    yield from _of_secrets(server, addressed.host)
    yield from _of_rejections(server, addressed)


def _of_secrets(server: Server, host: str) -> Iterator[Remark]:
    if not server.password:
        yield Remark(WARN, "no password is set, so anybody may submit results", "Set one at both ends.")
    if server.encryption_method in HIDING_NOTHING and not _is_here(host):
        what = f"encryption_method {server.encryption_method}: {HIDING_NOTHING[server.encryption_method]}"
        yield Remark(WARN, what, "Set encryption_method=14 here and decryption_method=14 in its nsca.cfg.")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _of_rejections(server: Server, addressed: Server) -> Iterator[Remark]:
    if not server.layout.tells_outcome:
        yield Remark(OK, "such a server does not tell whether it took a result, so no probe was sent")
        return
    way = RELAY if server.proxy is not None else find_way(addressed, time.monotonic() + server.timeout_s)
    if way is None:
        what = "it did not reject a packet that every nsca rejects, so nobody knows whether it takes results"
        yield Remark(
            WARN, what, "Look whether the monitor runs. If this is another program than nsca, set receiver=single."
        )
    elif way == RELAY and server.verdict == DIRECT:
        what = "verdict=direct, but a relay hides rejections: what the server rejects counts as accepted, and is lost"
        yield Remark(FAIL, what, "Remove verdict from the configuration.")
    elif way == RELAY:
        what = "a relay, or a slow server, hides rejections, so we look for them: two seconds for each send"
        yield Remark(OK, what, "If you know that there is no relay, you may set verdict=direct.")
    else:
        yield Remark(OK, "the way is direct: a packet that must be rejected was, and the rejection arrived")
