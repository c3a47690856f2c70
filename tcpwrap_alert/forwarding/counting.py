"""Counting what becomes of the denials, in the spool's history: a few bytes for each delivery, none for a denial.

A denial is counted once, when it leaves the spool that it was dropped into: because the only monitor accepted it, or
because each of several has its copy. What the monitors accepted and rejected is counted where it waited for them.
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


def count_outcomes(spool: Spool, outcomes: Sequence[Outcome], counts_denials: bool) -> None:
    """Count what a monitor accepted and rejected; with `counts_denials` also the denials that it accepted."""
    accepted = [outcome for outcome in outcomes if outcome.is_accepted]
    now_s = int(time.time())
    entries = [entry for outcome in accepted for entry in outcome.parcel.entries] if counts_denials else []
    lines = [
        *_denials(entries),
        Line(DELIVERED, now_s, len(accepted)),
        Line(REJECTED, now_s, len(outcomes) - len(accepted)),
    ]
    record_all(spool.path, lines)


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
