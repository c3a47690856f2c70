"""What a monitor is told later: the episodes that are on, and the denials that wait, counted.

Its form on disk is that of a queue file (queue_file.py), with the fields

    episodes    a line for each episode that is on: its numbers (Episode), and its key
    tally       the denials that wait for the end of a window, counted (tally.py); each belongs to one of the episodes
    quiet       the same of quiet clients, who are told once a day
    counted     the queue files that the tally took in last: time and name, with slashes between
"""

from __future__ import annotations

import time

from ..errors import QueueFileCorrupt
from .queue_file import decode_queue_file
from .tally import DENIALS, Tally, decode_tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES = 8 << 20
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


def without(tally: Tally, told: Iterable[tuple[str, ...]] = ()) -> Tally:
    """Return a copy of a tally without some words."""
    gone = set(told)
    rest = Tally(tally.kind)
    for words, counted in tally:
        if words not in gone:
            rest.add(words, *counted)
    return rest
