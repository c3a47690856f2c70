"""Who forwards from a spool, and who sends right now: two locks of the kernel's, which end with their holder (P5).

    leader   exists while a forwarder is responsible for what waits, even while it pauses because the monitor is down.
             A drop makes it with noclobber and starts the forwarder, which then locks it. Without a lock it is of a
             forwarder that is starting, or of one that was killed.
    the spool directory itself is locked by whoever sends, be it the leader, a replay or a person's command. So sending
             needs no file of its own, not even on a full disk.

Whoever removes `leader` holds its lock, so nobody removes a `leader` that somebody else has just made.
"""

from __future__ import annotations

import os
import time

from .errors import SpoolBusy
from .files import NamingFailure, is_same_file, try_flock

# How long a drop may take to become a forwarder that holds the lock.
STARTING_GRACE_S = 10.0
POLL_S = 0.05


class SendLock:
    """A context that holds the lock on a directory; entering it raises SpoolBusy if that stays taken for `wait_s` s."""

    def __init__(self, path: str, wait_s: float) -> None:
        self._path = path
        self._wait_s = wait_s

    def __enter__(self) -> None:
        with NamingFailure("lock", self._path):
            self._fd = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        deadline = time.monotonic() + self._wait_s
        while not try_flock(self._fd):
            if time.monotonic() >= deadline:
                os.close(self._fd)
                raise SpoolBusy(f"{self._path}: another process has been sending for {self._wait_s:g} s")
            time.sleep(POLL_S)

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


class Leader:
    """Leadership of the spool whose `leader` file is at `path`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None

    def exists(self) -> bool:
        """Say whether somebody leads, is about to, or was killed while leading."""
        return os.path.lexists(self._path)

    def take(self) -> bool:
        """Take responsibility for what waits, unless somebody has it. A `leader` file without a lock is taken over.

        That file is made by the drop that starts us, or left by a forwarder that was killed.
        """
        with NamingFailure("lead", self._path):
            while True:
                try:
                    fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                except FileNotFoundError:
                    try:
                        os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
                    except FileExistsError:
                        pass
                    continue
                if not try_flock(fd):
                    os.close(fd)
                    return False
                if is_same_file(fd, self._path):
                    self._fd = fd
                    return True
                os.close(fd)

    def resign(self) -> None:
        """Give up leadership: whoever enqueues from here on becomes the leader, so scan once more after this."""
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        with NamingFailure("remove", self._path):
            try:
                os.unlink(self._path)
            except FileNotFoundError:
                pass
        os.close(fd)

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
