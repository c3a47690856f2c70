"""System calls on the spool's files: whole reads and writes, sync, locks; links are never followed.

`NamingFailure` turns a failed call into a SpoolError with operation, path and reason.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from ..check_result import clean
from ..errors import SpoolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


HINT = "; run this as root or as the owner of the spool"
HINTS = {
    "set aside": "; it is another user's directory: remove it",
    "write": f"{HINT}, or let this user add to it with setfacl (docs/daemons.md)",
}


class NamingFailure:
    """Turn an OSError in the body into a SpoolError: "path: cannot operation: reason".

    A class, because contextlib would cost half of a bare start of Python.
    """

    def __init__(self, operation: str, path: str) -> None:
        self._operation = operation
        self._what = f"{clean(path)}: cannot {operation}"

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, OSError) and not isinstance(error, SpoolError):
            hint = HINTS.get(self._operation, HINT) if error.errno == errno.EACCES else ""
            raise SpoolError(f"{self._what}: {error.strerror}{hint}") from error


class Uninterrupted:
    """A context that no order to end (SIGTERM, SIGINT, SIGHUP) cuts in two: it waits for the end of the body.

    A body of one step cannot be cut: nothing is done then, and a module less is loaded.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def __enter__(self) -> None:
        if self._steps > 1:
            import signal

            self._before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

    def __exit__(self, *_: object) -> None:
        if self._steps > 1:
            import signal

            signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


class RemovedOnError:
    """A context that removes a file if the body fails: nobody will look for it under the name that it has by then."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            try:
                os.unlink(self._path)
            except OSError:
                pass  # it could not even be made


def read_file(path: str, max_bytes: int) -> tuple[bytes, os.stat_result]:
    # O_NONBLOCK: a FIFO must not hold us. O_NOFOLLOW: a link is never followed out of the spool.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        # Not max_bytes at once: that would map and unmap a buffer of this size for each file.
        size = min(status.st_size, max_bytes)
        return (os.read(fd, size) if stat.S_ISREG(status.st_mode) else b""), status
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def write_new(path: str, data: bytes, mode: int, at_ns: int = 0) -> int:
    """Write a file that must not be there, whole and on disk with its name; return it, open. No error leaves a file."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        write_all(fd, data)
        if at_ns:
            os.utime(fd, ns=(at_ns, at_ns))
        os.fsync(fd)
        fsync_path(os.path.dirname(path))
    except OSError:
        try:
            os.unlink(path)
        except OSError:
            pass  # its directory was renamed, or is sick: what came first is told
        os.close(fd)
        raise
    return fd


def sync_file(path: str, since_s: float) -> None:
    """Bring a regular file that is younger than `since_s` to the disk. Raises SpoolError; not if the file is gone."""
    with NamingFailure("sync", path):
        try:
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and status.st_mtime >= since_s:
                fsync_path(path)
        except FileNotFoundError:
            pass


def write_aside(path: str, data: bytes, at_ns: int = 0) -> None:
    """Write a file that will be renamed to its place: whole and on disk, with its time. A link is not followed."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        write_all(fd, data)
        if at_ns:
            os.utime(fd, ns=(at_ns, at_ns))
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(path: str, data: bytes) -> None:
    """Write a file that others may read at any moment; no error leaves anything beside it. Raises OSError.

    A device, a pipe, a link or a directory of that name is not replaced.
    """
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    aside = f"{path}.{os.getpid()}"
    with RemovedOnError(aside):
        write_aside(aside, data)
        os.rename(aside, path)


def fsync_path(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def try_flock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_directory(path: str) -> None:
    """Make the directory `path`, for its owner only, and sync its parent; nothing if it is there."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    fsync_path(os.path.dirname(os.path.realpath(path)))
