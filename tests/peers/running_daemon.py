"""One of DAEMONS at work, with nothing that outlives it, and a client of it."""

from __future__ import annotations

import contextlib
import socket
import string
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from peers.daemons import Daemon
from peers.nsca_daemon import is_listening, wait_for
from support import namespaces

PRIVATE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}


class RunningDaemon:
    """A daemon in a PID namespace of its own, which sees the files of this process as they are at the start.

    /run must be empty. What it or its hooks leave behind ends with `stop`.
    """

    def __init__(self, daemon: Daemon, find_program: Callable[[str], str]) -> None:
        self.daemon = daemon
        directory = Path("/run/daemon")
        directory.mkdir()
        values = {name: find_program(name) for name in daemon.programs}
        values |= {"directory": str(directory), "config": str(directory / "config")}
        (directory / "config").write_text(string.Template(daemon.config).substitute(values))
        subprocess.run(["sh", "-ec", string.Template(daemon.prepare).substitute(values)], check=True)
        self._command = [values[daemon.programs[0]], *string.Template(daemon.arguments).substitute(values).split()]

    def start(self) -> None:
        """Start, and return when it listens."""
        self._process = subprocess.Popen(
            [*PRIVATE, sys.executable, str(Path(__file__).parents[1] / "support" / "as_init.py"), *self._command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
        )
        address, port = self.daemon.address, self.daemon.port
        wait_for(lambda: is_listening(address, port), f"{self.daemon.name} does not listen")
        self._idle = self.processes()

    def stop(self) -> None:
        """End it, and all that it has started."""
        self._process.kill()
        self._process.wait()

    def version(self) -> str:
        """Return the version of its package, which may be one that is only unpacked; see the Makefile."""
        installed = subprocess.run(
            ["dpkg-query", "-Wf", "${Version}", self.daemon.package], capture_output=True, text=True, check=False
        )
        unpacked = [
            path for place in Path(self._command[0]).parents for path in place.glob(f"{self.daemon.package}_*.deb")
        ]
        return installed.stdout or unpacked[0].name.split("_")[1].replace("%3a", ":")

    def processes(self) -> dict[int, str]:
        """Return the processes of its namespace but the first: pid and state with name, such as `S (sshd)`.

        Not its own children that it has not reaped yet: nrpe 4.1.3 does that when the next client comes.
        """
        found = {}
        for pid in namespaces.descendants(self._process.pid)[1:]:
            with contextlib.suppress(OSError):
                before, _, state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")
                found[pid] = f"{state[0]} {before.partition(' ')[2]})"
        unreaped = {f"Z {name}" for name in self._own_names()}
        return {pid: process for pid, process in found.items() if process not in unreaped}

    def is_alive(self) -> bool:
        """Return whether the daemon itself runs."""
        return any(f"({self.daemon.programs[0]})" in process for process in self.processes().values())

    def is_idle(self) -> bool:
        """Return whether it has no process that it did not have at the start."""
        return self.processes().keys() == self._idle.keys()

    def processes_of_hooks(self) -> list[str]:
        """Return the processes that are not the daemon's own, and all that are dead but not reaped."""
        own = self._own_names()
        return [name for name in self.processes().values() if name.startswith("Z") or name[2:] not in own]

    def _own_names(self) -> set[str]:
        return {f"({Path(program).name})" for program in self.daemon.programs}


class Client(threading.Thread):
    """A client that connects, says what it has to say, and reads until the daemon closes the connection or `leave`."""

    def __init__(self, daemon: Daemon, source: str) -> None:
        super().__init__(daemon=True)
        self.received = b""
        self.closed_s: float | None = None
        self._left = False
        self._sends = daemon.sends
        self._target = ("::1" if ":" in source else "127.0.0.1", daemon.port)
        self._socket = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
        self._socket.bind((source, 0))
        self.started = time.monotonic()
        self.start()

    def run(self) -> None:
        """Connect, speak and read. A daemon may reset the connection at any step, and what it said before counts."""
        with contextlib.suppress(ConnectionResetError):
            self._socket.connect(self._target)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._socket.sendall(self._sends)
            while chunk := self._socket.recv(4096):
                self.received += chunk
        if not self._left:
            self.closed_s = self.seconds()

    def seconds(self) -> float:
        """Return how long ago it has connected."""
        return time.monotonic() - self.started

    def leave(self) -> None:
        """End the connection."""
        self._left = True
        with contextlib.suppress(OSError):  # it may be closed already
            self._socket.shutdown(socket.SHUT_RDWR)
        self.join()
        self._socket.close()
