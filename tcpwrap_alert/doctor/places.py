"""The addresses of a monitor's nodes, looked up within a bounded time."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config.values import Monitor

LOOK_UP_S = 5.0


def addresses_of(monitor: Monitor) -> list[str]:
    """Return the addresses of all nodes; none of those on this host's disk, or whose name does not resolve."""
    hosts = [target.host for target in monitor.targets if hasattr(target, "host")]
    return list(dict.fromkeys(address for host in hosts for address in _look_up(host)))


def _look_up(host: str) -> list[str]:
    found: list[str] = []

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return  # whoever connects says so
        found.extend(str(info[4][0]).partition("%")[0] for info in infos)

    thread = threading.Thread(target=look_up, daemon=True)  # a look-up cannot be cut short
    thread.start()
    thread.join(LOOK_UP_S)
    return list(found)
