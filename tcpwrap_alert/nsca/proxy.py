"""A TCP connection to a server of any kind, directly or through a web proxy, within a deadline.

Through a proxy the connection is a tunnel (method CONNECT, RFC 9110, 9.3.6), so any protocol goes through it. The proxy
looks the name up. Deadlines are in seconds of `time.monotonic()`.

Seen with squid 5.7 and tinyproxy 1.11.1: without credentials both say 407; with wrong ones squid says 407 and tinyproxy
401; a port that is not allowed is 403; a host that does not answer is 503 (squid) or 500 (tinyproxy).
"""

from __future__ import annotations

import base64
import socket
import time

from ..debugging import debug
from ..errors import ConnectError, ConnectTimedOut
from .addresses import remaining, resolve, share_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from .server import Proxy

    class Target(Protocol):
        """Where to connect to; its text is host:port."""

        @property
        def host(self) -> str: ...
        @property
        def port(self) -> int: ...
        @property
        def proxy(self) -> Proxy | None: ...


MAX_ANSWER_BYTES = 16_384
END_OF_HEAD = b"\r\n\r\n"
REASONS = {
    401: "the proxy does not accept user and password; see proxy and proxy_password_file",
    403: "the proxy does not allow this host or port",
    407: "the proxy wants a user and a password, or others; see proxy and proxy_password_file",
}


def open_stream(target: Target, deadline: float) -> socket.socket:
    """Return a connected socket to the server, with no delay between small writes.

    Raises:
        ConnectError: no connection: to the proxy, or from the proxy to the server.
    """
    proxy = target.proxy
    if proxy is None:
        sock = _connect(target.host, target.port, deadline, str(target))
    else:
        place = f"{target} through {proxy}"
        sock = _connect(proxy.host, proxy.port, deadline, place)
        try:
            _make_tunnel(sock, target, proxy, deadline, place)
            debug("%s has connected us to %s", proxy, target)
        except BaseException:
            sock.close()
            raise
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _connect(host: str, port: int, deadline: float, place: str) -> socket.socket:
    addresses = resolve(host, port, deadline, place)
    for left in range(len(addresses), 0, -1):
        try:
            return _connect_address(addresses[-left], share_of(deadline, left), place)
        except ConnectError:
            if left == 1 or time.monotonic() >= deadline:
                raise
    raise ConnectError("the name has no address", place)


def _connect_address(found: Any, deadline: float, place: str) -> socket.socket:
    """Connect to one address, as getaddrinfo has it."""
    family, kind, protocol, _, address = found
    try:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(remaining(deadline))
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
    except socket.timeout as error:
        raise ConnectTimedOut("no answer to the connection attempt in time", place) from error
    except OSError as error:
        raise ConnectError((error.strerror or str(error)).lower(), place, error.errno) from error
    debug("connected to %s port %s", *address[:2])
    return sock


def _make_tunnel(sock: socket.socket, target: Target, proxy: Proxy, deadline: float, place: str) -> None:
    request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
    if proxy.user:
        credentials = base64.b64encode(proxy.user.encode() + b":" + proxy.password).decode()
        request += f"Proxy-Authorization: Basic {credentials}\r\n"
    try:
        sock.settimeout(remaining(deadline))
        sock.sendall(f"{request}\r\n".encode())
        answer = _read_head(sock, deadline)
    except socket.timeout as error:
        raise ConnectTimedOut("no answer from the proxy in time", place) from error
    except OSError as error:
        raise ConnectError(f"the proxy broke the connection: {error.strerror or error}", place, error.errno) from error
    version, _, rest = answer.partition(b" ")
    status = int(rest[:3]) if rest[:3].isdigit() else 0
    if not version.startswith(b"HTTP/1.") or not status:
        raise ConnectError("what answers there is no web proxy", place)
    if not answer.endswith(END_OF_HEAD):
        raise ConnectError("its answer has no end; is this a web proxy?", place)
    if status != 200:
        reason = REASONS.get(status, f"the proxy could not connect to the server (status {status})")
        raise ConnectError(reason, place)


def _read_head(sock: socket.socket, deadline: float) -> bytes:
    """Return the answer's head. It is read byte by byte: what follows belongs to the protocol within."""
    head = b""
    while not head.endswith(END_OF_HEAD) and len(head) < MAX_ANSWER_BYTES:
        sock.settimeout(remaining(deadline))
        byte = sock.recv(1)
        if not byte:
            break
        head += byte
    return head
