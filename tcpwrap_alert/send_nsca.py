"""The names of Yelp's send_nsca 0.1.4.1 over `nsca/`: a program written for it runs when its import line says

    from tcpwrap_alert import send_nsca    (or: from tcpwrap_alert.send_nsca import NscaSender, send_nsca)

Theory of operation: `NscaSender` keeps what you give it, and what the configuration says, in plain attributes. You may
change them between calls. Each call makes a check result and a server of them and hands both to `nsca/client.py`.
Texts are str, or bytes in UTF-8. A number may be given as text. `send_nsca` and its kin make a sender for one result.

What differs from Yelp's, on purpose:

- A result goes to one address of the name, the first that answers. Yelp's sends it to each, and a host with IPv4 and
  IPv6 gets everything twice. `send_to_all` is taken and changes nothing. For several monitors, call once for each.
- Each result has a connection of its own, and the call returns when the NSCA server has accepted it. `connect` and
  `disconnect` do nothing. For many results use `nsca.Connection`.
- It is an error if the NSCA server rejects the result. Every failure on the network is an OSError.
- `timeout` is one deadline for the whole conversation, look-up and outcome included; None is a day.
- Packets have 4304 bytes. For an NSCA server of version 2.7 the configuration says legacy_2_7_mode=true.
- All encryption methods work. Without a configuration set `encryption_method_i`; there are no classes of ciphers.
- The configuration is read as our own programs read it, with our keys. A wrong line is an `errors.ConfigError`.
- An output of more than 4095 bytes is cut, and the cut shows. A service's state other than 0-3 is sent as 3 UNKNOWN,
  and the output begins with it. A host has the states 0-2.

Source of the names: send_nsca 0.1.4.1 as published; tests/test_send_nsca.py compares them.
"""

from __future__ import annotations

import logging
import sys

from .arguments import as_bytes, as_number, as_text
from .check_result import CheckResult
from .config.read import read_config
from .errors import TcpwrapAlertError
from .nsca.client import send_check_results
from .nsca.server import A_DAY_S, DEFAULT_PORT, Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Union

    Text = Union[str, bytes]
    Number = Union[int, str, bytes]

__all__ = [
    "STATE_CRITICAL",
    "STATE_OK",
    "STATE_UNKNOWN",
    "STATE_WARNING",
    "NscaSender",
    "States",
    "nsca_critical",
    "nsca_ok",
    "nsca_unknown",
    "nsca_warning",
    "send_nsca",
]

STATE_OK = 0
STATE_WARNING = 1
STATE_CRITICAL = 2
STATE_UNKNOWN = 3
States = {STATE_OK: "OK", STATE_WARNING: "WARNING", STATE_CRITICAL: "CRITICAL", STATE_UNKNOWN: "UNKNOWN"}

log = logging.getLogger("send_nsca")
nsca = sys.modules[__name__]  # programs write send_nsca.nsca.NscaSender, too


class NscaSender:
    """Send check results to one NSCA server, each over a connection of its own.

    Args:
        remote_host: host name or address of the NSCA server, IPv4 or IPv6.
        config_path: a send_nsca.cfg, for password and encryption method; None for none.
        timeout: seconds for each result; None is a day.
        send_to_all: taken and not used: a result is delivered once.

    Raises:
        ConfigError: the configuration cannot be used.
    """

    def __init__(
        self,
        remote_host: Text,
        config_path: str | None = "/etc/send_nsca.cfg",
        port: Number = DEFAULT_PORT,
        timeout: float | None = 10,
        send_to_all: bool = True,
    ) -> None:
        self._configured = Server(as_text(remote_host))
        if config_path is not None:
            self._configured = read_config(config_path).server(as_text(remote_host))
        self.remote_host = remote_host
        self.port = port
        self.timeout = timeout
        self.send_to_all = send_to_all
        self.password: Text = self._configured.password
        self.encryption_method_i: Number = self._configured.encryption_method

    def send_service(self, host: Text, service: Text, state: Number, description: Text) -> None:
        """Send the result of a service check, and return when it is accepted (2.7 layout: when it is sent).

        Raises:
            ValueError: these values are not a check result, or the encryption method does not exist.
            OSError: `errors.DeliveryError`: no connection, rejected, or no outcome in time.
        """
        result = CheckResult(as_text(host), as_text(service), as_number("state", state), as_text(description))
        server = self._configured.replace(
            host=as_text(self.remote_host),
            port=as_number("port", self.port),
            password=as_bytes(self.password),
            encryption_method=as_number("encryption_method_i", self.encryption_method_i),
            timeout_s=A_DAY_S if self.timeout is None else self.timeout,
        )
        send_check_results(server, [result])

    def send_host(self, host: Text, state: Number, description: Text) -> None:
        """Send the result of a host check: 0 up, 1 down, 2 unreachable. Raises what `send_service` raises."""
        self.send_service(host, "", state, description)

    def connect(self) -> None:
        """Do nothing: each result makes its connection."""

    def disconnect(self) -> None:
        """Do nothing: each result has ended its connection."""


def send_nsca(
    status: Number,
    host_name: Text,
    service_name: Text,
    text_output: Text,
    remote_host: Text,
    **kwargs: Any,
) -> None:
    """Send one result of a service check. What goes wrong is logged as an error of the logger send_nsca, not raised.

    Args:
        status: the state: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
        remote_host: the NSCA server.
        kwargs: other arguments of `NscaSender`.
    """
    try:
        NscaSender(remote_host, **kwargs).send_service(host_name, service_name, status, text_output)
    except (TcpwrapAlertError, ValueError) as error:
        log.error("result of %s on %s not sent to %s: %s", service_name, host_name, remote_host, error)


def nsca_ok(host_name: Text, service_name: Text, text_output: Text, remote_host: Text, **kwargs: Any) -> None:
    """Send the state OK, as `send_nsca` does."""
    send_nsca(STATE_OK, host_name, service_name, text_output, remote_host, **kwargs)


def nsca_warning(host_name: Text, service_name: Text, text_output: Text, remote_host: Text, **kwargs: Any) -> None:
    """Send the state WARNING, as `send_nsca` does."""
    send_nsca(STATE_WARNING, host_name, service_name, text_output, remote_host, **kwargs)


def nsca_critical(host_name: Text, service_name: Text, text_output: Text, remote_host: Text, **kwargs: Any) -> None:
    """Send the state CRITICAL, as `send_nsca` does."""
    send_nsca(STATE_CRITICAL, host_name, service_name, text_output, remote_host, **kwargs)


def nsca_unknown(host_name: Text, service_name: Text, text_output: Text, remote_host: Text, **kwargs: Any) -> None:
    """Send the state UNKNOWN, as `send_nsca` does."""
    send_nsca(STATE_UNKNOWN, host_name, service_name, text_output, remote_host, **kwargs)
