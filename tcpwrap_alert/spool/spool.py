"""The spool: a directory of queue files, one per check result that is not yet at the monitor.

Theory of operation. The spool directory holds

    new/        queue files that wait, one entry each
    corrupt/    queue files that were cut short or are not ours, moved here and never deleted
    leader      exists while somebody forwards: see leader.py
    last_error  why the last delivery failed; gone as soon as one succeeds

The name of the directory is the state of a queue file (queue_file.py) and a transition is one rename. Files are taken
oldest first, by modification time, which is when the entry was enqueued, and then by name.

Promises, with what keeps them:

P1  A name in new/ is written by exactly one writer (O_EXCL, noclobber) and complete only with its end mark.
P2  `enqueue` returns only after file and directory are on disk; when it raises, it leaves no file.
P3  `remove` is for what the transport reported accepted, or what another queue file counts (bounds.py); nothing else
    here deletes a queue file.
P4  `set_aside` moves one bad file to corrupt/ and leaves all others alone.
P5  One leader, one sender: both locks are the kernel's (flock) and end with the process that holds them.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from ..check_result import clean
from ..errors import QueueFileCorrupt, SpoolError
from .files import NamingFailure, fsync_path, make_directory, read_file, write_all
from .leader import DirectoryLock, Leader
from .queue_file import DENIAL, MAX_QUEUE_FILE_BYTES, Entry, decode_entry, encode_entry

# A file without its end mark may still be in the hands of its writer.
WRITING_GRACE_S = 60.0
MAX_NAME_BYTES = 200


class LastError:
    """Why the last delivery failed, when (s since the epoch), and with how many results to begin next (0: as ever)."""

    __slots__ = ("at_s", "first_batch", "reason")

    def __init__(self, reason: str, at_s: float, first_batch: int) -> None:
        self.reason = reason
        self.at_s = at_s
        self.first_batch = first_batch


class Spool:
    """The spool in the directory `path`. Every method raises SpoolError with path and reason when it cannot work."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.new = os.path.join(path, "new")
        self.corrupt = os.path.join(path, "corrupt")
        self.leader = Leader(os.path.join(path, "leader"))
        self._last_error = os.path.join(path, "last_error")

    def enqueue(self, entry: Entry) -> str:
        """Write `entry` to new/ and return its name; file and directory are on disk when this returns (P2).

        The time of the file is now, or `entry.enqueued_at_ns` if that is set.
        """
        data = encode_entry(entry)
        if len(data) > MAX_QUEUE_FILE_BYTES:
            raise SpoolError(f"{clean(self.new)}: an entry of {len(data)} bytes is longer than a queue file may be")
        name = f"{time.time_ns()}.{os.getpid()}"
        path = os.path.join(self.new, name)
        with NamingFailure("write", path):
            make_directory(self.path)
            make_directory(self.new)
            self._check_guarded()
            # The directory guards the file: whoever may enter the spool is its owner, and must be able to read it.
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                write_all(fd, data)
                if entry.enqueued_at_ns:
                    os.utime(fd, ns=(entry.enqueued_at_ns, entry.enqueued_at_ns))
                os.fsync(fd)
                fsync_path(self.new)
            except OSError:
                os.unlink(path)
                raise
            finally:
                os.close(fd)
        return name

    def scan(self) -> list[str]:
        """Return the names of the queue files in new/, oldest first; a missing spool is an empty one."""
        found = []
        with NamingFailure("scan", self.new):
            self._check_guarded()
            try:
                with os.scandir(self.new) as directory:
                    for item in directory:
                        try:
                            enqueued_at_ns = item.stat(follow_symlinks=False).st_mtime_ns
                            # By length first: process number 999 came before 1000.
                            found.append((enqueued_at_ns, len(item.name), item.name))
                        except FileNotFoundError:
                            pass
            except FileNotFoundError:
                return []
        found.sort()
        return [name for _, _, name in found]

    def enqueued_at_s(self, name: str) -> float:
        """Return when new/`name` was enqueued, in seconds since the epoch; now, if it is gone."""
        path = os.path.join(self.new, name)
        with NamingFailure("look at", path):
            try:
                return os.lstat(path).st_mtime
            except FileNotFoundError:
                return time.time()

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
        """Say whether new/`name` is still there; in doubt it is."""
        try:
            os.lstat(os.path.join(self.new, name))
        except OSError as error:
            return error.errno != errno.ENOENT
        return True

    def maybe_read(self, name: str) -> Entry | None:
        """Return the entry in new/`name`; None if it is gone by now or still being written.

        Raises:
            QueueFileCorrupt: it is not a queue file, or it has had no end mark for a minute.
            SpoolError: it cannot be read, or is of somebody who may add denials only.
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
                raise QueueFileCorrupt(f"new/{clean(name)}: not a regular file") from error
        if not stat.S_ISREG(status.st_mode):
            raise QueueFileCorrupt(f"new/{clean(name)}: not a regular file")
        try:
            entry = decode_entry(data, name, status.st_mtime_ns)
        except ValueError as error:
            if abs(time.time() - status.st_mtime) < WRITING_GRACE_S:
                return None
            raise QueueFileCorrupt(f"new/{clean(name)}: {error}") from None
        if entry.kind != DENIAL:
            self._check_own(name, status.st_uid)
        return entry

    def _check_own(self, name: str, uid: int) -> None:
        """Whoever may add to new/ reports denials; what any host and service are told comes from root and the owner."""
        if uid not in (0, os.stat(self.path).st_uid):
            what = f"is no denial, and of user {uid}, who does not own the spool, so it is not sent"
            raise SpoolError(f"new/{clean(name)}: {what}; chown or remove it")

    def _check_guarded(self) -> None:
        """Raise SpoolError if anybody may write to the spool, or if a directory of it is a link to another one."""
        for path in (self.path, self.new, self.corrupt):
            try:
                mode = os.stat(path, follow_symlinks=path == self.path).st_mode
            except FileNotFoundError:
                continue
            if stat.S_ISLNK(mode):
                raise SpoolError(f"{clean(path)}: a link, which is not followed; make it a directory")
            if mode & stat.S_IWOTH:
                raise SpoolError(
                    f"{clean(path)}: everybody may write to it, so it is not used; run chmod o-w {clean(path)}"
                )

    def check_removable(self) -> None:
        """Raise SpoolError if delivered files could not be removed: they would be sent again and again."""
        if os.path.isdir(self.new) and not os.access(self.new, os.W_OK):
            raise SpoolError(f"{self.new}: cannot be written, so nothing is sent from it; it would be sent for ever")

    def remove(self, name: str) -> None:
        """Delete a queue file; called only with what the transport reported accepted or another file counts (P3)."""
        path = os.path.join(self.new, name)
        with NamingFailure("remove", path):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass

    def set_aside(self, name: str) -> str:
        """Move new/`name` to corrupt/ under a name that is free there, and return that path (P4)."""
        path = os.path.join(self.new, name)
        # A name may have 255 bytes: the part that makes it free must have room.
        short_name = os.fsdecode(os.fsencode(name)[:MAX_NAME_BYTES])
        target = os.path.join(self.corrupt, f"{short_name}.{time.time_ns()}")
        with NamingFailure("set aside", path):
            make_directory(self.corrupt)
            os.rename(path, target)
        return target

    def count_set_aside(self) -> int:
        """Return how many queue files were set aside, as far as one can tell."""
        try:
            return len(os.listdir(self.corrupt))
        except OSError:
            return 0

    def defer(self, reason: str, first_batch: int = 0) -> int:
        """Leave what waits in new/, on disk, note `reason` and `first_batch` for `last_error`; return how many wait.

        Only files younger than the last note are synced: the older ones were synced when that was written. A file that
        cannot be synced keeps no other from it; it is the SpoolError at the end.
        """
        synced_until_s = self.last_error().at_s
        scanned_at_s = time.time()
        if synced_until_s > scanned_at_s:
            synced_until_s = 0.0  # the clock was set back
        names = self.scan()
        failure: SpoolError | None = None
        for name in names:
            try:
                self._sync(name, synced_until_s - 1)
            except SpoolError as error:
                failure = failure or error
        with NamingFailure("sync", self.new):
            fsync_path(self.new)
        self._note(f"{reason}\n{first_batch}\n", scanned_at_s)
        if failure:
            raise failure
        return len(names)

    def _sync(self, name: str, since_s: float) -> None:
        path = os.path.join(self.new, name)
        with NamingFailure("sync", path):
            try:
                status = os.lstat(path)
                if stat.S_ISREG(status.st_mode) and status.st_mtime >= since_s:
                    fsync_path(path)
            except FileNotFoundError:
                pass

    def _note(self, text: str, at_s: float) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(self._last_error, flags, 0o644)
            try:
                write_all(fd, text.encode(errors="replace"))
                os.utime(fd, (at_s, at_s))
            finally:
                os.close(fd)
        except OSError:
            pass  # a full disk must not hide the reason itself, which the caller reports

    def last_error(self) -> LastError:
        """Return why and when the last delivery failed; with an empty reason if it did not."""
        with NamingFailure("read", self._last_error):
            try:
                data, status = read_file(self._last_error, MAX_QUEUE_FILE_BYTES)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                    raise
                return LastError("", 0.0, 0)  # none, or a link or a socket, which is no note and holds nothing up
        reason, _, rest = data.decode(errors="replace").partition("\n")
        number = rest.strip()
        first_batch = int(number) if number.isdecimal() and len(number) < 10 else 0
        return LastError(reason, status.st_mtime, first_batch)

    def forget_last_error(self) -> None:
        """Note that a delivery succeeded."""
        with NamingFailure("remove", self._last_error):
            try:
                os.unlink(self._last_error)
            except FileNotFoundError:
                pass

    def lock(self, wait_s: float) -> DirectoryLock:
        """Return a context that holds the lock for sending; entering it raises SpoolBusy after `wait_s` seconds."""
        return DirectoryLock(self.path, wait_s)

    def drop_root(self) -> None:
        """As root, become the owner of the spool directory for good, without supplementary groups (P10)."""
        if os.geteuid() != 0:
            return
        with NamingFailure("become the owner of", self.path):
            try:
                owner = os.stat(self.path)
            except FileNotFoundError:
                return
            if owner.st_uid == 0:
                return
            try:
                os.setgroups([])
                os.setgid(owner.st_gid)
                os.setuid(owner.st_uid)
            except PermissionError:
                pass  # a root without the capability to be anybody else, as in a container
