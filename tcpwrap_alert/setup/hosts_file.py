"""The text of hosts.allow or hosts.deny with the lines of setup, which stand between two marks, and without them."""

from __future__ import annotations

import io
from typing import NamedTuple

from ..libwrap.findings import Findings
from ..libwrap.hook_calls import calls_hook
from ..libwrap.hosts_access import Rule, rules_in, unreadable_line
from ..libwrap.patterns import is_everything
from .step import NotDone

BEGIN = b"# tcpwrap-alert setup: begin"
BEGIN_OF_NEW_FILE = BEGIN + b", of a file that was not there"
END = b"# tcpwrap-alert setup: end"


class HostsFile(NamedTuple):
    """One of the two files: its path, and its text, None if it is not there."""

    path: str
    is_in_allow: bool
    text: bytes | None

    def rules(self) -> list[Rule]:
        """Return its rules."""
        return list(rules_in(io.BytesIO(self.text or b""), self.path, self.is_in_allow, Findings()))

    def unreadable_line(self) -> int | None:
        """Return the number of the first line that libwrap cannot read."""
        return unreadable_line(io.BytesIO(self.text or b""), self.is_in_allow)

    def has_hook_for_all(self) -> bool:
        """Return whether a rule for everybody calls our hook."""
        return any(is_for_all(rule) and any(map(calls_hook, rule.effect.commands)) for rule in self.rules())

    def missing(self, wanted: list[str]) -> list[str]:
        """Return those of the lines that it does not have."""
        there = {b" ".join(line.split()) for line in (self.text or b"").split(b"\n")}
        return [line for line in wanted if line.encode() not in there]

    def with_lines(self, wanted: list[str]) -> HostsFile:
        """Return the file with these lines, too; every line that it has stays. Raises NotDone if a mark is missing."""
        new = [line.encode() for line in self.missing(wanted)]
        if not new:
            return self
        if self.text is None:
            return self._replace(text=_joined([BEGIN_OF_NEW_FILE, *new, END, b""]))
        lines = self.text.split(b"\n")
        place = self._place_of_block(lines)
        if place:
            lines[place[1] : place[1]] = new
        else:
            if lines[-1]:  # it becomes a line that libwrap reads
                lines.append(b"")
            if len(lines) > 1 and lines[-2].endswith(b"\\"):  # it would go on in ours
                lines.append(b"")
            where = self._first_for_all(len(lines) - 1)
            lines[where:where] = [BEGIN, *new, END]
        return self._replace(text=_joined(lines))

    def without_lines(self) -> HostsFile:
        """Return the file without the lines of setup. Raises NotDone if a mark is missing."""
        lines = (self.text or b"").split(b"\n")
        place = self._place_of_block(lines)
        if not place:
            return self
        begin, end = place
        rest = [*lines[:begin], *lines[end + 1 :]]
        is_new = lines[begin] == BEGIN_OF_NEW_FILE and not _joined(rest).strip()
        return self._replace(text=None if is_new else _joined(rest))

    def _place_of_block(self, lines: list[bytes]) -> tuple[int, int] | None:
        """Return where the two marks are, counted from 0."""
        begin = next((number for number, line in enumerate(lines) if line in (BEGIN, BEGIN_OF_NEW_FILE)), None)
        end = next((number for number, line in enumerate(lines) if line == END), None)
        if begin is None and end is None:
            return None
        if begin is None or end is None or end < begin:
            number = (begin if begin is not None else end) or 0
            what = "one of the two marks around the lines of setup is missing"
            raise NotDone(f"{self.path}:{number + 1}: {what}; remove these lines yourself, then run setup again")
        return begin, end

    def _first_for_all(self, end: int) -> int:
        """Return where new lines belong, counted from 0: before a rule that decides for everybody, else at the end."""
        return next((rule.lineno - 1 for rule in self.rules() if is_for_all(rule)), end)


def is_for_all(rule: Rule) -> bool:
    """Return whether a rule decides for every daemon and every client."""
    return is_everything(rule.daemons) and is_everything(rule.clients) and rule.effect.decides and not rule.is_silent


def _joined(lines: list[bytes]) -> bytes:
    return b"\n".join(lines)
