"""One NSCA conversation: connect, read the init packet, send data packets, learn the verdict.

NSCA has no acknowledgement, but a stock daemon shows by the way it closes whether it took the packets. After the
last data packet we send one byte more in the same segment, end our direction, and read until the end:

    end of file         the daemon read every packet and the extra byte, saw the end, closed:    accepted
    connection reset    it closed with bytes unread, as it does on a bad checksum:               refused
    deadline, else      nobody knows; the caller sends again, perhaps twice:                     unknown

Without the extra byte a refused single packet would look accepted: the daemon had nothing unread. Observed on nsca
2.7.2 to 2.10.3 in all its ways to run (src/nsca.c, `handle_connection_read`). An end of file that arrives while
bytes of ours are not acknowledged means that the daemon closed before it had them: refused, the reset is on its way.

In the 2.7 layout (`legacy_2_7_mode`) a daemon from 2.9.1 on takes only exactly one packet of 720 bytes per connection
and also closes cleanly what it refuses: there we send no extra byte, and the verdict is "sent, not known".

One deadline covers look-up, connection, init packet, sending and verdict. Daemons poll their sockets once per second,
so a conversation may take two seconds; a batch pays that once.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import sys
import termios
import time

from ..errors import ConnectError, DeliveryError, ProtocolError, RefusedError, VerdictUnknown
from .cipher import make_encryptor
from .packet import (
    DATA_PACKET_LENGTH,
    INIT_PACKET_LENGTH,
    LEGACY_DATA_PACKET_LENGTH,
    decode_init_packet,
    encode_data_packet,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ..check_result import CheckResult
    from .monitor import Monitor

ACCEPTED = "accepted"
SENT_NOT_KNOWN = "sent, not known"

EXTRA_BYTE = b"\0"
PACKETS_PER_WRITE = 15  # just below 64 KiB
MIN_ADDRESS_SHARE_S = 3.0

RESETS = (errno.ECONNRESET, errno.EPIPE)


def send_check_results(monitor: Monitor, results: Sequence[CheckResult]) -> str:
    """Send `results` over one connection and return the verdict, ACCEPTED or SENT_NOT_KNOWN (2.7 layout).

    Raises:
        RefusedError: the daemon refused the packets. Nothing of the batch counts as delivered.
        ConnectError: no connection; nothing was sent.
        ProtocolError: the peer does not speak NSCA.
        VerdictUnknown: the deadline came after packets had been sent; sending again may deliver twice.
        DeliveryError: any other failure of the connection.
        ValueError: more than one result in the 2.7 layout, or a method that is not available.
    """
    if monitor.legacy_2_7_mode and len(results) > 1:
        raise ValueError("the 2.7 layout takes one check result per connection")
    deadline = time.monotonic() + monitor.timeout_s
    sock, iv, packet_timestamp = _open(monitor, deadline)
    with sock:
        encrypt = make_encryptor(monitor.encryption_method, monitor.password, iv)
        conversation = _Conversation(sock, monitor, deadline)
        conversation.check_still_open()
        length = LEGACY_DATA_PACKET_LENGTH if monitor.legacy_2_7_mode else DATA_PACKET_LENGTH
        packets = (encrypt(encode_data_packet(result, packet_timestamp, os.urandom(length))) for result in results)
        try:
            conversation.send(packets)
            conversation.wait_for_end()
        except DeliveryError:
            raise
        except socket.timeout as error:
            what = f"no verdict within {monitor.timeout_s:g} s; it may or may not have taken the packets"
            raise VerdictUnknown(f"{monitor}: {what}") from error
        except OSError as error:
            if error.errno not in RESETS:
                raise DeliveryError(f"{monitor}: {error.strerror or error}") from error
            if conversation.bytes_sent < length:
                raise DeliveryError(f"{monitor}: connection reset before a packet was sent") from error
            raise RefusedError(_refusal(monitor)) from error
    return SENT_NOT_KNOWN if monitor.legacy_2_7_mode else ACCEPTED


class _Conversation:
    """What follows the init packet on one connection."""

    def __init__(self, sock: socket.socket, monitor: Monitor, deadline: float) -> None:
        self._sock = sock
        self._monitor = monitor
        self._deadline = deadline
        self.bytes_sent = 0

    def check_still_open(self) -> None:
        """Raise unless the peer is silent now: an end or a reset here means that nothing was sent."""
        self._sock.setblocking(False)
        try:
            data = self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError as error:
            raise DeliveryError(f"{self._monitor}: connection reset after the init packet") from error
        if not data:
            raise DeliveryError(f"{self._monitor}: connection closed after the init packet")
        raise ProtocolError(f"{self._monitor}: sent more than an init packet; is this an NSCA daemon?")

    def send(self, packets: Iterator[bytes]) -> None:
        """Send all packets, the extra byte and the end of our direction, the last three in one segment."""
        if hasattr(socket, "TCP_CORK"):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        waiting: list[bytes] = []
        for packet in packets:
            waiting.append(packet)
            if len(waiting) > PACKETS_PER_WRITE:
                self._write(b"".join(waiting[:-1]))
                del waiting[:-1]
        if not self._monitor.legacy_2_7_mode:
            waiting.append(EXTRA_BYTE)
        self._write(b"".join(waiting))
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
            # The connection has ended already, and wait_for_end finds out how.

    def wait_for_end(self) -> None:
        """Return when the peer has taken everything and closed; ConnectionResetError if it closed without."""
        self._sock.settimeout(_remaining(self._deadline))
        if self._sock.recv(1):
            raise ProtocolError(f"{self._monitor}: answered the packets, which NSCA daemons never do")
        reset = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if reset or (not self._monitor.legacy_2_7_mode and _unacknowledged(self._sock)):
            raise ConnectionResetError(errno.ECONNRESET, "closed with bytes unread")

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._sock.settimeout(_remaining(self._deadline))
            sent = self._sock.send(view)
            self.bytes_sent += sent
            view = view[sent:]


def _open(monitor: Monitor, deadline: float) -> tuple[socket.socket, bytes, int]:
    """Return a connected socket with the init packet read, from the first address of the name that gives one."""
    addresses = _resolve(monitor, deadline)
    for left in range(len(addresses), 0, -1):
        family, kind, protocol, _, address = addresses[-left]
        # A dead address must leave time for the ones behind it.
        share_s = min(max(_remaining(deadline) / left, MIN_ADDRESS_SHARE_S), _remaining(deadline))
        try:
            return _open_address(monitor, (family, kind, protocol), address, time.monotonic() + share_s)
        except DeliveryError as error:
            if left == 1 or time.monotonic() >= deadline:
                number = len(addresses) - left + 1
                tried = f" (address {number} of {len(addresses)}: {address[0]})" if len(addresses) > 1 else ""
                raise type(error)(f"{monitor}: {error}{tried}") from error
    raise ConnectError(f"{monitor}: the name has no address")


def _open_address(
    monitor: Monitor, kind: tuple[int, int, int], address: Any, deadline: float
) -> tuple[socket.socket, bytes, int]:
    """Connect to one address and read its init packet; errors come without the monitor's name."""
    within = f"within {monitor.timeout_s:g} s"
    try:
        sock = socket.socket(*kind)
    except OSError as error:  # a family that this host does not have
        raise ConnectError((error.strerror or str(error)).lower()) from error
    try:
        try:
            sock.settimeout(_remaining(deadline))
            sock.connect(address)
        except socket.timeout:
            raise ConnectError(f"no answer to the connection attempt {within}") from None
        except OSError as error:
            raise ConnectError((error.strerror or str(error)).lower()) from error
        iv, packet_timestamp = decode_init_packet(_read_init_packet(sock, deadline, within))
    except BaseException:
        sock.close()
        raise
    return sock, iv, packet_timestamp


