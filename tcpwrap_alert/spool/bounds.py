"""How many entries may wait, and how long: beyond that the oldest become one counting entry, and nothing is lost.

Called after a failed delivery. If more queue files wait than `max_entries`, or some for longer than `max_age_s`, the
oldest are replaced by a tally (tally.py): one of the denials and one of the check results among them. It takes in the
tally that is there already. Syslog is told when the first tally is made.

P3  The tally is on disk before the first file that it counts is removed: a crash between them counts twice, and loses
    nothing.
"""

from __future__ import annotations

import time

from ..system_log import tell
from .files import Uninterrupted
from .passes import Pass
from .tally import CHECK_RESULTS, DENIALS, Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .entry import Entry
    from .spool import Spool
    from .state import State

DAY_S = 86_400.0
# The time of a file that is older than it may be by more than this, or younger than now by a day, cannot be right.
ABSURD_AGE_S = 30 * DAY_S


class _Folding:
    """The files that one tally replaces."""

    __slots__ = ("has_new", "has_tally", "names", "tally")

    def __init__(self, kind: str) -> None:
        self.tally = Tally(kind)
        self.names: list[str] = []
        self.has_new = False
        self.has_tally = False

    def add(self, entry: Entry) -> None:
        self.names.append(entry.name)
        is_tally = entry.content.kind == self.tally.kind
        self.has_tally |= is_tally
        self.has_new |= not is_tally
        for words, counted in entry.content.counted(entry.enqueued_at_ns):
            self.tally.add(words, *counted)


def keep_within_bounds(spool: Spool, state: State, max_entries: int, max_age_s: float) -> None:
    """Fold the oldest of what waits, as far as it is too old or too much. The caller holds the lock.

    Raises:
        SpoolError: the spool cannot be read or written; nothing is lost.
    """
    foldings = {kind: _Folding(kind) for kind in (DENIALS, CHECK_RESULTS)}
    for entry in _too_much(spool, state, max_entries, max_age_s):
        foldings[entry.content.tally_kind].add(entry)
    for folding in foldings.values():
        if folding.has_new and len(folding.names) > 1:
            _replace(spool, folding)


def _too_much(spool: Spool, state: State, max_entries: int, max_age_s: float) -> Iterator[Entry]:
    one_pass = Pass(spool, state, passes_rested=False)  # its faults are told when the next run meets them again
    names = one_pass.scan()
    # The tally will be one of those that wait.
    count = len(names) - max_entries + 1 if len(names) > max_entries else 0
    yield from one_pass.read(names[:count])
    now_s = time.time()
    for entry in one_pass.read(names[count:]):
        if entry.content.kind in (DENIALS, CHECK_RESULTS):
            pass  # it takes in what follows, whatever its own age
        elif _is_absurd(entry.enqueued_at_s, max_age_s, now_s):
            if now_s - state.seen.setdefault(entry.name, now_s) <= max_age_s:
                continue
        elif now_s - entry.enqueued_at_s < max_age_s:
            break
        yield entry


def _is_absurd(at_s: float, max_age_s: float, now_s: float) -> bool:
    """Say whether a file's time cannot be right: the clock was wrong, or it is another machine's."""
    return not now_s - max_age_s - ABSURD_AGE_S < at_s < now_s + DAY_S


def _replace(spool: Spool, folding: _Folding) -> None:
    with Uninterrupted(1 + len(folding.names)):
        spool.enqueue(folding.tally, folding.tally.first_ns)
        for name in folding.names:
            spool.remove(name)
    if not folding.has_tally:
        tell(
            f"{spool.path}: too many entries wait, or for too long (max_entries, max_age); from now on the oldest "
            f"{folding.tally.kind} are counted together"
        )
