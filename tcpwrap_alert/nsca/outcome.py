"""What the end of a connection says of the packets that went over it: accepted, rejected, or not known.

NSCA has no acknowledgement, but a stock server shows by the way it closes whether it took the packets. After the
last data packet we send one byte more in the same segment, end our direction, and read until the end:

    end of file         the server read every packet and the extra byte, saw the end, closed:    accepted
    connection reset    it closed with bytes unread, as it does on a bad checksum:               rejected
    deadline, else      nobody knows; the caller sends again, perhaps twice:                     not known

Without the extra byte a rejected single packet would look accepted: the server had nothing unread. Observed on nsca
2.7.2 to 2.10.3 in all its ways to run (src/nsca.c, `handle_connection_read`). An end of file that arrives while
bytes of ours are not acknowledged means that the server closed before it had them: rejected, the reset is on its way.

A relay on the way ends TCP: the reset reaches the relay, and the relay closes to us in an orderly way. So where a
relay may be (`ways.py`) we first send the packets alone and hold our end back. A server that rejects closes, and that
comes as an end of file; one that accepts waits for more. Only then do the extra byte and the end follow.

A server that hears nothing for ten seconds may close by itself (src/netutils.c, `recvall`), and that looks like a
rejection; so after a silence a bad end means only that nobody knows.

In the 2.7 layout (`legacy_2_7_mode`) a server from 2.9.1 on takes only exactly one packet of 720 bytes per connection
and also closes cleanly what it rejects. Other programs (`receiver=single`) drop a connection with the extra byte. There
we do not send it, and the outcome is "sent, not known".
"""

from __future__ import annotations

import errno
import fcntl
import struct
import sys
import termios

from ..errors import DeliveryError, OutcomeTimedOut, OutcomeUnknown, RejectedError
from ..sockets import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .server import Server

ACCEPTED = "accepted"
SENT_NOT_KNOWN = "sent, not known"

EXTRA_BYTE = b"\0"

# For how long we hold our end back. Servers look at their sockets once a second, so a rejection comes within one.
HOLD_S = 2.0

RESETS = (errno.ECONNRESET, errno.EPIPE)


def check_end_of_file(sock: socket.socket, server: Server) -> None:
    """Raise ConnectionResetError if the peer, which has closed, did not take everything."""
    reset = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if reset or (server.layout.tells_outcome and _unacknowledged(sock)):
        raise ConnectionResetError(errno.ECONNRESET, "closed with bytes unread")


def judge_failure(error: OSError, server: Server, bytes_sent: int, was_silent: bool) -> DeliveryError:
    """Return what a failure of the socket means for the check results."""
    if isinstance(error, socket.timeout):
        what = f"no outcome within {server.timeout_s:g} s; it may or may not have taken the packets"
        return OutcomeTimedOut(what, server)
    if error.errno not in RESETS:
        return DeliveryError(str(error.strerror or error), server)
    if bytes_sent < server.layout.packet_length:
        return DeliveryError("connection reset before a packet was sent", server)
    return judge_end(server, was_silent)


def judge_end(server: Server, was_silent: bool) -> DeliveryError:
    """Return what the peer's end, by a reset or too early, means for the packets that were sent."""
    if was_silent:
        what = "closed after a silence of ours; it may or may not have taken the packets before that"
        return OutcomeUnknown(what, server)
    causes = [
        "wrong password" if server.password else "no password is set",
        f"wrong encryption_method ({server.encryption_method})",
    ]
    if server.password != server.password.strip():
        causes.append("blanks around the password, which belong to it")
    causes.append("a server that was stopped meanwhile, or whose Nagios is down")
    if not server.legacy_2_7_mode:
        causes.append("a server older than 2.9, which needs legacy_2_7_mode=true")
    if not server.layout.takes_one:
        causes.append("a server other than nsca, which may need receiver=single")
    return RejectedError(f"the NSCA server rejected the packets; likely causes: {'; '.join(causes)}", server)


def _unacknowledged(sock: socket.socket) -> int:
    """Return how many bytes the peer's kernel has not acknowledged; elsewhere than on Linux there is no telling: 0."""
    if not sys.platform.startswith("linux"):
        return 0
    # TIOCOUTQ is SIOCOUTQ on a TCP socket (tcp(7)); it counts the end of our direction as one byte.
    (count,) = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, struct.pack("i", 0)))
    return int(count)
