"""The names of pynsca 1.6 over `nsca/`: a program written for pynsca runs on Python 3 when its import line says

    from tcpwrap_alert import pynsca    (or: from tcpwrap_alert.pynsca import NSCANotifier)

Theory of operation: `NSCANotifier` keeps what you give it in plain attributes, which you may change between calls.
Each call makes a check result and a server of them and hands both to `nsca/client.py`. Texts are str, or bytes in
UTF-8. A number may be given as text. Nothing here knows the protocol.

What differs from pynsca, on purpose:

- Packets have 4304 bytes and random padding. NSCA servers of version 2.7 need `legacy_2_7_mode=True`; with it and
  `padding=bytes` the packets are pynsca's own, byte by byte, but for what `CheckResult` cleans away.
- It is an error if the NSCA server rejects the packet. Only with the long packets can this be known. Every failure on
  the network is an OSError with errno and strerror, as socket errors are.
- `timeout` is one deadline for the whole conversation, look-up and outcome included; None is a day.
- An encryption mode that cannot be used raises ValueError, where pynsca sends an unknown one in clear. So does a host
  name or a service that does not fit its field, because a cut name is another host.
- An output that does not fit its field (4095 bytes, 511 in the 2.7 layout) is cut as in pynsca, but the cut shows.
- A service's return code other than 0-3 is sent as 3 UNKNOWN, and the output begins with it.
- In the long packets newlines and backslashes of the output travel as they are. NSCA servers from 2.10.1 on escape
  them, and pynsca's escaping on top of that would show them doubled.

Source of the names: pynsca 1.6 as published; tests/test_pynsca.py compares them.
"""

from __future__ import annotations

from .arguments import as_bytes, as_number, as_text
from .check_result import CheckResult
from .nsca.cipher import check_method
from .nsca.client import send_check_results
from .nsca.padding import random_letters
from .nsca.server import A_DAY_S, Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CRITICAL", "DOWN", "OK", "UNKNOWN", "UNREACHABLE", "UP", "WARNING", "NSCANotifier"]

OK = 0
UP = 0
WARNING = 1
DOWN = 2  # for Nagios a host that is down has 1; programs rely on the number as it is
UNREACHABLE = 2
CRITICAL = 2
UNKNOWN = 3


class NSCANotifier:
    """Send check results to one NSCA server, each over a connection of its own.

    Args:
        monitoring_server: host name or address, IPv4 or IPv6.
        encryption_mode: the decryption_method of the NSCA server.
        password: as in the NSCA server's configuration; None is an empty one.
        legacy_2_7_mode: send the packets of NSCA 2.7, with 720 bytes. Whether they are accepted cannot be known.
        padding: gives as many bytes as it is asked for, to fill the unused part of a packet; `bytes` gives NUL.

    Raises:
        ValueError: `encryption_mode` does not exist, or cannot be used on this machine.
    """

    def __init__(
        self,
        monitoring_server: str | bytes,
        monitoring_port: int | str = 5667,
        encryption_mode: int | str = 1,
        password: str | bytes | None = None,
        *,
        legacy_2_7_mode: bool = False,
        padding: Callable[[int], bytes] = random_letters,
    ) -> None:
        check_method(as_number("encryption_mode", encryption_mode))
        self.monitoring_server = monitoring_server
        self.monitoring_port = monitoring_port
        self.encryption_mode = encryption_mode
        self.password = password
        self.legacy_2_7_mode = legacy_2_7_mode
        self.padding = padding

    def host_result(self, host_name: str | bytes, return_code: int | str, plugin_output: str | bytes) -> None:
        """Send the result of a host check: 0 up, 1 down, 2 unreachable. Raises what `svc_result` raises."""
        self.svc_result(host_name, "", return_code, plugin_output)

    def svc_result(
        self,
        host_name: str | bytes,
        svc_description: str | bytes,
        return_code: int | str,
        plugin_output: str | bytes,
        timeout: float | None = 5,
    ) -> None:
        """Send the result of a service check, and return when it is accepted (2.7 layout: when it is sent).

        Args:
            svc_description: the service; empty for a host check.
            timeout: seconds for all of it. NSCA servers take up to two.

        Raises:
            ValueError: these values are not a check result, or the encryption mode cannot be used; nothing was sent.
            OSError: `errors.DeliveryError`: no connection, rejected, or no outcome in time.
        """
        method = as_number("encryption_mode", self.encryption_mode)
        check_method(method)
        code = as_number("return_code", return_code)
        result = CheckResult(as_text(host_name), as_text(svc_description), code, as_text(plugin_output))
        server = Server(
            as_text(self.monitoring_server),
            as_number("monitoring_port", self.monitoring_port),
            as_bytes(self.password),
            method,
            self.legacy_2_7_mode,
            A_DAY_S if timeout is None else timeout,
            escape_newlines=self.legacy_2_7_mode,
        )
        send_check_results(server, [result], padding=self.padding)
