"""A Debian that has booted: a root made by tools/debian-root, with systemd as its process 1 and its timers, units and
services as on a machine. What is written goes to memory, and with the test. It shares our network namespace.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from peers.nsca_daemon import wait_for
from support import namespaces

ENVIRONMENT = (
    "env",
    "-i",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "HOME=/root",
    "DEBIAN_FRONTEND=noninteractive",
)
DEVICES = "null zero full random urandom tty"
# What a container's manager does before it starts process 1: nothing of the kernel that others share may be changed.
BOOT = """
set -e
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in $DEVICES; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount --make-rshared .  # by that a service gets its credentials
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set -sys_module,-sys_time chroot . /lib/systemd/systemd --log-target=journal
"""


class Debian:
    """A booted Debian; `root` is its file system as seen from here."""

    def __init__(self, root: Path, init: int) -> None:
        self.root = root
        self.enter = ("nsenter", f"--target={init}", "-m", "-p", "-u", "-i", "-C", "--root", "--wdns=/", *ENVIRONMENT)

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program in it, as root; its two outputs come as one. A failure is an AssertionError that shows it."""
        done = subprocess.run(
            [*self.enter, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0 or not check, f"{shlex.join(argv)}: {done.returncode}\n{done.stdout}"
        return done

    def shell(self, script: str) -> str:
        """Run a script of /bin/sh in it, which ends with the first command that fails; return what it prints."""
        return self.run("sh", "-euc", script).stdout

    def read(self, path: str) -> str:
        """Return the text of a file of it; nothing, if there is none."""
        file = Path(f"{self.root}{path}")
        return file.read_text(errors="replace") if file.exists() else ""


@contextlib.contextmanager
def booted(lower: Path, directory: Path) -> Iterator[Debian]:
    """Boot a copy of the root `lower`, with its files in `directory`, and end it with everything that it started."""
    namespaces.mount_tmpfs(str(directory))
    upper, work, root, groups = (directory / name for name in ("upper", "work", "root", "groups"))
    for path in (upper, work, root, groups):
        path.mkdir()
    namespaces.run(
        "mount", "-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", "overlay", str(root)
    )
    namespaces.run("mount", "-t", "cgroup2", "cgroup2", str(groups))
    group = groups / f"tcpwrap-alert-test-{os.getpid()}"
    group.mkdir()
    join = f"echo $$ >{group}/cgroup.procs; exec unshare -C -p -m -u -i --fork --kill-child sh -c"
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", f'{join} "$0"', BOOT],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=root,
            env={**os.environ, "DEVICES": DEVICES},
        )
    try:
        wait_for(lambda: namespaces.descendants(process.pid), "systemd does not start")
        debian = Debian(root, namespaces.descendants(process.pid)[0])
        wait_for(lambda: (root / "made-of").exists() and _is_up(debian), (directory / "log").read_text(), 60)
        yield debian
    finally:
        for pid in namespaces.descendants(process.pid)[:1]:
            os.kill(pid, signal.SIGKILL)
        process.wait()
        for path in sorted(group.glob("**/"), reverse=True):
            wait_for(lambda path=path: _is_removed(path), f"{path} is in use")
        for path in (groups, root, directory):
            namespaces.run("umount", "--lazy", str(path))


def _is_up(debian: Debian) -> bool:
    return debian.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")


def _is_removed(path: Path) -> bool:
    with contextlib.suppress(OSError):
        path.rmdir()
    return not path.exists()
