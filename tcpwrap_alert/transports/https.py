"""A kept HTTP/1.1 connection to one server: POST, and an answer of bounded size within a deadline.

Redirects are not followed: a POST would become a GET, and secrets would travel elsewhere; their Location is told. No
compression is asked for, so none is unpacked. A connection that the server has closed while it was idle is made anew,
once.
"""

from __future__ import annotations

import base64
import http.client
import socket
import time

from ..debugging import debug
from ..errors import DeliveryError, OutcomeTimedOut, OutcomeUnknown, ProtocolError
from ..nsca.addresses import remaining
from ..nsca.proxy import open_stream
from .tls import make_context, open_tls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.values import Endpoint

MAX_ANSWER_BYTES = 65_536
MAX_HEADERS_BYTES = 65_536
READ_BYTES = 65_536
MAX_TEXT_CHARACTERS = 300  # of what a server says, in a message
# What a parser of an answer may raise when a server means harm.
NOT_AS_EXPECTED = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


class Answer:
    """Status, body, the Location of a redirect and the Date, as they came."""

    __slots__ = ("body", "date", "location", "status")

    def __init__(self, status: int, body: bytes, location: str, date: str) -> None:
        self.status = status
        self.body = body
        self.location = location
        self.date = date


class HttpConnection:
    """A context that posts to one server, or asks it.

    Args:
        headers: sent with each request, beside those that HTTP wants.
    """

    def __init__(self, endpoint: Endpoint, headers: dict[str, str]) -> None:
        self._endpoint = endpoint
        self._headers = {"Host": str(endpoint), "Accept-Encoding": "identity", **headers}
        self._context = None if endpoint.is_in_clear else make_context(endpoint.tls)
        self._sock: socket.socket | None = None

    def __enter__(self) -> HttpConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def post(self, path: str, body: bytes, content_type: str) -> Answer:
        """Send a request and return the answer to it.

        Raises:
            ConnectError: no connection; nothing was sent.
            OutcomeUnknown: the request was sent, and its answer did not come whole or in time.
            ProtocolError: what came is not HTTP.
        """
        headers = {**self._headers, "Content-Type": content_type, "Content-Length": str(len(body))}
        return self._ask(f"POST {path}", headers, body)

    def get(self, path: str) -> Answer:
        """Ask for what is at `path` and return the answer. Raises what `post` raises."""
        return self._ask(f"GET {path}", self._headers, b"")

    def _ask(self, what: str, headers: dict[str, str], body: bytes) -> Answer:
        deadline = time.monotonic() + self._endpoint.timeout_s
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"{what} HTTP/1.1\r\n{head}\r\n".encode() + body
        is_kept = self._sock is not None
        debug("%s: POST of %s bytes", self._endpoint, len(body))
        try:
            return self._exchange(request, deadline)
        except _ClosedWhileIdle as error:
            self.close()
            if not is_kept:
                raise OutcomeUnknown("closed without an answer", self._endpoint) from error
        return self._exchange_again(request, deadline)

    def _exchange_again(self, request: bytes, deadline: float) -> Answer:
        try:
            return self._exchange(request, deadline)
        except _ClosedWhileIdle as error:
            self.close()
            raise OutcomeUnknown("closed without an answer", self._endpoint) from error

    def _exchange(self, request: bytes, deadline: float) -> Answer:
        if self._sock is None:
            self._sock = self._open(deadline)
        try:
            return self._send_and_read(self._sock, request, deadline)
        except BaseException:
            self.close()
            raise

    def _open(self, deadline: float) -> socket.socket:
        if self._context is None:
            return open_stream(self._endpoint, deadline)
        return open_tls(self._endpoint, self._context, deadline)

    def _send_and_read(self, sock: socket.socket, request: bytes, deadline: float) -> Answer:
        stream = _DeadlineStream(sock, deadline)
        try:
            stream.send(request)
            response = http.client.HTTPResponse(stream, method="POST")  # type: ignore[arg-type]  # asks for makefile()
            response.begin()
            body = _read_body(response)
        except socket.timeout as error:
            what = f"no answer within {self._endpoint.timeout_s:g} s; it may or may not have taken the result"
            raise OutcomeTimedOut(what, self._endpoint) from error
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            if stream.has_received:
                raise OutcomeUnknown("broke the connection in mid-answer", self._endpoint) from error
            raise _ClosedWhileIdle("closed") from error
        except http.client.IncompleteRead as error:
            raise OutcomeUnknown("broke the connection in mid-answer", self._endpoint) from error
        except http.client.HTTPException as error:
            raise ProtocolError(f"answered, but not in HTTP ({type(error).__name__})", self._endpoint) from error
        except OSError as error:
            raise OutcomeUnknown(error.strerror or str(error), self._endpoint, error.errno) from error
        if len(body) > MAX_ANSWER_BYTES:
            raise ProtocolError(f"answered with more than {MAX_ANSWER_BYTES} bytes", self._endpoint)
        if response.will_close:
            self.close()
        debug("%s: status %s, %s bytes", self._endpoint, response.status, len(body))
        location = (response.getheader("Location") or "")[:MAX_TEXT_CHARACTERS]
        return Answer(response.status, body, location, response.getheader("Date") or "")


