"""Who forwards what waits in the spool, and when to stop. All of them drain it (`drain.py`):

    handle_tcp_wrapper  drops a queue file and, if nobody leads, starts `lead`: it drains until a scan finds nothing,
                        resigns, scans once more. While the monitor is out of reach it stays leader but leaves the
                        lock, with growing pauses, so that a storm during an outage costs drops only; then it leaves.
    replay              cron's run: takes the lock and tries at once, whoever waits, and removes a stale leader.
    submit              what people call (`submit_check_result`, `deny`, `submit`): enqueues, then drains once.

Promises (`spool.py` and `drain.py` have the others):

P2  `submit` returns only when the result is at the monitor; an error with `deferred` set says that it waits on disk.
P5  A drop that finds a leader leaves its file to it. The leader resigns before its last scan, so the file is either
    seen by that scan or its drop finds no leader.
P8  When the spool cannot be written, the result is sent directly, and syslog says so.
P10 Root is dropped before a queue file is read or written or a socket opened; where the spool is has to be read before.
"""

from __future__ import annotations

import time

from ..check_result import shown
from ..config.read import find_spool_dirs, load_config
from ..errors import SpoolError, TcpwrapAlertError
from ..spool.entries import open_entry
from ..spool.spool import Spool
from ..system_log import tell
from ..transports import find_transport
from .drain import GATHER_S, drain
from .fold import make_check_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..spool.queue_file import Entry

RESIGNING_S = 1.0  # a leader that has let go of `leader` lets go of its lock within this time
PAUSES_S = (5, 10, 20, 40, 60, 60, 60, 45)  # five minutes in all


def submit(entry: Entry, config_path: str | None = None) -> None:
    """Enqueue `entry` and try once to deliver all that waits.

    Raises:
        SpoolError: neither the spool nor the monitor could be reached; syslog has the entry.
        TcpwrapAlertError: any other: the entry is in the spool, on disk, and the error says why it waits.
    """
    submit_all((entry,), config_path)


def submit_all(entries: Iterable[Entry], config_path: str | None = None) -> None:
    """Enqueue all `entries`, then try once to deliver all that waits. Raises what `submit` raises."""
    spool = Spool(find_spool_dirs(config_path)[0])
    names = []
    lost: SpoolError | None = None
    for entry in entries:
        try:
            name = _enqueue_or_send(entry, spool, config_path, lost)
        except SpoolError as error:
            lost = lost or error
        else:
            names += [name] if name else []
    try:
        if names:
            drain(spool, config_path)
    except TcpwrapAlertError:
        # Ours may be gone all the same: delivered in an earlier batch of this run or by another process.
        if any(spool.is_waiting(name) for name in names):
            raise
    if lost:
        raise lost


def drop(entry: Entry) -> None:
    """Do what handle_tcp_wrapper could not: enqueue `entry` in a spool that has to be made, or send it; then lead.

    Raises:
        TcpwrapAlertError: as `submit` and `lead`.
    """
    spool = Spool(find_spool_dirs()[0])
    if _enqueue_or_send(entry, spool, None) is not None:
        lead(spool)


def replay(config_path: str | None = None, on_delivered: Callable[[int], None] | None = None) -> None:
    """Deliver all that waits, now.

    Args:
        on_delivered: called after each batch with the number of results delivered.

    Raises:
        TcpwrapAlertError: why something still waits; what was delivered before that is out of the spool.
    """
    failures: list[TcpwrapAlertError] = []
    for path in find_spool_dirs(config_path):
        spool = Spool(path)
        try:
            spool.drop_root()
            spool.leader.remove_if_stale()
        except TcpwrapAlertError as error:
            failures.append(error)  # told at the end: it holds nothing up
        try:
            if not spool.is_empty():
                drain(spool, config_path, on_delivered)
        except TcpwrapAlertError as error:
            failures.append(error)
    if failures:
        raise failures[-1]


def lead(spool: Spool, config_path: str | None = None) -> None:
    """Forward until nothing waits: the process that a drop starts when nobody leads. It speaks through syslog only.

    Raises:
        TcpwrapAlertError: why something still waits after five minutes of trying.
    """
    spool.drop_root()
    while spool.leader.take(RESIGNING_S):
        known = _names(spool)
        delivered, failure = 0, None
        try:
            delivered = _drain_with_pauses(spool, config_path)
        except SpoolError as error:
            failure = error  # perhaps of one file: it must not cost the last scan
        finally:
            spool.leader.resign()
        if failure and _names(spool) <= known:
            raise failure
        if spool.is_empty():
            return
        # Without any delivered a file is still being written; its drop leads if it completes before us.
        time.sleep(GATHER_S if delivered else 1)


def _names(spool: Spool) -> set[str]:
    try:
        return set(spool.scan())
    except SpoolError:
        return set()


def _drain_with_pauses(spool: Spool, config_path: str | None) -> int:
    """Drain; while that fails, pause and try again. Return how many went; raise the last failure after five minutes."""
    for attempt, pause_s in enumerate((*PAUSES_S, 0)):
        try:
            return drain(spool, config_path)
        except SpoolError:
            raise  # a fault of the disk does not pass, and must not keep what comes next waiting
        except TcpwrapAlertError as error:
            if not pause_s:
                raise
            if attempt == 0:
                tell(f"{error}; kept in the spool, trying again for five minutes")
        if _emptied_within(spool, pause_s):
            break
    return 0


def _emptied_within(spool: Spool, pause_s: int) -> bool:
    """Pause without the lock; return early, with True, once a replay has delivered everything."""
    for _ in range(pause_s):
        time.sleep(1)
        if spool.is_empty():
            return True
    return False


def _enqueue_or_send(entry: Entry, spool: Spool, config_path: str | None, lost: SpoolError | None = None) -> str | None:
    """Enqueue `entry` and return the name of its file; None if it had to be sent directly instead (P8).

    After another entry could not even be sent, `lost`, the monitor is not tried again.
    """
    try:
        spool.drop_root()
        return spool.enqueue(entry)
    except SpoolError as error:
        try:
            if lost:
                raise lost
            _send_directly(entry, config_path)
        except (Exception, SystemExit) as second:
            what = " ".join(f"{field}={shown(value)}" for field, value in entry.fields.items())
            tell(f"{error}; {second}; lost: {entry.kind} {what}")
            raise SpoolError(f"{error}; and sending it directly failed: {second}") from second
        tell(f"{error}; sent directly instead")
        return None


def _send_directly(entry: Entry, config_path: str | None) -> None:
    config = load_config(config_path)
    config.require_server()
    result = make_check_result(entry, open_entry(entry), config)
    find_transport(config).deliver(config, [(result, time.time())])
