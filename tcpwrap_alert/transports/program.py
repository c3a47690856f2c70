"""Delivery to a program of your own: `server=exec:/usr/local/bin/to-the-bus`.

The program reads one JSON object per line from its standard input, and answers by its exit status:

    0     it has taken all of them
    75    not now: all of them are offered again later
    77    rejected: the program is started again for each of them by itself, to find out which

Any other status, and a signal, counts as 75. What the program prints goes to syslog. When the deadline comes, it and
its children are ended. The fields of an object:

    id                     the name of the queue file: the same when a result is offered again, so you can drop repeats
    time                   of the event, in seconds since the epoch
    host_name, service_description, return_code, plugin_output      an empty service_description is a host check
"""

from __future__ import annotations

import json
import os
import select
import selectors
import signal
import subprocess
import time

from ..debugging import debug
from ..errors import ConnectError, DeliveryError, OutcomeTimedOut
from ..system_log import tell
from . import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..config.values import Program
    from . import Parcel
    from .remarks import Remark

BATCH = 100
REJECTED = 77
MAX_OUTPUT_BYTES = 65_536
MAX_TOLD_LINES = 10


class ProgramTransport:
    """A context that starts the program for each batch."""

    def __init__(self, target: Program) -> None:
        self._target = target

    def __enter__(self) -> ProgramTransport:
        return self

    def __exit__(self, *_: object) -> None:
        """No program is left."""

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[list[Outcome]]:
        """Offer `parcels` to the program, up to 100 at once.

        Raises:
            ConnectError: it cannot be started.
            OutcomeTimedOut: it did not end in time.
            DeliveryError: it does not take them now.
        """
        left = list(parcels)
        while left:
            batch, left = left[:BATCH], left[BATCH:]
            if self._offer(batch):
                yield [Outcome(parcel) for parcel in batch]
            elif len(batch) == 1:
                yield [Outcome(batch[0], f"exit status {REJECTED}")]
            else:
                for parcel in batch:
                    yield [Outcome(parcel, "" if self._offer([parcel]) else f"exit status {REJECTED}")]

    def _offer(self, parcels: list[Parcel]) -> bool:
        """Return whether the program has taken the results; False if it rejected them."""
        data = b"".join(encode_line(parcel) for parcel in parcels)
        status, output = self._run(data)
        for line in output.decode(errors="replace").splitlines()[:MAX_TOLD_LINES]:
            tell(f"{self._target}: {line}")
        if status in (0, REJECTED):
            return status == 0
        raise DeliveryError(f"ended with {status}; offered again later", self._target)

    def _run(self, data: bytes) -> tuple[int, bytes]:
        try:
            process = subprocess.Popen(
                [self._target.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise ConnectError(f"cannot be started: {error.strerror}", self._target, error.errno) from error
        try:
            output = _converse(process, data, self._target.timeout_s)
        except subprocess.TimeoutExpired as error:
            what = f"did not end within {self._target.timeout_s:g} s, and was ended"
            raise OutcomeTimedOut(what, self._target) from error
        finally:
            _end_group(process)
        debug("%s: %s bytes given, ended with %s", self._target, len(data), process.returncode)
        return process.returncode, output


def _converse(process: subprocess.Popen[bytes], data: bytes, timeout_s: float) -> bytes:
    """Write `data`, wait for the program's end, and return the first of what it prints, however much that is.

    Not `communicate`, which keeps all of it: some GB until the deadline. Raises subprocess.TimeoutExpired.
    """
    deadline = time.monotonic() + timeout_s
    output, left = b"", memoryview(data)
    stdin, stdout = process.stdin, process.stdout
    if not (stdin and stdout):
        raise AssertionError  # both are pipes
    with selectors.DefaultSelector() as selector:
        selector.register(stdin, selectors.EVENT_WRITE)
        selector.register(stdout, selectors.EVENT_READ)
        while selector.get_map():
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(process.args, timeout_s)
            for key, _ in selector.select(deadline - time.monotonic()):
                if key.fileobj is stdin:
                    left = _write_some(key.fd, left)
                    if not left:
                        selector.unregister(stdin)
                        stdin.close()
                elif chunk := os.read(key.fd, MAX_OUTPUT_BYTES):
                    output += chunk[: MAX_OUTPUT_BYTES - len(output)]
                else:
                    selector.unregister(stdout)
    process.wait(max(0.0, deadline - time.monotonic()))
    return output


def _write_some(fd: int, data: memoryview) -> memoryview:
    """Write as much as a pipe takes at once; return the rest, which is nothing if nobody reads."""
    try:
        return data[os.write(fd, data[: select.PIPE_BUF]) :]
    except BrokenPipeError:
        return data[:0]


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the program's children, too, and reap it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            try:
                stream.close()
            except OSError:
                pass


def encode_line(parcel: Parcel) -> bytes:
    """Return the line for one result."""
    result = parcel.result
    fields = {
        "id": parcel.name,
        "time": parcel.at_s,
        "host_name": result.host_name,
        "service_description": result.service_description,
        "return_code": result.return_code,
        "plugin_output": result.plugin_output,
    }
    return json.dumps(fields, ensure_ascii=False).encode(errors="replace") + b"\n"


def examine(target: Program) -> Iterator[Remark]:
    """Look whether the program is there and may be run; it is not started."""
    from .remarks import OK, Remark

    if not os.path.isfile(target.path):
        raise ConnectError("there is no such program", target)
    if not os.access(target.path, os.X_OK):
        raise ConnectError("cannot be run; type chmod +x, and see whether its directories may be entered", target)
    yield Remark(OK, "the program is there, and we may run it")


def as_sent(_target: Program, parcel: Parcel) -> list[tuple[str, bytes]]:
    """Return the line that the program reads."""
    return [("line", encode_line(parcel))]


def open_transport(target: Program, _memory: dict[str, str]) -> ProgramTransport:
    """Return a context that delivers to `target`: see the contract in `transports/__init__.py`."""
    return ProgramTransport(target)
