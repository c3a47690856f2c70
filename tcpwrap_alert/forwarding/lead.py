"""The forwarder: the process that a drop starts when nobody leads, and that speaks through syslog only.

    handle_tcp_wrapper  drops a queue file and, if nobody leads, starts `lead`. It drains until a scan finds nothing,
                        resigns, scans once more. While the monitor is out of reach it stays leader but leaves the
                        lock, with growing pauses, so that a storm during an outage costs drops only; then it leaves.
                        It stays so, too, while an episode is on (staying.py).

Promises (spool/ and `drain.py` have the others):

P5  A drop that finds a leader leaves its file to it. The leader resigns before its last scan, so the file is either
    seen by that scan or its drop finds no leader.
P10 Root is dropped before a queue file is read or anything is sent.
"""

from __future__ import annotations

import os
import time

from ..config.read import read_config
from ..errors import NotDelivered, SpoolBusy, SpoolError, TcpwrapAlertError
from ..spool.files import try_flock
from ..spool.passes import WRITING_GRACE_S
from ..spool.spool import Spool
from ..system_log import tell
from .attempt import PAUSES_S, attempt, emptied_within, pause_of
from .drain import GATHER_S, Drained, raise_faults
from .metrics import write_metrics
from .staying import Stay
from .submit import describe, submit_or_send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config.read import Config
    from ..spool.entry import Content

RESIGNING_S = 1.0  # a leader that has let go of `leader` lets go of its lock within this time


def drop(content: Content, config: Config, lock_fd: int, on_safe: Callable[[], None]) -> None:
    """Do what handle_tcp_wrapper could not: enqueue `content` in a spool that has to be made, or send it; then lead.

    Args:
        lock_fd: whoever holds the lock of this open file does so, one at a time; it is closed when that is done.
            Without such a file, or on a file system that has no locks, nobody is held up.
        on_safe: called when the content is in the spool, or was sent.

    Raises:
        SpoolBusy: somebody else holds the lock; nothing was done.
        TcpwrapAlertError: as `submit_or_send` and `lead`.
    """
    try:
        is_first = try_flock(lock_fd)
    except OSError:
        is_first = True
    if not is_first:
        raise SpoolBusy(f"another denial is being sent, so syslog alone has this one: {describe(content)}")
    spool = Spool(config.spool_dirs[0])
    submitted = submit_or_send(content, spool, config)
    on_safe()
    os.closerange(lock_fd, lock_fd + 1)
    if submitted is not None:
        submitted.close()
        lead(spool, config)


def lead(spool: Spool, config: Config) -> None:
    """Forward until nothing waits that could go.

    Args:
        config: for the first attempt; each later one reads the configuration anew, so that a repair counts.

    Raises:
        TcpwrapAlertError: why something still waits after five minutes of trying.
    """
    spool.drop_root()
    try:
        _lead(spool, config)
    finally:
        try:
            write_metrics(config)
        except TcpwrapAlertError as error:
            tell(str(error))


def _lead(spool: Spool, config: Config) -> None:
    idle_since_s = time.monotonic()
    stay = Stay(spool, config)
    faults: dict[str, TcpwrapAlertError] = {}
    while spool.leader.take(RESIGNING_S):
        seen = _names(spool)
        drained, failure = Drained(), None
        try:
            drained = _drain_with_pauses(spool, config)
            while not drained.faults and stay.finds_more(drained.left):
                drained = _drain_with_pauses(spool, stay.config)
        except NotDelivered as error:
            if not isinstance(error.why, SpoolError):
                raise
            drained.left, failure = seen, error  # perhaps of one file: it must not cost the last scan
        finally:
            spool.leader.resign()
        faults.update(drained.faults)  # a result that was rejected rests in the next round, and is not told again
        is_done = _names(spool) <= drained.left
        if is_done and failure:
            raise failure
        if drained.accepted:
            idle_since_s = time.monotonic()
        # What is without its end mark for so long has a drop that leads, if it ever completes.
        if is_done or time.monotonic() - idle_since_s > WRITING_GRACE_S:
            raise_faults(faults)
            return
        # Without any accepted a file is still being written; its drop leads if it completes before us.
        time.sleep(GATHER_S if drained.accepted else 1)
        config = read_config(config.path)


def _names(spool: Spool) -> set[str]:
    try:
        return set(spool.scan())
    except SpoolError:
        return set()


def _drain_with_pauses(spool: Spool, config: Config) -> Drained:
    """Deliver; while that fails, pause and try again. Raise the last failure after five minutes."""
    for number, pause_s in enumerate((*PAUSES_S, 0)):
        if _has_several_monitors(config):
            from .sharing import share

            return share(spool, config)  # it pauses for each monitor by itself
        try:
            return attempt(spool, config)
        except NotDelivered as error:
            # A fault of the disk does not pass, and must not keep what comes next waiting.
            if isinstance(error.why, SpoolError) or not pause_s:
                raise
            if number == 0:
                tell(f"{error}; kept in the spool, trying again for five minutes")
        if emptied_within(spool, pause_of(pause_s)):
            break
        config = read_config(config.path)
    return Drained()


def _has_several_monitors(config: Config) -> bool:
    return config.fault is None and len(config.monitors) > 1
