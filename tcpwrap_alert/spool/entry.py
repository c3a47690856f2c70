"""An entry of the spool: what one queue file stands for, and since when it waits.

Its content is a denial, from handle_tcp_wrapper; a check result, from people's commands; or a tally of one of them, of
what waited for too long (bounds.py). Each content knows its `kind`, its `fields` and what of it is `counted`.

A denial becomes a check result only when it is sent, so that a changed `host_name` or `output` counts for what waits.
"""

from __future__ import annotations

from ..check_result import CheckResult, clean, cut, shown
from ..denial import Denial
from ..errors import QueueFileCorrupt
from .queue_file import decode_queue_file
from .tally import CHECK_RESULTS, DENIALS, Tally, decode_tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Union

    Content = Union[Denial, CheckResult, Tally]

MAX_FAULT_BYTES = 200

READERS: dict[str, Callable[[dict[str, str]], Content]] = {
    Denial.kind: Denial.from_fields,
    CheckResult.kind: CheckResult.from_fields,
    DENIALS: lambda fields: decode_tally(DENIALS, fields["tally"]),
    CHECK_RESULTS: lambda fields: decode_tally(CHECK_RESULTS, fields["tally"]),
}


class Entry:
    """A queue file in the spool.

    Attributes:
        name: of the file in new/.
        enqueued_at_ns: when it was enqueued, in ns since the epoch.
        content: what it holds.
        is_awaited: whether somebody waits for its outcome (submitted.py).
        size: bytes of the file.
    """

    __slots__ = ("content", "enqueued_at_ns", "is_awaited", "name", "size")

    content: Any  # a Content; whoever looks into it asks for its kind

    def __init__(
        self, name: str, enqueued_at_ns: int, content: Content, is_awaited: bool = False, size: int = 0
    ) -> None:
        self.name = name
        self.enqueued_at_ns = enqueued_at_ns
        self.content = content
        self.is_awaited = is_awaited
        self.size = size

    @property
    def enqueued_at_s(self) -> float:
        """When it was enqueued, in seconds since the epoch."""
        return self.enqueued_at_ns / 1e9


def decode_content(data: bytes) -> Content:
    """Return the content in the bytes of a queue file.

    Raises:
        QueueFileUnfinished: there is no end mark.
        QueueFileCorrupt: the file is at fault: not a queue file, of an unknown kind, or its values cannot be a content.
    """
    kind, fields = decode_queue_file(data)
    if kind not in READERS:
        raise QueueFileCorrupt(f"unknown kind {shown(kind)}")
    try:
        return READERS[kind](fields)
    except (KeyError, TypeError, ValueError) as error:
        what = cut(clean(str(error)), MAX_FAULT_BYTES)  # it may hold what is in the file
        raise QueueFileCorrupt(f"not a {kind}: {what}") from error
