"""Delivery to the API of an Icinga 2: `server=icinga2://user@icinga.example:5665`.

One POST per result over a kept connection, each with an answer of its own (Icinga 2 documentation, 12, "Process Check
Result"). The time of the event travels as `execution_end` alone: Icinga compares `execution_start` with that of its
last result, and drops what is older; 2.13 says "Successfully processed" all the same, and 2.14 says 409. Without a
start nothing is ever older (seen on 2.13.6 and 2.14.6).

A result always names its host or service. With a type alone it would be set on every service that the user may touch.

    200 "Successfully processed"     accepted
    409, or "Newer check result"     accepted: a newer result is there; this one would change the history only
    404, no object                   rejected: no such host or service, or no permission for it
    200 with another text, 400, 403  rejected, with what Icinga says: passive checks may be disabled
    401                              user, password or certificate are not accepted: all stay
    503, 500, other                  all stay, and are tried again
"""

from __future__ import annotations

import json

from ..errors import DeliveryError, OutcomeUnknown, ProtocolError
from . import Outcome
from .https import MAX_TEXT_CHARACTERS, NOT_AS_EXPECTED, Answer, HttpConnection, basic_auth
from .icinga2_answer import check_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ..check_result import CheckResult
    from ..config.values import Endpoint
    from . import Parcel
    from .remarks import Remark

PATH = "/v1/actions/process-check-result"
PROCESSED = "Successfully processed"
NEWER = "Newer check result"
HOST_STATES = (0, 1, 1)  # UP, DOWN, and UNREACHABLE, which Icinga finds out by itself


class Icinga2Transport(HttpConnection):
    """A context that posts results to one endpoint of an Icinga 2."""

    def __init__(self, target: Endpoint) -> None:
        super().__init__(target, {"Accept": "application/json", **basic_auth(target)})
        self._target = target

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[list[Outcome]]:
        """Post `parcels`, oldest first; yield the outcome of each. Raises DeliveryError."""
        for parcel in parcels:
            answer = self.post(PATH, json.dumps(encode_result(parcel)).encode(), "application/json")
            yield [Outcome(parcel, self._rejection(answer))]

    def _rejection(self, answer: Answer) -> str:
        """Return why the result was rejected; nothing if it was accepted. Raises DeliveryError for what is neither."""
        check_answer(answer, self._target)
        code, status = _first_result(answer, self._target)
        if code == 409 or (code == 200 and status.startswith((PROCESSED, NEWER))):
            return ""
        if code == 404:
            return f"no such host or service, or no permission for it ({status})"
        if code in (200, 400, 403):
            return status
        if code == 503:
            raise DeliveryError(f"not ready: {status}", self._target)
        raise OutcomeUnknown(f"answered with {code}: {status}", self._target)


def encode_result(parcel: Parcel) -> dict[str, Any]:
    """Return the parameters of the action for one result."""
    result = parcel.result
    first_line, newline, long_output = result.plugin_output.partition("\n")
    text, _, performance_data = first_line.partition("|")
    fields: dict[str, Any] = {
        "plugin_output": text.rstrip() + newline + long_output,
        "check_source": result.host_name,
        "execution_end": parcel.at_s,
    }
    if performance_data.strip():
        fields["performance_data"] = [performance_data.strip()]
    if result.service_description:
        service = f"{result.host_name}!{result.service_description}"
        return {**fields, "type": "Service", "service": service, "exit_status": result.return_code}
    return {**fields, "type": "Host", "host": result.host_name, "exit_status": HOST_STATES[result.return_code]}


def _first_result(answer: Answer, target: Endpoint) -> tuple[int, str]:
    """Return code and status of the one result in an answer; those of the answer itself if there is none."""
    try:
        document = json.loads(answer.body)
        results = document.get("results", [])
        if results:
            return int(results[0]["code"]), str(results[0]["status"])[:MAX_TEXT_CHARACTERS]
        if "error" in document:
            return int(document["error"]), str(document.get("status", ""))[:MAX_TEXT_CHARACTERS]
    except NOT_AS_EXPECTED as error:
        what = f"answered with status {answer.status} and no JSON of Icinga's"
        raise ProtocolError(what, target) from error
    return 404, "No objects found."  # a filter that matches nothing: 500 with an empty list


def examine(target: Endpoint) -> Iterator[Remark]:
    """Log in, and ask what we may do. See `icinga2_asked.py`."""
    from .icinga2_asked import examine_api

    return examine_api(target)


def read_back(target: Endpoint, result: CheckResult) -> Iterator[Remark]:
    """Ask the API which result it has now."""
    from .icinga2_asked import ask_for_result

    return ask_for_result(target, result)


def as_sent(_target: Endpoint, parcel: Parcel) -> list[tuple[str, bytes]]:
    """Return the body of the POST."""
    return [("json", json.dumps(encode_result(parcel)).encode())]


def open_transport(target: Endpoint, _memory: dict[str, str]) -> Icinga2Transport:
    """Return a context that delivers to `target`: see the contract in `transports/__init__.py`."""
    return Icinga2Transport(target)
