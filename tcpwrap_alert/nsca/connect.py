"""From the name of an NSCA server to a connected socket whose init packet we have read, within one deadline.

We try all addresses of a name (`addresses.py`). Deadlines are in seconds of `time.monotonic()`.
"""

from __future__ import annotations

import time

from ..debugging import debug
from ..errors import ConnectError, ConnectTimedOut, DeliveryError, ProtocolError, ProtocolTimedOut, TimedOut
from ..sockets import socket
from .addresses import remaining, resolve, share_of
from .packet import INIT_PACKET_LENGTH, decode_init_packet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .server import Server


def connect(server: Server, deadline: float) -> tuple[socket.socket, Server, bytes, int]:
    """Return a connected socket, the server by its address, and the init packet's vector and timestamp.

    We take the first address of the name that sends an init packet. Through a proxy the server keeps its name.

    Raises:
        ConnectError: no connection.
        ProtocolError: the peer sent something else than an init packet.
        DeliveryError: it sent nothing, or broke the connection.
    """
    if server.proxy is not None:
        return _connect_by_proxy(server, deadline)
    addresses = resolve(server.host, server.port, deadline, server, f"within {server.timeout_s:g} s")
    debug("%s has the addresses %s", server, ", ".join(each[4][0] for each in addresses))
    for left in range(len(addresses), 0, -1):
        family, kind, protocol, _, address = addresses[-left]
        try:
            sock, iv, packet_timestamp = _connect_address(
                server, (family, kind, protocol), address, share_of(deadline, left)
            )
            return sock, server.replace(host=address[0]), iv, packet_timestamp
        except DeliveryError as error:
            debug("%s: %s", address[0], error)
            if left == 1 or time.monotonic() >= deadline:
                number = len(addresses) - left + 1
                tried = f" (address {number} of {len(addresses)}: {address[0]})" if len(addresses) > 1 else ""
                raise type(error)(f"{error.reason}{tried}", server, error.errno) from error
    raise ConnectError("the name has no address", server)


def _connect_by_proxy(server: Server, deadline: float) -> tuple[socket.socket, Server, bytes, int]:
    from .proxy import open_stream

    sock = open_stream(server, deadline)
    try:
        init_packet = _read_init_packet(sock, deadline, f"within {server.timeout_s:g} s")
        return (sock, server, *_decode(init_packet))
    except DeliveryError as error:
        sock.close()
        raise type(error)(error.reason, f"{server} through {server.proxy}", error.errno) from error
    except BaseException:
        sock.close()
        raise


def _connect_address(
    server: Server, kind: tuple[int, int, int], address: Any, deadline: float
) -> tuple[socket.socket, bytes, int]:
    """Connect to one address and read its init packet; errors come without the server's name."""
    within = f"within {server.timeout_s:g} s"
    try:
        sock = socket.socket(*kind)
    except OSError as error:  # a family that this host does not have
        raise ConnectError((error.strerror or str(error)).lower(), number=error.errno) from error
    try:
        try:
            sock.settimeout(remaining(deadline))
            sock.connect(address)
            debug("connected to %s port %s", *address[:2])
        except socket.timeout:
            raise ConnectTimedOut(f"no answer to the connection attempt {within}") from None
        except OSError as error:
            raise ConnectError((error.strerror or str(error)).lower(), number=error.errno) from error
        iv, packet_timestamp = _decode(_read_init_packet(sock, deadline, within))
    except BaseException:
        sock.close()
        raise
    return sock, iv, packet_timestamp


def _decode(init_packet: bytes) -> tuple[bytes, int]:
    iv, packet_timestamp = decode_init_packet(init_packet)
    ahead_s = packet_timestamp - int(time.time())
    debug("init packet of %s bytes; the server's clock is %+d s from ours", len(init_packet), ahead_s)
    return iv, packet_timestamp


def _read_init_packet(sock: socket.socket, deadline: float, within: str) -> bytes:
    data = b""
    while len(data) < INIT_PACKET_LENGTH:
        received = f"{len(data)} of the {INIT_PACKET_LENGTH} bytes of an init packet"
        try:
            sock.settimeout(remaining(deadline))
            chunk = sock.recv(INIT_PACKET_LENGTH - len(data))
        except socket.timeout:
            if not data:
                raise TimedOut(
                    f"connected, but no init packet {within}; the server hangs, or does not speak NSCA"
                ) from None
            raise ProtocolTimedOut(f"sent only {received} {within}; is this an NSCA server?") from None
        except OSError as error:
            raise DeliveryError(f"connection reset after {received}", number=error.errno) from error
        if not chunk:
            raise ProtocolError(f"closed after {received}; is this an NSCA server, and may this host talk to it?")
        data += chunk
    return data
