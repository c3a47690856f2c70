"""A machine to install on: what an installation changes is a copy, and goes with the test."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from support import namespaces, offline

# The addresses of README's monitor and of the network that its reader logs in from, and one of neither.
MONITOR, DESK, STRANGER = "192.0.2.10", "198.51.100.7", "203.0.113.99"
# Programs that change more than files: each only notes how it was called.
NOTED = ("apt-get", "systemctl")
NOTE = 'echo "${{0##*/}} $*" >>{calls}'


class Machine:
    """The `environment` of its shells, the `checkout` that one installs from, and what was `called` of NOTED."""

    def __init__(self, directory: Path) -> None:
        self.checkout = directory / "tcpwrap-alert"
        offline.copy_checkout(self.checkout)
        self._calls = directory / "calls"
        self._calls.touch()
        self._bin = directory / "bin"
        offline.put_python3(self._bin)
        for name in NOTED:
            self.put(name, NOTE.format(calls=self._calls))
        path = f"{self._bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.environment = {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8"}

    def put(self, name: str, command: str) -> None:
        """Let the program `name` be a shell's `command`."""
        (self._bin / name).write_text(f"#!/bin/sh\n{command}\n")
        (self._bin / name).chmod(0o755)

    def called(self) -> list[str]:
        """Return the calls of NOTED, with their arguments."""
        return self._calls.read_text().splitlines()


def copy_over(path: str) -> None:
    """Let the directory `path` be a copy of itself, until it is unmounted."""
    copy = tempfile.mkdtemp()
    namespaces.mount_tmpfs(copy)
    subprocess.run(["cp", "-a", f"{path}/.", copy], check=True)
    shutil.copystat(path, copy)
    namespaces.run("mount", "--move", copy, path)
    os.rmdir(copy)


def extend(path: str) -> None:
    """Let the directory `path` take more entries, until it is unmounted."""
    namespaces.replace(path, os.listdir(path))


COVERS = (
    ("/etc", copy_over),
    ("/opt", extend),
    ("/usr/local/bin", extend),
    ("/var/spool", namespaces.mount_tmpfs),
    ("/run", namespaces.mount_tmpfs),
)


@contextlib.contextmanager
def private_machine() -> Iterator[Machine]:
    """Cover what an installation changes, and let the addresses above be ours."""
    with contextlib.ExitStack() as undo:
        for address in (MONITOR, DESK, STRANGER):
            namespaces.run("ip", "address", "add", f"{address}/32", "dev", "lo")
            undo.callback(namespaces.run, "ip", "address", "del", f"{address}/32", "dev", "lo")
        for path, cover in COVERS:
            cover(path)
            undo.callback(namespaces.run, "umount", "--lazy", "--recursive", path)
        with open("/etc/login.defs", "a") as settings:  # userdel looks at everybody's processes for those of the user
            settings.write(f"SYS_UID_MAX {200 + os.getpid() % 700}\n")
        Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{MONITOR} nagios.example\n")
        yield Machine(Path("/run/machine"))  # where other users reach it
