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
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        """Take no more connections, and end those that are there."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self._threads[0].join()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in (self._listener, *self._sockets):
            sock.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                self._sockets.append(ours)
                theirs = socket.create_connection(("127.0.0.1", self._target))
                self._sockets.append(theirs)
                for pair in ((ours, theirs), (theirs, ours)):
                    self._threads.append(threading.Thread(target=self._pass_on, args=pair))
                    self._threads[-1].start()

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
