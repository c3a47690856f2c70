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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..config.read import Config
    from ..config.values import Monitor
    from .places import Places

SUBJECT = "monitor"
SEE = "Look whether it runs, and whether this host may reach it; docs/troubleshooting.md has a section for each error."
EXAMINED_S = 15.0
SENT_S = 60.0
TEXT = "Alerts arrive: sent by tcpwrap-alert check"

Look = tuple[str, "Callable[[], Iterable[Remark]]"]


def examine_monitors(config: Config, places: Places, sends: bool) -> Iterator[Finding]:
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
        yield from _quiet_ones(monitor, places.of(monitor))
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


class _Looking(threading.Thread):
    """One look, in a thread that nobody waits for at the end; `remarks` grows, `bug` is what must not happen."""

    def __init__(self, name: str, look: Callable[[], Iterable[Remark]]) -> None:
        super().__init__(daemon=True)
        self.place = name
        self.remarks: list[Remark] = []
        self.bug: Exception | None = None
        self._look = look

    def run(self) -> None:
        """Collect the remarks; a failure is one."""
        try:
            for remark in self._look():
                self.remarks.append(remark)
        except TcpwrapAlertError as error:
            text = getattr(error, "reason", "") or str(error)
            self.remarks.append(Remark(FAIL, text, SEE))
        except Exception as error:
            self.bug = error


def _look_together(looks: list[Look], limit_s: float) -> Iterator[Finding]:
    """Yield what all looks find, in their order; those that take longer than that are left."""
    threads = [_Looking(name, look) for name, look in looks]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
        is_late = thread.is_alive()
        for remark in list(thread.remarks):
            yield Finding(SUBJECT, remark.state, f"{thread.place}: {remark.text}", remark.todo)
        if thread.bug:
            raise thread.bug
        if is_late:
            what = f"{thread.place}: no answer within {limit_s:g} s"
            yield Finding(SUBJECT, FAIL, what, SEE)


def _quiet_ones(monitor: Monitor, addresses: list[str]) -> Iterator[Finding]:
    quiet = monitor.wording.quiet
    for address in addresses:
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
