"""Findings as text or JSON: on a terminal with ticks in colour, elsewhere with words."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from ..check_result import clean
from ..doctor.finding import FAIL, OK, WARN, Finding
from .tables import can_show, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable

TICKS = {OK: ("✓", "green"), WARN: ("!", "yellow"), FAIL: ("✗", "red")}


def print_findings(findings: Iterable[Finding], *, as_json: bool = False, is_quiet: bool = False) -> int:
    """Print findings, each as it comes; return the exit status: 1 if there is something to do, else 0.

    Args:
        is_quiet: whether what is all right is left out.
    """
    shown = (finding for finding in findings if not (is_quiet and finding.state == OK))
    seen = []
    for finding in shown:
        seen.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json([finding._asdict() for finding in seen])
    return int(any(finding.state != OK for finding in seen))


def _print(finding: Finding) -> None:
    click.echo(f"{_mark(finding.state)} {finding.subject}: {clean(finding.text)}")
    if finding.todo:
        click.echo(f"     {clean(finding.todo)}")


def _mark(state: str) -> str:
    """Return a tick on a terminal, in colour unless NO_COLOR is set (no-color.org); else a word."""
    tick, colour = TICKS[state]
    if not (sys.stdout and sys.stdout.isatty() and can_show(tick)):
        return f"{state:<4}"
    return f"   {tick}" if os.environ.get("NO_COLOR") else click.style(f"   {tick}", fg=colour)