def _read_init_packet(sock: socket.socket, deadline: float, within: str) -> bytes:
    data = b""
    while len(data) < INIT_PACKET_LENGTH:
        received = f"{len(data)} of the {INIT_PACKET_LENGTH} bytes of an init packet"
        try:
            sock.settimeout(_remaining(deadline))
            chunk = sock.recv(INIT_PACKET_LENGTH - len(data))
        except socket.timeout:
            if not data:
                raise DeliveryError(
                    f"connected, but no init packet {within}; the daemon hangs, or does not speak NSCA"
                ) from None
            raise ProtocolError(f"sent only {received} {within}; is this an NSCA daemon?") from None
        except OSError as error:
            raise DeliveryError(f"connection reset after {received}") from error
        if not chunk:
            raise ProtocolError(f"closed after {received}; is this an NSCA daemon, and may this host talk to it?")
        data += chunk
    return data


def _resolve(monitor: Monitor, deadline: float) -> list[Any]:
    """Return the addresses of the monitor as getaddrinfo does; its look-up cannot be cut short, so a thread waits."""
    try:
        return socket.getaddrinfo(monitor.host, monitor.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # a name, not an address
    import threading

    outcome: list[Any] = []

    def look_up() -> None:
        try:
            outcome.append(socket.getaddrinfo(monitor.host, monitor.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            outcome.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # the limit of processes is reached
        raise ConnectError(f"{monitor}: cannot look the name up: {error}") from error
    thread.join(_remaining(deadline))
    if not outcome:
        raise ConnectError(f"{monitor}: the name did not resolve within {monitor.timeout_s:g} s")
    if isinstance(outcome[0], Exception):
        reason = getattr(outcome[0], "strerror", None) or "not a host name"
        raise ConnectError(f"{monitor}: the name does not resolve: {reason}") from outcome[0]
    addresses: list[Any] = outcome[0]
    return addresses


def _remaining(deadline: float) -> float:
    """Return the seconds left; never zero, which would make a socket non-blocking instead of late."""
    return max(deadline - time.monotonic(), 0.001)


def _unacknowledged(sock: socket.socket) -> int:
    """Return how many bytes the peer's kernel has not acknowledged; elsewhere than on Linux there is no telling: 0."""
    if not sys.platform.startswith("linux"):
        return 0
    # TIOCOUTQ is SIOCOUTQ on a TCP socket (tcp(7)); it counts the end of our direction as one byte.
    (count,) = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, struct.pack("i", 0)))
    return int(count)


def _refusal(monitor: Monitor) -> str:
    causes = [
        "wrong password" if monitor.password else "no password is set",
        f"wrong encryption_method ({monitor.encryption_method})",
    ]
    if monitor.password != monitor.password.strip():
        causes.append("blanks around the password, which belong to it")
    causes.append("a daemon that was stopped meanwhile")
    if not monitor.legacy_2_7_mode:
        causes.append("a daemon older than 2.9, which needs legacy_2_7_mode=true")
    return f"{monitor}: the daemon refused the packets; likely causes: {'; '.join(causes)}"
