"""What is told later: the file `episodes` of a spool. Its format is that of a queue file (queue_file.py), its fields

    episodes    a line for each episode that is on: its numbers (Episode), and its key
    tally       the denials that wait for the end of a window, counted (tally.py); each belongs to one of the episodes
    quiet       the same of quiet clients, who are told once a day
    counted     the queue files that the tally took in last: time and name, with slashes between

The time of the file is when the next window ends, so that a replay without work need not read it.
It is written aside, synced and renamed: it is whole, or it was not ours.

Promises:

P3  A queue file goes only when `episodes` counts it, on disk. A crash before it goes loses and repeats nothing: whoever
    comes next finds the name among `counted`, and removes the file (`forget_counted`).
P4  A file that is not whole is set aside, and told; the spool goes on without it.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from ..errors import QueueFileCorrupt, SpoolError
from ..system_log import tell
from .files import NamingFailure, Uninterrupted, fsync_path, make_directory, read_file, write_aside
from .queue_file import decode_queue_file, encode_queue_file
from .tally import DENIALS, Tally, decode_tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .entry import Entry
    from .spool import Spool

MAX_BYTES = 8 << 20
COUNTED_AT_ONCE = 1000  # names in `counted`: this bounds the file
NUMBERS = 6


class Episode:
    """One that is on.

    Attributes:
        began_ns: when its first denial came, in ns since the epoch, as the other times.
        until_ns: when its window ends.
        window_s: how long that is.
        total: the denials that the monitor was told of.
        last_ns: when the last of these came.
        is_quiet: whether the monitor was told, too, that no more come.
    """

    __slots__ = ("began_ns", "is_quiet", "last_ns", "total", "until_ns", "window_s")

    def __init__(
        self, began_ns: int, until_ns: int, window_s: int, total: int, last_ns: int, is_quiet: bool = True
    ) -> None:
        self.began_ns = began_ns
        self.until_ns = until_ns
        self.window_s = window_s
        self.total = total
        self.last_ns = last_ns
        self.is_quiet = is_quiet

    def is_due(self, now_ns: int) -> bool:
        """Say whether its window has ended. One that ends later than it can is of a clock that was set back."""
        return not now_ns < self.until_ns <= now_ns + self.window_s * 10**9


class Episodes:
    """What a monitor is told later.

    Attributes:
        on: the episodes, by key (forwarding/episodes.py says which there are).
        tally: the denials that wait.
        quiet: those of quiet clients.
        counted: identities of the queue files that were taken in last.
    """

    kind = "episodes"

    def __init__(self) -> None:
        self.on: dict[str, Episode] = {}
        self.tally = Tally(DENIALS)
        self.quiet = Tally(DENIALS)
        self.counted: set[tuple[int, str]] = set()

    def fields(self) -> dict[str, str]:
        """Return what the file holds."""
        lines = [
            f"{one.began_ns} {one.until_ns} {one.window_s} {one.total} {one.last_ns} {one.is_quiet:d} {key}"
            for key, one in self.on.items()
        ]
        return {
            "episodes": "\n".join(lines),
            "tally": self.tally.encode(),
            "quiet": self.quiet.encode(),
            "counted": "/".join(f"{at_ns}/{name}" for at_ns, name in sorted(self.counted)),
        }

    @property
    def next_ns(self) -> int:
        """When the next window ends; now, if there is none, and something waits nevertheless."""
        return min((one.until_ns for one in self.on.values()), default=time.time_ns())

    def is_empty(self) -> bool:
        """Say whether there is nothing to remember."""
        return not (self.on or self.waiting or self.counted)

    @property
    def waiting(self) -> int:
        """How many denials wait for the end of a window."""
        return sum(count for tally in (self.tally, self.quiet) for _, (count, _, _) in tally)


def decode_episodes(data: bytes) -> Episodes:
    """Return the episodes in the bytes of the file. Raises QueueFileCorrupt."""
    kind, fields = decode_queue_file(data, MAX_BYTES)
    episodes = Episodes()
    try:
        if kind != Episodes.kind:
            raise ValueError(kind)
        for line in filter(None, fields["episodes"].split("\n")):
            *numbers, key = line.split(" ", NUMBERS)
            began_ns, until_ns, window_s, total, last_ns, is_quiet = map(int, numbers)
            episodes.on[key] = Episode(began_ns, until_ns, window_s, total, last_ns, bool(is_quiet))
        for name in ("tally", "quiet"):
            if fields[name]:
                setattr(episodes, name, decode_tally(DENIALS, fields[name]))
        parts = fields["counted"].split("/") if fields["counted"] else []
        episodes.counted = {(int(at_ns), name) for at_ns, name in zip(parts[::2], parts[1::2])}
    except (KeyError, ValueError) as error:
        raise QueueFileCorrupt("does not hold episodes") from error
    return episodes


class EpisodesFile:
    """The file of a spool. Whoever writes it holds the spool's lock."""

    def __init__(self, spool: Spool) -> None:
        self.path = spool.episodes
        self._spool = spool

    def read(self) -> Episodes:
        """Return what is in the file; nothing if there is none. One that is at fault is set aside.

        Raises:
            SpoolError: it cannot be read, or not be set aside.
        """
        try:
            return self._decode()
        except QueueFileCorrupt as error:
            target = self._spool.corrupt.put_file(self.path)
            tell(f"{self.path}: {error}; moved to {target}, and its denials are not sent")
            return Episodes()

    def look(self) -> Episodes:
        """Return what is in the file, for somebody who only looks. Raises SpoolError if it cannot be read."""
        try:
            return self._decode()
        except QueueFileCorrupt:
            return Episodes()  # told by the next run

    def _decode(self) -> Episodes:
        with NamingFailure("read", self.path):
            try:
                data, status = read_file(self.path, MAX_BYTES + 1)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                    raise
                return Episodes()  # none, or a link or a socket, which is none either and holds nothing up
        return decode_episodes(data) if stat.S_ISREG(status.st_mode) else Episodes()

    def write(self, episodes: Episodes) -> None:
        """Write the file, or remove it if there is nothing to remember; on disk afterwards. Raises SpoolError."""
        with NamingFailure("write", self.path):
            if episodes.is_empty():
                try:
                    os.unlink(self.path)
                except FileNotFoundError:
                    return
            else:
                make_directory(self._spool.path)
                aside = f"{self.path}.new"
                write_aside(aside, encode_queue_file(episodes), episodes.next_ns)
                os.rename(aside, self.path)
            fsync_path(self._spool.path)

    def postpone(self, until_ns: int) -> None:
        """Let the file be due later, when it cannot be written: what it says was told, and is told again then."""
        try:
            os.utime(self.path, ns=(until_ns, until_ns))
        except OSError:
            pass  # then it is told again at once

    def take_in(self, episodes: Episodes, entries: list[Entry], quiet: set[str]) -> dict[str, SpoolError]:
        """Count entries of new/ and remove their files. Return why some are still there, by name; they are counted.

        Args:
            entries: at most COUNTED_AT_ONCE.
            quiet: the names of those that are of quiet clients.

        Raises:
            SpoolError: the file cannot be written; nothing was done.
        """
        before = episodes.tally, episodes.quiet, episodes.counted
        episodes.tally, episodes.quiet = without(episodes.tally), without(episodes.quiet)
        for entry in entries:
            tally = episodes.quiet if entry.name in quiet else episodes.tally
            for words, counted in entry.content.counted(entry.enqueued_at_ns):
                tally.add(words, *counted)
        episodes.counted = episodes.counted | {(entry.enqueued_at_ns, entry.name) for entry in entries}
        with Uninterrupted(1 + len(entries)):
            try:
                self.write(episodes)
            except SpoolError:
                episodes.tally, episodes.quiet, episodes.counted = before
                raise
            # The tally is on disk: from here on it is responsible.
            return self.forget_counted(episodes)

    def forget_counted(self, episodes: Episodes) -> dict[str, SpoolError]:
        """Remove what the tally has counted already from new/, and forget it. Return what cannot be removed."""
        faults: dict[str, SpoolError] = {}
        left: set[tuple[int, str]] = set()
        for at_ns, name in episodes.counted:
            try:
                if self._spool.is_from(name, at_ns):
                    self._spool.remove(name)
            except SpoolError as error:
                faults[name] = error
                left.add((at_ns, name))
        episodes.counted = left
        return faults


def without(tally: Tally, told: Iterable[tuple[str, ...]] = ()) -> Tally:
    """Return a copy of a tally without some words."""
    gone = set(told)
    rest = Tally(tally.kind)
    for words, counted in tally:
        if words not in gone:
            rest.add(words, *counted)
    return rest


def release(spool: Spool) -> None:
    """Let what waits in a spool for the end of windows be an entry, as when several monitors take the place of one."""
    if spool.until_s() is None:
        return
    file = EpisodesFile(spool)
    episodes = file.read()
    file.forget_counted(episodes)
    for tally in (episodes.tally, episodes.quiet):
        if tally:
            spool.enqueue(tally, tally.first_ns)
    # What waited has a file of its own: a crash before this counts it twice.
    file.write(Episodes())
