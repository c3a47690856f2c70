"""Move the test process into private PID, mount, network and IPC namespaces, with a /dev and a /dev/log of its own.

What tests mount, which ports they use and what they write to syslog then exists for them and their children only, and
ends with them.
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
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CAPABILITIES = 1 << 21 | 1 << 12  # CAP_SYS_ADMIN, CAP_NET_ADMIN
NEEDED = "needs CAP_SYS_ADMIN and CAP_NET_ADMIN (docker run --privileged)"
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "fd", "shm", "pts")

# An address beside loopback: nsca looks its own up with AI_ADDRCONFIG and wants one that is not 127.0.0.1.
OWN_ADDRESSES = ("192.0.2.1/32", "2001:db8::1/128")

entered = False
log: list[str] = []
_bound: dict[str, list[str]] = {}
_libc = ctypes.CDLL(None, use_errno=True)


def enter(*, has_own_pids: bool = False) -> None:
    """Enter the namespaces, if we may; `entered` says whether we are in.

    Args:
        has_own_pids: the PID namespace is ours already, or need not be. Else we go on as a child in a new one.
    """
    global entered
    if _may_enter():
        if not has_own_pids:
            _go_on_among_own_pids()
        _unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC)
        _make_mounts_private()
        if not has_own_pids:
            run("mount", "-t", "proc", "proc", "/proc")
        _set_up_network()
        for prefix in (sys.prefix, sys.base_prefix):
            _let_others_reach(Path(prefix).resolve())
        replace("/var/spool", {*os.listdir("/var/spool")} - {"tcpwrap-alert"})  # the machine's own is not for tests
        # A syslog that nobody reads blocks whoever writes to it, after ten messages.
        threading.Thread(target=_collect_log, args=(_private_dev(),), daemon=True).start()
        entered = True
    # What outlives a test becomes our child, and `processes` finds it.
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _may_enter() -> bool:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:")]
    return os.geteuid() == 0 and int(line.split()[1], 16) & CAPABILITIES == CAPABILITIES


def _unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), f"unshare: {NEEDED}")


def _go_on_among_own_pids() -> None:
    """Return in a child of process 1 of a new PID namespace, which ends with us; no thread may run yet."""
    _unshare(CLONE_NEWPID)
    _return_in_child()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _return_in_child()


def _return_in_child() -> None:
    """Fork and return in the child. The parent reaps, and ends as the child does."""
    child = os.fork()
    if child == 0:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child gets it, too
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _make_mounts_private() -> None:
    """Keep our mounts to ourselves. The root of a plain chroot is no mount, which only can be private: make it one."""
    try:
        run("mount", "--make-rprivate", "/")
    except OSError:
        directory = os.getcwd()
        path = _leave_chroot()
        run("mount", "--make-rprivate", "/")
        run("mount", "--rbind", path, path)
        os.chroot(path)
        os.chdir(directory)


def _leave_chroot() -> str:
    """Return where its directory is, as seen from outside."""
    root, inner = os.open("/", os.O_RDONLY), tempfile.mkdtemp()
    os.chroot(inner)
    os.fchdir(root)  # who is outside of his root may go up as far as it goes
    os.rmdir(inner.lstrip("/"))
    while not os.path.samefile(".", ".."):
        os.chdir("..")
    os.chroot(".")
    os.fchdir(root)
    os.close(root)
    return os.getcwd()


def _set_up_network() -> None:
    run("ip", "link", "set", "lo", "up")
    for address in OWN_ADDRESSES:
        run("ip", "address", "add", address, "dev", "lo")
    Path("/proc/sys/net/ipv4/tcp_syncookies").write_text("0")


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
    """Return the process ids of our descendants whose command lines hold `words`."""
    found = []
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            if words.encode() in command:
                found.append(pid)
    return found


def descendants(ancestor: int) -> list[int]:
    """Return the process ids of its children, of their children, and so on."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rpartition(") ")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [ancestor]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def end_processes(words: str) -> None:
    """Kill our descendants whose command lines hold `words`; reap those that became our children."""
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
    """Run a command; an OSError says what it says of its failure."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(argv)}: {done.stderr.strip()}")
