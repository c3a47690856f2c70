"""The NSCA protocol for programs: send check results to an NSCA server and learn the outcome.

    from tcpwrap_alert import nsca

    server = nsca.Server("nagios.example", password=b"s3cret", encryption_method=14)
    result = nsca.CheckResult("firestorm", "Backup", 0, "OK - 12 GiB | time=81s")
    nsca.send_check_results(server, [result])      # returns when the server has taken it, raises if not

    with nsca.Connection(server) as connection:    # for results that come one by one
        for result in results:
            connection.send([result])

Every error is a TcpwrapAlertError. Those of a conversation are DeliveryErrors, and so OSErrors: ConnectError (nothing
was sent), ProtocolError (the peer is no NSCA server), RejectedError (wrong password, method), OutcomeUnknown (sent, but
the deadline came before the outcome). What cannot be a check result raises CheckResultError, which is a ValueError.

A relay that ends TCP (stunnel, ssh -L) hides rejections, so the first two deliveries to an address take two seconds
longer; then we know the way. `Server(verdict="direct")` says that there is no relay. With
`Server(proxy=Proxy("proxy.example", 3128))` you go through a web proxy, which is a relay. `Ways(memory)` keeps what we
know in your dict of texts: hand it to `send_check_results` or `Connection`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..check_result import CheckResult
    from ..errors import (
        CheckResultError,
        ConnectError,
        DeliveryError,
        OutcomeUnknown,
        ProtocolError,
        RejectedError,
        TcpwrapAlertError,
    )
    from .cipher import METHODS
    from .client import ACCEPTED, SENT_NOT_KNOWN, Connection, send_check_results
    from .server import Proxy, Server
    from .ways import Ways

__all__ = [
    "ACCEPTED",
    "METHODS",
    "SENT_NOT_KNOWN",
    "CheckResult",
    "CheckResultError",
    "ConnectError",
    "Connection",
    "DeliveryError",
    "OutcomeUnknown",
    "ProtocolError",
    "Proxy",
    "RejectedError",
    "Server",
    "TcpwrapAlertError",
    "Ways",
    "send_check_results",
]


def __getattr__(name: str) -> object:
    """Load what is public when it is first used (PEP 562): the lean starts import this package, but not all of it."""
    if name in __all__:
        from .. import check_result, errors
        from . import cipher, client, server, ways

        for module in (check_result, errors, cipher, client, server, ways):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
