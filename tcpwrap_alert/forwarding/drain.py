"""Draining the spool: all that waits to the monitor, oldest first, in batches of one connection each.

Whoever drains holds the lock, so there is one sender per spool; who may drain, and when, is `forward.py`'s.

Promises (`spool.py` and `forward.py` have the others):

P3  A queue file goes only after the transport returned without an error.
P4  A failure to deliver ends the run and leaves every file in its place, within the bounds of `bounds.py`: the next
    batch would meet the same monitor, so it is not tried.
P6  A run has the transport's deadline for each connection; waiting for the lock has the same.
"""

from __future__ import annotations

import time

from ..config.read import load_config
from ..errors import OutcomeUnknown, SpoolError, TcpwrapAlertError
from ..spool.entries import read_waiting
from ..spool.files import Uninterrupted
from ..system_log import tell
from ..transports import find_transport
from .fold import make_parcels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..config.read import Config
    from ..spool.entries import Waiting
    from ..spool.spool import Spool
    from ..transports import Transport
    from .fold import Parcel

FIRST_BATCH = 64
GATHER_S = 0.1  # in a storm there is more already when a pass is over: for so long it gathers for the next connection
# What is read, and folded, before the first of it is sent: this bounds the memory.
PASS_SIZE = 10_000
PASS_CHARACTERS = 2_000_000


def drain(spool: Spool, config_path: str | None = None, on_delivered: Callable[[int], None] | None = None) -> int:
    """Take the lock, deliver all that waits, oldest first, until a scan finds nothing new; return how many went.

    Raises:
        SpoolBusy: somebody else has held the lock for longer than one connection may take.
        TcpwrapAlertError: why the rest still waits; it is on disk, and `queue` shows the same reason.
    """
    batch = _Batch()
    config = None
    try:
        config = load_config(config_path)
        config.require_server()
        with spool.lock(config.monitor.timeout_s + 1):
            delivered = _drain_locked(spool, config, batch, on_delivered)
            spool.forget_last_error()
        return delivered
    except TcpwrapAlertError as error:
        _leave_waiting(spool, config, batch, error)
        raise


def _leave_waiting(spool: Spool, config: Config | None, batch: _Batch, error: TcpwrapAlertError) -> None:
    """Leave what waits on disk and within its bounds, and note why: in the spool, and how many in `error`.

    Without a usable configuration nobody knows the bounds.
    """
    from ..spool.bounds import keep_within_bounds

    error.deferred = 1
    try:
        is_verdict_unknown = isinstance(error, OutcomeUnknown)
        first_batch = max(batch.sent // 2, 1) if is_verdict_unknown else spool.last_error().first_batch
        error.deferred = spool.defer(str(error), first_batch)
    except SpoolError as second:
        _tell_second(second, error)
    if config:
        try:
            keep_within_bounds(spool, config)
        except SpoolError as second:
            _tell_second(second, error)


def _tell_second(second: SpoolError, error: TcpwrapAlertError) -> None:
    """Tell syslog what the caller does not hear: it gets the first error."""
    if str(second) != str(error):
        tell(str(second))


class _Batch:
    """How many results the next connection takes.

    A slow line must be able to take a batch within the deadline, or it would be sent again and again: after a deadline
    that came too early the next run begins with half as many, and only a quick success doubles the number.
    """

    def __init__(self) -> None:
        self.size = FIRST_BATCH
        self.sent = 0
        self._started = 0.0

    def start(self, count: int) -> None:
        self.sent = count
        self._started = time.monotonic()

    def succeeded(self, config: Config, limit: int) -> None:
        if time.monotonic() - self._started < config.monitor.timeout_s / 4:
            self.size = min(self.size * 2, limit)


def _drain_locked(spool: Spool, config: Config, batch: _Batch, on_delivered: Callable[[int], None] | None) -> int:
    transport = find_transport(config)  # a socket is loaded only when there is something to send to one
    spool.check_removable()
    batch.size = min(spool.last_error().first_batch or FIRST_BATCH, transport.MAX_BATCH)
    faults: dict[str, SpoolError] = {}
    delivered = delivered_before = 0
    while True:
        names = [name for name in spool.scan() if name not in faults]
        if delivered and names:
            time.sleep(GATHER_S)
            names = [name for name in spool.scan() if name not in faults]
        left = iter(names)
        while parcels := make_parcels(_next_pass(spool, left, faults), config, time.time()):
            while parcels:
                count = transport.max_batch(config, [parcel.result for parcel in parcels[: batch.size]])
                sending, parcels = parcels[:count], parcels[count:]
                batch.start(count)
                transport.deliver(config, [(p.result, _time_beside_text(p, transport)) for p in sending])
                # The monitor has them. A failure from here on can only deliver twice, never lose.
                batch.succeeded(config, transport.MAX_BATCH)
                sent = [name for parcel in sending for name in parcel.names]
                with Uninterrupted(len(sent)):
                    _remove_delivered(spool, sent, faults)
                delivered += len(sent)
                if on_delivered:
                    on_delivered(len(sent))
        if delivered == delivered_before:
            break
        delivered_before = delivered
    for error in faults.values():
        raise error
    return delivered


def _time_beside_text(parcel: Parcel, transport: Transport) -> float | None:
    return None if parcel.has_time and not transport.KEEPS_TIME else parcel.at_s


def _next_pass(spool: Spool, names: Iterator[str], faults: dict[str, SpoolError]) -> list[Waiting]:
    """Return what the next of `names` hold: so many that memory stays within its bounds."""
    waiting = []
    characters = 0
    for entry, what in read_waiting(spool, names, faults):
        waiting.append((entry, what))
        characters += sum(map(len, entry.fields.values()))
        if len(waiting) >= PASS_SIZE or characters >= PASS_CHARACTERS:
            break
    return waiting


def _remove_delivered(spool: Spool, names: Iterable[str], faults: dict[str, SpoolError]) -> None:
    for name in names:
        try:
            spool.remove(name)
        except SpoolError as error:
            faults[name] = error
