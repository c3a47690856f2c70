"""Episodes: the first denial of a kind goes at once, and what follows waits for the end of a window.

Theory of operation. Denials with the same text are of one kind, and their first begins an episode. While it is on, a
tally on disk takes in what follows (spool/episodes.py). When its window ends, what the tally has of it goes as one
result (window.py), and the next window is twice as long, up to an hour. A window without any ends the episode.

At most `fold` texts have an episode of their own. All others share one, and so do texts that would begin too many at
once. Quiet clients have one, too: its window is a day, and it has no first that goes at once.

An OK that somebody submits to the service ends all but that of quiet clients: what waits goes before it, and the next
denial is a first again.

Promises (spool/ has the others):

P3  What the tally has of an episode leaves it only after the transport accepted it. What was rejected stays, and is
    offered again at the end of the next window.
"""

from __future__ import annotations

import time

from ..denial import Denial
from ..errors import SpoolError
from ..spool.episodes import Episode, without
from ..spool.episodes_file import COUNTED_AT_ONCE, EpisodesFile
from ..spool.state import PAUSE_S
from .fold import make_parcels
from .window import OTHERS, QUIET, TEXT, S, Told, is_all_clear, key_of, tell_end, tell_window, waiting_by_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..config.values import Wording
    from ..spool.entry import Entry
    from ..spool.spool import Spool
    from ..transports import Parcel

MAX_WINDOW_S = 3600
DAY_S = 86_400
MAX_ON = 1000  # texts with an episode of their own, whatever `fold` says


