"""What the spool's entries stand for: a denial, from handle_tcp_wrapper, or a check result, from people's commands.

A denial becomes a check result only when it is sent, so that a changed `host_name` or `output` counts for what waits.
"""

from __future__ import annotations

from .check_result import CheckResult, clean, shown
from .denial import Denial
from .errors import CheckResultError
from .queue_file import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config import Config

DENIAL = "denial"
CHECK_RESULT = "check_result"


def denial_entry(denial: Denial) -> Entry:
    """Return the spool entry of a denial, with the fields that handle_tcp_wrapper writes."""
    fields = ("client", "daemon", "address", "user")
    return Entry(DENIAL, {field: getattr(denial, field) for field in fields})


def check_result_entry(result: CheckResult) -> Entry:
    """Return the spool entry of a check result."""
    fields = ("host_name", "service_description", "return_code", "plugin_output")
    return Entry(CHECK_RESULT, {field: str(getattr(result, field)) for field in fields})


def entry_check_result(entry: Entry, config: Config) -> CheckResult:
    """Return the check result that an entry stands for. Raises CheckResultError if it is none."""
    what = open_entry(entry)
    if isinstance(what, Denial):
        return what.check_result(config.host_name, config.service_description, config.return_code, config.output)
    return what


def open_entry(entry: Entry) -> Denial | CheckResult:
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
    except (KeyError, TypeError, ValueError) as error:
        raise CheckResultError(f"new/{clean(entry.name)}: not a {entry.kind}: {error}") from error
    raise CheckResultError(f"new/{clean(entry.name)}: unknown kind {shown(entry.kind)}")
