"""Move the test process into private mount and network namespaces, with a /dev and a /dev/log of its own.

What tests mount, which ports they use and what they write to syslog then exists for them and their children only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
CLONE_NEWIPC = 0x08000000
PR_SET_CHILD_SUBREAPER = 36
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "fd", "shm", "pts")

# An address beside loopback: nsca looks its own up with AI_ADDRCONFIG and wants one that is not 127.0.0.1.
OWN_ADDRESSES = ("192.0.2.1/32", "2001:db8::1/128")

entered = False
log: list[str] = []
_bound: dict[str, list[str]] = {}


def enter() -> None:
    """Enter the namespaces, if we may; `entered` says whether we are in."""
    global entered
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.geteuid() != 0 or libc.unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) != 0:
        return
    run("mount", "--make-rprivate", "/")
    run("ip", "link", "set", "lo", "up")
    for address in OWN_ADDRESSES:
        run("ip", "address", "add", address, "dev", "lo")
    Path("/proc/sys/net/ipv4/tcp_syncookies").write_text("0")
    for prefix in (sys.prefix, sys.base_prefix):
        _let_others_reach(Path(prefix).resolve())
    # A syslog that nobody reads blocks whoever writes to it, after ten messages.
    threading.Thread(target=_collect_log, args=(_private_dev(),), daemon=True).start()
    entered = True


def _collect_log(sock: socket.socket) -> None:
    while True:
        log.append(sock.recv(65536).decode(errors="replace"))


def bind_over(path: str, content: str) -> None:
    """Let the file `path` have `content`, for this process and its children until `unbind`."""
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    run("mount", "--bind", file.name, path)
    _bound.setdefault(path, []).append(file.name)


def mount_tmpfs(path: str, options: str = "rw") -> None:
    """Let the directory `path` be empty, for this process and its children until `unbind`."""
    run("mount", "-t", "tmpfs", "-o", f"mode=755,{options}", "tmpfs", path)


def unbind(path: str) -> None:
    """Undo `bind_over` or `mount_tmpfs`."""
    run("umount", path)
    if files := _bound.get(path):
        os.unlink(files.pop())  # not before: nothing can be mounted over a file that is gone


def processes(words: str) -> list[int]:
    """Return the process ids, in our network namespace, of the command lines that hold `words`."""
    found = []
    for directory in Path("/proc").iterdir():
        try:
            command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if words in command and os.readlink(directory / "ns/net") == os.readlink("/proc/self/ns/net"):
                found.append(int(directory.name))
        except OSError:
            continue
    return found


def end_processes(words: str) -> None:
    """Kill and reap the orphans, in our network namespace, whose command lines hold `words`."""
    for pid in processes(words):
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def connections_accepted() -> int:
    """Return how many TCP connections were accepted in our network namespace so far."""
    names, values = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line[:4] == "Tcp:"]
    return int(values[names.index("PassiveOpens")])


def _let_others_reach(path: Path) -> None:
    """Some tests run scripts as other users, and our Python may be in a home directory that they may not enter."""
    for directory in reversed(path.parents):
        if not directory.stat().st_mode & stat.S_IXOTH:
            replace(str(directory), os.listdir(directory))


def _private_dev() -> socket.socket:
    replace("/dev", DEVICES)
    os.symlink("pts/ptmx", "/dev/ptmx")
    log_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log_socket.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    return log_socket


def replace(path: str, names: Iterable[str]) -> None:
    """Put a directory with mode 755, which has these entries of the one that was there, in its place."""
    directory = tempfile.mkdtemp()
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", directory)
    for name in names:
        source, target = Path(path, name), Path(directory, name)
        if source.is_symlink():
            target.symlink_to(os.readlink(source))
        elif source.exists():
            target.mkdir() if source.is_dir() else target.touch()
            run("mount", "--rbind", str(source), str(target))
    run("mount", "--move", directory, path)
    os.rmdir(directory)


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)
