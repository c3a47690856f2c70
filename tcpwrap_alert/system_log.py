"""One line to syslog, which is waited for a little, and never for long.

What cannot be kept or sent is told here at the end, so a syslog that is busy gets some time: five seconds for all the
lines of this process together. One that does not read at all costs no more, and what does not fit is dropped: syslog is
told what happens to an alert, it never holds one. (The C library's syslog() waits for ever.)

A syslog listens for datagrams, or for connections, as syslog-ng may be told to; each kind is tried at each place. In a
stream a line ends in NUL, as the C library (glibc, misc/syslog.c) ends it.
"""

from __future__ import annotations

import os
import time

from .check_result import clean, cut
from .sockets import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SOCKETS = ("/dev/log", "/var/run/syslog", "/var/run/log")
KINDS = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
DAEMON_WARNING = 3 * 8 + 4  # RFC 3164, section 4.1.1
MAX_TEXT_BYTES = 2000
PATIENCE_S = 5.0
POLL_S = 0.05


class SystemLog:
    """The way to syslog, with `patience_s` seconds for waiting in all."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._left_s = patience_s

    def tell(self, text: str, waits: bool = True) -> None:
        """Send `text` to the local syslog, as a warning of facility daemon; without `waits` at once or not at all."""
        stamp = time.strftime("%b %e %H:%M:%S")
        line = f"<{DAEMON_WARNING}>{stamp} tcpwrap-alert[{os.getpid()}]: {cut(clean(text), MAX_TEXT_BYTES)}".encode()
        for path in SOCKETS:
            for kind in KINDS:
                try:
                    self._send(path, kind, line, waits)
                except OSError:
                    continue
                return

    def _send(self, path: str, kind: int, line: bytes, waits: bool) -> None:
        sock = socket.socket(socket.AF_UNIX, kind)
        try:
            sock.setblocking(False)
            self._call(sock.connect, path, waits)
            left = line + b"\0" if kind == socket.SOCK_STREAM else line
            while left:
                left = left[self._call(sock.send, left, waits) :]
        finally:
            sock.close()

    def _call(self, function: Callable[[Any], Any], argument: object, waits: bool) -> Any:
        """Call until that does not say that syslog is busy. Raises BlockingIOError when it still is."""
        while True:
            try:
                return function(argument)
            except BlockingIOError:
                if not waits or self._left_s <= 0:
                    raise
                time.sleep(POLL_S)
                self._left_s -= POLL_S


tell = SystemLog().tell
