"""TLS with a pre-shared key (PSK), which NSCA-ng speaks: identity and password instead of certificates.

Python's own ssl can do it from 3.13 on. Below, this is done by ctypes with the system's libssl, in a context of its
own.

A server that ignores the key and shows any certificate would be accepted in TLS 1.3, if verification were off (shown
with openssl s_server, which even Debian's send_nsca 1.6 talks to). So verification is on, with no authority to believe:
only a handshake with the key succeeds, as that needs no certificate."""

from __future__ import annotations

import ctypes
import ctypes.util
import select
import socket
import ssl
import time

from ..errors import ConnectError, ConnectTimedOut, DeliveryError, RejectedError
from ..nsca.addresses import remaining

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..config.values import Endpoint

CIPHERS = "PSK"
NOT_ACCEPTED = "identity or password are not accepted, or the server is not the one that knows them"
NO_TLS = "it broke off, or does not speak TLS; look whether an NSCA-ng server runs there"
ALERTS = 1000  # OpenSSL's reason for what the peer's alert says is this and the number of the alert
CERTIFICATE_VERIFY_FAILED = 134
REASON_MASK = 0xFFF
SSL_VERIFY_PEER = 1
SSL_CTRL_MODE = 33
SSL_MODE_AUTO_RETRY = 4
SSL_CTRL_SET_READ_AHEAD = 41  # one read for each record, not one for its head and one for the rest
SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE, SSL_ERROR_ZERO_RETURN = 2, 3, 6
READ_BYTES = 4096
TIMEOUT_STEP_S = 0.1  # a timeout is set again only when it differs by that much: a session has thousands of steps
CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_uint,
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.POINTER(ctypes.c_char),
    ctypes.c_uint,
    ctypes.POINTER(ctypes.c_char),
    ctypes.c_uint,
)


def wrap_psk(sock: socket.socket, endpoint: Endpoint, deadline: float) -> PskStream | StdlibStream:
    """Return a stream with TLS over a connected socket; the server has shown that it knows the key.

    Raises:
        RejectedError: it has not, or it does not accept ours.
        ConnectTimedOut: it did not answer in time.
        ConnectError: it broke the connection, or does not speak TLS.
    """
    if getattr(ssl, "HAS_PSK", False):
        return StdlibStream(sock, endpoint, deadline)
    return PskStream(sock, endpoint, deadline)


class StdlibStream:
    """A stream by Python's own ssl."""

    def __init__(self, sock: socket.socket, endpoint: Endpoint, deadline: float) -> None:
        self._timeout_s = 0.0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # there is no certificate; CERT_REQUIRED stays, and nothing is believed
        context.set_ciphers(CIPHERS)
        set_callback = context.set_psk_client_callback  # type: ignore[attr-defined]  # only 3.13 and later come here
        set_callback(lambda _hint: (endpoint.user, endpoint.password))
        sock.settimeout(remaining(deadline))
        try:
            self._sock = context.wrap_socket(sock)
        except socket.timeout as error:
            raise ConnectTimedOut("connected, but no TLS in time", endpoint) from error
        except OSError as error:
            reason = getattr(error, "reason", "") or ""
            if "ALERT" in reason or isinstance(error, ssl.SSLCertVerificationError):
                raise RejectedError(NOT_ACCEPTED, endpoint) from error
            raise ConnectError(NO_TLS, endpoint) from error

    def send_all(self, data: bytes, deadline: float) -> None:
        """Send `data`. Raises OSError; socket.timeout at the deadline."""
        self._set_timeout(deadline)
        self._sock.sendall(data)

    def receive(self, deadline: float) -> bytes:
        """Return what comes next; empty at the end. Raises OSError; socket.timeout at the deadline."""
        self._set_timeout(deadline)
        return self._sock.recv(READ_BYTES)

    def close(self) -> None:
        """End TLS, and the connection."""
        try:
            self._sock.settimeout(1)
            self._sock.unwrap()
        except (OSError, ValueError):
            pass
        self._sock.close()

    def _set_timeout(self, deadline: float) -> None:
        timeout_s = _rounded_up(remaining(deadline))
        if timeout_s != self._timeout_s:
            self._timeout_s = timeout_s
            self._sock.settimeout(timeout_s)


