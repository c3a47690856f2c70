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

from .config import Config, load_config
from .entries import read_waiting
from .errors import SpoolError, TcpwrapAlertError, VerdictUnknown
from .fold import make_parcels
from .system_log import tell
from .transports import find_transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .spool import Spool

FIRST_BATCH = 64
GATHER_S = 0.1  # in a storm there is more already when a pass is over: for so long it gathers for the next connection
PASS_SIZE = 10000  # queue files that are read, and folded, before the first of them is sent: this bounds the memory


def drain(spool: Spool, config_path: str | None = None, on_delivered: Callable[[int], None] | None = None) -> int:
    """Take the lock, deliver all that waits, oldest first, until a scan finds nothing new; return how many went.

    Raises:
        SpoolBusy: somebody else has held the lock for longer than one connection may take.
        TcpwrapAlertError: why the rest still waits; it is on disk, and `queue` shows the same reason.
    """
    batch = _Batch()
    config = Config("")
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


def _leave_waiting(spool: Spool, config: Config, batch: _Batch, error: TcpwrapAlertError) -> None:
    """Leave what waits on disk and within its bounds, and note why: in the spool, and how many in `error`."""
    from .bounds import keep_within_bounds

    error.deferred = 1
    try:
        was_too_much = isinstance(error, VerdictUnknown)
        first_batch = max(batch.size // 2, 1) if was_too_much else spool.last_error().first_batch
        error.deferred = spool.defer(str(error), first_batch)
        keep_within_bounds(spool, config)
    except SpoolError as second:
        if str(second) != str(error):
            tell(str(second))  # what the caller has to hear is the first


class _Batch:
    """How many results the next connection takes.

    A slow line must be able to take a batch within the deadline, or it would be sent again and again: after a deadline
    that came too early the next run begins with half as many, and only a quick success doubles the number.
    """

    def __init__(self) -> None:
        self.size = FIRST_BATCH
        self._started = 0.0

    def start(self) -> None:
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
        for start in range(0, len(names), PASS_SIZE):
            waiting = read_waiting(spool, names[start : start + PASS_SIZE], faults)
            parcels = make_parcels(waiting, config, time.time())
            while parcels:
                count = transport.max_batch(config, [parcel.result for parcel in parcels[: batch.size]])
                batch.start()
                timed = [(parcel.result, None if parcel.has_time else parcel.at_s) for parcel in parcels[:count]]
                transport.deliver(config, timed)
                # The monitor has them. A failure from here on can only deliver twice, never lose.
                batch.succeeded(config, transport.MAX_BATCH)
                sent = [name for parcel in parcels[:count] for name in parcel.names]
                _remove_delivered(spool, sent, faults)
                parcels = parcels[count:]
                delivered += len(sent)
                if on_delivered:
                    on_delivered(len(sent))
        if delivered == delivered_before:
            break
        delivered_before = delivered
    for error in faults.values():
        raise error
    return delivered


def _remove_delivered(spool: Spool, names: Iterable[str], faults: dict[str, SpoolError]) -> None:
    for name in names:
        try:
            spool.remove(name)
        except SpoolError as error:
            faults[name] = error
