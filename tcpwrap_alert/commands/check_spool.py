"""The command `tcpwrap-alert check-spool`: a Nagios plugin for the spool (Nagios Plugins Development Guidelines)."""

from __future__ import annotations

from typing import NoReturn

import click

from ..check_result import SERVICE_STATES, clean
from ..config.keys import parse_age
from ..config.read import Config
from ..errors import SpoolError
from ..forwarding.waiting import measure_spools
from .options import StrictCommand, config_option

OK, WARNING, CRITICAL, UNKNOWN = range(4)


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    try:
        return parse_age(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command("check-spool", cls=StrictCommand)
@click.option(
    "-w",
    "--warning",
    "warning_s",
    callback=_seconds,
    default="5m",
    show_default=True,
    metavar="AGE",
    help="The age from which it is WARNING.",
)
@click.option(
    "-c",
    "--critical",
    "critical_s",
    callback=_seconds,
    default="1h",
    show_default=True,
    metavar="AGE",
    help="The age from which it is CRITICAL.",
)
@config_option()
def command(warning_s: int, critical_s: int, config: Config) -> None:
    """Be a Nagios plugin: how long the oldest has waited.

    WARNING or CRITICAL if the oldest alert or check result in the spool has waited for so long (90s, 5m, 12h, 7d);
    UNKNOWN if the spool cannot be read. Run it as the spool's owner.

    Example: tcpwrap-alert check-spool -w 5m -c 1h
    """
    try:
        count, oldest_s, why = measure_spools(config)
    except SpoolError as error:
        _end(UNKNOWN, str(error))
    state = CRITICAL if oldest_s >= critical_s else WARNING if oldest_s >= warning_s else OK
    what = f"{count} waiting, the oldest for {oldest_s} s: {why}" if count else "nothing waits"
    _end(state, what, f"entries={count};;;0 oldest={oldest_s}s;{warning_s};{critical_s};0")


def _end(state: int, text: str, performance_data: str = "") -> NoReturn:
    text = clean(text).replace("|", "/")
    click.echo(f"SPOOL {SERVICE_STATES[state]} - {text}" + (f" | {performance_data}" if performance_data else ""))
    click.get_current_context().exit(state)
