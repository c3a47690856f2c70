"""A server program of a test: it is started, waited for until it listens, and ended by its own pid."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from peers.nsca_daemon import is_listening, wait_for


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Program:
    """A program that listens on a port of loopback; what it prints is in `log`."""

    def __init__(self, argv: Sequence[str | Path], port: int, log: Path, cwd: Path | None = None) -> None:
        self.argv = [str(word) for word in argv]
        self.port = port
        self.log = log
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it listens."""
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._cwd)
        wait_for(lambda: is_listening("127.0.0.1", self.port), f"{self.argv[0]}: {self.log.read_text()[-500:]}")

    def pause(self, signal_number: int = signal.SIGSTOP) -> None:
        """Stop it as SIGSTOP does: it listens, and answers nothing; SIGCONT lets it go on."""
        assert self._process is not None
        self._process.send_signal(signal_number)

    def stop(self) -> None:
        """End it at once, as kill -9 does."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
