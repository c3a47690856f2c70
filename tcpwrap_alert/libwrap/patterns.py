"""Lists of daemons or clients in a rule, `names [EXCEPT exceptions]`, and which names they match.

Source: tcp_wrappers 7.6, hosts_access.c (list_match, string_match); `*` and `?` are Debian's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import NamedTuple

WORD = re.compile("[^ \t\r\n,]+")  # hosts_access.c: sep
EVERYTHING = ("all", "*")


class Patterns(NamedTuple):
    """Daemons or clients: `names [EXCEPT exceptions]`, where `a EXCEPT b EXCEPT c` is `a EXCEPT (b EXCEPT c)`."""

    names: tuple[str, ...]
    exceptions: Patterns | None = None

    def matches(self, is_match: Callable[[str], bool]) -> bool:
        """Return whether the list matches what `is_match` says so of single patterns."""
        return any(map(is_match, self.names)) and not (self.exceptions and self.exceptions.matches(is_match))

    def spared(self) -> tuple[str, ...]:
        """Return the names of the exceptions, whatever they except again."""
        return self.exceptions.names if self.exceptions else ()

    def surely_spared(self) -> tuple[str, ...]:
        """Return the names of the exceptions, nothing if they except again."""
        return self.exceptions.names if self.exceptions and not self.exceptions.exceptions else ()

    def all_names(self) -> tuple[str, ...]:
        """Return all names, exceptions of any depth included."""
        return self.names + (self.exceptions.all_names() if self.exceptions else ())


@functools.lru_cache(1024)
def parse_patterns(text: str) -> Patterns:
    """Return the list that a field of a rule is."""
    return _parse_words(WORD.findall(text))


def _parse_words(words: list[str]) -> Patterns:
    for place, word in enumerate(words):
        if word.upper() == "EXCEPT":
            return Patterns(tuple(words[:place]), _parse_words(words[place + 1 :]))
    return Patterns(tuple(words))


def matches_text(pattern: str, name: str) -> bool:
    """Return whether libwrap finds a name by a pattern that is no address; both in small letters."""
    if pattern in EVERYTHING or pattern == name:
        return True
    if pattern == "known":
        return name != "unknown"
    if pattern.startswith("."):
        return name.endswith(pattern) and name != pattern
    if pattern.endswith("."):
        return name.startswith(pattern)
    return is_wild(pattern) and bool(_wild(pattern).fullmatch(name))


def is_everything(patterns: Patterns) -> bool:
    """Return whether a list matches everything."""
    return not patterns.exceptions and any(name.lower() in EVERYTHING for name in patterns.names)


def is_wild(pattern: str) -> bool:
    """Return whether a pattern has Debian's wildcards."""
    return "*" in pattern or "?" in pattern


@functools.lru_cache(1024)
def _wild(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern), re.DOTALL)
