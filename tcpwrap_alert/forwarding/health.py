"""How the spool is, for a Nagios plugin and for the heartbeat: what waits, since when and why, as a state and a text.

UNKNOWN     there is no spool, or it cannot be read
CRITICAL    the oldest has waited for too long
WARNING     it has waited for long, or the monitor rejected something, or the configuration is wrong
"""

from __future__ import annotations

import os
import time

from ..check_result import CheckResult, clean, format_time
from ..errors import EXIT_CONFIGURATION, EXIT_REJECTED, ConfigError, RejectedError, SpoolError
from ..spool.history import counts_since
from ..spool.spool import Spool
from ..transports import Parcel, open_transport, takes_denials_only
from .waiting import NOT_TRIED, count_held, measure_spools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.read import Config

OK, WARNING, CRITICAL, UNKNOWN = range(4)
DAY_S = 86_400
WARNING_S, CRITICAL_S = 300, 3600


class Health:
    """A state, what is to be said of it, numbers for graphs, and whether something waits that was tried in vain."""

    def __init__(self, state: int, text: str, performance_data: str = "", has_failed: bool = False) -> None:
        self.state = state
        self.text = clean(text).replace("|", "/")
        self.performance_data = performance_data
        self.has_failed = has_failed


def examine(config: Config, warning_s: int = WARNING_S, critical_s: int = CRITICAL_S) -> Health:
    """Return how the spool is, by how many seconds the oldest has waited."""
    path = Spool(config.spool_dirs[0]).new
    try:
        count, oldest_s, why = measure_spools(config)
        rejection = _rejection(config)
        held = count_held(config)
    except SpoolError as error:
        return Health(UNKNOWN, str(error))
    if not os.path.isdir(path):
        return Health(
            UNKNOWN, f"{path}: there is no such directory; nothing was ever denied here, or the spool is gone"
        )
    state = CRITICAL if oldest_s >= critical_s else WARNING if oldest_s >= warning_s or rejection else OK
    text = f"{count} waiting, the oldest for {oldest_s} s: {rejection or why}" if count else rejection
    text = text or ("nothing waits" if not held else f"nothing waits; denials that are told when a window ends: {held}")
    numbers = f"entries={count};;;0 oldest={oldest_s}s;{warning_s};{critical_s};0"
    return Health(state, text, numbers, has_failed=bool(count) and why != NOT_TRIED)


def beat(config: Config, version: str) -> None:
    """Tell each monitor's second service how the spool is, past what waits there; nothing of it is kept.

    A monitor that takes denials only is passed over.

    Raises:
        ConfigError: there is no monitor to tell, or it would take the heartbeat for an end of the denials.
        DeliveryError: a monitor cannot be told; the others are.
    """
    told = [monitor for monitor in config.monitors if not takes_denials_only(monitor)]
    if not told:
        what = "no monitor to tell: what is configured takes denials only; add a section with a server that takes more"
        raise ConfigError(config.path, None, what)
    if any(one.wording.heartbeat_service == one.wording.service_description for one in told):
        what = "heartbeat_service is the service of the denials, which the heartbeat would clear; name another one"
        raise ConfigError(config.path, None, what)
    health = examine(config)
    now_s = time.time()
    denied, last_s = _denied(config, now_s - DAY_S)
    last = f", the last at {format_time(last_s)}" if denied else ""
    text = f"{health.text}; {denied} denials in 24 hours{last}; version {version}"
    numbers = f"{health.performance_data} denied_24h={denied};;;0".strip()
    failure: Exception | None = None
    for monitor in told:
        wording = monitor.wording
        result = CheckResult(wording.host_name, wording.heartbeat_service, health.state, f"{text} | {numbers}")
        try:
            with open_transport(monitor, _memory(config)) as transport:
                for outcomes in transport.deliver([Parcel(result, now_s)]):
                    for outcome in outcomes:
                        if not outcome.is_accepted:
                            raise RejectedError(outcome.rejection, monitor)
        except OSError as error:
            failure = failure or error
    if failure:
        raise failure


def _memory(config: Config) -> dict[str, str]:
    """Return a copy of what a transport has noted; nothing from a spool that cannot be read, which is to be told."""
    try:
        return dict(Spool(config.spool_dirs[0]).read_state().transport)
    except SpoolError:
        return {}


def _rejection(config: Config) -> str:
    """Return why the monitor or the configuration lets nothing through, or not everything; empty if that is not so."""
    for path in config.spool_dirs:
        for one in Spool(path).with_boxes():
            state = one.read_state()
            if state.status in (EXIT_REJECTED, EXIT_CONFIGURATION):
                return state.reason
            for rejected in state.rejected.values():
                return f"rejected: {rejected.reason}"
    return ""


def _denied(config: Config, since_s: float) -> tuple[int, float]:
    """Return how many denials there were since then, and when the last one came."""
    count, last_s = 0, 0.0
    for path in config.spool_dirs:
        try:
            for at_s, _, _, number in counts_since(path, since_s):
                count, last_s = count + number, max(last_s, at_s)
        except SpoolError:
            pass  # it costs a number, and no heartbeat
    return count, last_s
