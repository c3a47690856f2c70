"""Every error of the package, and what each one means for a check result that waits.

An error knows two things beside its text. `verdict` is what becomes of a waiting check result: RETRY (the peer's
fault, trying again may help), HOLD (a person must act first) or SET_ASIDE (this one queue file is at fault).
`exit_status` is what the command line returns, in the numbers of sysexits.h where it has one.

Rule: only a fault in the file itself may take a file out of the spool. A wrong password, a full disk or a sick
monitor never costs a check result, so no other class carries SET_ASIDE.
"""

from __future__ import annotations

RETRY = "kept in the spool; the next replay tries again"
HOLD = "kept in the spool until this is put right; then replay delivers"
SET_ASIDE = "set aside"


class TcpwrapAlertError(Exception):
    """Base of all our errors; on its own, a bug of ours."""

    verdict = HOLD
    exit_status = 70
    deferred = 0  # how many check results were left in the spool because of this error

    @property
    def line(self) -> str:
        """The text for an operator, with what becomes of the check results that were left in the spool."""
        if not self.deferred:
            return str(self)
        count = "" if self.deferred == 1 else f"{self.deferred} check results "
        return f"{self}; {count}{self.verdict}"


class UsageError(TcpwrapAlertError):
    """The command line does not have the shape it should."""

    exit_status = 64


class CheckResultError(TcpwrapAlertError, ValueError):
    """These values cannot be a check result."""

    verdict = SET_ASIDE
    exit_status = 65


class ConfigError(TcpwrapAlertError):
    """The configuration cannot be used: `path:lineno: what`, lines counted from 1."""

    exit_status = 78

    def __init__(self, path: str, lineno: int | None, what: str) -> None:
        where = path if lineno is None else f"{path}:{lineno}"
        super().__init__(f"{where}: {what}")


class SpoolError(TcpwrapAlertError, OSError):
    """The spool cannot be read or written: path, operation and the system's reason."""

    exit_status = 74


class QueueFileCorrupt(SpoolError):
    """One queue file is cut short or is not one of ours."""

    verdict = SET_ASIDE


class SpoolBusy(TcpwrapAlertError):
    """Another process has been sending from this spool for longer than we wait."""

    verdict = RETRY
    exit_status = 75


class DeliveryError(TcpwrapAlertError, OSError):
    """The monitor did not take it: no connection, or one that was cut off. An OSError, as socket errors are."""

    verdict = RETRY
    exit_status = 75


class VerdictUnknown(DeliveryError):
    """The deadline came while packets were on their way: nobody knows whether they were taken."""


class ConnectError(DeliveryError):
    """No connection: refused, no such name, no route, no answer in time."""


class ProtocolError(DeliveryError):
    """What the peer sent is not NSCA."""


class RefusedError(DeliveryError):
    """The daemon took the connection and refused the packets, or was killed before it had read them."""

    verdict = HOLD
    exit_status = 77
