"""Delivery to NRDP: `server=nrdp+https://nagios.example/nrdp/`, with `token` or `token_file`.

Up to 500 results in one POST, as JSON in a form (NRDP 2.0.6, server/plugins/nagioscorepassivecheck). The answer counts
them and says no word about one of them: an unknown host or service is in Nagios's log only. NRDP stamps what it
receives, so a late result tells its time in its text, and it does not keep the order within a POST.

    status 0 and the count matches    accepted, all of them
    BAD TOKEN, NO TOKEN, HTTPS …      nothing was taken: all stay until the token or the server is put right
    BAD JSON                          halved, until the one that is at fault is found and rejected
    413                               halved, until it fits
    a redirect                        told with its Location: a URL without its last slash is the usual cause
"""

from __future__ import annotations

import json
import urllib.parse

from ..errors import DeliveryError, ProtocolError, RejectedError
from . import Outcome
from .https import MAX_TEXT_CHARACTERS, NOT_AS_EXPECTED, Answer, HttpConnection, basic_auth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ..config.values import Endpoint
    from . import Parcel
    from .remarks import Remark

BATCH = 500
BATCH_BYTES = 400_000
TOO_LARGE = 413
BAD_JSON = "BAD JSON"
HELD = ("TOKEN", "AUTH", "USER", "HTTPS")  # words of messages about who we are


class NrdpTransport(HttpConnection):
    """A context that posts batches of results."""

    def __enter__(self) -> NrdpTransport:
        return self

    def __init__(self, target: Endpoint) -> None:
        super().__init__(target, basic_auth(target))
        self._target = target

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[list[Outcome]]:
        """Post `parcels`; yield the outcomes of each POST. Raises DeliveryError."""
        batch: list[Parcel] = []
        size = 0
        for parcel in parcels:
            more = len(parcel.result.plugin_output.encode()) + 300
            if batch and (len(batch) >= BATCH or size + more > BATCH_BYTES):
                yield from self._post(batch)
                batch, size = [], 0
            batch.append(parcel)
            size += more
        if batch:
            yield from self._post(batch)

    def _post(self, batch: list[Parcel]) -> Iterator[list[Outcome]]:
        fault = self._fault(self._post_form(batch), len(batch))
        if not fault:
            yield [Outcome(parcel) for parcel in batch]
        elif len(batch) == 1:
            yield [Outcome(batch[0], fault)]
        else:
            middle = len(batch) // 2
            yield from self._post(batch[:middle])
            yield from self._post(batch[middle:])

    def _post_form(self, batch: list[Parcel]) -> Answer:
        results = {"checkresults": [encode_result(parcel) for parcel in batch]}
        form = {"token": self._target.token, "cmd": "submitcheck", "json": json.dumps(results)}
        return self.post(
            self._target.path or "/", urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded"
        )

    def ask(self) -> Answer:
        """Submit no results at all, which shows whether the token is right. Raises DeliveryError."""
        answer = self._post_form([])
        self._fault(answer, 0)
        return answer

    def _fault(self, answer: Answer, count: int) -> str:
        """Return what is wrong with the batch itself; nothing if all of it was taken. Raises DeliveryError else."""
        if answer.status == TOO_LARGE:
            return "too large for the server"
        if answer.location:
            what = f"answered with a redirect to {answer.location}; write that into server"
            raise RejectedError(what, self._target)
        if answer.status in (401, 403):
            raise RejectedError(f"the web server wants a user and a password (status {answer.status})", self._target)
        if answer.status != 200:
            raise DeliveryError(f"answered with status {answer.status}", self._target)
        status, message, taken = _parse(answer.body, self._target)
        if status == 0 and taken == count:
            return ""
        if message.startswith(BAD_JSON):
            return message
        if any(word in message for word in HELD):
            raise RejectedError(f"said '{message}'; see token, token_file and the server's configuration", self._target)
        raise DeliveryError(f"said '{message}', and took {taken} of {count}", self._target)


def encode_result(parcel: Parcel) -> dict[str, Any]:
    """Return the object of one result. NRDP does not escape backslashes, and Nagios reads them as escapes."""
    result = parcel.dated_if_late
    kind = "service" if result.service_description else "host"
    fields = {
        "checkresult": {"type": kind, "checktype": "1"},
        "hostname": result.host_name,
        "state": str(result.return_code),
        "output": result.plugin_output.replace("\\", "\\\\"),
    }
    return {**fields, "servicename": result.service_description} if result.service_description else fields


def _parse(body: bytes, target: Endpoint) -> tuple[int, str, int]:
    """Return status, message and the number of results taken, of an answer in JSON, or in XML as before parsing."""
    text = body.decode(errors="replace")
    try:
        result = json.loads(text)["result"]
        taken = str(result.get("meta", {}).get("output", "")).split(" ")[0]
        return int(result["status"]), str(result["message"])[:MAX_TEXT_CHARACTERS], int(taken) if taken.isdigit() else 0
    except NOT_AS_EXPECTED:
        pass
    status, message = _between(text, "status"), _between(text, "message")[:MAX_TEXT_CHARACTERS]
    if not message:
        raise ProtocolError("answered, but not as NRDP does; is the path of the URL right?", target)
    return 0 if status == "0" else -1, message, 0


def _between(text: str, tag: str) -> str:
    return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].strip()


def examine(target: Endpoint) -> Iterator[Remark]:
    """Connect, and submit no results with our token."""
    from .http_way import examine_connection, of_date
    from .remarks import OK, Remark

    yield from examine_connection(target)
    with NrdpTransport(target) as transport:
        yield from of_date(transport.ask())
    yield Remark(OK, "NRDP accepts our token")


def as_sent(_target: Endpoint, parcel: Parcel) -> list[tuple[str, bytes]]:
    """Return the object of one result."""
    return [("json", json.dumps(encode_result(parcel)).encode())]


def open_transport(target: Endpoint, _memory: dict[str, str]) -> NrdpTransport:
    """Return a context that delivers to `target`: see the contract in `transports/__init__.py`."""
    return NrdpTransport(target)
