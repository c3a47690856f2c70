"""The real NSCA-ng server, with a pipe as Nagios's command file, which a thread of the test reads."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from peers.nsca_daemon import LINE
from peers.programs import Program, free_port

CONFIG = """\
command_file = "{directory}/cmd"
listen = "127.0.0.1:{port}"
temp_directory = "{directory}"
log_level = 3
authorize "sensor1" {{
  password = "s3cret-psk"
  services = "TCP Wrappers@firestorm"
}}
"""


class NscaNg:
    """One server with the identity sensor1; `lines()` is what it wrote for Nagios."""

    def __init__(self, program: str, directory: Path) -> None:
        directory.mkdir()
        self.port = free_port()
        (directory / "nsca-ng.cfg").write_text(CONFIG.format(directory=directory, port=self.port))
        os.mkfifo(directory / "cmd")
        self._pipe = os.open(directory / "cmd", os.O_RDWR)  # to write, too: so it never ends
        self._data = b""
        threading.Thread(target=self._collect, daemon=True).start()
        argv = (program, "-F", "-S", "-c", directory / "nsca-ng.cfg")
        self._program = Program(argv, self.port, directory / "log")

    def start(self) -> None:
        """Start it, and return when it listens."""
        self._program.start()

    def stop(self) -> None:
        """End it."""
        self._program.stop()

    def lines(self) -> list[tuple[int, str]]:
        """Return time and words of each command that was written."""
        found = [LINE.fullmatch(line) for line in self._data.decode().splitlines()]
        return [(int(match[1]), match[2]) for match in found if match]

    def text(self) -> str:
        """Return all that was written."""
        return self._data.decode()

    def _collect(self) -> None:
        while data := os.read(self._pipe, 65536):
            self._data += data