class Pace:
    """What of a spool goes now, and what waits, by one run that holds the lock.

    Args:
        on_taken: called with the entries whose files are gone, because the tally has them.
        takes_ends: says whether the monitor takes a result that tells of no denial, but of an episode's end.

    Attributes:
        faults: why files stay, by name.
        has_windows: whether denials wait at all.
        at_ns: the time of what is told at the end of a window. Icinga 2 throws away what is older than its last result,
            so this is later than all that was sent, and not later than what is sent next: when new/ was scanned last.
    """

    def __init__(
        self, spool: Spool, wording: Wording, on_taken: Callable[[list[Entry]], None], takes_ends: Callable[[], bool]
    ) -> None:
        self._wording = wording
        self._takes_ends = takes_ends
        self._on_taken = on_taken
        self._file = EpisodesFile(spool)
        self._episodes = self._file.read()
        self._on = self._episodes.on
        self.faults: dict[str, SpoolError] = self._file.forget_counted(self._episodes)
        self.at_ns = time.time_ns()
        self.has_windows = bool(wording.window_s and wording.fold)
        self._told: dict[str, Told] = {}
        self._over: set[str] = set()  # what has ended when a pass begins
        self._rejected: set[str] = set()  # what is not offered again in this run
        self._is_ended = False  # by somebody's OK that is to be delivered
        self._has_changed = False

    def hold(self, entries: list[Entry]) -> list[Entry]:
        """Take in what waits for a window's end; return what goes now. What cannot be taken in goes now, too."""
        self._is_ended = False
        self._over = self._ended()
        held, quiet = [], set()
        for entry in entries:
            if is_all_clear(entry, self._wording):
                self._is_ended = True
                self.at_ns = min(self.at_ns, entry.enqueued_at_ns)  # what waited goes before it
            elif entry.content.kind == Denial.kind:
                if self._is_quiet(entry.content):
                    quiet.add(entry.name)
                if entry.name in quiet or self._waits(entry.content):
                    held.append(entry)
        taken = self._take_in(held, quiet)
        return [entry for entry in entries if entry.name not in taken]

    def parcels(self, entries: list[Entry]) -> list[Parcel]:
        """Return what to send: the entries, and what is to be told at the end of windows."""
        due = list(self._due(entries))
        room = self._wording.fold if self._is_ended or not self.has_windows else self._room()
        return sorted([*due, *make_parcels(entries, self._wording, time.time(), room)], key=lambda one: one.at_s)

    def accept(self, parcel: Parcel) -> bool:
        """Note that the monitor has a parcel. Return whether it was of the tally, and not of queue files."""
        told = self._told.pop(parcel.name, None)
        if told:
            self._take_out(told)
        elif is_all_clear(parcel.entries[0], self._wording):
            for key in self._on.keys() - {QUIET}:
                self._drop(key)
        elif self.has_windows and parcel.entries[0].content.kind == Denial.kind:
            self._begin(parcel)
        return told is not None

    def reject(self, parcel: Parcel) -> bool:
        """Note that the monitor rejected a parcel. Return whether it was of the tally, and not of queue files."""
        told = self._told.pop(parcel.name, None)
        if told is None:
            return False
        if not told.count:
            for key in told.keys:
                self._drop(key)  # that the end is not told costs no denial
            return True
        for key in told.keys or [OTHERS]:
            if key not in self._on:
                now_ns = time.time_ns()
                self._on[key] = Episode(now_ns, now_ns, self._wording.window_s or int(PAUSE_S), 0, told.last_ns)
            self._go_on(self._on[key])
            self._rejected |= {key, ""}
        return True

    def save(self) -> None:
        """Write what has changed. If that cannot be done, it is a fault, and what was told is told again later."""
        if not self._has_changed:
            return
        try:
            self._file.write(self._episodes)
            self._has_changed = False
        except SpoolError as error:
            self.faults[f"../{self._episodes.kind}"] = error
            self._file.postpone(time.time_ns() + (self._wording.window_s or MAX_WINDOW_S) * S)

    # What waits.

    def _is_quiet(self, denial: Denial) -> bool:
        return self._wording.quiet is not None and self._wording.quiet.has(denial.client, denial.address)

    def _waits(self, denial: Denial) -> bool:
        if self._is_ended or not (self.has_windows and self._on):
            return False
        return bool({key_of(denial, self._wording), OTHERS} & (self._on.keys() - self._over))

    def _take_in(self, held: list[Entry], quiet: set[str]) -> set[str]:
        """Return the names of what does not go now."""
        taken: set[str] = set()
        if quiet and QUIET not in self._on:
            now_ns = time.time_ns()
            self._on[QUIET] = Episode(now_ns, now_ns + DAY_S * S, DAY_S, 0, now_ns)
        try:
            for start in range(0, len(held), COUNTED_AT_ONCE):
                some = held[start : start + COUNTED_AT_ONCE]
                self.faults.update(self._file.take_in(self._episodes, some, quiet))
                taken.update(entry.name for entry in some)
                self._on_taken(some)
        except SpoolError as error:  # a full disk, say: what goes now needs no room
            self.faults.update(dict.fromkeys(quiet - taken, error))
        return taken | quiet

    # What is due.

    def _ended(self) -> set[str]:
        """Return the keys of the episodes whose window has ended without any."""
        now_ns = time.time_ns()
        due = {key for key, episode in self._on.items() if episode.is_due(now_ns)}
        return due - waiting_by_key(self._episodes, self._wording).keys() if due else due

    def _due(self, going: list[Entry]) -> Iterator[Parcel]:
        """Yield what is to be told beside what goes now: denials that begin episodes, say."""
        now_ns = time.time_ns()
        due = [key for key, episode in self._on.items() if episode.is_due(now_ns) or self._is_flushed(key)]
        if not due and (self._on or not self._episodes.waiting):
            return
        lines = waiting_by_key(self._episodes, self._wording)
        for key in [*due, ""]:
            if key in lines and key not in self._rejected:
                yield self._tell(*tell_window(key, lines[key], self._on.get(key), self._wording, self.at_ns))
        begins = {key_of(entry.content, self._wording) for entry in going if entry.content.kind == Denial.kind}
        ended = [key for key in due if key not in lines]
        goes_on = begins | (self._on.keys() - ended - {QUIET})
        told_ends = [key for key in ended if self._tells_end(key, goes_on)]
        for key in ended:
            if key not in told_ends:
                self._drop(key)
        is_one = self._wording.end_return_code is not None
        for keys in [told_ends] if is_one and told_ends else [[key] for key in told_ends]:
            yield self._tell(*tell_end(keys, self._on[keys[0]], self._wording, self.at_ns))

    def _is_flushed(self, key: str) -> bool:
        return key != QUIET and (self._is_ended or not self.has_windows)

    def _tells_end(self, key: str, goes_on: set[str]) -> bool:
        """Say whether the end of an episode is told. In a state of its own that is the end of all of them."""
        if key == QUIET or self._is_flushed(key) or not self._takes_ends():
            return False
        if self._wording.end_return_code is not None:
            return not goes_on
        return not self._on[key].is_quiet and key not in goes_on

    def _tell(self, told: Told, parcel: Parcel) -> Parcel:
        self._told[parcel.name] = told
        return parcel

    # What becomes of episodes.

    def _room(self) -> int:
        """Return how many texts may still begin an episode of their own."""
        return max(0, min(self._wording.fold, MAX_ON) - sum(key.startswith(TEXT) for key in self._on))

    def _begin(self, parcel: Parcel) -> None:
        keys = {key_of(entry.content, self._wording) for entry in parcel.entries}
        key = keys.pop() if len(keys) == 1 and self._room() else OTHERS
        times_ns = [entry.enqueued_at_ns for entry in parcel.entries]
        window_s = self._wording.window_s
        until_ns = time.time_ns() + window_s * S
        self._on[key] = Episode(min(times_ns), until_ns, window_s, len(times_ns), max(times_ns))
        self._has_changed = True

    def _take_out(self, told: Told) -> None:
        for key in told.keys:
            episode = self._on.get(key)
            if episode is None or key == QUIET or not told.count:
                self._drop(key)
            else:
                episode.total += told.count
                episode.last_ns, episode.is_quiet = told.last_ns, told.is_quiet
                self._go_on(episode)
        if QUIET in told.keys:
            self._episodes.quiet = without(self._episodes.quiet, told.words)
        else:
            self._episodes.tally = without(self._episodes.tally, told.words)
        self._has_changed = True

    def _go_on(self, episode: Episode) -> None:
        """Begin the next window, twice as long."""
        episode.window_s = max(episode.window_s, min(2 * episode.window_s, MAX_WINDOW_S))
        episode.until_ns = time.time_ns() + episode.window_s * S
        self._has_changed = True

    def _drop(self, key: str) -> None:
        self._on.pop(key, None)
        self._has_changed = True
