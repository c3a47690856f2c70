"""Who forwards what waits in the spool, in what order, and when to stop.

Three ways lead here, and all of them drain the spool oldest first, in batches of one connection each:

    handle_tcp_wrapper  drops a queue file and, if nobody leads, becomes `lead`: it drains until a scan finds nothing,
                        resigns, scans once more. While the monitor is out of reach it stays leader but leaves the
                        lock, with growing pauses, so that a storm during an outage costs drops only; then it leaves.
    replay              cron's run: takes the lock and tries at once, whoever waits, and removes a stale leader.
    submit              what people call (`submit_check_result`, `deny`, `submit`): enqueues, then drains once.

Promises (`spool.py` has the others):

P2  `submit` returns only when the result is at the monitor; any error it raises after enqueueing says that it waits.
P3  A queue file goes only after the transport returned without an error.
P4  A fault in one file sets that file aside; any other failure ends the run and leaves every file in its place. The
    next batch would meet the same monitor, so it is not tried.
P5  A drop that finds a leader leaves its file to it. The leader resigns before its last scan, so the file is either
    seen by that scan or its drop finds no leader.
P6  A run has the transport's deadline for each connection; waiting for the lock has the same.
P8  When the spool cannot be written, the result is sent directly, and syslog says so.
P10 Root is dropped before the configuration is read or a socket opened.
"""

from __future__ import annotations

import time

from .check_result import CheckResult, clean, shown
from .config import find_spool_dirs, load_config
from .denial import Denial
from .errors import CheckResultError, QueueFileCorrupt, SpoolError, TcpwrapAlertError, VerdictUnknown
from .queue_file import Entry
from .spool import Spool
from .system_log import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .config import Config

DENIAL = "denial"
CHECK_RESULT = "check_result"

FIRST_BATCH = 64
# Daemons need up to two seconds for a conversation; from this age on the monitor's "now" misleads.
LATE_AFTER_S = 10.0
PAUSES_S = (5, 10, 20, 40, 60, 60, 60, 45)  # five minutes in all


def denial_entry(denial: Denial) -> Entry:
    """Return the spool entry of a denial, with the fields that handle_tcp_wrapper writes."""
    fields = ("client", "daemon", "address", "user")
    return Entry(DENIAL, {field: getattr(denial, field) for field in fields})


def check_result_entry(result: CheckResult) -> Entry:
    """Return the spool entry of a check result."""
    fields = ("host_name", "service_description", "return_code", "plugin_output")
    return Entry(CHECK_RESULT, {field: str(getattr(result, field)) for field in fields})


def entry_check_result(entry: Entry, config: Config) -> CheckResult:
    """Return the check result that an entry stands for.

    Raises:
        CheckResultError: the entry is of another kind, lacks a field or holds values that are no check result.
    """
    fields = entry.fields
    try:
        if entry.kind == DENIAL:
            denial = Denial(**fields)
            return denial.check_result(config.host_name, config.service_description, config.return_code, config.output)
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


def submit(entry: Entry, config_path: str | None = None) -> None:
    """Enqueue `entry` and try once to deliver all that waits.

    Raises:
        SpoolError: neither the spool nor the monitor could be reached; syslog has the entry.
        TcpwrapAlertError: any other: the entry is in the spool, on disk, and the error says why it waits.
    """
    spool = Spool(find_spool_dirs(config_path)[0])
    name = _enqueue_or_send(entry, spool, config_path)
    if name is None:
        return
    try:
        drain(spool, config_path)
    except TcpwrapAlertError:
        # Ours may be gone all the same: delivered in an earlier batch of this run or by another process.
        if spool.is_waiting(name):
            raise


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
    while spool.leader.take():
        try:
            delivered = _drain_with_pauses(spool, config_path)
        finally:
            spool.leader.resign()
        if spool.is_empty():
            return
        if not delivered:
            time.sleep(1)  # a file is still being written; its drop leads if it completes before us


