"""The monitors: whether each of their nodes can be reached and would take a result, and what becomes of one.

All nodes are looked at together, each in a thread, so that dead ones cost no more time than one.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from ..check_result import CheckResult, format_time
from ..config.read import read_config
from ..errors import TcpwrapAlertError
from ..transports import Parcel, module_of, open_transport, takes_denials_only
from ..transports.nodes import NODE
from ..transports.remarks import FAIL, OK, WARN, Remark
from .finding import Finding
from .places import addresses_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..config.read import Config
    from ..config.values import Monitor

SUBJECT = "monitor"
EXAMINED_S = 15.0
SENT_S = 60.0
TEXT = "Alerts arrive: sent by tcpwrap-alert check"

Look = tuple[str, "Callable[[], Iterable[Remark]]"]


def examine_monitors(config: Config, sends: bool) -> Iterator[Finding]:
    """Look at each monitor as the owner of the spool, who sends; if `sends`, submit a result to each.

    Whoever calls this has become that owner, so the configuration is read again.
    """
    if config.fault:
        return  # told already
    if fault := read_config(config.path).fault:
        what = f"the owner of the spool, who sends, cannot use the configuration: {fault}"
        yield Finding(SUBJECT, FAIL, what, f"Let that user read it: chgrp tcpwrap-alert {config.path}.")
        return
    nodes = [(monitor, number) for monitor in config.monitors for number in range(len(monitor.targets))]
    yield from _look_together([_examination(monitor, number) for monitor, number in nodes], EXAMINED_S)
    for monitor in config.monitors:
        yield from _quiet_ones(monitor)
    if sends:
        yield from _look_together([_submission(monitor) for monitor in config.monitors], SENT_S)


def _examination(monitor: Monitor, number: int) -> Look:
    target = monitor.targets[number]
    examine = module_of(monitor).examine
    return _name(monitor, target), lambda: examine(target)


def _submission(monitor: Monitor) -> Look:
    return _name(monitor, monitor), lambda: _submit(monitor)


def _name(monitor: Monitor, place: object) -> str:
    return f"[{monitor.name}] {place}" if monitor.name else str(place)


def _look_together(looks: list[Look], limit_s: float) -> Iterator[Finding]:
    """Yield what all looks find, in their order; those that take longer than that are left."""
    found: list[list[Remark]] = [[] for _ in looks]
    threads = [
        threading.Thread(target=_collect, args=(look, remarks), daemon=True) for (_, look), remarks in zip(looks, found)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit_s
    for (name, _), thread, remarks in zip(looks, threads, found):
        thread.join(max(deadline - time.monotonic(), 0))
        is_late = thread.is_alive()
        for remark in list(remarks):
            yield Finding(SUBJECT, remark.state, f"{name}: {remark.text}", remark.todo)
        if is_late:
            yield Finding(SUBJECT, FAIL, f"{name}: no answer within {limit_s:g} s", "See docs/troubleshooting.md.")


def _collect(look: Callable[[], Iterable[Remark]], remarks: list[Remark]) -> None:
    try:
        for remark in look():
            remarks.append(remark)
    except TcpwrapAlertError as error:
        text = getattr(error, "reason", "") or str(error)
        remarks.append(Remark(FAIL, text, "See docs/troubleshooting.md."))
    except (OSError, ValueError) as error:
        remarks.append(Remark(FAIL, f"{type(error).__name__}: {error}"))


def _quiet_ones(monitor: Monitor) -> Iterator[Finding]:
    quiet = monitor.wording.quiet
    for address in addresses_of(monitor):
        if quiet and quiet.has(address):
            what = f"quiet has {address}, which is this monitor's own: what it is denied, you hear of once a day"
            yield Finding(SUBJECT, WARN, what, f"Let it in instead: add 'ALL: {address}' to /etc/hosts.allow.")


def _submit(monitor: Monitor) -> Iterator[Remark]:
    """Send an OK past the spool, so that no episode of this host ends, and nothing of it is kept."""
    module = module_of(monitor)
    if takes_denials_only(monitor):
        yield Remark(OK, "takes denials only, so nothing was sent", "Try 'tcpwrap-alert deny test 203.0.113.7'.")
        return
    now_s = time.time()
    wording = monitor.wording
    result = CheckResult(wording.host_name, wording.service_description, 0, f"{TEXT} at {format_time(now_s)}")
    memory: dict[str, str] = {}
    with open_transport(monitor, memory) as transport:
        for outcomes in transport.deliver([Parcel(result, now_s)]):
            for outcome in outcomes:
                if not outcome.is_accepted:
                    yield Remark(FAIL, f"rejected: {outcome.rejection}", "Correct host_name, or the monitor's objects.")
                    return
    yield Remark(OK, f"accepted as {result.host_name};{result.service_description}: {result.plugin_output}")
    if hasattr(module, "read_back"):
        yield from module.read_back(monitor.targets[int(memory.get(NODE, "0"))], result)
