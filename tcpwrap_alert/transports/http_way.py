"""What can be found out about a server of HTTP before anything is asked of it: name, connection, TLS, its clock."""

from __future__ import annotations

import email.utils
import ssl
import time
from typing import TYPE_CHECKING

from ..nsca.proxy import open_stream
from .remarks import OK, WARN, Remark, of_clock
from .tls import days_left, make_context, open_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.values import Endpoint
    from .https import Answer

DAYS_LEFT = 14


def examine_connection(target: Endpoint) -> Iterator[Remark]:
    """Connect, and look at the certificate. Raises ConnectError."""
    began_s = time.monotonic()
    if target.is_in_clear:
        open_stream(target, began_s + target.timeout_s).close()
        yield Remark(OK, f"connected after {_ms_since(began_s)} ms")
        yield Remark(WARN, "nothing is encrypted: whoever listens can read the secrets", "Use https.")
        return
    with open_tls(target, make_context(target.tls), began_s + target.timeout_s) as sock:
        yield Remark(OK, f"{sock.version()} after {_ms_since(began_s)} ms, and its certificate is right")
        yield from _of_days(sock)


def _of_days(sock: ssl.SSLSocket) -> Iterator[Remark]:
    days = days_left(sock)
    if days is not None and days < DAYS_LEFT:
        yield Remark(WARN, f"its certificate ends in {days} days", "Renew it at the server.")


def of_date(answer: Answer) -> Iterator[Remark]:
    """Compare clocks, if the answer has a Date."""
    try:
        yield of_clock(email.utils.parsedate_to_datetime(answer.date).timestamp())
    except (TypeError, ValueError, IndexError):
        return  # it has none, or no such date


def _ms_since(began_s: float) -> int:
    return round((time.monotonic() - began_s) * 1000)