class PskStream:
    """A stream by ctypes over libssl."""

    def __init__(self, sock: socket.socket, endpoint: Endpoint, deadline: float) -> None:
        self._sock = sock
        self._endpoint = endpoint
        self._buffer = ctypes.create_string_buffer(READ_BYTES)
        self._ssl = self._context = None
        self._library = library = _load(endpoint)
        self._callback = CALLBACK(self._give_key)  # kept: the library holds only its address
        self._context = library.SSL_CTX_new(library.TLS_client_method())
        library.SSL_CTX_set_verify(self._context, SSL_VERIFY_PEER, None)
        library.SSL_CTX_ctrl(self._context, SSL_CTRL_MODE, SSL_MODE_AUTO_RETRY, None)
        library.SSL_CTX_ctrl(self._context, SSL_CTRL_SET_READ_AHEAD, 1, None)
        library.SSL_CTX_set_cipher_list(self._context, CIPHERS.encode())
        library.SSL_CTX_set_psk_client_callback(self._context, self._callback)
        self._ssl = library.SSL_new(self._context)
        sock.setblocking(False)
        library.SSL_set_fd(self._ssl, sock.fileno())
        try:
            if self._until_done(lambda: library.SSL_connect(self._ssl), deadline) != 1:
                reason = library.ERR_peek_error() & REASON_MASK
                knows_no_key = reason >= ALERTS or reason == CERTIFICATE_VERIFY_FAILED
                raise RejectedError(NOT_ACCEPTED, endpoint) if knows_no_key else ConnectError(NO_TLS, endpoint)
        except socket.timeout as error:
            self.close()
            raise ConnectTimedOut("connected, but no TLS in time", endpoint) from error
        except DeliveryError:
            self.close()
            raise

    def send_all(self, data: bytes, deadline: float) -> None:
        """Send `data`. Raises OSError; socket.timeout at the deadline."""
        count = self._until_done(lambda: self._library.SSL_write(self._ssl, data, len(data)), deadline)
        if count != len(data):
            raise ConnectionResetError("the connection broke")

    def receive(self, deadline: float) -> bytes:
        """Return what comes next; empty at the end. Raises OSError; socket.timeout at the deadline."""
        count = self._until_done(lambda: self._library.SSL_read(self._ssl, self._buffer, READ_BYTES), deadline)
        if count > 0:
            return self._buffer.raw[:count]
        if self._library.SSL_get_error(self._ssl, count) == SSL_ERROR_ZERO_RETURN:
            return b""
        raise ConnectionResetError("the connection broke")

    def _until_done(self, step: Callable[[], int], deadline: float) -> int:
        """Return what a step returns that waits for the peer no longer. Raises socket.timeout at the deadline."""
        events = {SSL_ERROR_WANT_READ: select.POLLIN, SSL_ERROR_WANT_WRITE: select.POLLOUT}
        while True:
            self._library.ERR_clear_error()
            count = step()
            wanted = None if count > 0 else events.get(self._library.SSL_get_error(self._ssl, count))
            if wanted is None:
                return count
            poll = select.poll()
            poll.register(self._sock, wanted)
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not poll.poll(left_s * 1000):
                raise socket.timeout("timed out")

    def close(self) -> None:
        """End TLS, and the connection."""
        if self._ssl:
            self._library.SSL_shutdown(self._ssl)
            self._library.SSL_free(self._ssl)
        if self._context:
            self._library.SSL_CTX_free(self._context)
        self._ssl = self._context = None
        self._sock.close()

    def _give_key(self, _ssl: Any, _hint: Any, identity: Any, identity_size: int, key: Any, key_size: int) -> int:
        name, secret = self._endpoint.user.encode() + b"\0", self._endpoint.password
        if len(name) > identity_size or len(secret) > key_size:
            return 0
        ctypes.memmove(identity, name, len(name))
        ctypes.memmove(key, secret, len(secret))
        return len(secret)


def _rounded_up(seconds: float) -> float:
    """Return the next greater number of steps, in seconds: so nobody gives up before the deadline."""
    return (int(seconds / TIMEOUT_STEP_S) + 1) * TIMEOUT_STEP_S


def _load(endpoint: Endpoint) -> ctypes.CDLL:
    """Return the system's libssl. Raises ConnectError if there is none that can be used."""
    for name in ("libssl.so.3", "libssl.so.1.1", ctypes.util.find_library("ssl")):
        try:
            library = ctypes.CDLL(name) if name else None
            if library is not None:
                return _declared(library)
        except (OSError, AttributeError):
            continue
    what = "NSCA-ng needs libssl 1.1 or 3 on this machine (Debian: libssl3), or Python 3.13"
    raise ConnectError(what, endpoint)


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer = ctypes.c_void_p
    for name, result, arguments in (
        ("TLS_client_method", pointer, []),
        ("SSL_CTX_new", pointer, [pointer]),
        ("SSL_CTX_free", None, [pointer]),
        ("SSL_CTX_set_verify", None, [pointer, ctypes.c_int, pointer]),
        ("SSL_CTX_ctrl", ctypes.c_long, [pointer, ctypes.c_int, ctypes.c_long, pointer]),
        ("SSL_CTX_set_cipher_list", ctypes.c_int, [pointer, ctypes.c_char_p]),
        ("SSL_CTX_set_psk_client_callback", None, [pointer, CALLBACK]),
        ("SSL_new", pointer, [pointer]),
        ("SSL_free", None, [pointer]),
        ("SSL_set_fd", ctypes.c_int, [pointer, ctypes.c_int]),
        ("SSL_connect", ctypes.c_int, [pointer]),
        ("SSL_write", ctypes.c_int, [pointer, ctypes.c_char_p, ctypes.c_int]),
        ("SSL_read", ctypes.c_int, [pointer, pointer, ctypes.c_int]),
        ("SSL_get_error", ctypes.c_int, [pointer, ctypes.c_int]),
        ("SSL_shutdown", ctypes.c_int, [pointer]),
        ("ERR_clear_error", None, []),
        ("ERR_peek_error", ctypes.c_ulong, []),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library
