"""One NSCA conversation with a server: init packet, data packets, and the outcome.

NSCA has no acknowledgement, but a stock server shows by the way it closes whether it took the packets. After the
last data packet we send one byte more in the same segment, end our direction, and read until the end:

    end of file         the server read every packet and the extra byte, saw the end, closed:    accepted
    connection reset    it closed with bytes unread, as it does on a bad checksum:               rejected
    deadline, else      nobody knows; the caller sends again, perhaps twice:                     not known

Without the extra byte a rejected single packet would look accepted: the server had nothing unread. Observed on nsca
2.7.2 to 2.10.3 in all its ways to run (src/nsca.c, `handle_connection_read`). An end of file that arrives while
bytes of ours are not acknowledged means that the server closed before it had them: rejected, the reset is on its way.

A server that hears nothing for ten seconds may close by itself (src/netutils.c, `recvall`), and that looks like a
rejection; so after a silence a bad end means only that nobody knows.

In the 2.7 layout (`legacy_2_7_mode`) a server from 2.9.1 on takes only exactly one packet of 720 bytes per connection
and also closes cleanly what it rejects: there we send no extra byte, and the outcome is "sent, not known".
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
import sys
import termios
import time

from ..errors import DeliveryError, OutcomeTimedOut, OutcomeUnknown, ProtocolError, RejectedError
from .cipher import check_method, make_encryptor
from .connect import connect, remaining
from .packet import encode_data_packet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..check_result import CheckResult
    from .server import Server

ACCEPTED = "accepted"
SENT_NOT_KNOWN = "sent, not known"

EXTRA_BYTE = b"\0"
PACKETS_PER_WRITE = 15  # just below 64 KiB

SILENCE_S = 5.0  # half of what a server waits

RESETS = (errno.ECONNRESET, errno.EPIPE)


class Conversation:
    """One connection, from its init packet on; whoever opens it must close it.

    Args:
        padding: returns as many bytes as it is asked for, to fill the packets with.
        deadline: of all that follows, in seconds of `time.monotonic()`; the attribute may be moved between calls.

    Raises:
        ConnectError: no connection; nothing was sent.
        ProtocolError: the peer does not speak NSCA.
        DeliveryError: it sent no init packet or closed after it.
        ValueError: the encryption method is not available.
    """

    def __init__(self, server: Server, padding: Callable[[int], bytes], deadline: float) -> None:
        self.deadline = deadline
        self.opened_at = time.monotonic()
        self._server = server
        self._padding = padding
        self._layout = server.layout
        self._bytes_sent = 0
        self._was_silent = False
        self._waiting: list[bytes] = []
        check_method(server.encryption_method)
        self._sock, iv, self._packet_timestamp = connect(server, deadline)
        self._written_at = time.monotonic()
        try:
            self._encrypt = make_encryptor(server.encryption_method, server.password, iv)
            self.check_still_open()
            if hasattr(socket, "TCP_CORK"):
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
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
                raise ProtocolError("sent more than an init packet; is this an NSCA server?", self._server)
        except BlockingIOError:
            return
        except ConnectionError:
            end = "reset"
        if self._bytes_sent:
            raise self._end_after_packets()
        raise DeliveryError(f"connection {end} after the init packet", self._server)

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

    def finish(self) -> str:
        """Send the extra byte and the end in one segment with the last packet; return the outcome when it is there.

        Returns ACCEPTED, or SENT_NOT_KNOWN in the 2.7 layout. Raises what `send` raises, and ProtocolError.
        """
        if self._layout.tells_outcome:
            self._waiting.append(EXTRA_BYTE)
        self.flush()
        try:
            self._end_our_direction()
            self._sock.settimeout(remaining(self.deadline))
            answer = self._sock.recv(1)
            if not answer:
                self._check_end()
        except OSError as error:
            raise self._judgement(error) from error
        if answer:
            raise ProtocolError("answered the packets, which NSCA servers never do", self._server)
        return ACCEPTED if self._layout.tells_outcome else SENT_NOT_KNOWN

    def close(self) -> None:
        """Close the connection; without `finish`, nobody learns the outcome of what was sent."""
        self._sock.close()

    def _end_our_direction(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
            # The connection has ended already, and the read that follows finds out how.

    def _check_end(self) -> None:
        """Raise ConnectionResetError if the peer closed without having taken everything."""
        reset = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if reset or (self._layout.tells_outcome and _unacknowledged(self._sock)):
            raise ConnectionResetError(errno.ECONNRESET, "closed with bytes unread")

    def _judgement(self, error: OSError) -> DeliveryError:
        """Return what a failure of the socket means for the check results."""
        if isinstance(error, socket.timeout):
            what = f"no outcome within {self._server.timeout_s:g} s; it may or may not have taken the packets"
            return OutcomeTimedOut(what, self._server)
        if error.errno not in RESETS:
            return DeliveryError(str(error.strerror or error), self._server)
        if self._bytes_sent < self._layout.packet_length:
            return DeliveryError("connection reset before a packet was sent", self._server)
        return self._end_after_packets()

    def _end_after_packets(self) -> DeliveryError:
        if self._was_silent or self.silence_s() > SILENCE_S:
            what = "closed after a silence of ours; it may or may not have taken the packets before that"
            return OutcomeUnknown(what, self._server)
        return RejectedError(_rejection(self._server), self._server)


def _unacknowledged(sock: socket.socket) -> int:
    """Return how many bytes the peer's kernel has not acknowledged; elsewhere than on Linux there is no telling: 0."""
    if not sys.platform.startswith("linux"):
        return 0
    # TIOCOUTQ is SIOCOUTQ on a TCP socket (tcp(7)); it counts the end of our direction as one byte.
    (count,) = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, struct.pack("i", 0)))
    return int(count)


def _rejection(server: Server) -> str:
    causes = [
        "wrong password" if server.password else "no password is set",
        f"wrong encryption_method ({server.encryption_method})",
    ]
    if server.password != server.password.strip():
        causes.append("blanks around the password, which belong to it")
    causes.append("a server that was stopped meanwhile, or whose Nagios is down")
    if server.layout.tells_outcome:
        causes.append("a server older than 2.9, which needs legacy_2_7_mode=true")
    return f"the NSCA server rejected the packets; likely causes: {'; '.join(causes)}"
