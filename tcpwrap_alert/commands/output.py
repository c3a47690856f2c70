"""What commands say beside their output, and what becomes of an output that cannot be written."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

import click

from ..check_result import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..config.read import Config


def say(text: str) -> None:
    """Write one line to stderr; that nobody can read it costs no check result."""
    if sys.stderr:  # None if descriptor 2 is closed
        try:
            click.echo(f"tcpwrap-alert: {clean(text)}", err=True)
        except OSError:
            give_up(sys.stderr)


def is_told(verbose: bool) -> bool:
    """Return whether to say what happened though all is well: on a terminal, or with --verbose; cron stays silent."""
    return verbose or bool(sys.stdout and sys.stdout.isatty())


def tell(lines: Iterable[str]) -> None:
    """Write lines to stdout."""
    for line in lines:
        click.echo(clean(line))


def warn(config: Config) -> None:
    """Say on stderr what is wrong, though not fatal, about the configuration."""
    if config.warning:
        say(config.warning)


def tell_set_aside(count: int) -> None:
    """Say that so many files were set aside."""
    if count > 0:
        files = "1 unreadable queue file" if count == 1 else f"{count} unreadable queue files"
        say(f"{files} set aside in corrupt/ (syslog says why); remove at will")


def give_up(stream: TextIO) -> None:
    """Let what is left for a stream that takes nothing go nowhere: Python would try again at its end, and exit 120."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError:
        pass  # without /dev/null
