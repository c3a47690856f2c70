"""corrupt/: queue files that are at fault themselves. They are moved here and never deleted (P4).

A file without its end mark is moved here a minute after a reader first saw it. Its writer may have been stopped, not
ended, and complete it here. So such files are looked at again, and those that are complete go back to new/.
"""

from __future__ import annotations

import os
import time

from .files import NamingFailure, make_directory, read_file
from .queue_file import END_MARK, LINE_END, MAX_QUEUE_FILE_BYTES

MAX_NAME_BYTES = 200
UNFINISHED = ".unfinished"


class Corrupt:
    """The directory corrupt/ beside the directory `new`."""

    def __init__(self, path: str, new: str) -> None:
        self.path = path
        self._new = new

    def put(self, name: str, is_unfinished: bool = False) -> str:
        """Move new/`name` here, under a name that is free, and return its path. Raises SpoolError."""
        return self.put_file(os.path.join(self._new, name), UNFINISHED if is_unfinished else "")

    def put_file(self, path: str, suffix: str = "") -> str:
        """Move any file of the spool here. As `put`."""
        # A name may have 255 bytes: the part that makes it free must have room.
        short_name = os.fsdecode(os.fsencode(os.path.basename(path))[:MAX_NAME_BYTES])
        target = os.path.join(self.path, f"{short_name}.{time.time_ns()}{suffix}")
        with NamingFailure("set aside", path):
            make_directory(self.path)
            os.rename(path, target)
        return target

    def count(self) -> int:
        """Return how many files are here, as far as one can tell."""
        try:
            return len(os.listdir(self.path))
        except OSError:
            return 0

    def completed(self) -> list[str]:
        """Return the paths of the files that had no end mark when they were set aside, and have one now."""
        try:
            with os.scandir(self.path) as directory:
                paths = [item.path for item in directory if item.name.endswith(UNFINISHED)]
        except OSError:
            return []  # there is none, or it is not ours to look into
        return [path for path in paths if _is_complete(path)]

    def take_back(self) -> None:
        """Move the files that their writers have completed here back to new/. Raises SpoolError."""
        for number, path in enumerate(self.completed()):
            with NamingFailure("take back", path):
                os.rename(path, os.path.join(self._new, f"{time.time_ns()}.{os.getpid()}.{number}"))


def _is_complete(path: str) -> bool:
    try:
        data, _ = read_file(path, MAX_QUEUE_FILE_BYTES)
    except OSError:
        return False
    return data.endswith(LINE_END + END_MARK + LINE_END)
