"""A small NSCA server for `listen`, `demo` and tests: it takes check results, hands them on, and keeps nothing.

It speaks both layouts and every method of `cipher.py`, and ends a connection as nsca does: cleanly after the client's
end, and with bytes unread after a packet that it rejects. So a client learns the outcome. For production there is nsca
itself.
"""

from __future__ import annotations

import os
import socket
import socketserver
import threading
import time

from ..errors import ProtocolError
from .cipher import make_decryptor
from .packet import (
    DATA_PACKET_LENGTH,
    IV_LENGTH,
    LEGACY_DATA_PACKET_LENGTH,
    decode_data_packet,
    encode_init_packet,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..check_result import CheckResult

CLIENT_TIMEOUT_S = 30.0


class Receiver(socketserver.ThreadingTCPServer):
    """Listens on loopback at `port` (0: any, see `port` afterwards) from the moment it is made.

    Args:
        on_result: called with each check result.
        on_rejected: called with the reason when it rejects a packet, or a connection ends in the middle of one.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        password: bytes,
        encryption_method: int,
        on_result: Callable[[CheckResult], None],
        on_rejected: Callable[[str], None],
    ) -> None:
        self.password = password
        self.encryption_method = encryption_method
        self.on_result = on_result
        self.on_rejected = on_rejected
        self.report_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Connection)
        self.port: int = self.server_address[1]

    def shutdown_request(self, request: Any) -> None:
        """Close without ending our direction first: unread bytes must reach the client as a reset."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that vanishes is not worth a traceback."""


class _Connection(socketserver.BaseRequestHandler):
    server: Receiver

    def handle(self) -> None:
        sock: socket.socket = self.request
        sock.settimeout(CLIENT_TIMEOUT_S)
        iv = os.urandom(IV_LENGTH)
        sock.sendall(encode_init_packet(iv, int(time.time())))
        decrypt = make_decryptor(self.server.encryption_method, self.server.password, iv)
        try:
            while True:
                packet = _read_exactly(sock, DATA_PACKET_LENGTH)
                if len(packet) <= 1:
                    return  # the end, or the extra byte before it
                if len(packet) not in (DATA_PACKET_LENGTH, LEGACY_DATA_PACKET_LENGTH):
                    raise ProtocolError(f"the connection ended after {len(packet)} bytes of a packet")
                result, _ = decode_data_packet(decrypt(packet))
                with self.server.report_lock:
                    self.server.on_result(result)
        except (ProtocolError, OSError) as error:
            with self.server.report_lock:
                self.server.on_rejected(str(error))


def _read_exactly(sock: socket.socket, length: int) -> bytes:
    """Return `length` bytes, or fewer at the end of the client's direction."""
    data = b""
    while len(data) < length:
        chunk = sock.recv(length - len(data))
        if not chunk:
            break
        data += chunk
    return data
