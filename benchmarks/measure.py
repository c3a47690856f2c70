"""What the benchmarks share: runs with their CPU and wall time and peak memory, in turn; a sink; the machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import platform
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

BIN_DIR = Path(sys.executable).parent
# The interpreter that the installed scripts name in their first line, with the same site directories.
BARE_PYTHON = [str(BIN_DIR / "python3"), "-c", "pass"]
PASSWORD = "s3cret with a blank"
# The shell ends at once and the command becomes our child: a child that we started ourselves would have our own size
# counted as its peak (getrusage(2): ru_maxrss is of the process, not of the program). It waits until the shell is gone,
# which would reap it.
START_APART = '{ read -r _ </dev/fd/"$0"; exec "$@" <&3 3<&-; } 3<&0 >/dev/null 2>/dev/null & echo $!'


class Usage(NamedTuple):
    """What a run took; CPU time is of the process and all its children. None: not measured."""

    cpu_s: float
    wall_s: float
    peak_mib: float | None = None


class Row(NamedTuple):
    """One measured figure beside its aim; `aim` None: none was set."""

    what: str
    value: float
    unit: str
    aim: float | None = None
    is_limit: bool = True  # the aim is the most that is allowed, not the least

    def is_met(self) -> bool:
        """Say whether the figure reaches its aim."""
        return self.aim is None or (self.value <= self.aim if self.is_limit else self.value >= self.aim)

    def shown_value(self) -> str:
        """Return the figure with its unit."""
        digits = 2 if self.unit == "x" else 0
        return f"{self.value:.{digits}f} {self.unit}".strip()

    def shown_aim(self) -> str:
        """Return the aim as a comparison; empty if there is none."""
        return "" if self.aim is None else f"{'≤' if self.is_limit else '≥'} {self.aim:g}"


class Subject(NamedTuple):
    """What was compared: the figures with aims, and the median usage of each program."""

    title: str
    rows: list[Row]
    usages: Mapping[str, Usage]


def program(name: str) -> str:
    """Return the path of an installed script of ours or of a peer; end the run if it is missing."""
    found = shutil.which(name, path=f"{BIN_DIR}:{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        sys.exit(f"{name} is not installed; as root, `make bench` installs it")
    return found


def run(argv: Sequence[str], stdin: str = os.devnull, says: str = "") -> Usage:
    """Run a program to its end; it must succeed and print `says`."""
    with open(stdin, "rb") as file:
        start = time.perf_counter()
        process = subprocess.Popen(argv, stdin=file, stdout=subprocess.PIPE, close_fds=False)
        assert process.stdout is not None
        output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    assert (process.returncode, output) == (0, says), (argv, process.returncode, output)
    return Usage(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss / 1024)


def peak_mib(argv: Sequence[str], stdin: str = os.devnull) -> float:
    """Run a program once more and return its own peak memory."""
    gate, keeper = os.pipe()
    with open(stdin, "rb") as file:
        start = ["sh", "-c", START_APART, str(gate), *argv]
        pid = int(subprocess.run(start, stdin=file, stdout=subprocess.PIPE, check=True, pass_fds=(gate,)).stdout)
    os.close(gate)
    os.close(keeper)
    return os.wait4(pid, 0)[2].ru_maxrss / 1024


def median(usages: Sequence[Usage]) -> Usage:
    """Return the medians of CPU and wall time, and the greatest peak."""
    peaks = [usage.peak_mib for usage in usages if usage.peak_mib is not None]
    return Usage(
        statistics.median(usage.cpu_s for usage in usages),
        statistics.median(usage.wall_s for usage in usages),
        max(peaks) if peaks else None,
    )


def take_turns(runs: Mapping[str, Callable[[], Usage]], rounds: int) -> dict[str, Usage]:
    """Do each of `runs` in turn, `rounds` times; return the median of each."""
    usages: dict[str, list[Usage]] = {label: [] for label in runs}
    for _ in range(rounds):
        for label, once in runs.items():
            usages[label].append(once())
    return {label: median(found) for label, found in usages.items()}


def compare(
    commands: Mapping[str, Sequence[str]], rounds: int, stdin: str = os.devnull, says: str = ""
) -> dict[str, Usage]:
    """Run each of `commands` in turn, `rounds` times; return the median of each with its peak memory."""

    def once(argv: Sequence[str]) -> Callable[[], Usage]:
        return lambda: run(argv, stdin, says)

    medians = take_turns({label: once(argv) for label, argv in commands.items()}, rounds)
    return {label: usage._replace(peak_mib=peak_mib(commands[label], stdin)) for label, usage in medians.items()}


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """Run an NSCA daemon that takes everything, unread, in a process of its own; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(listener,), daemon=True)
        process.start()
        yield int(listener.getsockname()[1])
        process.kill()
        process.join()


def _serve(listener: socket.socket) -> None:
    """Read every byte up to the client's end and close then: that says `accepted`."""
    room = bytearray(1 << 20)
    while True:
        sock, _ = listener.accept()
        with sock, contextlib.suppress(ConnectionError):
            sock.sendall(bytes(range(128)) + struct.pack("!I", int(time.time())))
            while sock.recv_into(room):
                pass


@contextlib.contextmanager
def workplace(**keys: object) -> Iterator[Path]:
    """Make an empty spool and a configuration with `keys`, which our scripts find; yield their directory.

    send_nsca.cfg is ours, c_send_nsca.cfg the same for C send_nsca, which refuses keys that it does not know.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "spool" / "new").mkdir(parents=True)
        stock = {"password": PASSWORD, "encryption_method": 1}
        stock.update((key, value) for key, value in keys.items() if key in stock)
        ours = {"server": "127.0.0.1", "verdict": "direct", "window": "no", "host_name": "firestorm", **stock, **keys}
        for file, content in (("send_nsca.cfg", ours), ("c_send_nsca.cfg", stock)):
            (directory / file).write_text("".join(f"{key}={value}\n" for key, value in content.items()))
            (directory / file).chmod(0o600)
        os.environ["TCPWRAP_ALERT_SPOOL"] = str(directory / "spool")
        os.environ["TCPWRAP_ALERT_CONFIG"] = str(directory / "send_nsca.cfg")
        yield directory


def machine() -> dict[str, str]:
    """Return what the figures were measured on and with."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    found = {
        "cpu": models[0].partition(": ")[2] if models else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": f"{platform.system()} {platform.release()}",
        "distribution": release.get("PRETTY_NAME", "unknown").strip('"'),
        "python": platform.python_version(),
        **{name: version(name) for name in ("tcpwrap-alert", "click", "cryptography")},
    }
    query = ["dpkg-query", "-Wf", "${Package} ${Version}\n", "nsca", "nsca-client", "dash", "libmcrypt4"]
    if shutil.which(query[0]):
        packages = subprocess.run(query, capture_output=True, text=True, check=False).stdout
        found.update(line.split() for line in packages.splitlines())
    return found
