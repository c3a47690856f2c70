"""One line to syslog, without ever waiting for it.

The C library's syslog() blocks while the daemon behind /dev/log does not read; a forwarder that a denied client has
started must not. A message that does not fit is dropped: syslog is told what happens to an alert, it never holds one.
"""

from __future__ import annotations

import os
import socket
import time

from .check_result import clean, cut

SOCKETS = ("/dev/log", "/var/run/syslog", "/var/run/log")
DAEMON_WARNING = 3 * 8 + 4  # RFC 3164, section 4.1.1
MAX_TEXT_BYTES = 2000


def tell(text: str) -> None:
    """Send `text` to the local syslog, as a warning of facility daemon."""
    stamp = time.strftime("%b %e %H:%M:%S")
    line = f"<{DAEMON_WARNING}>{stamp} tcpwrap-alert[{os.getpid()}]: {cut(clean(text), MAX_TEXT_BYTES)}".encode()
    for path in SOCKETS:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(line, path)
            return
        except OSError:
            continue
