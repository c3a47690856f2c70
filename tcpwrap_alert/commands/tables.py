"""Rows as text: a JSON list, CSV, or bars in a terminal."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from ..check_result import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

BAR_CHARACTERS = 40
# A spreadsheet takes what begins so for a formula.
FORMULA = ("=", "+", "-", "@")


def print_json(rows: Sequence[dict[str, Any]]) -> None:
    """Print a list of objects."""
    click.echo(json.dumps(rows, indent=2))


def print_csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Print a line of headings, and one for each row; what is a list becomes words with blanks between."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    click.echo(text.getvalue(), nl=False)


def _cell(value: object) -> str:
    text = clean(" ".join(value) if isinstance(value, list) else str(value))
    return f"'{text}" if text.startswith(FORMULA) else text


def bar(count: int, largest: int) -> str:
    """Return a bar for `count`, which is full for `largest`."""
    room = max(5, min(BAR_CHARACTERS, shutil.get_terminal_size().columns - 50))
    length = max(1, round(room * count / largest))
    return ("█" if can_show("█") else "#") * length


def can_show(text: str) -> bool:
    """Return whether the standard output has these characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (LookupError, UnicodeError):
        return False
    return True
