"""The addresses of a name, and the time for each: a dead one must leave some for those behind it.

Deadlines are in seconds of `time.monotonic()`.
"""

from __future__ import annotations

import time

from ..errors import ConnectError, ConnectTimedOut
from ..sockets import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MIN_ADDRESS_SHARE_S = 3.0


def resolve(host: str, port: int, deadline: float, place: object, within: str = "in time") -> list[Any]:
    """Return the addresses of a host as getaddrinfo does; its look-up cannot be cut short, so a thread waits.

    Raises:
        ConnectError: there are none; ConnectTimedOut at the deadline.
    """
    # For text, Python would load its IDNA codec, even if all of it is ASCII: half of a bare start of Python.
    name = host.encode() if host.isascii() else host
    try:
        return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # a name, not an address
    import threading

    outcome: list[Any] = []

    def look_up() -> None:
        try:
            outcome.append(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            outcome.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # the limit of processes is reached
        raise ConnectError(f"cannot look the name up: {error}", place) from error
    thread.join(remaining(deadline))
    if not outcome:
        raise ConnectTimedOut(f"the name did not resolve {within}", place)
    if isinstance(outcome[0], Exception):
        reason = getattr(outcome[0], "strerror", None) or "not a host name"
        raise ConnectError(f"the name does not resolve: {reason}", place) from outcome[0]
    addresses: list[Any] = outcome[0]
    return addresses


def share_of(deadline: float, left: int) -> float:
    """Return the deadline for the next of `left` addresses."""
    left_s = remaining(deadline)
    return time.monotonic() + min(max(left_s / left, MIN_ADDRESS_SHARE_S), left_s)


def remaining(deadline: float) -> float:
    """Return the seconds left; never zero, which would make a socket non-blocking instead of late."""
    return max(deadline - time.monotonic(), 0.001)
