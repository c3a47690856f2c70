"""TLS to a server whose certificate is verified, always: chain, name and time.

Icinga's own authority writes certificates without an Authority Key Identifier, which Python from 3.13 on refuses by
default (VERIFY_X509_STRICT). That flag goes where `ca_file` names the authority; chain and name are verified all the
same. Its certificates carry a node's name, not its address: `tls_name` says which.
"""

from __future__ import annotations

import socket
import ssl
import time

from ..debugging import debug
from ..errors import ConnectError, ConnectTimedOut
from ..nsca.addresses import remaining
from ..nsca.proxy import open_stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.values import Endpoint, Tls

# X.509 verification results of OpenSSL (x509_vfy.h), and what to do about each.
HINTS = {
    10: "the certificate has expired; renew it at the server",
    9: "the certificate is not yet valid; compare the clocks",
    18: "the certificate is self-signed; set ca_file to it, or to that of its authority",
    19: "the certificate is of another authority; set ca_file to the server's authority",
    20: "the certificate is of another authority; set ca_file to the server's authority",
    21: "the certificate is of another authority; set ca_file to the server's authority",
    62: "the certificate is for another name; set tls_name to the name in it",
    64: "the certificate is for another address; set tls_name to the name in it",
}


def make_context(tls: Tls) -> ssl.SSLContext:
    """Return a context that verifies the server, and shows our certificate if we have one.

    Raises:
        ConnectError: a file of the configuration cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        if tls.ca_file:
            context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConnectError(f"cannot be used for TLS: {_reason(error)}", tls.cert_file or tls.ca_file) from error
    return context


def open_tls(endpoint: Endpoint, context: ssl.SSLContext, deadline: float) -> ssl.SSLSocket:
    """Return a connection with TLS to the server, which has shown who it is.

    Raises:
        ConnectError: no connection, or a server that is not the one that it should be.
    """
    sock = open_stream(endpoint, deadline)
    try:
        sock.settimeout(remaining(deadline))
        stream = context.wrap_socket(sock, server_hostname=endpoint.tls.name or endpoint.host)
        debug("%s: %s, trusted", endpoint, stream.version())
        return stream
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):
            raise _connect_error(error, endpoint) from error
        raise


def days_left(sock: ssl.SSLSocket) -> int | None:
    """Return for how many days the server's certificate is still valid; None if it does not say."""
    end = (sock.getpeercert() or {}).get("notAfter")
    return int((ssl.cert_time_to_seconds(end) - time.time()) // 86400) if isinstance(end, str) else None


def _connect_error(error: OSError, endpoint: Endpoint) -> ConnectError:
    if isinstance(error, socket.timeout):
        return ConnectTimedOut("connected, but no TLS in time", endpoint)
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = HINTS.get(error.verify_code, "")
        return ConnectError(f"not trusted: {error.verify_message}{'; ' if hint else ''}{hint}", endpoint)
    if isinstance(error, ssl.SSLError):
        return ConnectError(f"no TLS: {_reason(error)}", endpoint)
    return ConnectError(f"broke the connection while TLS began: {error.strerror or error}", endpoint, error.errno)


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return str(reason).lower().replace("_", " ")
