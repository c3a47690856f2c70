"""What an operator should know about a file of rules: one line for each matter, however many rules it is about."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """Something about a file, or one of its lines (from 1), and what to do; grave if no denial becomes an alert."""

    path: str
    lineno: int | None
    text: str
    more: int = 0  # the number of further lines of which the same is to be said
    is_grave: bool = False

    def __str__(self) -> str:
        where = self.path if self.lineno is None else f"{self.path}:{self.lineno}"
        return f"{where}: {self.text}" + (f" (and so in {self.more} more)" if self.more else "")


class Findings:
    """Collects findings, and says the same of many lines once: some programs add a rule for each client."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, bool, str], Finding] = {}
        self._more: dict[tuple[str, bool, str], int] = {}

    def add(self, path: str, lineno: int | None, text: str, matter: str = "") -> None:
        """Add a finding; of lines with one matter, the text by default, the first is shown and the others counted."""
        key = (path, lineno is None, matter or text)
        if key in self._found:
            self._more[key] = self._more.get(key, 0) + 1
        else:
            self._found[key] = Finding(path, lineno, text)

    def sorted(self, paths: list[str]) -> list[Finding]:
        """Return all, by the order of their files and lines; what is about no line comes first."""
        found = [finding._replace(more=self._more.get(key, 0)) for key, finding in self._found.items()]
        return sorted(found, key=lambda finding: (paths.index(finding.path), finding.lineno or 0))
