"""Delivery to the command file of a Nagios, Icinga 2 or Naemon on this host: `server=/var/lib/nagios4/rw/nagios.cmd`.

The command file is a named pipe that the monitoring system makes when it starts. A command is one line and goes out as
one write of at most PIPE_BUF bytes, which the kernel keeps in one piece (pipe(7)). It carries the time of the event
itself, so a late one needs none in its text. Nobody is waited for beyond the deadline: without a reader, or with one
that has stopped, what waits stays in the spool; and a file that is no pipe is neither made nor written to.

"Accepted" means written into the pipe: Nagios has no word for a host or service that it does not know (Nagios Core 4,
External Command File).
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time

from ..check_result import CheckResult, cut
from ..debugging import debug
from ..errors import ConnectError, ConnectTimedOut
from . import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..config.values import CommandFile
    from . import Parcel
    from .remarks import Remark


class CommandFileTransport:
    """A context that writes to a command file; each result is accepted as soon as it is in the pipe."""

    def __init__(self, target: CommandFile) -> None:
        self._path = target.path
        self._timeout_s = target.timeout_s
        self._fd = -1

    def __enter__(self) -> CommandFileTransport:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[list[Outcome]]:
        """Write `parcels`, each with its own time, into the pipe; yield the outcome of each.

        Icinga 2 throws away what is older than its last result, so nothing may be stamped "now" before something older.

        Raises:
            ConnectError: there is no pipe, nobody reads it, or it stays full until the deadline.
        """
        for parcel in parcels:
            if self._fd < 0:
                self.open()
            self._write(encode_command(parcel.result, parcel.at_s, time.time()))
            yield [Outcome(parcel)]

    def open(self) -> None:
        """Open the pipe. Raises ConnectError if there is none, or nobody reads it."""
        self._fd = self._open()

    def _open(self) -> int:
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            what = "nobody reads it" if error.errno == errno.ENXIO else f"cannot open: {error.strerror}"
            hint = "may the owner of the spool write to it?" if error.errno == errno.EACCES else "does the monitor run?"
            raise ConnectError(f"{what}; {hint}", self._path, error.errno) from error
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.close(fd)
            raise ConnectError("not a pipe, so not the monitor's command file; nothing was written", self._path)
        return fd

    def _write(self, line: bytes) -> None:
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                os.write(self._fd, line)
                debug("%s: %s bytes written", self._path, len(line))
                return
            except BlockingIOError:
                pass
            except OSError as error:
                raise ConnectError(f"{error.strerror}; does the monitor run?", self._path, error.errno) from error
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([], [self._fd], [], left_s)[1]:
                what = f"full for {self._timeout_s:g} s; does the monitor run?"
                raise ConnectTimedOut(what, self._path)


def encode_command(result: CheckResult, at_s: float, now_s: float) -> bytes:
    """Return the line that submits `result`, its output cut so that the pipe takes it in one piece."""
    at_s = at_s if 0 <= at_s <= now_s else now_s  # a clock may have been wrong
    while True:
        line = result.external_command(at_s).encode() + b"\n"
        too_long = len(line) - select.PIPE_BUF
        if too_long <= 0:
            return line
        # A byte of the output is one of the line, or two if it is escaped.
        output = cut(result.plugin_output, len(result.plugin_output.encode()) - (too_long + 1) // 2)
        result = CheckResult(result.host_name, result.service_description, result.return_code, output)


def examine(target: CommandFile) -> Iterator[Remark]:
    """Open the pipe, and write nothing."""
    from .remarks import OK, Remark

    with CommandFileTransport(target) as transport:
        transport.open()
    yield Remark(OK, "the monitor reads its command file, and we may write to it")


def read_back(target: CommandFile, result: CheckResult) -> Iterator[Remark]:
    """Look into the monitor's status file."""
    from .status_file import look_for

    return look_for(target.path, result)


def as_sent(_target: CommandFile, parcel: Parcel) -> list[tuple[str, bytes]]:
    """Return the line."""
    return [("command", encode_command(parcel.result, parcel.at_s, time.time()))]


def open_transport(target: CommandFile, _memory: dict[str, str]) -> CommandFileTransport:
    """Return a context that delivers to `target`: see the contract in `transports/__init__.py`."""
    return CommandFileTransport(target)
