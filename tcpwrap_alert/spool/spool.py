"""The spool: a directory of queue files, one per check result that is not yet at the monitor.

Theory of operation. The spool directory holds

    new/        queue files that wait, one entry each
    corrupt/    queue files that were cut short or are not ours, moved here and never deleted
    leader      exists while somebody forwards: see leader.py
    state       what is remembered about the monitor: see state.py
    episodes    what the monitor is told later: see episodes.py
    for/NAME/   with several monitors, what waits for each: a small spool of its own (forwarding/boxes.py)

The name of the directory is the state of a queue file (queue_file.py) and a transition is one rename. Files are taken
oldest first, by modification time, which is when the entry was enqueued, and then by name.

Promises, with what keeps them:

P1  A name in new/ is written by exactly one writer (O_EXCL, noclobber) and complete only with its end mark.
P2  `enqueue` returns only after file and directory are on disk; when it raises, it leaves no file.
P3  `remove` is for what the monitor accepted, or what another queue file counts (bounds.py); nothing else here deletes
    a queue file.
P4  Only `corrupt.put` takes a bad file out of line, and leaves all others alone.
P5  One leader, one sender: both locks are the kernel's (flock) and end with the process that holds them.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from ..check_result import clean
from ..denial import Denial
from ..errors import QueueFileCorrupt, SpoolError
from . import access
from .entry import Entry, decode_content
from .files import NamingFailure, fsync_path, make_directory, read_file, sync_file, write_aside, write_new
from .leader import DirectoryLock
from .place import FOR, Place
from .queue_file import MAX_QUEUE_FILE_BYTES, encode_queue_file
from .state import State, read_state, write_state
from .submitted import AWAITED, Submitted, mark_accepted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .entry import Content


class Spool(Place):
    """The spool in the directory `path`. Every method raises SpoolError with path and reason when it cannot work."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._state = os.path.join(path, "state")

    def enqueue(self, content: Content, at_ns: int = 0) -> str:
        """Write a queue file to new/ and return its name; file and directory are on disk when this returns (P2).

        The time of the file is now, or `at_ns`.
        """
        path, fd = self._enqueue(content, 0o644, at_ns)
        os.close(fd)
        return os.path.basename(path)

    def submit(self, content: Content) -> Submitted:
        """Enqueue, and keep the file open, so that its outcome can be learnt."""
        return Submitted(*self._enqueue(content, 0o644 | AWAITED, 0))

    def _enqueue(self, content: Content, mode: int, at_ns: int) -> tuple[str, int]:
        data = encode_queue_file(content)
        if len(data) > MAX_QUEUE_FILE_BYTES:
            raise SpoolError(f"{clean(self.new)}: an entry of {len(data)} bytes is longer than a queue file may be")
        name = f"{time.time_ns()}.{os.getpid()}"
        path = os.path.join(self.new, name)
        with NamingFailure("write", path):
            make_directory(self.path)
            make_directory(self.new)
            access.check_guarded(self.path, self.new, self.corrupt.path)
            # The directory guards the file: whoever may enter the spool is its owner, and must be able to read it.
            fd = write_new(path, data, mode, at_ns)
        return path, fd

    def enqueue_copies(self, entries: Iterable[Entry]) -> None:
        """Write a queue file for each of `entries` of another spool, with its name and time; all on disk afterwards.

        A copy that a crash has left here, whole or cut, is replaced.
        """
        aside = os.path.join(self.path, "copy")
        with NamingFailure("write", self.new):
            make_directory(self.path)
            make_directory(self.new)
            access.check_guarded(self.path, self.new, self.corrupt.path)
            for entry in entries:
                write_aside(aside, encode_queue_file(entry.content), entry.enqueued_at_ns)
                os.rename(aside, os.path.join(self.new, entry.name))
            fsync_path(self.new)

    def scan(self) -> list[str]:
        """Return the names of the queue files in new/, oldest first; a missing spool is an empty one."""
        found = []
        with NamingFailure("scan", self.new):
            access.check_guarded(self.path, self.new, self.corrupt.path)
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

    def is_from(self, name: str, at_ns: int) -> bool:
        """Say whether new/`name` is there, and was enqueued at this very moment."""
        path = os.path.join(self.new, name)
        with NamingFailure("look at", path):
            try:
                return os.lstat(path).st_mtime_ns == at_ns
            except FileNotFoundError:
                return False

    def make_boxes(self) -> None:
        """Make the directory of the boxes."""
        path = os.path.join(self.path, FOR)
        with NamingFailure("write", path):
            make_directory(path)

    def maybe_read(self, name: str) -> Entry | None:
        """Return the entry in new/`name`; None if the file is gone by now.

        Raises:
            QueueFileUnfinished: it has no end mark: it is being written, or was cut short.
            QueueFileCorrupt: it is not a queue file, or its values cannot be a content.
            SpoolError: it cannot be read, or is of somebody who may add denials only.
        """
        try:
            return self._maybe_read(name)
        except QueueFileCorrupt as error:
            raise type(error)(f"new/{clean(name)}: {error}") from error.__cause__

    def _maybe_read(self, name: str) -> Entry | None:
        path = os.path.join(self.new, name)
        with NamingFailure("read", path):
            try:
                data, status = read_file(path, MAX_QUEUE_FILE_BYTES + 1)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENXIO):
                    raise
                raise QueueFileCorrupt("not a regular file") from error
        if not stat.S_ISREG(status.st_mode):
            raise QueueFileCorrupt("not a regular file")
        content = decode_content(data)
        if content.kind != Denial.kind:
            access.check_own(self.path, name, status.st_uid)
        return Entry(name, status.st_mtime_ns, content, bool(status.st_mode & AWAITED), len(data))

    def accept(self, name: str, is_awaited: bool) -> None:
        """Delete a queue file that the monitor has accepted (P3), and tell whoever waits for its outcome."""
        if is_awaited:
            mark_accepted(os.path.join(self.new, name))
        self.remove(name)

    def remove(self, name: str) -> None:
        """Delete a queue file that was accepted, or that another file on disk counts (P3)."""
        path = os.path.join(self.new, name)
        with NamingFailure("remove", path):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass

    def sync(self, since_s: float) -> int:
        """Bring what waits and is younger than `since_s` to the disk; return how many files wait.

        A file that cannot be synced keeps no other from it; it is the SpoolError at the end.
        """
        names = self.scan()
        failure: SpoolError | None = None
        for name in names:
            try:
                sync_file(os.path.join(self.new, name), since_s)
            except SpoolError as error:
                failure = failure or error
        with NamingFailure("sync", self.new):
            fsync_path(self.new)
        if failure:
            raise failure
        return len(names)

    def read_state(self) -> State:
        """Return what is remembered about the monitor."""
        return read_state(self._state)

    def write_state(self, state: State) -> None:
        """Remember `state`. A full disk is no error."""
        write_state(self._state, state)

    def lock(self, wait_s: float) -> DirectoryLock:
        """Return a context that holds the lock for sending; entering it raises SpoolBusy after `wait_s` seconds."""
        return DirectoryLock(self.path, wait_s)

    def check_removable(self) -> None:
        """Raise SpoolError if delivered files could not be removed: they would be sent again and again."""
        access.check_removable(self.new)

    def drop_root(self) -> None:
        """As root, become the owner of the spool directory for good (P10). Raises SpoolError if root may not."""
        access.drop_root(self.path)
