"""The addresses of the monitors' nodes, all looked up at once and within a bounded time."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config.read import Config
    from ..config.values import Monitor

LOOK_UP_S = 5.0


class Places:
    """What the names of the nodes resolve to; nothing for those that are on this host's disk, or do not resolve."""

    def __init__(self, config: Config) -> None:
        monitors = [] if config.fault else config.monitors
        self._found: dict[str, list[str]] = {host: [] for monitor in monitors for host in _hosts(monitor)}
        # A look-up cannot be cut short.
        threads = [threading.Thread(target=self._look_up, args=(host,), daemon=True) for host in self._found]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + LOOK_UP_S
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def of(self, monitor: Monitor) -> list[str]:
        """Return the addresses of a monitor's nodes."""
        return list(dict.fromkeys(address for host in _hosts(monitor) for address in self._found[host]))

    def all(self) -> list[str]:
        """Return the addresses of all monitors' nodes."""
        return list(dict.fromkeys(address for found in self._found.values() for address in found))

    def _look_up(self, host: str) -> None:
        try:
            infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return  # whoever connects says so
        self._found[host] = [str(info[4][0]).partition("%")[0] for info in infos]


def _hosts(monitor: Monitor) -> list[str]:
    return [target.host for target in monitor.targets if hasattr(target, "host")]
