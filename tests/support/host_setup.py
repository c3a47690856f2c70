"""`tcpwrap-alert setup` on a machine of a test's own, as from a session over ssh, and what it has changed there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from support.installation import DESK, MONITOR, Machine

PROGRAM = "/opt/tcpwrap-alert/bin/tcpwrap-alert"
# None of our own ancestors is a session of the test's.
ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
CHANGED = ("/etc", "/var/spool", "/run/systemd")


class HostSetup:
    """Runs setup on the machine; `values` are the options of README's host."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        os.symlink(sys.prefix, "/opt/tcpwrap-alert")
        self.password_file = machine.checkout.parent / "password"
        self.password_file.write_text("s3cret\n")
        self.password_file.chmod(0o600)
        self.values = (
            *("--server", "nagios.example", "--password-file", str(self.password_file)),
            *("--method", "14", "--host-name", "firestorm"),
        )

    def run(
        self, *options: str, ssh_from: str = DESK, before: Sequence[str] = (), **kwargs: object
    ) -> subprocess.CompletedProcess[str]:
        """Run setup to its end; `before` is a program that starts it, and with it, is part of the session."""
        return subprocess.run(
            [*ALONE, *before, PROGRAM, "setup", *options],
            env=self._environment(ssh_from),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **kwargs,
        )

    def done(self, *options: str, **kwargs: object) -> str:
        """Run setup, which must end well, and return what it prints."""
        done = self.run(*options, **kwargs)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def on_terminal(self, *options: str, answers: Sequence[str] = ()) -> tuple[int, str]:
        """Run setup on a terminal on which somebody types the answers; return its status and what is shown there."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*ALONE, PROGRAM, "setup", *options],
            env=self._environment(DESK),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown, waiting = b"", list(answers)
        while chunk := _read(ours):
            shown += chunk
            if waiting and shown.endswith(b": "):
                os.write(ours, waiting.pop(0).encode() + b"\n")
        os.close(ours)
        return process.wait(), shown.decode()

    def _environment(self, ssh_from: str) -> dict[str, str]:
        session = {"SSH_CONNECTION": f"{ssh_from} 40000 {MONITOR} 22"} if ssh_from else {}
        return {**self.machine.environment, **session}


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except OSError:  # the other side is gone
        return b""


def listing(*without: str) -> dict[str, tuple[object, ...]]:
    """Return owner, mode, time and content of all that setup may change, but for times and backups of `without`."""
    found: dict[str, tuple[object, ...]] = {}
    for top in CHANGED:
        for path in sorted(Path(top).rglob("*")):
            if not any(word in str(path) for word in without):
                found[str(path)] = _facts(path)
    return found


def _facts(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
    return status.st_uid, status.st_gid, status.st_mode, status.st_mtime_ns, status.st_ino, content


def contents(found: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """Return a listing without times and inodes."""
    return {path: (*facts[:3], facts[5]) for path, facts in found.items()}
