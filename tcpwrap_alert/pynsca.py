"""The names of pynsca 1.6 over `nsca/`: a program written for pynsca runs on Python 3 when its import line says

    from tcpwrap_alert import pynsca    (or: from tcpwrap_alert.pynsca import NSCANotifier)

Theory of operation: `NSCANotifier` keeps what it was given in plain attributes, which may be changed between calls.
Each call makes a check result and a server of them and hands both to `nsca/client.py`. Texts are str, or bytes in
UTF-8. Nothing here knows the protocol.

What differs from pynsca, on purpose:

- Packets have 4304 bytes and random padding. Servers of version 2.7 need `legacy_2_7_mode=True`; with it and
  `padding=bytes` the packets are pynsca's own, byte by byte, but for what `CheckResult` cleans away.
- That a server rejects the packets is an error; only with the long packets can it be known. Every failure on the
  network is an OSError, as socket errors are.
- `timeout` is one deadline for the whole conversation, look-up and outcome included; None is a day.
- An encryption mode that cannot be used raises ValueError, where pynsca sends an unknown one in clear. So does a text
  that does not fit its field, the output's 4095 bytes (511 in the 2.7 layout) included, where pynsca cuts.
- In the long packets newlines and backslashes of the output travel as they are. Servers from 2.10.1 on escape them,
  and pynsca's escaping on top of that would show them doubled.

Source of the names: pynsca 1.6 as published on PyPI; tests/unit/test_pynsca.py compares them.
"""

from __future__ import annotations

import struct

from .check_result import MAX_PLUGIN_OUTPUT_BYTES, CheckResult, escape_newlines
from .errors import CheckResultError
from .nsca.cipher import check_method, make_encryptor
from .nsca.client import send_check_results
from .nsca.packet import (
    DATA_PACKET_LENGTH,
    LEGACY_DATA_PACKET_LENGTH,
    PACKET_VERSION,
    decode_init_packet,
    encode_data_packet,
)
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
        encryption_mode: the server's decryption_method.
        password: as in the server's configuration; None is an empty one.
        legacy_2_7_mode: send the packets of NSCA 2.7, with 720 bytes; whether a server takes them cannot be known.
        padding: gives as many bytes as it is asked for, to fill the unused part of a packet; `bytes` gives NUL.

    Raises:
        ValueError: `encryption_mode` does not exist, or cannot be used on this machine.
    """

    # The 2.7 layout, for programs that read these; nsca/packet.py builds the packets.
    proto_version = PACKET_VERSION
    fromserver_fmt = "!128sL"
    fromserver_fmt_size = struct.calcsize(fromserver_fmt)
    toserver_fmt = "!HxxlLH64s128s514s"
    toserver_fmt_size = struct.calcsize(toserver_fmt)

    def __init__(
        self,
        monitoring_server: str | bytes,
        monitoring_port: int = 5667,
        encryption_mode: int = 1,
        password: str | bytes | None = None,
        *,
        legacy_2_7_mode: bool = False,
        padding: Callable[[int], bytes] = random_letters,
    ) -> None:
        check_method(encryption_mode)
        self.monitoring_server = monitoring_server
        self.monitoring_port = monitoring_port
        self.encryption_mode = encryption_mode
        self.password = password
        self.legacy_2_7_mode = legacy_2_7_mode
        self.padding = padding

    def host_result(self, host_name: str | bytes, return_code: int, plugin_output: str | bytes) -> None:
        """Send the result of a host check: 0 up, 1 down, 2 unreachable. Raises what `svc_result` raises."""
        self.svc_result(host_name, "", return_code, plugin_output)

    def svc_result(
        self,
        host_name: str | bytes,
        svc_description: str | bytes,
        return_code: int,
        plugin_output: str | bytes,
        timeout: float | None = 5,
    ) -> None:
        """Send the result of a service check, and return when the server has taken it (2.7 layout: when it is sent).

        Args:
            svc_description: the service; empty for a host check.
            timeout: seconds for all of it. Servers take up to two.

        Raises:
            ValueError: these values are not a check result, or the encryption mode cannot be used; nothing was sent.
            OSError: `errors.DeliveryError`: no connection, rejected, or no outcome in time.
        """
        check_method(self.encryption_mode)
        result = self._check_result(host_name, svc_description, return_code, plugin_output)
        server = Server(
            _to_str(self.monitoring_server),
            self.monitoring_port,
            _to_bytes(self.password),
            self.encryption_mode,
            self.legacy_2_7_mode,
            A_DAY_S if timeout is None else timeout,
            escape_newlines=self.legacy_2_7_mode,
        )
        send_check_results(server, [result], padding=self.padding)

    def _decode_from_server(self, bytes: bytes) -> tuple[bytes, int]:  # noqa: A002 - pynsca's own word
        """Return initialization vector and timestamp of an init packet."""
        return decode_init_packet(bytes)

    def _encode_to_server(
        self,
        iv: bytes,
        timestamp: int,
        return_code: int,
        host_name: str | bytes,
        svc_description: str | bytes,
        plugin_output: str | bytes,
        mode: int = 1,
        password: str | bytes | None = None,
    ) -> bytes:
        """Return the first data packet of a connection, encrypted."""
        result = self._check_result(host_name, svc_description, return_code, plugin_output)
        length = LEGACY_DATA_PACKET_LENGTH if self.legacy_2_7_mode else DATA_PACKET_LENGTH
        encrypt = make_encryptor(mode, _to_bytes(password), iv)
        return encrypt(encode_data_packet(result, timestamp, self.padding(length), escape=self.legacy_2_7_mode))

    def _check_result(
        self, host_name: str | bytes, svc_description: str | bytes, return_code: int, plugin_output: str | bytes
    ) -> CheckResult:
        """Return the check result; where `CheckResult` would cut the output, raise."""
        output = _to_str(plugin_output)
        result = CheckResult(_to_str(host_name), _to_str(svc_description), return_code, output)
        sent, limit = output, MAX_PLUGIN_OUTPUT_BYTES
        if self.legacy_2_7_mode:
            sent, limit = escape_newlines(output), limit - (DATA_PACKET_LENGTH - LEGACY_DATA_PACKET_LENGTH)
        length = len(sent.encode(errors="replace"))
        if length > limit:
            raise CheckResultError(f"plugin output has {length} bytes, the limit is {limit}")
        return result


def _to_str(text: str | bytes) -> str:
    return text.decode(errors="surrogateescape") if isinstance(text, bytes) else text


def _to_bytes(text: str | bytes | None) -> bytes:
    return text.encode(errors="surrogateescape") if isinstance(text, str) else text or b""
