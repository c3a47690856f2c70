"""One NSCA conversation with a server: init packet, data packets, and our end. `outcome.py` says what its end means."""

from __future__ import annotations

import errno
import time

from ..debugging import debug
from ..errors import DeliveryError, ProtocolError
from ..sockets import socket
from .addresses import remaining
from .cipher import check_method, make_encryptor
from .connect import connect
from .outcome import (
    ACCEPTED,
    EXTRA_BYTE,
    HOLD_S,
    SENT_NOT_KNOWN,
    check_end_of_file,
    judge_end,
    judge_failure,
)
from .packet import encode_data_packet
from .padding import Padding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..check_result import CheckResult
    from .server import Server

PACKETS_PER_WRITE = 15  # just below 64 KiB

SILENCE_S = 5.0  # half of what a server waits


class Conversation:
    """One connection, from its init packet on; whoever opens it must close it.

    Args:
        padding: returns as many bytes as it is asked for, to fill the packets with; without it, random letters.
        deadline: of all that follows, in seconds of `time.monotonic()`; the attribute may be moved between calls.

    Attributes:
        server: the server by the address that answered, where its name has several.

    Raises:
        ConnectError: no connection; nothing was sent.
        ProtocolError: the peer does not speak NSCA.
        DeliveryError: it sent no init packet or closed after it.
        ValueError: the encryption method is not available.
    """

    def __init__(self, server: Server, padding: Callable[[int], bytes] | None, deadline: float) -> None:
        self.deadline = deadline
        self.opened_at = time.monotonic()
        self._place = server
        self._layout = server.layout
        self._padding = padding or Padding()
        self._bytes_sent = 0
        self._was_silent = False
        self._waiting: list[bytes] = []
        check_method(server.encryption_method)
        self._sock, self.server, iv, self._packet_timestamp = connect(server, deadline)
        self._written_at = time.monotonic()
        try:
            self._encrypt = make_encryptor(server.encryption_method, server.password, iv)
            self.check_still_open()
            self._cork(True)
        except BaseException:
            self.close()
            raise

    def silence_s(self) -> float:
        """Return for how many seconds the server has heard nothing from us."""
        return time.monotonic() - self._written_at

    def check_still_open(self) -> None:
        """Raise unless the peer is silent now: an end or a reset here means that it does not read what comes.

        Raises:
            RejectedError: it closed after packets had been sent; OutcomeUnknown if that was long ago.
            DeliveryError: it closed before.
            ProtocolError: it says something.
        """
        self._sock.setblocking(False)
        end = "closed"
        try:
            if self._sock.recv(1, socket.MSG_PEEK):
                raise ProtocolError("sent more than an init packet; is this an NSCA server?", self._place)
        except BlockingIOError:
            return
        except ConnectionError:
            end = "reset"
        if self._bytes_sent:
            raise judge_end(self._place, self._is_silent())
        raise DeliveryError(f"connection {end} after the init packet", self._place)

    def send(self, results: Iterable[CheckResult]) -> None:
        """Send the data packets of `results`; up to 15 of them wait for what follows, for `flush` or `finish`.

        Raises:
            RejectedError: the server rejected the packets.
            OutcomeUnknown: the deadline came first.
            DeliveryError: any other failure of the connection.
        """
        for result in results:
            padding = self._padding(self._layout.packet_length)
            packet = encode_data_packet(result, self._packet_timestamp, padding, self._layout.escapes)
            debug("data packet of %s bytes for %s;%s", len(packet), result.host_name, result.service_description)
            self._waiting.append(self._encrypt(packet))
            if len(self._waiting) > PACKETS_PER_WRITE:
                last = self._waiting.pop()
                self.flush()
                self._waiting.append(last)

    def flush(self) -> None:
        """Write what waits. Raises what `send` raises."""
        self._was_silent = self.silence_s() > SILENCE_S
        view = memoryview(b"".join(self._waiting))
        self._waiting.clear()
        try:
            while view:
                self._sock.settimeout(remaining(self.deadline))
                sent = self._sock.send(view)
                self._bytes_sent += sent
                self._written_at = time.monotonic()
                view = view[sent:]
        except OSError as error:
            raise self._judgement(error) from error

    def hold_end(self) -> None:
        """Write what waits, and give the server two seconds to reject it before our end follows, with `finish`.

        Time since our last write counts. The wait is ours, so the deadline moves by it. Raises what `send` raises, and
        ProtocolError.
        """
        self.flush()
        left_s = max(HOLD_S - self.silence_s(), 0.001)
        self.deadline += left_s
        try:
            self._cork(False)
            self._sock.settimeout(left_s)
            answer = self._sock.recv(1)
        except socket.timeout:
            self._cork(True)
            return
        except OSError as error:
            raise self._judgement(error) from error
        if answer:
            raise self._strange_answer()
        raise judge_end(self._place, self._is_silent())

    def finish(self) -> str:
        """Send the extra byte and the end in one segment with what waits; return the outcome when it is there.

        Returns ACCEPTED, or SENT_NOT_KNOWN if the server does not tell. Raises what `send` raises, and ProtocolError.
        """
        if self._layout.tells_outcome:
            self._waiting.append(EXTRA_BYTE)
        self.flush()
        try:
            self._end_our_direction()
            self._sock.settimeout(remaining(self.deadline))
            answer = self._sock.recv(1)
            if not answer:
                check_end_of_file(self._sock, self._place)
        except OSError as error:
            raise self._judgement(error) from error
        if answer:
            raise self._strange_answer()
        outcome = ACCEPTED if self._layout.tells_outcome else SENT_NOT_KNOWN
        debug("%s: %s after %s bytes", self._place, outcome, self._bytes_sent)
        return outcome

    def close(self) -> None:
        """Close the connection; without `finish`, nobody learns the outcome of what was sent."""
        self._sock.close()

    def _cork(self, is_on: bool) -> None:
        """Let what we write wait for what follows, so that it shares a segment with it."""
        if hasattr(socket, "TCP_CORK"):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, is_on)

    def _end_our_direction(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
            # The connection has ended already, and the read that follows finds out how.

    def _is_silent(self) -> bool:
        return self._was_silent or self.silence_s() > SILENCE_S

    def _judgement(self, error: OSError) -> DeliveryError:
        debug("%s: %s after %s bytes", self._place, error, self._bytes_sent)
        return judge_failure(error, self._place, self._bytes_sent, self._is_silent())

    def _strange_answer(self) -> ProtocolError:
        return ProtocolError("answered the packets, which NSCA servers never do", self._place)
