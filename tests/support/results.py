"""Check results that tests send, each told from the others by its number; and where they are sent."""

from __future__ import annotations

from typing import Any

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.nsca.server import Server

PASSWORD = b"s3cret-Wort"


def server_of(peer: Any, **changes: object) -> Server:
    """Return how our client reaches an NSCA server that a test started, real, fake or ours; with these changes."""
    password = peer.password if isinstance(peer.password, bytes) else peer.password.encode()
    values = {"host": peer.address, "password": password, "encryption_method": peer.method, **changes}
    return Server(values.pop("host"), peer.port, **values)


def make_results(count: int) -> list[CheckResult]:
    """Return the results number 0 and following."""
    return numbered_results(*range(count))


def numbered_results(*numbers: int) -> list[CheckResult]:
    """Return the results of these numbers."""
    return [CheckResult("firestorm", f"Service {number}", number % 4, f"Größe {number}") for number in numbers]


def lines_of(count: int) -> list[str]:
    """Return what a real NSCA server writes of `make_results(count)`."""
    return [f"firestorm;Service {number};{number % 4};Größe {number}" for number in range(count)]


def fields_of(results: list[CheckResult]) -> list[tuple[str, str, int, str]]:
    """Return host name, service, return code and output of each: results, or packets that a fake server took."""
    return [(each.host_name, each.service_description, each.return_code, each.plugin_output) for each in results]
