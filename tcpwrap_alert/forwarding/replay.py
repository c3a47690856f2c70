"""`replay`, which cron runs: it tries at once, whoever waits, and removes what a killed forwarder left behind."""

from __future__ import annotations

from ..errors import NotDelivered, TcpwrapAlertError
from ..spool.spool import Spool
from .attempt import attempt
from .drain import raise_faults
from .metrics import write_metrics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.read import Config
    from .account import Account


def replay(config: Config, account: Account | None = None, tries_rested: bool = False) -> None:
    """Deliver all that waits, now.

    Args:
        account: notes what is done.
        tries_rested: try the results, too, that were rejected not long ago.

    Raises:
        TcpwrapAlertError: why something still waits, the first reason, with all others; what was delivered before that
            is out of the spool.
    """
    failures: list[TcpwrapAlertError] = []
    for path in config.spool_dirs:
        spool = Spool(path)
        try:
            spool.drop_root()
            spool.leader.remove_if_stale()
        except TcpwrapAlertError as error:
            failures.append(error)  # told at the end: it holds nothing up
        try:
            if spool.has_work():
                raise_faults(attempt(spool, config, account, tries_rested).faults)
        except TcpwrapAlertError as error:
            failures.append(error)
    try:
        write_metrics(config)
    except TcpwrapAlertError as error:
        if str(error) not in map(str, failures):  # a spool that cannot be read is told already
            failures.append(error)
    if failures:
        raise _first_with_others(failures)


def _first_with_others(failures: list[TcpwrapAlertError]) -> TcpwrapAlertError:
    """Return the first of the failures that says that something waits, else the first, with all others."""
    told = [error for error in failures if isinstance(error, NotDelivered)]
    first = told[0] if told else NotDelivered(failures[0], 0)
    first.others += [error for error in failures if error not in (first, first.why) and str(error) != str(first)]
    return first
