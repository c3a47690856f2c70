"""Monitors made in memory, as a configuration with the same keys would make them."""

from __future__ import annotations

from tcpwrap_alert.config.values import COMMAND_FILE, NSCA, CommandFile, Monitor, Wording
from tcpwrap_alert.nsca.server import Server

HOST_NAME = "firestorm"


def nsca_monitor(host: str = "127.0.0.1", port: int = 5667, **settings: object) -> Monitor:
    """Return the monitor of an NSCA server; `settings` are Server's."""
    return Monitor(NSCA, Server(host, port, **settings), Wording(HOST_NAME))


def command_file_monitor(path: object, timeout_s: float = 5.0) -> Monitor:
    """Return the monitor whose command file is at `path`."""
    return Monitor(COMMAND_FILE, CommandFile(str(path), timeout_s), Wording(HOST_NAME))
