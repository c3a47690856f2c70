"""Draining a box: all that waits there goes to its monitor, oldest first, by the transport of its scheme.

Whoever drains holds the lock, so there is one sender per box. `lead.py`, `replay.py` and `submit.py` say who may drain,
and when.

Promises (spool/ has the others):

P3  A queue file goes only after the transport yielded an outcome for it, and that is accepted.
P4  A rejected result is passed over, and holds up nothing. A DeliveryError ends the run and leaves every file in its
    place, within the bounds of `bounds.py`.
P6  A run has the monitor's deadline for each connection; waiting for the lock has the same.
"""

from __future__ import annotations

import time

from ..errors import NotDelivered, RejectedError, SpoolBusy, SpoolError, TcpwrapAlertError
from ..spool.passes import Pass
from ..system_log import tell
from ..transports import open_transport
from .counting import count_outcomes
from .fold import make_parcels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..config.values import Monitor
    from ..spool.entry import Entry
    from ..spool.spool import Spool
    from ..spool.state import State
    from ..transports import Outcome, Transport
    from .boxes import Box

GATHER_S = 0.1  # in a storm there is more already when a pass is over: for so long it gathers for the next connection
# What is read, and folded, before the first of it is sent: this bounds the memory.
PASS_SIZE = 10_000
PASS_BYTES = 2_000_000


class Drained:
    """What a run did.

    Attributes:
        accepted: how many queue files went.
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


def drain(box: Box, on_accepted: Callable[[int], None] | None = None, tries_rested: bool = False) -> Drained:
    """Take the lock of a box and deliver all that waits there, oldest first, until a scan finds nothing new.

    Args:
        on_accepted: called with the number of queue files that went, each time that some have.
        tries_rested: try the results, too, that were rejected not long ago.

    Raises:
        NotDelivered: why the rest still waits; it is on disk, and `queue` shows the same reason.
    """
    spool, monitor = box.spool, box.monitor
    try:
        spool.drop_root()
        with spool.lock(monitor.timeout_s + 1):
            state = spool.read_state()
            before = state.encode()
            try:
                return _Run(box, state, on_accepted, tries_rested).drain()
            except TcpwrapAlertError as error:
                raise _leave_waiting(spool, monitor, state, error) from error
            finally:
                if state.encode() != before:
                    spool.write_state(state)
    except NotDelivered:
        raise
    except TcpwrapAlertError as error:
        raise leave(spool, error, monitor) from error


def leave(spool: Spool, error: TcpwrapAlertError, monitor: Monitor | None = None) -> NotDelivered:
    """Leave what waits although no run could begin: on disk, and noted unless somebody else is at work.

    Without a usable configuration nobody knows the bounds.
    """
    try:
        with spool.lock(0):
            state = spool.read_state()
            failure = _leave_waiting(spool, monitor, state, error)
            spool.write_state(state)
            return failure
    except SpoolBusy:
        return NotDelivered(error, _sync(spool, 0.0, error))
    except SpoolError as second:
        _tell_second(second, error)
        return NotDelivered(error, 1)


def _leave_waiting(spool: Spool, monitor: Monitor | None, state: State, error: TcpwrapAlertError) -> NotDelivered:
    """Leave what waits on disk, within its bounds, and note why.

    Only files younger than the last failure are synced: the older ones were synced then.
    """
    from ..spool.bounds import keep_within_bounds

    now_s = time.time()
    synced_until_s = state.failed_at_s if state.failed_at_s <= now_s else 0.0  # the clock was set back
    waiting = _sync(spool, synced_until_s - 1, error)
    state.fail(str(error), now_s)
    if monitor:
        try:
            keep_within_bounds(spool, state, monitor.max_entries, monitor.max_age_s)
        except SpoolError as second:
            _tell_second(second, error)
    return NotDelivered(error, waiting)


def _sync(spool: Spool, since_s: float, error: TcpwrapAlertError) -> int:
    try:
        return spool.sync(since_s)
    except SpoolError as second:
        _tell_second(second, error)
        return 1


def _tell_second(second: SpoolError, error: TcpwrapAlertError) -> None:
    """Tell syslog what the caller does not hear: it gets the first error."""
    if str(second) != str(error):
        tell(str(second))


class _Run:
    """One run over the spool, with the lock held."""

    def __init__(
        self,
        box: Box,
        state: State,
        on_accepted: Callable[[int], None] | None,
        tries_rested: bool,
    ) -> None:
        self._spool = box.spool
        self._monitor = box.monitor
        self._counts_denials = box.is_inbox
        self._state = state
        self._on_accepted = on_accepted
        self._pass = Pass(box.spool, state, passes_rested=not tries_rested)
        self._drained = Drained()

    def drain(self) -> Drained:
        """Deliver until a scan finds nothing new."""
        drained = self._drained
        self._spool.check_removable()
        self._pass.take_back()
        with open_transport(self._monitor, self._state.transport) as transport:
            while self._deliver(transport, self._scan()):
                pass
        self._state.succeed()
        drained.faults = {f"{self._spool.new}/{name}": error for name, error in self._pass.faults.items()}
        drained.left = self._pass.passed_over
        return drained

    def _scan(self) -> list[str]:
        names = self._pass.scan()
        if names and self._drained.accepted:
            time.sleep(GATHER_S)
            names = self._pass.scan()
        return names

    def _deliver(self, transport: Transport, names: Sequence[str]) -> bool:
        """Deliver what the files `names` hold; return whether any of that has an outcome now."""
        has_outcomes = False
        left = iter(names)
        while parcels := make_parcels(self._next_entries(left), self._monitor.wording, time.time()):
            for outcomes in transport.deliver(parcels):
                self._take(outcomes)
                has_outcomes = True
        return has_outcomes

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
        accepted = [entry for outcome in outcomes if outcome.is_accepted for entry in outcome.parcel.entries]
        # The monitor has these. A failure from here on can only deliver twice, never lose.
        count_outcomes(self._spool, outcomes, self._counts_denials)
        self._pass.accept(accepted)
        for outcome in outcomes:
            if not outcome.is_accepted:
                self._reject(outcome)
        self._drained.accepted += len(accepted)
        if accepted and self._on_accepted:
            self._on_accepted(len(accepted))

    def _reject(self, outcome: Outcome) -> None:
        for entry in outcome.parcel.entries:
            self._state.reject(entry.name, outcome.rejection, time.time())
            self._pass.faults[entry.name] = RejectedError(outcome.rejection, self._monitor)
