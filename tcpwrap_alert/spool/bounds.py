"""How many entries may wait, and how long: beyond that the oldest become one counting entry, and nothing is lost.

Whoever could not deliver, but knows the configuration, calls this. Queue files beyond `max_entries`, or older than
`max_age`, become a tally (tally.py), one of the denials and one of the check results among them, which takes in the one
that is there already. Syslog is told when the first is made. While the monitor takes everything, nothing is too much.

P3  The tally is on disk before the first file that it counts is removed: a crash between them counts twice, and loses
    nothing.
"""

from __future__ import annotations

import time

from ..check_result import CheckResult
from ..denial import OUTPUT_FIELDS, Denial
from ..errors import SpoolBusy, SpoolError
from ..system_log import tell
from .entries import read_waiting, tally_entry
from .files import Uninterrupted
from .tally import CHECK_RESULTS, DENIALS, Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.read import Config
    from .entries import Waiting
    from .queue_file import Entry
    from .spool import Spool


class _Folding:
    """The files that one tally replaces."""

    __slots__ = ("has_new", "has_tally", "names", "tally")

    def __init__(self, kind: str) -> None:
        self.tally = Tally(kind)
        self.names: list[str] = []
        self.has_new = False
        self.has_tally = False

    def add(self, entry: Entry, what: Denial | CheckResult | Tally) -> None:
        self.names.append(entry.name)
        if isinstance(what, Tally):
            self.tally.merge(what)
            self.has_tally = True
        else:
            self.tally.add(_words(what), 1, entry.enqueued_at_ns, entry.enqueued_at_ns)
            self.has_new = True


def keep_within_bounds(spool: Spool, config: Config) -> None:
    """Fold the oldest of what waits, as far as it is too old or too much, unless somebody is sending.

    Raises:
        SpoolError: the spool cannot be read or written; nothing is lost.
    """
    try:
        with spool.lock(0):
            foldings = {kind: _Folding(kind) for kind in (DENIALS, CHECK_RESULTS)}
            for entry, what in _too_much(spool, config):
                foldings[_kind(what)].add(entry, what)
            for folding in foldings.values():
                if folding.has_new and len(folding.names) > 1:
                    _replace(spool, folding)
    except SpoolBusy:
        pass


def _too_much(spool: Spool, config: Config) -> Iterator[Waiting]:
    names = spool.scan()
    # The tally will be one of those that wait.
    count = len(names) - config.max_entries + 1 if len(names) > config.max_entries else 0
    faults: dict[str, SpoolError] = {}  # told when the next run meets them again
    yield from read_waiting(spool, names[:count], faults)
    oldest_ns = (time.time() - config.max_age_s) * 1e9
    for entry, what in read_waiting(spool, names[count:], faults):
        if entry.enqueued_at_ns > oldest_ns:
            break
        yield entry, what


def _replace(spool: Spool, folding: _Folding) -> None:
    with Uninterrupted(1 + len(folding.names)):
        spool.enqueue(tally_entry(folding.tally))
        for name in folding.names:
            spool.remove(name)
    if not folding.has_tally:
        tell(
            f"{spool.path}: too many entries wait, or for too long (max_entries, max_age); from now on the oldest "
            f"{folding.tally.kind} are counted together"
        )


def _kind(what: Denial | CheckResult | Tally) -> str:
    if isinstance(what, Tally):
        return what.kind
    return DENIALS if isinstance(what, Denial) else CHECK_RESULTS


def _words(what: Denial | CheckResult) -> tuple[str, ...]:
    if isinstance(what, Denial):
        return tuple(getattr(what, field) for field in OUTPUT_FIELDS)
    return (f"{what.host_name};{what.service_description};{what.return_code}",)
