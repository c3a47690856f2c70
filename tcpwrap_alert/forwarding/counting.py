"""Counting what becomes of the denials, in the spool's history: a few bytes for each delivery, none for a denial.

A denial is counted once, when its file leaves the spool that it was dropped into: because the only monitor accepted it,
because a tally has it until the end of a window, or because each of several monitors has its copy. What they accepted
and rejected is counted where it waited for them.
"""

from __future__ import annotations

import time

from ..denial import Denial
from ..spool.history import DELIVERED, DENIED, REJECTED, Line, record_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..spool.entry import Entry
    from ..spool.spool import Spool
    from ..transports import Outcome


def count_denials(spool: Spool, entries: Iterable[Entry]) -> None:
    """Count the denials in entries that are about to leave the spool."""
    record_all(spool.path, _denials(entries))


def count_outcomes(spool: Spool, outcomes: Sequence[Outcome]) -> None:
    """Count the check results that a monitor accepted and rejected."""
    now_s = int(time.time())
    accepted = sum(outcome.is_accepted for outcome in outcomes)
    record_all(spool.path, [Line(DELIVERED, now_s, accepted), Line(REJECTED, now_s, len(outcomes) - accepted)])


def _denials(entries: Iterable[Entry]) -> list[Line]:
    """Return a line for each daemon and client, with the time of the last."""
    lines: dict[tuple[str, str], Line] = {}
    for entry in entries:
        if entry.content.tally_kind == Denial.tally_kind:
            for words, (count, _, last_ns) in entry.content.counted(entry.enqueued_at_ns):
                line = lines.setdefault(words[:2], Line(DENIED, 0, 0, words[:2]))
                line.count += count
                line.at_s = max(line.at_s, last_ns // 1_000_000_000)
    return list(lines.values())
