"""Every error of the package, and what each one means for a check result that waits.

An error knows two things beside its text. `verdict` is what becomes of a waiting check result: RETRY (the peer's
fault, trying again may help), HOLD (a person must act first) or SET_ASIDE (this one queue file is at fault).
`exit_status` is what the command line returns, in the numbers of sysexits.h where it has one.

Rule: only a fault in the file itself may take a file out of the spool. A wrong password, a full disk or a sick
monitor never costs a check result, so no other class carries SET_ASIDE.
"""

from __future__ import annotations

RETRY = "kept in the spool; the next replay tries again"
HOLD = "kept in the spool; the first replay after this is put right delivers it"
SET_ASIDE = "set aside"


class TcpwrapAlertError(Exception):
    """Base of all our errors; on its own, a bug of ours."""

    verdict = HOLD
    exit_status = 70
    is_deferral = False  # set where a check result was left in the spool because of this error

    @property
    def line(self) -> str:
        """The text for an operator, with what becomes of a check result that was left in the spool."""
        return f"{self}; {self.verdict}" if self.is_deferral else str(self)


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
    """The verdict is unknown: reset, cut off or timed out once connected.

    An OSError, because programs written for pynsca catch `socket.error`.
    """

    verdict = RETRY
    exit_status = 75


class ConnectError(DeliveryError):
    """No connection: refused, no such name, no route, no answer in time."""


class ProtocolError(DeliveryError):
    """What the peer sent is not NSCA."""


class RefusedError(DeliveryError):
    """The daemon took the connection and refused the packets."""

    verdict = HOLD
    exit_status = 77