def drain(spool: Spool, config_path: str | None = None, on_delivered: Callable[[int], None] | None = None) -> int:
    """Take the lock, deliver all that waits, oldest first, until a scan finds nothing new; return how many went.

    Raises:
        SpoolBusy: somebody else has held the lock for longer than one connection may take.
        TcpwrapAlertError: why the rest still waits; it is on disk, and `queue` shows the same reason.
    """
    batch = _Batch()
    try:
        config = load_config(config_path)
        config.require_server()
        with spool.lock(config.monitor.timeout_s + 1):
            delivered = _drain_locked(spool, config, batch, on_delivered)
            spool.forget_last_error()
        return delivered
    except TcpwrapAlertError as error:
        error.deferred = 1
        try:
            error.deferred = spool.defer(
                str(error), max(batch.size // 2, 1) if isinstance(error, VerdictUnknown) else 0
            )
        except SpoolError as second:
            tell(str(second))  # what the caller has to hear is the first
        raise


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
    from .transports import nsca as transport  # a socket is loaded only when there is something to send

    spool.check_removable()
    limit = transport.max_batch(config)
    batch.size = min(spool.last_error().first_batch or FIRST_BATCH, limit)
    faults: dict[str, SpoolError] = {}
    delivered = delivered_before = 0
    while True:
        names = [name for name in spool.scan() if name not in faults]
        while names:
            results = _read_batch(spool, config, names[: batch.size], faults)
            names = names[batch.size :]
            if not results:
                continue
            batch.start()
            transport.deliver(config, list(results.values()))
            # The monitor has them. A failure from here on can only deliver twice, never lose.
            batch.succeeded(config, limit)
            _remove_delivered(spool, results, faults)
            delivered += len(results)
            if on_delivered:
                on_delivered(len(results))
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


def _read_batch(
    spool: Spool, config: Config, names: list[str], faults: dict[str, SpoolError]
) -> dict[str, CheckResult]:
    """Return the check results of the queue files `names`; set bad files aside, note unreadable ones in `faults`."""
    results = {}
    for name in names:
        try:
            entry = spool.maybe_read(name)
            if entry is not None:
                results[name] = _dated_if_late(entry_check_result(entry, config), entry.enqueued_at_ns / 1e9)
        except (QueueFileCorrupt, CheckResultError) as error:
            _set_aside(spool, name, error, faults)
        except SpoolError as error:
            faults[name] = error
    return results


def _set_aside(spool: Spool, name: str, reason: Exception, faults: dict[str, SpoolError]) -> None:
    try:
        target = spool.set_aside(name)
    except SpoolError as error:
        faults[name] = error
    else:
        tell(f"{reason}; moved to {target}, nothing was sent")


def _dated_if_late(result: CheckResult, enqueued_at_s: float) -> CheckResult:
    is_late = abs(time.time() - enqueued_at_s) > LATE_AFTER_S
    return result.dated(enqueued_at_s) if is_late else result


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


def _enqueue_or_send(entry: Entry, spool: Spool, config_path: str | None) -> str | None:
    """Enqueue `entry` and return the name of its file; None if it had to be sent directly instead (P8)."""
    spool.drop_root()
    try:
        return spool.enqueue(entry)
    except SpoolError as error:
        _send_directly(entry, error, config_path)
        return None


def _send_directly(entry: Entry, error: SpoolError, config_path: str | None) -> None:
    from .transports import nsca as transport

    try:
        config = load_config(config_path)
        config.require_server()
        transport.deliver(config, [entry_check_result(entry, config)])
    except (Exception, SystemExit) as second:
        what = " ".join(f"{field}={shown(value)}" for field, value in entry.fields.items())
        tell(f"{error}; {second}; lost: {entry.kind} {what}")
        raise SpoolError(f"{error}; and sending it directly failed: {second}") from second
    tell(f"{error}; sent directly instead")
