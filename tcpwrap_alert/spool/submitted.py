"""A queue file whose writer waits for its outcome, and how he learns of it.

That the file is gone says nothing: it may have been delivered, or counted with others, or the spool was renamed. So the
writer keeps the file open, and its mode says that somebody waits (the owner may "execute" it). Whoever has delivered it
takes this bit away before the file goes. The writer sees the mode of the very file that is open, whatever its name is
by now.
"""

from __future__ import annotations

import os
import stat

AWAITED = stat.S_IXUSR


class Submitted:
    """A queue file that was submitted. Close it."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd

    def is_accepted(self) -> bool:
        """Say whether the monitor has accepted what is in the file; in doubt it has not."""
        try:
            status = os.fstat(self._fd)
        except OSError:  # as over NFS, where another host has removed it
            return False
        return not status.st_nlink and not status.st_mode & AWAITED

    def is_counted(self) -> bool:
        """Say whether the file is gone although nobody has delivered it: a tally counts it (bounds.py)."""
        try:
            status = os.fstat(self._fd)
        except OSError:
            return False
        return not status.st_nlink and bool(status.st_mode & AWAITED)

    def close(self) -> None:
        """Wait no longer."""
        os.close(self._fd)


def mark_accepted(path: str) -> None:
    """Tell whoever waits for the outcome of a queue file that the monitor has accepted it.

    Who may add to new/ may have put a link in its place by now: another file's mode is not touched.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                os.fchmod(fd, stat.S_IMODE(status.st_mode) & ~AWAITED)
        finally:
            os.close(fd)
    except OSError:
        pass  # of another user, who is told that it waits: twice beats never
