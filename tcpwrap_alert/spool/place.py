"""A spool as cron's run sees it first: where its parts are, and whether there is anything to do.

Most runs find nothing, every minute on every host. So this module loads little, and reads no queue file.
"""

from __future__ import annotations

import os
import time

from .corrupt import Corrupt
from .files import NamingFailure
from .leader import Leader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeVar

    P = TypeVar("P", bound="Place")

FOR = "for"
MAX_WINDOW_S = 86_400 + 60  # no window ends later, unless the clock was set back; with a margin


class Place:
    """The parts of the spool in the directory `path`. Whoever asks for work gets a SpoolError if nobody can tell."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self.new = os.path.join(path, "new")
        self.corrupt = Corrupt(os.path.join(path, "corrupt"), self.new)
        self.leader = Leader(os.path.join(path, "leader"))
        self.episodes = os.path.join(path, "episodes")

    def is_empty(self) -> bool:
        """Say whether nothing waits, without reading more than one name."""
        with NamingFailure("scan", self.new):
            try:
                with os.scandir(self.new) as directory:
                    return next(iter(directory), None) is None
            except FileNotFoundError:
                return True

    def is_idle(self) -> bool:
        """Say whether a replay would find nothing to do."""
        return not self.has_work() and not self.leader.exists()

    def has_work(self) -> bool:
        """Say whether something is to be sent, here or in a box, or was set aside before its writer completed it."""
        is_empty = self.is_empty() and not self.is_due()
        return not is_empty or bool(self.corrupt.completed()) or any(box.has_work() for box in self.boxes())

    def is_due(self) -> bool:
        """Say whether a window has ended, and perhaps something is to be told: see episodes.py."""
        until_s = self.until_s()
        return until_s is not None and not 0 < until_s - time.time() <= MAX_WINDOW_S

    def until_s(self) -> float | None:
        """Return when the next window ends, in seconds since the epoch; None if no episode is on."""
        try:
            return os.lstat(self.episodes).st_mtime
        except OSError:
            return None

    def box(self: P, name: str) -> P:
        """Return the small spool of what waits for one of several monitors."""
        return type(self)(os.path.join(self.path, FOR, name))

    def with_boxes(self: P) -> Iterator[P]:
        """Yield this spool, and then the boxes that there are."""
        yield self
        yield from self.boxes()

    def boxes(self: P) -> list[P]:
        """Return the boxes that there are, by name."""
        path = os.path.join(self.path, FOR)
        with NamingFailure("scan", path):
            try:
                return [self.box(name) for name in sorted(os.listdir(path))]
            except (FileNotFoundError, NotADirectoryError):
                return []
