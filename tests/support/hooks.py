"""The hook under each shell that may be /bin/sh, and what a daemon may leave to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .missing import IN_CI

HOOK = "handle_tcp_wrapper"
SHELLS = (("dash",), ("bash", "--posix"), ("busybox", "sh"), ("mksh",), ("ksh93",), ("yash", "--posix"))

RANDOM = "00000000-0000-4000-8000-000000000000\n"  # what the kernel says in the fixture held_up


def _parameter(shell: tuple[str, ...]) -> object:
    is_missing = shutil.which(shell[0]) is None and not IN_CI  # in CI it is run, and fails
    return pytest.param(shell, id=shell[0], marks=pytest.mark.skipif(is_missing, reason=f"{shell[0]} is not installed"))


each_shell = pytest.mark.parametrize("shell", [_parameter(shell) for shell in SHELLS])


def hook() -> str:
    """Return the path of the installed hook."""
    path = shutil.which(HOOK)
    assert path
    return path


def hook_beside(directory: Path, program: str = "") -> str:
    """Copy the hook to where `tcpwrap-alert` is a shell script with this text, or is missing; return its path."""
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    shutil.copy(hook(), directory / HOOK)
    if program:
        (directory / "tcpwrap-alert").write_text(program)
        (directory / "tcpwrap-alert").chmod(0o755)
    return str(directory / HOOK)


def leaves_open(fd: int, *numbers: int) -> Callable[[], None]:
    """Return what a child has to do before it becomes the hook, to leave `fd` to it under these numbers."""

    def leave() -> None:
        for number in numbers:
            os.dup2(fd, number)

    return leave
