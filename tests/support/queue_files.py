"""Queue files as bytes: whole and cut ones, and what lies in a directory without being a file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

DENIAL = b"tcpwrap-alert 1 denial\0\nclient=203.0.113.7\0\ndaemon=sshd\0\nend\0\n"
FIELDS = {"client": "203.0.113.7", "daemon": "sshd", "address": "unknown", "user": "unknown"}
CUT = DENIAL[:-6]
CUT_MESSAGE = "no end mark, the write was cut short"
EMPTY_MESSAGE = "empty: the disk was full, and the alert was sent directly or is in syslog"


def make_link(path: Path) -> None:
    """Let `path` be a link to a whole queue file outside its directory."""
    whole = path.parent.parent / "whole"
    whole.write_bytes(DENIAL)
    path.symlink_to(whole)


def make_socket(path: Path) -> None:
    """Let `path` be a socket; the working directory is its own, because the path of a socket must be short."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path.name)


SPECIAL_FILES = {
    "link": make_link,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "FIFO": os.mkfifo,
    "directory": os.mkdir,
    "socket": make_socket,
}


def names_in(directory: Path) -> list[str]:
    """Return the names in a directory, in their order."""
    return sorted(path.name for path in directory.iterdir())
