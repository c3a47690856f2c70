"""Denials by the installed hook, and the sum of those that a monitor was told of."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable

TEXT = re.compile(r"Denied sshd-(?:\S+|\d+ clients)(?: \((\d+) times, [^)]*\))?")
AT_ONCE = 10


def deny(count: int, clients: int) -> None:
    """Fire denials, ten at a time."""
    for start in range(0, count, AT_ONCE):
        drops = [
            subprocess.Popen(["handle_tcp_wrapper", f"203.0.113.{number % clients}", "sshd"])
            for number in range(start, min(start + AT_ONCE, count))
        ]
        assert [drop.wait() for drop in drops] == [0] * len(drops)


def counted(texts: Iterable[str], label: str = "denied") -> int:
    """Return how many denials some texts stand for, by their performance data `label`; without it one each."""
    found = [re.search(rf"\b{label}=(\d+)", text) for text in texts]
    return sum(int(match[1]) if match else 1 for match in found)


def count_denials(texts: list[str]) -> int:
    """Return how many denials the texts speak of; each text must be one of ours."""
    found = [TEXT.fullmatch(text) for text in texts]
    assert all(found), texts
    return sum(int(match[1] or 1) for match in found if match)
