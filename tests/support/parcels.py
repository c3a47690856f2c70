"""Parcels for tests of transports, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.entry import Entry
from tcpwrap_alert.transports import Parcel

AT_S = 1795176000.25


def parcel(
    text: str = "Denied sshd-203.0.113.7",
    host_name: str = "firestorm",
    service_description: str = "TCP Wrappers",
    return_code: int = 2,
    at_s: float = AT_S,
    client: str = "",
) -> Parcel:
    """Return a parcel with one result; with a `client`, it stands for a denial of that client."""
    result = CheckResult(host_name, service_description, return_code, text)
    content = Denial("sshd", client) if client else result
    return Parcel(result, at_s, entries=[Entry(f"name-{text}", int(at_s * 1e9), content)])


def deliver(transport: object, parcels: Iterable[Parcel]) -> list[str]:
    """Deliver; return why each was rejected, in their order, "" for one that was accepted."""
    return [outcome.rejection for outcomes in transport.deliver(parcels) for outcome in outcomes]
