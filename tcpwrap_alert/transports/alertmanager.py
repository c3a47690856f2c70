"""Delivery to Prometheus Alertmanager: `server=alertmanager+https://alerts.example:9093`.

A denial is an alert with the labels alertname, client, daemon, instance (the host's name at the monitor) and severity
(API v2, POST /api/v2/alerts). `group_by: [client]` in a route then makes one notification of one client at forty hosts.

An alert is up from its first denial until `hold` (an hour) after Alertmanager was told of the last. It says nothing to
anybody about an alert that is over when it comes (seen with 0.25.0), so what waited for a window or an outage is up
for as long. Alertmanager keeps alerts in memory only, and its nodes do not share them: each node of a pair must be a
monitor of its own, with a section of its own. Check results that are no denials are rejected: there is no place for an
OK.
"""

from __future__ import annotations

import json
import time

from ..errors import DeliveryError, ProtocolError, RejectedError
from . import Outcome
from .https import Answer, HttpConnection, basic_auth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ..config.values import Endpoint
    from . import Parcel
    from .remarks import Remark

PATH = "/api/v2/alerts"
ALERT_NAME = "TcpWrappersDenied"
SEVERITIES = ("info", "warning", "critical", "unknown")
BATCH = 500
DENIALS_ONLY = True  # see the contract in `transports/__init__.py`
STATUS_PATH = "/api/v2/status"


class AlertmanagerTransport(HttpConnection):
    """A context that posts batches of alerts to one node."""

    def __enter__(self) -> AlertmanagerTransport:
        return self

    def __init__(self, target: Endpoint) -> None:
        super().__init__(target, {"Accept": "application/json", **basic_auth(target)})
        self._target = target

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[list[Outcome]]:
        """Post `parcels`, up to 500 at once. Raises DeliveryError."""
        batch: list[Parcel] = []
        for parcel in parcels:
            if not any(True for _ in parcel.denied()):
                yield [Outcome(parcel, "is no denial, and Alertmanager takes denials only")]
                continue
            batch.append(parcel)
            if len(batch) >= BATCH:
                yield self._post(batch)
                batch = []
        if batch:
            yield self._post(batch)

    def _post(self, batch: list[Parcel]) -> list[Outcome]:
        alerts = [alert for parcel in batch for alert in encode_alerts(parcel, self._target.hold_s)]
        path = self._target.path.rstrip("/") + PATH
        self._check(self.post(path, json.dumps(alerts).encode(), "application/json"))
        return [Outcome(parcel) for parcel in batch]

    def ask(self) -> Answer:
        """Ask for its status, which shows whether we may talk to it. Raises DeliveryError."""
        answer = self.get(self._target.path.rstrip("/") + STATUS_PATH)
        self._check(answer)
        return answer

    def _check(self, answer: Answer) -> None:
        if answer.location:
            raise RejectedError(f"answered with a redirect to {answer.location}; write that into server", self._target)
        if answer.status in (401, 403):
            raise RejectedError("user and password are not accepted; see user@ in server, and password", self._target)
        if answer.status == 404:
            raise ProtocolError("has no such path; is this an Alertmanager, and is the URL's path right?", self._target)
        if answer.status != 200:
            raise DeliveryError(f"answered with status {answer.status}", self._target)


def encode_alerts(parcel: Parcel, hold_s: float) -> Iterator[dict[str, Any]]:
    """Yield an alert for each client and daemon that a parcel counts; times of a clock that was wrong are now."""
    result = parcel.result
    now_s = time.time()
    for (daemon, client, *_), (count, first_ns, _) in parcel.denied():
        first_s = first_ns / 1e9 if 0 <= first_ns / 1e9 <= now_s else now_s
        yield {
            "labels": {
                "alertname": ALERT_NAME,
                "client": client,
                "daemon": daemon,
                "instance": result.host_name,
                "severity": SEVERITIES[result.return_code],
            },
            "annotations": {
                "summary": f"Denied {daemon}-{client}" + (f" ({count} times)" if count > 1 else ""),
                "count": str(count),
            },
            "startsAt": _timestamp(first_s),
            "endsAt": _timestamp(now_s + hold_s),
        }


def _timestamp(at_s: float) -> str:
    """Return a time as RFC 3339 has it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_s)) + f".{int(at_s % 1 * 1000):03d}Z"


def examine(target: Endpoint) -> Iterator[Remark]:
    """Connect, and ask for its status."""
    from .http_way import examine_connection, of_date
    from .remarks import OK, Remark

    yield from examine_connection(target)
    with AlertmanagerTransport(target) as transport:
        yield from of_date(transport.ask())
    yield Remark(OK, "an Alertmanager answers")


def as_sent(target: Endpoint, parcel: Parcel) -> list[tuple[str, bytes]]:
    """Return the alerts of a parcel."""
    return [("json", json.dumps(alert).encode()) for alert in encode_alerts(parcel, target.hold_s)]


def open_transport(target: Endpoint, _memory: dict[str, str]) -> AlertmanagerTransport:
    """Return a context that delivers to `target`: see the contract in `transports/__init__.py`."""
    return AlertmanagerTransport(target)
