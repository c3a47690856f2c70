"""The examination: one subject after the other, and root is given up before anything is read from the spool or sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import TcpwrapAlertError
from ..spool.spool import Spool
from .configuration import SUBJECT as CONFIGURATION
from .configuration import examine_configuration
from .finding import FAIL, Finding
from .monitors import SUBJECT as MONITOR
from .monitors import examine_monitors
from .places import Places
from .rules import SUBJECT as RULES
from .rules import examine_rules
from .sandbox import SUBJECT as UNITS
from .sandbox import examine_units
from .schedule import SUBJECT as SCHEDULE
from .schedule import examine_schedule
from .spool import SUBJECT as SPOOL
from .spool import examine_spools, examine_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.read import Config


def examine_host(config: Config, version: str, sends: bool) -> Iterator[Finding]:
    """Yield what is to be said of this host's alerts, in the order of their way; become the owner of the spool (P10).

    Args:
        sends: whether a result is submitted to each monitor.
    """
    places = Places(config)
    yield from _guarded(RULES, examine_rules(places))
    yield from _guarded(CONFIGURATION, examine_configuration(config, version))
    yield from _guarded(SPOOL, examine_spools(config))
    yield from _guarded(SCHEDULE, examine_schedule(config))
    yield from _guarded(UNITS, examine_units(config))
    try:
        Spool(config.spool_dirs[0]).drop_root()
    except TcpwrapAlertError as error:
        yield Finding(SPOOL, FAIL, str(error))
        return
    yield from _guarded(SPOOL, examine_waiting(config))
    yield from _guarded(MONITOR, examine_monitors(config, places, sends))


def _guarded(subject: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield findings; a failure is one, and ends this subject only."""
    try:
        yield from findings
    except (TcpwrapAlertError, OSError) as error:
        yield Finding(subject, FAIL, str(error))
