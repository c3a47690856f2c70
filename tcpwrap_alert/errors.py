"""What can go wrong, whose fault it is, and what becomes of a check result that waits.

Each error class carries two facts for others to act on:

    handling      what the forwarder does with a check result that waits: RETRY (the server's fault, trying again may
                  help), HOLD (a person must act first) or SET_ASIDE (this one queue file is at fault)
    exit_status   what the command line returns, a number of `EXIT_STATUSES`

Rule: only a fault in the file itself may take a file out of the spool. A wrong password, a full disk or a sick
monitor never costs a check result, so no other class carries SET_ASIDE.

`EXIT_STATUSES` is the one table of exit statuses: help texts, README and man page are made from it. The numbers are
those of sysexits.h, where it has one.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LINES = 20

RETRY = "kept in the spool; the next replay tries again"
HOLD = "kept in the spool until this is put right; then replay delivers"
SET_ASIDE = "set aside"

EXIT_ACCEPTED = 0
EXIT_FOUND = 1
EXIT_USAGE = 64
EXIT_NOT_A_CHECK_RESULT = 65
EXIT_BUG = 70
EXIT_SPOOL = 74
EXIT_KEPT = 75
EXIT_REJECTED = 77
EXIT_CONFIGURATION = 78

EXIT_STATUSES = {
    EXIT_ACCEPTED: "the monitor accepted it",
    EXIT_KEPT: "kept in the spool; it is sent later by itself",
    EXIT_REJECTED: "the monitor rejected it; kept in the spool",
    EXIT_CONFIGURATION: "the configuration is wrong; kept in the spool",
    EXIT_USAGE: "the command line is wrong",
    EXIT_NOT_A_CHECK_RESULT: "the values are not a check result",
    EXIT_SPOOL: "the spool, or the output, cannot be read or written",
    EXIT_BUG: "a bug in tcpwrap-alert",
    EXIT_FOUND: "'check' found something; 'demo' or 'listen' failed",
}


def exit_statuses(*left_out: int) -> list[str]:
    """Return the lines of a help text that say what each exit status means."""
    told = {status: meaning for status, meaning in EXIT_STATUSES.items() if status not in left_out}
    return ["Exit status:", *(f"  {status:<4}{meaning}" for status, meaning in told.items())]


class TcpwrapAlertError(Exception):
    """Base of all our errors; on its own, a bug of ours."""

    handling: str = HOLD
    exit_status: int = EXIT_BUG

    @property
    def lines(self) -> list[str]:
        """The text for an operator: a line for each thing that went wrong."""
        return [str(self)]


class UsageError(TcpwrapAlertError):
    """The command line does not have the shape it should."""

    exit_status = EXIT_USAGE


class CheckResultError(TcpwrapAlertError, ValueError):
    """These values cannot be a check result."""

    handling = SET_ASIDE
    exit_status = EXIT_NOT_A_CHECK_RESULT


class ConfigError(TcpwrapAlertError):
    """The configuration cannot be used: `path:lineno: what`, lines counted from 1."""

    exit_status = EXIT_CONFIGURATION

    def __init__(self, path: str, lineno: int | None, what: str) -> None:
        where = path if lineno is None else f"{path}:{lineno}"
        super().__init__(f"{where}: {what}")


class NoServer(ConfigError):
    """The configuration names no server that the caller could use."""


class SpoolError(TcpwrapAlertError, OSError):
    """The spool cannot be read or written: path, operation and the system's reason."""

    exit_status = EXIT_SPOOL


class QueueFileCorrupt(SpoolError):
    """One queue file is at fault: it is cut short, is not one of ours, or holds no check result."""

    handling = SET_ASIDE


class SpoolBusy(TcpwrapAlertError):
    """Another process has been sending from this spool for longer than we wait."""

    handling = RETRY
    exit_status = EXIT_KEPT


class WindowOpen(TcpwrapAlertError):
    """An episode is on: the denial is counted, and told at the end of a window."""

    handling = "for a test, name another address"
    exit_status = EXIT_KEPT


class LogError(TcpwrapAlertError):
    """A log of the monitor, or what was remembered of it, cannot be read: path and reason."""

    exit_status = EXIT_SPOOL


class DeliveryError(TcpwrapAlertError, OSError):
    """The monitor did not take it. An OSError, as socket errors are: `errno` and `strerror` are set.

    Attributes:
        reason: what happened.
        place: where it happened: host:port, or the path of a command file; empty where nobody knows it yet.
    """

    handling = RETRY
    exit_status = EXIT_KEPT
    default_errno = errno.EIO

    def __init__(self, reason: str, place: object = "", number: int | None = None) -> None:
        self.reason = reason
        self.place = str(place)
        super().__init__(number or self.default_errno, f"{place}: {reason}" if self.place else reason)

    def __str__(self) -> str:
        return str(self.strerror)


class TimedOut(DeliveryError):
    """The deadline came first. Caught as such whatever the conversation was waiting for."""

    default_errno = errno.ETIMEDOUT


class OutcomeUnknown(DeliveryError):
    """Packets were on their way when the connection went wrong: nobody knows whether they were taken."""


class OutcomeTimedOut(OutcomeUnknown, TimedOut):
    """The deadline came while packets were on their way."""


class ConnectError(DeliveryError):
    """No connection, and nothing was sent: nobody listens, no such name, no route."""

    default_errno = errno.ECONNREFUSED


class ConnectTimedOut(ConnectError, TimedOut):
    """No connection within the deadline; nothing was sent."""

    default_errno = errno.ETIMEDOUT


class ProtocolError(DeliveryError):
    """What the server sent is not the protocol that it should speak."""

    default_errno = errno.EPROTO


class ProtocolTimedOut(ProtocolError, TimedOut):
    """The server sent less than the protocol's beginning within the deadline."""

    default_errno = errno.ETIMEDOUT


class RejectedError(DeliveryError):
    """The server took the connection and rejected what came, or was killed before it had read it."""

    handling = HOLD
    exit_status = EXIT_REJECTED
    default_errno = errno.EACCES


class NotDelivered(TcpwrapAlertError):
    """Check results wait in the spool, on disk.

    Attributes:
        why: the error that ended the delivery; exit status and handling are its own.
        waiting: how many queue files wait.
        others: what else went wrong on the way.
    """

    def __init__(self, why: TcpwrapAlertError, waiting: int, others: Sequence[TcpwrapAlertError] = ()) -> None:
        super().__init__(str(why))
        self.why = why
        self.waiting = waiting
        self.others = list(others)
        self.handling = why.handling
        self.exit_status = why.exit_status

    @property
    def lines(self) -> list[str]:
        """The text for an operator; the first line says what becomes of the check results that wait."""
        count = "" if self.waiting == 1 else f"{self.waiting} check results "
        first = f"{self}; {count}{self.handling}" if self.waiting else str(self)
        rest = [line for other in self.others for line in other.lines]
        too_many = len(rest) - MAX_LINES
        return [first, *rest[:MAX_LINES], *([f"and {too_many} more like these"] if too_many > 0 else [])]


def unforeseen(error: Exception) -> str:
    """Return the line for an error that is none of these: a bug, or a package or a Python that only root can read."""
    if isinstance(error, ImportError):
        for path in (os.path.dirname(__file__), os.path.dirname(os.__file__)):
            if not os.access(path, os.R_OK | os.X_OK):
                advice = "install it below /opt, by a Python that everybody may run"
                return f"{path}: the spool's owner sends in place of root, and cannot read this; {advice}"
    return f"bug: {type(error).__name__}: {error}; please report it"
