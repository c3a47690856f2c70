"""What the tests of the spool share: a spool, queue files in it, and sick disks."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from support.queue_files import DENIAL

from tcpwrap_alert import system_log


@pytest.fixture
def put(spool_dir: Path) -> Callable[..., Path]:
    """Put a queue file into new/, last changed so many seconds ago, and return its path."""

    def put_file(name: str, data: bytes = DENIAL, age_s: float = 0) -> Path:
        path = spool_dir / "new" / name
        path.write_bytes(data)
        changed = time.time() - age_s
        os.utime(path, (changed, changed))
        return path

    return put_file


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the path of everything that is synced."""
    paths: list[str] = []
    really_fsync = os.fsync

    def fsync(fd: int) -> None:
        really_fsync(fd)
        paths.append(os.readlink(f"/proc/self/fd/{fd}"))

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractContextManager[None]]:
    """Let a function of `os` fail with EIO in the body of a with statement."""

    @contextlib.contextmanager
    def fail(function: str) -> Iterator[None]:
        def raise_error(*_: object, **__: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        with monkeypatch.context() as context:
            context.setattr(os, function, raise_error)
            yield

    return fail


@pytest.fixture
def small_disk(isolated: None) -> Iterator[Callable[[Path], None]]:
    """Let a directory be a disk of four pages, until the end of the test."""
    mounted: list[Path] = []

    def mount(directory: Path) -> None:
        options = ["-t", "tmpfs", "-o", "mode=755,size=16k", "tmpfs"]
        subprocess.run(["mount", *options, str(directory)], check=True)
        mounted.append(directory)

    yield mount
    for directory in mounted:
        subprocess.run(["umount", str(directory)], check=True)


@pytest.fixture
def read_only(isolated: None) -> Iterator[Callable[[Path], None]]:
    """Let a directory be a disk that cannot be written, until the end of the test."""
    mounted: list[Path] = []

    def mount(directory: Path) -> None:
        subprocess.run(["mount", "--bind", str(directory), str(directory)], check=True)
        mounted.append(directory)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(directory)], check=True)

    yield mount
    for directory in mounted:
        subprocess.run(["umount", str(directory)], check=True)


@pytest.fixture
def uptime(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Say how long this machine has been up."""

    def set_up(seconds: float) -> None:
        monkeypatch.setattr("tcpwrap_alert.spool.passes.uptime_s", lambda: seconds)

    return set_up


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], list[str]]]:
    """Return the lines that hold some words, of those that this process, not a script, has told syslog."""
    lines: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind("")  # Linux finds a name that is free and no file
        syslog.setblocking(False)
        monkeypatch.setattr(system_log, "SOCKETS", (syslog.getsockname(),))

        def find(words: str) -> list[str]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    lines.append(syslog.recv(65536).decode())
            return [line for line in lines if words in line]

        yield find
