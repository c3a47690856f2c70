"""What the spool's entries stand for: a denial, from handle_tcp_wrapper; a check result, from people's commands; or a
tally of one of them, of what waited for too long (bounds.py).

A denial becomes a check result only when it is sent, so that a changed `host_name` or `output` counts for what waits.

P4  A fault in one file sets that file aside, or passes it over if not even that can be done.
"""

from __future__ import annotations

from ..check_result import CheckResult, clean, shown
from ..denial import Denial
from ..errors import CheckResultError, QueueFileCorrupt, SpoolError
from ..system_log import tell
from .queue_file import DENIAL, Entry
from .tally import WORDS, Tally, decode_tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .spool import Spool

    # An entry that waits, and what it holds.
    Waiting = tuple[Entry, Denial | CheckResult | Tally]

CHECK_RESULT = "check_result"


def denial_entry(denial: Denial) -> Entry:
    """Return the spool entry of a denial, with the fields that handle_tcp_wrapper writes."""
    fields = ("client", "daemon", "address", "user")
    return Entry(DENIAL, {field: getattr(denial, field) for field in fields})


def check_result_entry(result: CheckResult) -> Entry:
    """Return the spool entry of a check result."""
    fields = ("host_name", "service_description", "return_code", "plugin_output")
    return Entry(CHECK_RESULT, {field: str(getattr(result, field)) for field in fields})


def tally_entry(tally: Tally) -> Entry:
    """Return the spool entry of a tally; its time is that of the first that it counts."""
    first_ns = min(first_ns for _, (_, first_ns, _) in tally)
    return Entry(tally.kind, {"tally": tally.encode()}, enqueued_at_ns=first_ns)


def read_waiting(spool: Spool, names: Iterable[str], faults: dict[str, SpoolError]) -> Iterator[Waiting]:
    """Yield the entries of the queue files `names` and what they hold, without those that are gone or half written.

    Bad files are set aside; what cannot be read, or not be set aside, is noted in `faults`.
    """
    for name in names:
        try:
            entry = spool.maybe_read(name)
            if entry is not None:
                yield entry, open_entry(entry)
        except (QueueFileCorrupt, CheckResultError) as error:
            _set_aside(spool, name, error, faults)
        except SpoolError as error:
            faults[name] = error


def open_entry(entry: Entry) -> Denial | CheckResult | Tally:
    """Return what an entry holds.

    Raises:
        CheckResultError: the entry is of another kind, lacks a field or holds values that are no check result.
    """
    fields = entry.fields
    try:
        if entry.kind == DENIAL:
            return Denial(**fields)
        if entry.kind == CHECK_RESULT:
            return CheckResult(
                fields["host_name"],
                fields["service_description"],
                int(fields["return_code"]),
                fields["plugin_output"],
            )
        if entry.kind in WORDS:
            return decode_tally(entry.kind, fields["tally"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckResultError(f"new/{clean(entry.name)}: not a {entry.kind}: {error}") from error
    raise CheckResultError(f"new/{clean(entry.name)}: unknown kind {shown(entry.kind)}")


def _set_aside(spool: Spool, name: str, reason: Exception, faults: dict[str, SpoolError]) -> None:
    try:
        target = spool.set_aside(name)
    except SpoolError as error:
        faults[name] = error
    else:
        tell(f"{reason}; moved to {target}, nothing was sent")
