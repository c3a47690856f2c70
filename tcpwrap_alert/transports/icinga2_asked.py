"""What the API of an Icinga 2 says when it is asked: who we are and what we may do, and which result it has now.

Source: Icinga 2 documentation, 12, "API": GET /v1 lists the permissions of whoever asks, GET /v1/objects reads.
"""

from __future__ import annotations

import fnmatch
import json
import time
import urllib.parse
from typing import TYPE_CHECKING

from .http_way import examine_connection, of_date
from .https import NOT_AS_EXPECTED, HttpConnection, basic_auth
from .icinga2_answer import check_answer
from .remarks import FAIL, OK, WARN, Remark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..check_result import CheckResult
    from ..config.values import Endpoint

ACTION = "actions/process-check-result"
QUERIES = ("objects/query/Host", "objects/query/Service")
READ_BACK_S = 10.0
PAUSE_S = 0.3


class _Api(HttpConnection):
    def __init__(self, target: Endpoint) -> None:
        super().__init__(target, {"Accept": "application/json", **basic_auth(target)})


def examine_api(target: Endpoint) -> Iterator[Remark]:
    """Yield what there is to say. Raises DeliveryError."""
    yield from examine_connection(target)
    with _Api(target) as api:
        answer = api.get("/v1")
        check_answer(answer, target)
        yield from of_date(answer)
        user, permissions, version = _who(answer.body)
    yield Remark(OK, f"Icinga {version} knows us as {user}" if user else "it answers, but not as Icinga's API")
    if not any(fnmatch.fnmatch(ACTION, pattern) for pattern in permissions):
        todo = f'Add "{ACTION}" to the permissions of ApiUser "{user}" in its api-users.conf.'
        yield Remark(FAIL, f"{user} may not submit results", todo)


def _who(body: bytes) -> tuple[str, list[str], str]:
    """Return user, permissions without their filters, and version."""
    try:
        found = json.loads(body)["results"][0]
        permissions = [str(one).split(" ")[0] for one in found.get("permissions", [])]
        return str(found["user"]), permissions, str(found.get("version", ""))
    except NOT_AS_EXPECTED:
        return "", [], ""


def ask_for_result(target: Endpoint, result: CheckResult) -> Iterator[Remark]:
    """Yield whether the API has this result. Raises DeliveryError."""
    kind = "services" if result.service_description else "hosts"
    name = "!".join(filter(None, (result.host_name, result.service_description)))
    path = f"/v1/objects/{kind}/{urllib.parse.quote(name, safe='!')}"
    shown = name.replace("!", ";")
    deadline = time.monotonic() + READ_BACK_S
    with _Api(target) as api:
        while True:
            answer = api.get(f"{path}?attrs=last_check_result&attrs=state")
            check_answer(answer, target)
            if answer.status != 200:
                what = f"whether {shown} shows it cannot be read back: {QUERIES[kind == 'services']} is not permitted"
                yield Remark(OK, what, f"Look for '{result.plugin_output}' at {shown} in Icinga Web.")
                return
            if _output(answer.body) == result.plugin_output:
                yield Remark(OK, f"read back: {shown} shows '{result.plugin_output}'")
                return
            if time.monotonic() >= deadline:
                break
            time.sleep(PAUSE_S)
    yield Remark(WARN, f"{shown} does not show it, though it was accepted", "Look into the log of Icinga.")


def _output(body: bytes) -> Any:
    try:
        return json.loads(body)["results"][0]["attrs"]["last_check_result"]["output"]
    except NOT_AS_EXPECTED:
        return None
