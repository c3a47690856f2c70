"""What the fuzz targets share: number of examples, hostile texts and bytes, a spool per example, calls in process."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from peers.fake_daemon import FakeDaemon, Packet

from tcpwrap_alert import scripts

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
MAX_ARGUMENT_BYTES = 131071  # Linux, MAX_ARG_STRLEN less the closing NUL
STATUSES = (0, 64, 65, 74, 75, 77, 78)  # README's table, without 70, a bug of ours
COMMAND = b"[1700000000] SHUTDOWN_PROGRAM"
HANG_S = 15
NOBODY = "127.0.0.1:1"


def examples(count: int, *, shrink: bool = True) -> settings:
    """Return settings for `count` examples in `make test` and `count` times TIMES in `make fuzz`."""
    return settings(
        max_examples=count * TIMES,
        deadline=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture),
        phases=[phase for phase in Phase if shrink or phase not in (Phase.shrink, Phase.explain)],
    )


# Texts that a client, an ident server or a plugin may choose, as the bytes of an argument: anything but NUL.
NASTY = [
    b"",
    b"%s%n%d",
    b"$(id)`id`",
    b";|<>&$()\\`\"'%*?~#!{}[]",
    b"{client}{daemon}{}",
    b"\x1b[31mred\x1b]0;title\x07",
    b"\x9b31m\xc2\x9b31m",
    b"\xff\xfe\xc3\xed\xa0\x80",
    "ä\u2028\u202e\ufeff\U0001f600".encode(),
    b"\r\n\t\x0b\x0c\x17",
    b"a\nend\n",
    b"x\n" + COMMAND + b"\n",
    b"x;0;OK\n" + COMMAND,
    b"x\\n" + COMMAND + b"\\",
    b"<script>alert(1)</script>",
    b"text | perf=1;2;3",
    b"x" * 4096,
    b"\\" * 4095,
    b"\n" * 4096,
    b"\xe2\x82\xac" * 1400,
    b"]x" + b"_" * 4000 + b"!\n",
    b"\xff" * 100_000,
]
OPTIONS = [b"-", b"--", b"-h", b"--help", b"-4 degrees; the host", b"-rf", b"--config=/nowhere", b"--version"]
TEXTS = (
    (
        st.sampled_from(OPTIONS)
        | st.sampled_from(NASTY)
        | st.binary(max_size=80)
        | st.lists(st.sampled_from(NASTY), max_size=4).map(b"".join)
    )
    .map(lambda data: data.replace(b"\0", b"\n")[:MAX_ARGUMENT_BYTES])
    .map(os.fsdecode)
)

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "flip", "double", "remove", "insert"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 40),
        st.sampled_from([b"\0", b"\n", b"=", b"\0\n", b"x=y\0\n", b"end\0\n", b"\xff", b"\x80\x17", b"9" * 5000])
        | st.binary(max_size=20),
    ),
    max_size=4,
)


def edited(data: bytes, edits: list[tuple[str, float, int, bytes]]) -> bytes:
    """Return `data` after each edit: what to do, where, for how many bytes, with what."""
    for what, where, length, more in edits:
        at = int(where * len(data))
        piece, rest = data[at : at + length], data[at + length :]
        if what == "cut":
            data = data[:at]
        elif what == "flip":
            data = data[:at] + bytes(byte ^ length for byte in piece) + rest
        elif what == "double":
            data = data[:at] + piece + piece + rest
        elif what == "remove":
            data = data[:at] + rest
        else:
            data = data[:at] + more + piece + rest
    return data


class Done(NamedTuple):
    """The outcome of a call."""

    status: int
    stdout: str
    stderr: str

    def is_orderly(self, most: int = 1) -> bool:
        """Say whether the status is in README's table, and an error one printable line, or up to `most`."""
        lines = self.stderr.splitlines()
        has_told = 1 <= len(lines) <= most if self.status else lines == []
        return self.status in STATUSES and has_told and all(line.isprintable() for line in lines)


@contextlib.contextmanager
def no_hang() -> Iterator[None]:
    """Fail if the body takes too long, each time: pytest's own limit is for all examples, and ends only the first."""

    def fail(*_: object) -> None:
        raise AssertionError(f"still at work after {HANG_S} s")

    started = time.monotonic()
    handler = signal.signal(signal.SIGALRM, fail)
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, max(left_s - (time.monotonic() - started), 0.001) if left_s else 0)


def call(program: str, *arguments: str) -> Done:
    """Run an installed Python script's function in this process; an exception of it is the test's failure."""
    script = {"tcpwrap-alert": scripts.tcpwrap_alert, "submit_check_result": scripts.submit_check_result}[program]
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), "utf-8", errors) for errors in ("strict", "backslashreplace"))
    argv = mock.patch.object(sys, "argv", [program, *arguments])
    redirected = contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr)
    with no_hang(), argv, redirected[0], redirected[1], tempfile.TemporaryFile() as file:
        with _as_descriptor_2(file.fileno()):
            status = script()
        file.seek(0)
        return Done(status, _written(stdout), _written(stderr) + file.read().decode())


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.detach().getvalue().decode()


@contextlib.contextmanager
def _as_descriptor_2(fd: int) -> Iterator[None]:
    """Let what a script writes to descriptor 2 itself go to `fd`."""
    before = os.dup(2)
    os.dup2(fd, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


class Place:
    """A spool and a configuration in a directory of their own."""

    def __init__(self, path: str) -> None:
        self.spool = Path(path, "spool")
        self.new = self.spool / "new"
        self.config = Path(path, "send_nsca.cfg")
        self.new.mkdir(parents=True)

    def configure(self, server: str = NOBODY, **values: object) -> None:
        """Write the configuration: in clear, and no folding, if nothing else is said."""
        lines = {"server": server, "encryption_method": 0, "timeout": 10, "fold": "no", "verdict": "direct", **values}
        self.write_config("".join(f"{key}={value}\n" for key, value in lines.items()).encode())

    def write_config(self, content: bytes) -> None:
        """Write the configuration."""
        self.config.write_bytes(content)
        self.config.chmod(0o600)

    def waiting(self) -> list[bytes]:
        """Return the names in new/."""
        return os.listdir(os.fsencode(self.new))

    def set_aside(self) -> list[bytes]:
        """Return the names in corrupt/."""
        corrupt = self.spool / "corrupt"
        return os.listdir(os.fsencode(corrupt)) if corrupt.is_dir() else []


@contextlib.contextmanager
def fresh_place() -> Iterator[Place]:
    """Give an example its own spool and configuration, found by the environment."""
    with tempfile.TemporaryDirectory() as path:
        place = Place(path)
        environment = {"TCPWRAP_ALERT_SPOOL": str(place.spool), "TCPWRAP_ALERT_CONFIG": str(place.config)}
        with mock.patch.dict(os.environ, environment):
            place.configure()
            yield place


@contextlib.contextmanager
def monitored_place(**values: object) -> Iterator[tuple[Place, list[Packet]]]:
    """Give an example also a daemon; the list is what it has taken, complete when the block has ended."""
    packets: list[Packet] = []
    with fresh_place() as place:
        with FakeDaemon(method=0) as daemon:
            place.configure(f"127.0.0.1:{daemon.port}", **values)
            yield place, packets
        packets += [packet for connection in daemon.connections for packet in connection.packets]


def set_age(path: bytes | Path, age_s: float) -> None:
    """Let a file have been changed so many seconds ago."""
    changed = time.time() - age_s
    os.utime(path, (changed, changed), follow_symlinks=False)
