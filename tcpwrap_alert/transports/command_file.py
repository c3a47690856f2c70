"""Delivery to the command file of a Nagios, Icinga 2 or Naemon on this host: `server=/var/lib/nagios4/rw/nagios.cmd`.

The command file is a named pipe that the monitoring system makes when it starts. A command is one line and goes out as
one write of at most PIPE_BUF bytes, which the kernel keeps in one piece (pipe(7)). It carries the time of the event
itself, so a late one needs none in its text. Nobody is waited for beyond the deadline: without a reader, or with one
that has stopped, what waits stays in the spool; and a file that is no pipe is neither made nor written to.

"Delivered" means written into the pipe: Nagios has no word for a host or service that it does not know (Nagios Core 4,
External Command File).
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time

from ..check_result import CheckResult, cut
from ..errors import ConnectError, ConnectTimedOut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..config.read import Config

# Icinga 2 throws away what is older than its last result, so nothing may be stamped "now" before something older.
KEEPS_TIME = True
MAX_BATCH = 1  # each is out of the spool as soon as it is in the pipe


def max_batch(_config: Config, _results: Sequence[CheckResult]) -> int:
    """Return how many check results one delivery may carry."""
    return MAX_BATCH


def deliver(config: Config, results: Sequence[tuple[CheckResult, float | None]]) -> None:
    """Write `results`, each with its own time or now, into the pipe.

    Raises:
        ConnectError: there is no pipe, nobody reads it, or it stays full until the deadline.
    """
    deadline = time.monotonic() + config.monitor.timeout_s
    path = config.command_file
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        what = "nobody reads it" if error.errno == errno.ENXIO else f"cannot open: {error.strerror}"
        hint = "may the owner of the spool write to it?" if error.errno == errno.EACCES else "does the monitor run?"
        raise ConnectError(f"{what}; {hint}", path, error.errno) from error
    try:
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            raise ConnectError("not a pipe, so not the monitor's command file; nothing was written", path)
        for result, at_s in results:
            _write(fd, encode_command(result, at_s, time.time()), deadline, config)
    finally:
        os.close(fd)


def encode_command(result: CheckResult, at_s: float | None, now_s: float) -> bytes:
    """Return the line that submits `result`, its output cut so that the pipe takes it in one piece."""
    at_s = now_s if at_s is None or not 0 <= at_s <= now_s else at_s  # a clock may have been wrong
    while True:
        line = result.external_command(at_s).encode() + b"\n"
        too_long = len(line) - select.PIPE_BUF
        if too_long <= 0:
            return line
        # A byte of the output is one of the line, or two if it is escaped.
        output = cut(result.plugin_output, len(result.plugin_output.encode()) - (too_long + 1) // 2)
        result = CheckResult(result.host_name, result.service_description, result.return_code, output)


def _write(fd: int, line: bytes, deadline: float, config: Config) -> None:
    while True:
        try:
            os.write(fd, line)
            return
        except BlockingIOError:
            pass
        except OSError as error:
            raise ConnectError(f"{error.strerror}; does the monitor run?", config.command_file, error.errno) from error
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not select.select([], [fd], [], left_s)[1]:
            raise ConnectTimedOut(
                f"full for {config.monitor.timeout_s:g} s; does the monitor run?", config.command_file
            )
