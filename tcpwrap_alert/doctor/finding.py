"""What an examination found: a subject, how it is, a text, and what to do."""

from __future__ import annotations

from typing import NamedTuple

OK, WARN, FAIL = "ok", "warn", "fail"


class Finding(NamedTuple):
    """One line of the report; `todo` is empty where there is nothing to do.

    `warn` is what may cost an alert one day, `fail` what costs alerts now.
    """

    subject: str
    state: str
    text: str
    todo: str = ""
