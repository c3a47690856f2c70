"""Submitting: what people and scripts call. Each result goes into the spool first, and then to the monitor.

Promises (spool/ and `drain.py` have the others):

P2  Success is reported only if every monitor accepted the caller's own results. Any error but SpoolError says that they
    wait on disk.
P8  When the spool cannot be written, a result is sent directly, and syslog says so.
P10 Root is dropped before a queue file is written or anything is sent.
"""

from __future__ import annotations

import itertools
import os
import time

from ..check_result import format_time, shown
from ..errors import NotDelivered, RejectedError, SpoolBusy, SpoolError, TcpwrapAlertError, WindowOpen
from ..spool.entry import Entry
from ..spool.spool import Spool
from ..system_log import tell
from ..transports import Parcel, open_transport
from .attempt import attempt
from .boxes import boxes_of, is_shared
from .counting import count_denials
from .fold import make_check_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..config.read import Config
    from ..config.values import Monitor
    from ..spool.entry import Content
    from ..spool.submitted import Submitted

AT_ONCE = 256  # results whose files are kept open to learn their outcome


def submit(content: Content, config: Config) -> None:
    """Enqueue `content` and try once to deliver all that waits.

    Raises:
        SpoolError: neither the spool nor the monitor could be reached; syslog has the content.
        TcpwrapAlertError: any other: the content is in the spool, on disk, and the error says why it waits.
    """
    submit_all((content,), config)


def submit_all(contents: Iterable[Content], config: Config) -> None:
    """Enqueue all `contents`, and try to deliver all that waits, until that fails. Raises what `submit` raises."""
    spool = Spool(config.spool_dirs[0])
    left = iter(contents)
    lost: SpoolError | None = None
    failure: NotDelivered | None = None
    for first in left:
        # Each is enqueued as it comes: nobody knows when the next will.
        chunk = itertools.chain((first,), itertools.islice(left, AT_ONCE - 1))
        submitted, lost = _enqueue_all(chunk, spool, config, lost)
        try:
            if failure:
                failure.waiting += len(submitted)  # the same monitor would be met again
            elif submitted:
                _deliver(submitted, spool, config)
        except NotDelivered as error:
            failure = error
        finally:
            for item in submitted:
                item.close()
    if lost:
        raise lost
    if failure:
        raise failure


def _enqueue_all(
    contents: Iterable[Content], spool: Spool, config: Config, lost: SpoolError | None
) -> tuple[list[Submitted], SpoolError | None]:
    spools = _spools(spool, config)
    submitted: list[Submitted] = []
    for content in contents:
        try:
            items = _submit_to_each(content, spools) if len(spools) > 1 else []
            if items:
                count_denials(spool, [Entry("", time.time_ns(), content)])
            if not items and (item := submit_or_send(content, spool, config, lost)):
                items = [item]
            submitted += items
        except SpoolError as error:
            lost = lost or error
    return submitted, lost


def _submit_to_each(content: Content, spools: list[Spool]) -> list[Submitted]:
    """Enqueue in the box of each monitor; in none if one cannot be written."""
    submitted: list[Submitted] = []
    try:
        for spool in spools:
            submitted.append(spool.submit(content))
    except SpoolError:
        for spool, item in zip(spools, submitted):
            item.close()
            _withdraw(item, spool)
        return []
    return submitted


def _withdraw(item: Submitted, spool: Spool) -> None:
    try:
        spool.remove(os.path.basename(item.path))
    except SpoolError:
        pass  # this monitor gets it twice


def _spools(spool: Spool, config: Config) -> list[Spool]:
    """Return where a result goes whose outcome somebody waits for: with several monitors, to the box of each."""
    try:
        boxes = boxes_of(spool, config.monitors)
        if is_shared(boxes, spool):
            spool.drop_root()
            spool.make_boxes()
            return [box.spool for box in boxes]
    except TcpwrapAlertError:
        pass  # told when the result is safe in the inbox
    return [spool]


def _deliver(submitted: list[Submitted], spool: Spool, config: Config) -> None:
    """Make an attempt; raise NotDelivered unless all of `submitted` were accepted, by us or by whoever was quicker."""
    failure: NotDelivered | None = None
    faults: dict[str, TcpwrapAlertError] = {}
    try:
        faults = attempt(spool, config).faults
    except NotDelivered as error:
        failure = error
    missing = [item for item in submitted if not item.is_accepted()]
    if missing:
        raise failure or _why_missing(missing, faults)


def _why_missing(missing: list[Submitted], faults: dict[str, TcpwrapAlertError]) -> NotDelivered:
    """Return why a result was not accepted although the monitor takes results."""
    path = missing[0].path
    box, name = Spool(os.path.dirname(os.path.dirname(path))), os.path.basename(path)
    why: TcpwrapAlertError
    if path in faults:
        why = faults[path]
    elif rejection := box.read_state().rejected.get(name):
        why = RejectedError(rejection.reason)
    elif missing[0].is_counted() and (until_s := box.until_s()) is not None:
        why = WindowOpen(
            f"the monitor knows of such denials already; this one is counted, and told at {format_time(until_s)}"
        )
    elif missing[0].is_counted():
        why = SpoolBusy(f"{path}: counted together with others, as too many waited")
    else:
        why = SpoolBusy(f"{path}: another process has it, or the spool was moved")
    return NotDelivered(why, len(missing))


def submit_or_send(content: Content, spool: Spool, config: Config, lost: SpoolError | None = None) -> Submitted | None:
    """Enqueue `content` and return its file; None if it had to be sent directly instead (P8).

    After another content could not even be sent, `lost`, the monitor is not tried again.

    Raises:
        SpoolError: neither was possible; syslog has the content.
    """
    try:
        spool.drop_root()
    except SpoolError:
        pass  # told by whoever wants to send; the file is safe in the spool, whoever wrote it
    try:
        return spool.submit(content)
    except SpoolError as error:
        try:
            if lost:
                raise lost
            _send_directly(content, spool, config)
        except (Exception, SystemExit) as second:
            tell(f"{error}; {second}; lost: {describe(content)}")
            raise SpoolError(f"{error}; and sending it directly failed: {second}") from second
        tell(f"{error}; sent directly instead: {describe(content)}", waits=False)  # the next one may want to be sent
        return None


def describe(content: Content) -> str:
    """Return what syslog is told of a content that is not in the spool: all of it."""
    return " ".join([content.kind, *(f"{field}={shown(value)}" for field, value in content.fields().items())])


def _send_directly(content: Content, spool: Spool, config: Config) -> None:
    """Send to each monitor. Raise the first failure, when the others have been tried."""
    spool.drop_root()
    failures: list[Exception] = []
    for monitor in config.monitors:
        try:
            _send_to(monitor, content)
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _send_to(monitor: Monitor, content: Content) -> None:
    now_s = time.time()
    result = make_check_result(Entry("", int(now_s * 1e9), content), monitor.wording)
    with open_transport(monitor, {}) as transport:
        for outcomes in transport.deliver([Parcel(result, now_s)]):
            for outcome in outcomes:
                if not outcome.is_accepted:
                    raise RejectedError(outcome.rejection, monitor)
