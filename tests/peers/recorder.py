"""A relay on loopback that records all bytes of both directions, as who listens on the wire would."""

from __future__ import annotations

import contextlib
import socket
import threading


class Recorder:
    """It passes on what comes at its own `port` to `target`, a port of loopback; `heard` has all of it."""

    def __init__(self, target: int) -> None:
        self.heard = b""
        self._target = target
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.create_connection(("127.0.0.1", self._target))
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                with self._lock:
                    self.heard += data
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
