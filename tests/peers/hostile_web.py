"""A web server that does what a test says with each connection, once it has read a request's head."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable


class HostileWeb:
    """A server on loopback; `act` gets each connection. With a certificate and key it has TLS."""

    def __init__(self, act: Callable[[socket.socket], None], certificate: tuple[str, str] | None = None) -> None:
        self.connections = 0
        self.received = b""
        self._act = act
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*certificate)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        try:
            if self._context:
                sock = self._context.wrap_socket(sock, server_side=True)
            while b"\r\n\r\n" not in self.received:
                chunk = sock.recv(65536)
                if not chunk:
                    return
                self.received += chunk
            self._act(sock)
        except OSError:
            pass  # the client has had enough
        finally:
            sock.close()
