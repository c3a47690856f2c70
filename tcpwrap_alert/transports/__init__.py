"""The ways to a monitor: one module per scheme of the configuration's `server`.

The contract of a transport:

    with open_transport(monitor, memory) as transport:
        for outcomes in transport.deliver(parcels):
            ...

`deliver` takes parcels, oldest first, and decides by itself how many go over one connection and whether their times
travel beside their texts or in them. It yields outcomes as soon as they are known, those that become known at the same
moment together. Each parcel has one outcome at most: accepted, or rejected with a reason, which is about this one
result (an unknown host, say). A DeliveryError, at any point, is about all that have none yet: they stay, in doubt too.

Each connection has one deadline, the monitor's `timeout_s`, set before the name is looked up; a great spool may need
many connections. `memory` is a dict of texts that is kept for the next time, with keys of the transport's own.

Whoever adds a transport adds a module here, and a line to TRANSPORTS. The module has

    open_transport(target, memory)      a context as above, for one node of a monitor
    DENIALS_ONLY = True                 only if it rejects what is no denial: no heartbeat, and no end of an episode

and the monitor's other nodes are tried by `nodes.py`. It may have more, for `tcpwrap-alert check` and `--dry-run`:

    examine(target)                     yields Remarks (remarks.py) on the way to a node: the nearest thing to a
                                        delivery that leaves no result. A DeliveryError is what is wrong.
    read_back(target, result)           yields Remarks on what became of a result that was accepted just now
    as_sent(target, parcel)             what would travel for a parcel: names and bytes of its fields
"""

from __future__ import annotations

import time

from ..denial import Denial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, Protocol

    from ..check_result import CheckResult, Counted
    from ..config.values import Monitor

    class Transport(Protocol):
        """See above."""

        def deliver(self, parcels: Iterable[Parcel], /) -> Iterator[Sequence[Outcome]]: ...


TRANSPORTS = {
    "nsca": "nsca",
    "file": "command_file",
    "folder": "result_folder",
    "nsca-ng": "nsca_ng",
    "icinga2": "icinga2",
    "nrdp+https": "nrdp",
    "nrdp+http": "nrdp",
    "alertmanager+https": "alertmanager",
    "alertmanager+http": "alertmanager",
    "exec": "program",
}
# From this age on the time of a result is told in its text, where none travels beside the text.
LATE_AFTER_S = 10.0


class Parcel:
    """A check result, what it stands for, and when the first of that was enqueued (s since the epoch).

    `entries` is passed through: it is for whoever asked for the delivery. `tells_time` says whether the text of the
    result tells the time, or times, itself.
    """

    __slots__ = ("at_s", "entries", "result", "tells_time")

    def __init__(self, result: CheckResult, at_s: float, tells_time: bool = False, entries: Sequence[Any] = ()) -> None:
        self.result = result
        self.at_s = at_s
        self.tells_time = tells_time
        self.entries = entries

    @property
    def name(self) -> str:
        """The name of its first queue file, which stays the same when it is sent again; empty if it has none."""
        return self.entries[0].name if self.entries else ""

    @property
    def dated_if_late(self) -> CheckResult:
        """The result, with its time in the text if that is over; for servers that stamp what they receive."""
        is_late = not self.tells_time and abs(time.time() - self.at_s) > LATE_AFTER_S
        return self.result.dated(self.at_s) if is_late else self.result

    def denied(self) -> Iterator[Counted]:
        """Yield the denials that it stands for, as a tally counts them; none if it is another check result."""
        for entry in self.entries:
            if entry.content.tally_kind == Denial.tally_kind:
                yield from entry.content.counted(entry.enqueued_at_ns)


class Outcome:
    """What became of a parcel: accepted, or rejected for a reason."""

    __slots__ = ("parcel", "rejection")

    def __init__(self, parcel: Parcel, rejection: str = "") -> None:
        self.parcel = parcel
        self.rejection = rejection

    @property
    def is_accepted(self) -> bool:
        """Whether the monitor has taken it."""
        return not self.rejection


def open_transport(monitor: Monitor, memory: dict[str, str]) -> AbstractContextManager[Transport]:
    """Return a context that delivers to `monitor`. Only the module of its scheme is loaded."""
    if len(monitor.targets) > 1:
        from .nodes import NodesTransport

        return NodesTransport(monitor, memory)
    return open_node(monitor, 0, memory)


def open_node(monitor: Monitor, number: int, memory: dict[str, str]) -> AbstractContextManager[Transport]:
    """Return a context that delivers to one node of `monitor`, the first of which is 0."""
    transport: AbstractContextManager[Transport] = module_of(monitor).open_transport(monitor.targets[number], memory)
    return transport


def takes_denials_only(monitor: Monitor) -> bool:
    """Say whether `monitor` rejects whatever is no denial."""
    return bool(getattr(module_of(monitor), "DENIALS_ONLY", False))


def module_of(monitor: Monitor) -> Any:
    """Return the module of the monitor's scheme: see above for what it has."""
    import importlib

    return importlib.import_module(f".{TRANSPORTS[monitor.scheme]}", __name__)
