"""A pass over the spool: it owns what was scanned, what is at fault, and what goes.

P4  A fault in one file sets that file aside, or passes it over if not even that can be done.
"""

from __future__ import annotations

import time

from ..errors import QueueFileCorrupt, SpoolError
from ..system_log import tell
from .files import Uninterrupted
from .queue_file import QueueFileUnfinished
from .state import can_note, uptime_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..errors import TcpwrapAlertError
    from .entry import Entry
    from .spool import Spool
    from .state import State

# For how long a file may have no end mark after a reader first saw it: its writer may be slow.
WRITING_GRACE_S = 60.0
CORRUPT = "../corrupt"  # in the faults: no file in new/ has such a name


class Pass:
    """Reads and removes queue files, and keeps what went wrong with one of them from holding up the rest.

    Args:
        state: of the spool; what is found out about files is noted there.
        passes_rested: whether results that were rejected are passed over while they rest.

    Attributes:
        faults: why files are passed over, by name.
        passed_over: the names that the last scan passed over: they are at fault, or were rejected and rest.
    """

    def __init__(self, spool: Spool, state: State, passes_rested: bool = True) -> None:
        self.faults: dict[str, TcpwrapAlertError] = {}
        self.passed_over: set[str] = set()
        self._spool = spool
        self._state = state
        self._passes_rested = passes_rested

    def take_back(self) -> None:
        """Return to new/ what its writer completed after it was set aside; if that cannot be done, the rest goes on."""
        try:
            self._spool.corrupt.take_back()
        except SpoolError as error:
            self.faults[CORRUPT] = error

    def scan(self) -> list[str]:
        """Return the names of what is to be tried, oldest first."""
        names = self._spool.scan()
        self._state.keep_only(names)
        now_s = time.time()
        self.passed_over = {name for name in names if name in self.faults or self._rests(name, now_s)}
        return [name for name in names if name not in self.passed_over]

    def _rests(self, name: str, now_s: float) -> bool:
        return self._passes_rested and self._state.rests(name, now_s)

    def read(self, names: Iterable[str]) -> Iterator[Entry]:
        """Yield the entries in the queue files `names`, without those that are gone or still being written."""
        for name in names:
            try:
                entry = self._spool.maybe_read(name)
            except QueueFileUnfinished as error:
                self._wait_for_writer(name, error)
            except QueueFileCorrupt as error:
                self._set_aside(name, error)
            except SpoolError as error:
                self.faults[name] = error
            else:
                if entry is not None:
                    yield entry

    def accept(self, entries: Iterable[Entry]) -> None:
        """Delete queue files that the monitor has accepted. From here on a failure can only deliver twice."""
        entries = list(entries)
        with Uninterrupted(len(entries)):
            for entry in entries:
                try:
                    self._spool.accept(entry.name, entry.is_awaited)
                except SpoolError as error:
                    self.faults[entry.name] = error

    def _wait_for_writer(self, name: str, error: QueueFileUnfinished) -> None:
        """Set a file without end mark aside once a reader has seen it so for a minute, by a clock that nobody sets.

        One with a name that the state cannot note, which no writer of ours gives, is not waited for.
        """
        now_s = uptime_s()
        seen_s = self._state.unfinished.setdefault(name, now_s)
        if not can_note(name):
            self._set_aside(name, error, is_unfinished=True)
        elif not seen_s <= now_s:
            self._state.unfinished[name] = now_s  # seen before the machine was started again
        elif now_s - seen_s >= WRITING_GRACE_S:
            self._set_aside(name, error, is_unfinished=True)

    def _set_aside(self, name: str, reason: SpoolError, is_unfinished: bool = False) -> None:
        try:
            target = self._spool.corrupt.put(name, is_unfinished)
        except SpoolError as error:
            self.faults[name] = error
        else:
            tell(f"{reason}; moved to {target}, nothing was sent")
