"""The real nsca daemon, with a plain file as Nagios's command file."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from peers.inetd import start_inetd
from support import namespaces

LINE = re.compile(r"\[(\d+)\] PROCESS_(?:SERVICE|HOST)_CHECK_RESULT;(.*)", re.DOTALL)
DEADLINE_S = 20.0
MODES = ("daemon", "single", "inetd")  # named as nsca's options


class NscaDaemon:
    """One daemon; `results()` is what it wrote for Nagios.

    Args:
        program: the path of nsca.
        directory: where its files go; must not exist.
        mode: one of MODES.
        inetd: in the mode "inetd", the path of the inetd that starts nsca for each connection.
        is_pipe: the command file is a pipe, as Nagios has it, and the test reads it; `results()` is then of no use.
        pipe: Nagios's own command file, in the place of one of the test's.
        aggregate_writes: 1 lets it open the command file for each connection, not for each packet.
    """

    def __init__(
        self,
        program: str,
        directory: Path,
        port: int = 0,
        password: str = "",
        method: int = 1,
        mode: str = "daemon",
        inetd: str = "",
        address: str = "127.0.0.1",
        is_pipe: bool = False,
        pipe: Path | None = None,
        aggregate_writes: int = 0,
    ) -> None:
        directory.mkdir()
        self.program = program
        self.port = port or free_port(address)
        self.address = address
        self.password = password
        self.method = method
        self.mode = mode
        self.inetd = inetd
        self.command_file = pipe or directory / "nagios.cmd"
        self.log_file = directory / "log"
        self.config = directory / "nsca.cfg"
        self.is_pipe = is_pipe or pipe is not None
        self.aggregate_writes = aggregate_writes
        if is_pipe:
            os.mkfifo(self.command_file)
        elif not pipe:
            self.command_file.touch()
        self.log_file.touch()
        self._process: subprocess.Popen[bytes] | None = None

    def write_config(self) -> None:
        """Write the daemon's configuration from the attributes."""
        writes = f"append_to_file={int(not self.is_pipe)}\naggregate_writes={self.aggregate_writes}\n"
        self.config.write_text(
            f"server_port={self.port}\nserver_address={self.address}\ncommand_file={self.command_file}\n"
            f"alternate_dump_file={self.config}.dump\n{writes}"
            f"max_packet_age=30\ndecryption_method={self.method}\npid_file={self.config}.pid\ndebug=0\n"
            + (f"password={self.password}\n" if self.password else "")
        )

    def start(self) -> None:
        """Start, and return when the port answers."""
        self.write_config()
        self._process = self._start_inetd() if self.mode == "inetd" else self._start_nsca()
        wait_for(self._is_listening, f"{self.mode} does not listen")

    def stop(self) -> None:
        """Stop the daemon; what it wrote stays."""
        if self._process:
            self._process.kill()  # on SIGTERM it first waits for one more connection
            self._process.wait()
            self._process = None
            namespaces.end_processes(str(self.config))  # its children, one per connection that is still open

    def pause(self) -> None:
        """Stop it as SIGSTOP does: connections wait for it to go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def is_asleep(self) -> bool:
        """Return whether the process, not its children, waits for something to happen."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].startswith("S")

    def lines(self) -> list[str]:
        """Return the lines of the command file, as Nagios would read them."""
        return self.command_file.read_bytes().decode().splitlines()

    def results(self) -> list[str]:
        """Return what came for Nagios, without time and command: `host;service;return code;output`."""
        found = [LINE.fullmatch(line) for line in self.lines()]
        assert all(found), self.lines()
        return [match[2] for match in found if match]

    def wait_for_results(self, count: int) -> list[str]:
        """Wait until `count` results have come, and return them all."""
        wait_for(lambda: len(self.results()) >= count, f"not {count} results")
        return self.results()

    def _start_nsca(self) -> subprocess.Popen[bytes]:
        with open(self.log_file, "ab") as log:
            return subprocess.Popen(
                [self.program, "-c", str(self.config), f"--{self.mode}", "-f"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _start_inetd(self) -> subprocess.Popen[bytes]:
        command = f"{self.program} nsca --inetd -c {self.config}"
        config = self.config.with_suffix(".cfg.inetd")  # so that stop() finds all children by the configuration's name
        return start_inetd(self.inetd, config, self.address, self.port, "root", command)

    def _is_listening(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log_file.read_text()
        return is_listening(self.address, self.port)


def is_listening(address: str, port: int) -> bool:
    """Return whether somebody listens on this very address, in our network namespace."""
    is_ipv6 = ":" in address
    packed = socket.inet_pton(socket.AF_INET6 if is_ipv6 else socket.AF_INET, address)
    shown = "".join(f"{word:08X}" for (word,) in struct.iter_unpack("=I", packed))  # as /proc shows it: proc(5)
    table = Path("/proc/net/tcp6" if is_ipv6 else "/proc/net/tcp").read_text()
    return re.search(rf" {shown}:{port:04X} [0-9A-F]+:0000 0A ", table) is not None


def wait_for(condition: object, message: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait until `condition()` is true; fail with `message` after the deadline."""
    assert callable(condition)
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, message
        time.sleep(0.02)


def free_port(address: str) -> int:
    """Return a port that nobody listens on."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])
