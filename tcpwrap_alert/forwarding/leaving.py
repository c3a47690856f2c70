"""Leaving what waits when it cannot be delivered: on disk, within its bounds, with the reason that `queue` shows."""

from __future__ import annotations

import time

from ..errors import NotDelivered, SpoolBusy, SpoolError, TcpwrapAlertError
from ..system_log import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.values import Monitor
    from ..spool.spool import Spool
    from ..spool.state import State


def leave(spool: Spool, error: TcpwrapAlertError, monitor: Monitor | None = None) -> NotDelivered:
    """Leave what waits although no run could begin: on disk, and noted unless somebody else is at work.

    Without a usable configuration nobody knows the bounds.
    """
    try:
        with spool.lock(0):
            state = spool.read_state()
            failure = leave_waiting(spool, monitor, state, error)
            spool.write_state(state)
            return failure
    except SpoolBusy:
        return NotDelivered(error, _sync(spool, 0.0, error))
    except SpoolError as second:
        _tell_second(second, error)
        return NotDelivered(error, 1)


def leave_waiting(spool: Spool, monitor: Monitor | None, state: State, error: TcpwrapAlertError) -> NotDelivered:
    """Leave what waits on disk, within its bounds, and note why.

    Only files younger than the last failure are synced: the older ones were synced then.
    """
    from ..spool.bounds import keep_within_bounds

    now_s = time.time()
    synced_until_s = state.failed_at_s if state.failed_at_s <= now_s else 0.0  # the clock was set back
    waiting = _sync(spool, synced_until_s - 1, error)
    state.fail(str(error), now_s, error.exit_status)
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
