"""Draining a box: all that waits there goes to its monitor, oldest first, by the transport of its scheme.

Whoever drains holds the lock, so there is one sender per box. `lead.py`, `replay.py` and `submit.py` say who may drain,
and when.

Promises (spool/ has the others):

P3  A queue file goes only after the transport yielded an outcome for it, and that is accepted; or when a tally on disk
    counts it, until the end of a window (pace.py).
P4  A rejected result is passed over, and holds up nothing. A DeliveryError ends the run and leaves every file in its
    place, within the bounds of `bounds.py`.
P6  A run has the monitor's deadline for each connection; waiting for the lock has the same.
"""

from __future__ import annotations

import time

from ..debugging import debug
from ..errors import NotDelivered, RejectedError, TcpwrapAlertError
from ..spool.passes import Pass
from ..transports import open_transport, takes_denials_only
from .counting import count_denials, count_outcomes
from .leaving import leave, leave_waiting
from .pace import Pace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from ..config.values import Monitor
    from ..spool.entry import Entry
    from ..spool.state import State
    from ..transports import Outcome, Parcel, Transport
    from .account import Account
    from .boxes import Box

GATHER_S = 0.1  # in a storm there is more already when a pass is over: for so long it gathers for the next connection
# A burst is one message if it is over within this time. It goes on while each look finds more.
BURST_S = 3.0
BURST_LOOK_S = 0.2
# What is read, and folded, before the first of it is sent: this bounds the memory.
PASS_SIZE = 6_000
PASS_BYTES = 2_000_000


class Drained:
    """What a run did.

    Attributes:
        accepted: how many queue files went; a tally on disk may have them, until the end of a window.
        faults: why others stay although the monitor takes results, by path.
        left: the names of all that it saw and left.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self.faults: dict[str, TcpwrapAlertError] = {}
        self.left: set[str] = set()


def raise_faults(faults: dict[str, TcpwrapAlertError]) -> None:
    """Raise NotDelivered for files that stay although the monitor takes results, by path; none: all is well."""
    if faults:
        first, *others = faults.values()
        raise NotDelivered(first, len(faults), others) from first


def drain(box: Box, account: Account | None = None, tries_rested: bool = False) -> Drained:
    """Take the lock of a box and deliver all that waits there, oldest first, until a scan finds nothing new.

    Args:
        account: notes what is done.
        tries_rested: try the results, too, that were rejected not long ago.

    Raises:
        NotDelivered: why the rest still waits; it is on disk, and `queue` shows the same reason.
    """
    spool, monitor = box.spool, box.monitor
    try:
        spool.drop_root()
        with spool.lock(monitor.timeout_s + 1):
            debug("spool %s for %s, by %s", spool.path, monitor, monitor.scheme)
            state = spool.read_state()
            before = state.encode()
            try:
                return _Run(box, state, account, tries_rested).drain()
            except TcpwrapAlertError as error:
                raise leave_waiting(spool, monitor, state, error) from error
            finally:
                if state.encode() != before:
                    spool.write_state(state)
    except NotDelivered:
        raise
    except TcpwrapAlertError as error:
        raise leave(spool, error, monitor) from error


class _OpenedWhenUsed:
    """A transport that its first delivery opens, and loads: perhaps all there is waits for a window's end."""

    def __init__(self, monitor: Monitor, memory: dict[str, str]) -> None:
        self._monitor = monitor
        self._memory = memory
        self._context: AbstractContextManager[Transport] | None = None
        self._transport: Transport | None = None

    def __enter__(self) -> _OpenedWhenUsed:
        return self

    def __exit__(self, *raised: Any) -> bool | None:
        return self._context.__exit__(*raised) if self._context else None

    def deliver(self, parcels: Sequence[Parcel]) -> Iterator[Sequence[Outcome]]:
        if self._transport is None:
            context = open_transport(self._monitor, self._memory)
            self._transport = context.__enter__()
            self._context = context
        return self._transport.deliver(parcels)