class _ClosedWhileIdle(DeliveryError):
    """The server closed the connection before a byte of its answer came."""


class _DeadlineStream:
    """A socket as http.client wants to read it, with one deadline for all of an answer, and no endless head."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.has_received = False
        self._sock = sock
        self._deadline = deadline
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        view = memoryview(data)
        while view:
            self._sock.settimeout(remaining(self._deadline))
            view = view[self._sock.send(view[:READ_BYTES]) :]

    def makefile(self, _mode: str) -> _DeadlineStream:
        """Return ourselves, the file."""
        return self

    def readline(self, limit: int = -1) -> bytes:
        """Return a line of the head, or of a chunk's size."""
        limit = MAX_HEADERS_BYTES if limit < 0 else limit
        while b"\n" not in self._buffer and len(self._buffer) < limit:
            if not self._fill():
                if not self._buffer:
                    raise ConnectionResetError  # a line is missing: the answer is not whole
                break
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        line, self._buffer = self._buffer[: min(end, limit)], self._buffer[min(end, limit) :]
        return line

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer at the end of the stream."""
        size = MAX_ANSWER_BYTES + 1 if size < 0 else size
        while len(self._buffer) < size:
            if not self._fill():
                break
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def readinto(self, buffer: memoryview) -> int:
        """Read into `buffer`; return how many bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def flush(self) -> None:
        """Nothing is written by way of this file."""

    def close(self) -> None:
        """The socket is kept for the next request."""

    def _fill(self) -> bool:
        self._sock.settimeout(remaining(self._deadline))
        if time.monotonic() >= self._deadline:
            raise socket.timeout
        chunk = self._sock.recv(READ_BYTES)
        self.has_received = self.has_received or bool(chunk)
        self._buffer += chunk
        return bool(chunk)


def _read_body(response: http.client.HTTPResponse) -> bytes:
    """Return the body, up to one byte more than is allowed."""
    parts = []
    size = 0
    while size <= MAX_ANSWER_BYTES:
        part = response.read(READ_BYTES)
        if not part:
            break
        parts.append(part)
        size += len(part)
    body = b"".join(parts)
    if response.length and size <= MAX_ANSWER_BYTES:
        raise http.client.IncompleteRead(body, response.length)
    return body


def basic_auth(endpoint: Endpoint) -> dict[str, str]:
    """Return the header of Basic authentication; none without a user."""
    if not endpoint.user:
        return {}
    credentials = base64.b64encode(endpoint.user.encode() + b":" + endpoint.password).decode()
    return {"Authorization": f"Basic {credentials}"}
