"""Delivery to an NSCA-ng server: `server=nsca-ng://identity@nagios.example`, with `password` or `password_file`.

TLS with a pre-shared key (psk.py); within it lines that end in CRLF, one request and one answer at a time (nsca-ng 1.6,
PROTOCOL). Never is a request sent before the answer to the last one came: the server hangs then.

    C: MOIN 1 <session>     S: MOIN 1
    C: PUSH <bytes>         S: OKAY      C: [epoch] PROCESS_SERVICE_CHECK_RESULT;…<LF>     S: OKAY, or FAIL <why>
    C: QUIT                 S: OKAY

Each result has an answer: a FAIL rejects that one, and the session goes on. The time of the event travels in the
command. OKAY means that the server has queued the command for Nagios."""

from __future__ import annotations

import secrets
import socket
import time

from ..check_result import CheckResult, cut
from ..debugging import debug
from ..errors import DeliveryError, OutcomeTimedOut, OutcomeUnknown, ProtocolError
from ..nsca.proxy import open_stream
from . import Outcome
from .psk import wrap_psk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..config.values import Endpoint
    from . import Parcel
    from .psk import PskStream, StdlibStream
    from .remarks import Remark

MAX_COMMAND_BYTES = 16_384  # nsca-ng 1.6: max_command_size
MAX_LINE_BYTES = 2048
OKAY = "OKAY"


class NscaNgTransport:
    """A context that keeps one session; each step has the monitor's deadline."""

    def __init__(self, target: Endpoint) -> None:
        self._target = target
        self._stream: PskStream | StdlibStream | None = None
        self._buffer = b""

    def __enter__(self) -> NscaNgTransport:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self._stream is not None and kind is None:
                self._ask("QUIT")
        except DeliveryError:
            pass  # every result has its answer already
        finally:
            self._close()

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[list[Outcome]]:
        """Push `parcels`, oldest first; yield the outcome of each. Raises DeliveryError."""
        for parcel in parcels:
            yield [Outcome(parcel, self._push(encode_command(parcel, time.time())))]

    def _push(self, command: bytes) -> str:
        """Push a command; return why it was rejected, nothing if it was accepted."""
        if self._stream is None:
            self.begin()
        debug("%s: PUSH of %s bytes", self._target, len(command))
        answer = self._ask(f"PUSH {len(command)}")
        if answer != OKAY:
            return self._rejection(answer)
        answer = self._exchange(command)
        return "" if answer == OKAY else self._rejection(answer)

    def _rejection(self, answer: str) -> str:
        word, _, why = answer.partition(" ")
        if word != "FAIL":
            raise ProtocolError(f"answered '{answer[:60]}'", self._target)
        return why or "without a reason"

    def begin(self) -> None:
        """Open a session: the server has shown that it knows our password, and accepts us. Raises DeliveryError."""
        deadline = self._deadline()
        sock = open_stream(self._target, deadline)
        try:
            self._stream = wrap_psk(sock, self._target, deadline)
        except BaseException:
            sock.close()
            raise
        self._buffer = b""
        answer = self._ask(f"MOIN 1 {secrets.token_hex(8)}")
        if answer != "MOIN 1":
            raise ProtocolError(f"answered '{answer[:60]}' to MOIN; is this an NSCA-ng server?", self._target)

    def _ask(self, line: str) -> str:
        return self._exchange(f"{line}\r\n".encode())

    def _exchange(self, request: bytes) -> str:
        """Send a request and return the line that answers it."""
        deadline = self._deadline()
        try:
            if self._stream is None:
                raise ConnectionResetError
            self._stream.send_all(request, deadline)
            return self._read_line(self._stream, deadline)
        except socket.timeout as error:
            raise OutcomeTimedOut(f"no answer within {self._target.timeout_s:g} s", self._target) from error
        except DeliveryError:
            raise
        except OSError as error:
            raise OutcomeUnknown("broke the connection before it answered", self._target) from error

    def _read_line(self, stream: PskStream | StdlibStream, deadline: float) -> str:
        while b"\n" not in self._buffer:
            if time.monotonic() >= deadline:
                raise socket.timeout
            chunk = stream.receive(deadline)
            if not chunk or len(self._buffer) > MAX_LINE_BYTES:
                what = "ended the session" if not chunk else "answered with an endless line"
                raise OutcomeUnknown(what, self._target)
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def _deadline(self) -> float:
        return time.monotonic() + self._target.timeout_s

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def encode_command(parcel: Parcel, now_s: float) -> bytes:
    """Return the command for a result, with its own time; its output is cut so that the server takes it."""
    at_s = parcel.at_s if 0 <= parcel.at_s <= now_s else now_s  # a clock may have been wrong
    result = parcel.result
    while True:
        line = result.external_command(at_s).encode() + b"\n"
        too_long = len(line) - MAX_COMMAND_BYTES
        if too_long <= 0:
            return line
        output = cut(result.plugin_output, len(result.plugin_output.encode()) - (too_long + 1) // 2)
        result = CheckResult(result.host_name, result.service_description, result.return_code, output)


def examine(target: Endpoint) -> Iterator[Remark]:
    """Open a session and end it."""
    from .remarks import OK, Remark

    with NscaNgTransport(target) as transport:
        transport.begin()
    yield Remark(OK, f"an NSCA-ng server accepts {target.user} and the password")


def as_sent(_target: Endpoint, parcel: Parcel) -> list[tuple[str, bytes]]:
    """Return the command that is pushed."""
    return [("command", encode_command(parcel, time.time()))]


def open_transport(target: Endpoint, _memory: dict[str, str]) -> NscaNgTransport:
    """Return a context that delivers to `target`: see the contract in `transports/__init__.py`."""
    return NscaNgTransport(target)