class _Run:
    """One run over the spool, with the lock held."""

    def __init__(
        self,
        box: Box,
        state: State,
        account: Account | None,
        tries_rested: bool,
    ) -> None:
        self._spool = box.spool
        self._monitor = box.monitor
        self._counts_denials = box.is_inbox
        self._state = state
        self._account = account
        self._pass = Pass(box.spool, state, passes_rested=not tries_rested)
        self._pace = Pace(box.spool, box.monitor.wording, self._count, lambda: not takes_denials_only(box.monitor))
        self._transport = _OpenedWhenUsed(box.monitor, state.transport)
        self._drained = Drained()

    def drain(self) -> Drained:
        """Deliver until a scan finds nothing new."""
        drained = self._drained
        self._spool.check_removable()
        self._pass.take_back()
        self._pass.faults.update(self._pace.faults)
        try:
            with self._transport:
                self._gather_burst()
                while self._deliver(self._scan()):
                    pass
        finally:
            self._pace.save()
        self._pass.faults.update(self._pace.faults)
        self._state.succeed()
        drained.faults = {f"{self._spool.new}/{name}": error for name, error in self._pass.faults.items()}
        drained.left = self._pass.passed_over
        return drained

    def _scan(self) -> list[str]:
        if self._drained.accepted and self._pass.scan():
            time.sleep(GATHER_S)
        self._pace.at_ns = time.time_ns()
        return self._pass.scan()

    def _gather_burst(self) -> None:
        """If several wait, and the number grows, wait for more of them: so a burst is not a first and its rest."""
        deadline = time.monotonic() + BURST_S
        count = len(self._pass.scan()) if self._pace.has_windows else 0
        while count > 1 and time.monotonic() < deadline:
            time.sleep(BURST_LOOK_S)
            before, count = count, len(self._pass.scan())
            if count <= before:
                return

    def _deliver(self, names: Sequence[str]) -> bool:
        """Deliver what the files `names` hold, and what is due; return whether any of that has an outcome now."""
        has_outcomes = False
        left = iter(names)
        while True:
            entries = self._next_entries(left)
            going = self._pace.hold(entries)
            self._pass.faults.update(self._pace.faults)
            if len(going) < len(entries):
                has_outcomes = True
                self._went(len(entries) - len(going))
                if self._account:
                    self._account.counted(len(entries) - len(going))
            parcels = self._pace.parcels(going)
            if not parcels and not entries:
                return has_outcomes
            for outcomes in self._transport.deliver(parcels) if parcels else ():
                self._take(outcomes)
                has_outcomes = True

    def _next_entries(self, names: Iterator[str]) -> list[Entry]:
        """Return what the next of `names` hold: so many that memory stays within its bounds."""
        entries = []
        size = 0
        for entry in self._pass.read(names):
            entries.append(entry)
            size += entry.size
            if len(entries) >= PASS_SIZE or size >= PASS_BYTES:
                break
        return entries

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        accepted = [outcome.parcel for outcome in outcomes if outcome.is_accepted]
        for outcome in outcomes:
            result, said = outcome.parcel.result, outcome.rejection or "accepted"
            debug("%s: %s;%s %s", self._monitor, result.host_name, result.service_description, said)
        # The monitor has these. A failure from here on can only deliver twice, never lose.
        count_outcomes(self._spool, outcomes)
        if self._account:
            self._account.accepted(self._monitor, accepted)
        files = [entry for parcel in accepted if not self._pace.accept(parcel) for entry in parcel.entries]
        self._count(files)
        self._pass.accept(files)
        for outcome in outcomes:
            if not outcome.is_accepted:
                self._reject(outcome)
        self._pace.save()
        self._went(len(files))

    def _count(self, entries: Sequence[Entry]) -> None:
        """Count the denials in what leaves the queue, unless they were counted when the box got its copy."""
        if self._counts_denials:
            count_denials(self._spool, entries)

    def _went(self, count: int) -> None:
        self._drained.accepted += count
        if self._account:
            self._account.went(count)

    def _reject(self, outcome: Outcome) -> None:
        rejection = RejectedError(outcome.rejection, self._monitor)
        if self._pace.reject(outcome.parcel):
            self._pass.faults[outcome.parcel.name] = rejection
            return
        for entry in outcome.parcel.entries:
            self._state.reject(entry.name, outcome.rejection, time.time())
            self._pass.faults[entry.name] = rejection
