"""Who forwards from a spool, and who sends right now: two locks of the kernel's, which end with their holder (P5).

    leader   exists while a forwarder is responsible for what waits, even while it pauses because the monitor is down.
             A drop makes this directory and starts the forwarder, which then locks new/. Without that lock, `leader` is
             of a forwarder that is starting, or of one that was killed. (A directory, because that is what a shell can
             make without opening what somebody has put there instead, such as a FIFO or a link.)
    the spool directory itself is locked by whoever sends, be it the leader, a replay or a person's command.

Both locks are on directories that only the owner of the spool may open (710 and 1730), so nobody else can take
one, and they need no file, not even on a full disk. Whoever removes `leader` holds the lock, so nobody removes a
`leader` for which somebody else is responsible.
"""

from __future__ import annotations

import os
import time

from ..errors import SpoolBusy, SpoolError
from .files import NamingFailure, try_flock

# How long a drop may take to become a forwarder that holds the lock.
STARTING_GRACE_S = 10.0
POLL_S = 0.05


class DirectoryLock:
    """A context that holds the lock on a directory; entering it raises SpoolBusy if that stays taken for `wait_s` s."""

    def __init__(self, path: str, wait_s: float) -> None:
        self._path = path
        self._wait_s = wait_s
        self._fd = -1

    def __enter__(self) -> None:
        if not self.take():
            raise SpoolBusy(f"{self._path}: another process has been sending for {self._wait_s:g} s")

    def __exit__(self, *_: object) -> None:
        self.release()

    def take(self) -> bool:
        """Take the lock, unless somebody else holds it for so long."""
        with NamingFailure("lock", self._path):
            fd = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with NamingFailure("lock", self._path):
                is_taken = self._wait_for(fd)
        except BaseException:
            os.close(fd)
            raise
        if not is_taken:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def _wait_for(self, fd: int) -> bool:
        deadline = time.monotonic() + self._wait_s
        while not try_flock(fd):
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)
        return True

    def release(self) -> None:
        """Let it go."""
        os.close(self._fd)


class Leader:
    """Leadership of the spool whose `leader` is at `path`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._new = os.path.join(os.path.dirname(path), "new")
        self._lock: DirectoryLock | None = None

    def exists(self) -> bool:
        """Say whether somebody leads, is about to, or was killed while leading."""
        return os.path.lexists(self._path)

    def take(self, wait_s: float = 0.0) -> bool:
        """Take responsibility for what waits, unless somebody has it for `wait_s` s. A `leader` is taken over.

        It was made by the drop that starts us, or left by a forwarder that was killed.
        """
        lock = DirectoryLock(self._new, wait_s)
        if not lock.take():
            return False
        try:
            with NamingFailure("lead", self._path):
                self._make()
        except SpoolError:
            lock.release()
            raise
        self._lock = lock
        return True

    def _make(self) -> None:
        try:
            os.mkdir(self._path, 0o755)
        except FileExistsError:
            pass

    def resign(self) -> None:
        """Give up leadership: whoever enqueues from here on becomes the leader, so scan once more after this."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        try:
            with NamingFailure("remove", self._path):
                self._remove()
        finally:
            lock.release()

    def _remove(self) -> None:
        try:
            os.rmdir(self._path)
        except NotADirectoryError:  # of the first edition, or what somebody has put there
            os.unlink(self._path)
        except FileNotFoundError:
            pass

    def remove_if_stale(self) -> None:
        """Remove a `leader` that nobody has locked for longer than a forwarder takes to start.

        The lock decides, not a process number, which may belong to somebody else by now; the age in either
        direction, because the clock may have been set back.
        """
        with NamingFailure("remove stale", self._path):
            try:
                age_s = abs(time.time() - os.lstat(self._path).st_mtime)
            except FileNotFoundError:
                return
        if age_s > STARTING_GRACE_S and self.take():
            self.resign()
