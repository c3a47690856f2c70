"""Texts and tables as mdoc(7): lines of 80 characters, a line for each sentence, and no word taken for a macro.

A text is what help texts and comments hold: paragraphs of plain words. A line of mdoc is what mandoc reads.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 79
END_OF_SENTENCE = re.compile(r"(?<=[.!?:;])\s+(?=\S)")
ESCAPES = {"\\": r"\e", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", "…": r"\&..."}
# What a dash belongs to: an option, a number, a range in code. A hyphen between two letters stays one.
DASH = re.compile(r"(?<![A-Za-z])-|-(?![A-Za-z])")
LIKE_A_MACRO = re.compile(r"[A-Z][a-z][a-z]?|[][().,:;?!|]|%[A-Z]")


def text(paragraph: str) -> list[str]:
    """Return a paragraph as lines."""
    sentences = END_OF_SENTENCE.split(" ".join(paragraph.split()))
    found = []
    for sentence in sentences:
        shown = DASH.sub(r"\\-", _escape(sentence))
        found += textwrap.wrap(shown, WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return [_guard(line) for line in found]


def literal(block: str) -> list[str]:
    """Return lines that are shown as they stand."""
    shown = [_guard(_escape(line).replace("-", r"\-")) for line in textwrap.dedent(block).strip("\n").splitlines()]
    return [".Bd -literal -offset indent", *shown, ".Ed"]


def words(values: Iterable[str]) -> str:
    """Return the arguments of a macro."""
    return " ".join(rf"\&{value}" if LIKE_A_MACRO.fullmatch(value) else value for value in map(_escape, values))


def flag(name: str) -> str:
    """Return an option's name, with its dashes, as a macro without the dot."""
    return f"Fl {_escape(name[1:])}"


def tagged(items: Iterable[tuple[Sequence[str], Sequence[str]]], width: str = "Ds") -> list[str]:
    """Return a list: for each item the macros of its heads, and the lines below them."""
    lines = [line for heads, body in items for line in [*(f".It {head}".rstrip() for head in heads), *body]]
    return [f".Bl -tag -width {width}", *lines, ".El"]


def _escape(value: str) -> str:
    return "".join(ESCAPES.get(char, char) for char in value)


def _guard(line: str) -> str:
    return rf"\&{line}" if line[:1] in (".", "'") else line
