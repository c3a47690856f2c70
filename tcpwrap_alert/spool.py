"""The spool: a directory of queue files, one per check result that is not yet at the monitor.

Theory of operation. The spool directory holds

    new/        queue files that wait, one entry each
    corrupt/    queue files that were cut short or are not ours, moved here and never deleted
    leader      who forwards, and
    lock        who sends right now: see leader.py
    last_error  why the last delivery failed; gone as soon as one succeeds

The name of the directory is the state of a queue file (queue_file.py) and a transition is one rename. Files are taken
oldest first, by modification time, which is when the entry was enqueued, and then by name.

Promises, with what keeps them:

P1  A name in new/ is written by exactly one writer (O_EXCL, noclobber) and complete only with its end mark.
P2  `enqueue` returns only after file and directory are on disk.
P3  `remove` is for what the transport reported accepted; nothing else here deletes a queue file.
P4  `set_aside` moves one bad file to corrupt/ and leaves all others alone.
P5  One leader, one sender: both locks are the kernel's (flock) and end with the process that holds them.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from .errors import QueueFileCorrupt
from .files import NamingFailure, fsync_path, make_directory, read_file, write_all
from .leader import Leader, SendLock
from .queue_file import MAX_QUEUE_FILE_BYTES, Entry, decode_entry, encode_entry

# A file without its end mark may still be in the hands of its writer.
WRITING_GRACE_S = 60.0


class Spool:
    """The spool in the directory `path`. Every method raises SpoolError with path and reason when it cannot work."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.new = os.path.join(path, "new")
        self.corrupt = os.path.join(path, "corrupt")
        self.leader = Leader(os.path.join(path, "leader"))
        self._lock = os.path.join(path, "lock")
        self._last_error = os.path.join(path, "last_error")

    def enqueue(self, entry: Entry) -> str:
        """Write `entry` to new/ and return its name; file and directory are on disk when this returns (P2)."""
        name = f"{time.time_ns()}.{os.getpid()}"
        path = os.path.join(self.new, name)
        with NamingFailure("write", path):
            make_directory(self.path)
            make_directory(self.new)
            # The directory guards the file: whoever may enter the spool is its owner, and must be able to read it.
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                write_all(fd, encode_entry(entry))
                os.fsync(fd)
            except OSError:
                os.unlink(path)
                raise
            finally:
                os.close(fd)
            fsync_path(self.new)
        return name

    def scan(self) -> list[str]:
        """Return the names of the queue files in new/, oldest first; a missing spool is an empty one."""
        found = []
        with NamingFailure("scan", self.new):
            try:
                with os.scandir(self.new) as directory:
                    for item in directory:
                        try:
                            found.append((item.stat(follow_symlinks=False).st_mtime_ns, item.name))
                        except FileNotFoundError:
                            pass
            except FileNotFoundError:
                return []
        found.sort()
        return [name for _, name in found]

    def is_empty(self) -> bool:
        """Say whether nothing waits, without reading more than one name."""
        with NamingFailure("scan", self.new):
            try:
                with os.scandir(self.new) as directory:
                    return next(iter(directory), None) is None
            except FileNotFoundError:
                return True

    def is_idle(self) -> bool:
        """Say whether a replay would find nothing to do: nothing waits and nobody leads."""
        return self.is_empty() and not self.leader.exists()

    def is_waiting(self, name: str) -> bool:
        """Say whether new/`name` is still there."""
        return os.path.lexists(os.path.join(self.new, name))

    def maybe_read(self, name: str) -> Entry | None:
        """Return the entry in new/`name`; None if it is gone by now or still being written.

        Raises:
            QueueFileCorrupt: it is not a queue file, or it has had no end mark for a minute.
        """
        path = os.path.join(self.new, name)
        with NamingFailure("read", path):
            try:
                data, status = read_file(path, MAX_QUEUE_FILE_BYTES + 1)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENXIO):
                    raise
                raise QueueFileCorrupt(f"new/{name}: not a regular file") from error
        try:
            return decode_entry(data, name, status.st_mtime_ns)
        except ValueError as error:
            if stat.S_ISREG(status.st_mode) and abs(time.time() - status.st_mtime) < WRITING_GRACE_S:
                return None
            raise QueueFileCorrupt(f"new/{name}: {error}") from None

    def remove(self, names: list[str]) -> None:
        """Delete delivered queue files; called only with what the transport reported accepted (P3)."""
        for name in names:
            path = os.path.join(self.new, name)
            with NamingFailure("remove delivered", path):
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    pass

    def set_aside(self, name: str) -> str:
        """Move new/`name` to corrupt/ under a name that is free there, and return that path (P4)."""
        path = os.path.join(self.new, name)
        target = os.path.join(self.corrupt, f"{name}.{time.time_ns()}")
        with NamingFailure("set aside", path):
            make_directory(self.corrupt)
            os.rename(path, target)
        return target

    def count_set_aside(self) -> int:
        """Return how many queue files were set aside."""
        with NamingFailure("scan", self.corrupt):
            try:
                return len(os.listdir(self.corrupt))
            except FileNotFoundError:
                return 0

    def defer(self, reason: str) -> None:
        """Leave what waits in new/, on disk, and note `reason` for `last_error`.

        Only files younger than the last note are synced: the older ones were synced when that was written.
        """
        _, synced_until_s = self.last_error()
        scanned_at_s = time.time()
        for name in self.scan():
            path = os.path.join(self.new, name)
            with NamingFailure("sync", path):
                try:
                    status = os.lstat(path)
                    if stat.S_ISREG(status.st_mode) and status.st_mtime >= synced_until_s - 1:
                        fsync_path(path)
                except FileNotFoundError:
                    pass
        with NamingFailure("sync", self.new):
            fsync_path(self.new)
        try:
            fd = os.open(self._last_error, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
            try:
                write_all(fd, reason.encode(errors="replace") + b"\n")
                os.utime(fd, (scanned_at_s, scanned_at_s))
            finally:
                os.close(fd)
        except OSError:
            pass  # a full disk must not hide the reason itself, which the caller reports

    def last_error(self) -> tuple[str, float]:
        """Return why the last delivery failed and when (s since the epoch); `("", 0.0)` if it did not."""
        with NamingFailure("read", self._last_error):
            try:
                data, status = read_file(self._last_error, MAX_QUEUE_FILE_BYTES)
            except FileNotFoundError:
                return "", 0.0
        return data.decode(errors="replace").strip(), status.st_mtime

    def forget_last_error(self) -> None:
        """Note that a delivery succeeded."""
        with NamingFailure("remove", self._last_error):
            try:
                os.unlink(self._last_error)
            except FileNotFoundError:
                pass

    def lock(self, wait_s: float) -> SendLock:
        """Return a context that holds the lock for sending; entering it raises SpoolBusy after `wait_s` seconds."""
        return SendLock(self._lock, wait_s)

    def drop_root(self) -> None:
        """As root, become the owner of the spool directory for good, without supplementary groups (P10)."""
        if os.geteuid() != 0:
            return
        with NamingFailure("become the owner of", self.path):
            try:
                owner = os.stat(self.path)
            except FileNotFoundError:
                return
            if owner.st_uid != 0:
                os.setgroups([])
                os.setgid(owner.st_gid)
                os.setuid(owner.st_uid)
