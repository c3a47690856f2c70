"""The command `tcpwrap-alert check-spool`: a Nagios plugin for the spool (Nagios Plugins Development Guidelines)."""

from __future__ import annotations

import click

from ..check_result import SERVICE_STATES
from ..config.keys import parse_age
from ..config.read import Config
from ..forwarding.health import examine
from .options import StrictCommand, config_option


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

    WARNING or CRITICAL if the oldest alert or check result in the spool has waited for so long (90s, 5m, 12h, 7d).
    WARNING at once if the monitor rejected something, or the configuration is wrong. UNKNOWN if there is no spool or it
    cannot be read. Run it as the spool's owner.

    Example: tcpwrap-alert check-spool -w 5m -c 1h
    """
    health = examine(config, warning_s, critical_s)
    numbers = f" | {health.performance_data}" if health.performance_data else ""
    click.echo(f"SPOOL {SERVICE_STATES[health.state]} - {health.text}{numbers}")
    click.get_current_context().exit(health.state)
