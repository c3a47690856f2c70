"""The command `tcpwrap-alert queue`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ..check_result import clean
from ..config.read import Config
from ..forwarding.waiting import count_set_aside, list_waiting
from .options import config_option
from .output import say, tell_set_aside, warn

if TYPE_CHECKING:
    from collections.abc import Iterable


@click.command("queue")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object per waiting check result.")
@config_option()
def command(as_json: bool, config: Config) -> None:
    """List what waits, since when and why.

    Example: tcpwrap-alert queue
    """
    warn(config)
    if config.fault:
        say(str(config.fault))
    rows = list_waiting(config)
    if as_json:
        _print_json(rows)
        return
    _print(rows)
    tell_set_aside(count_set_aside(config))


def _print(rows: Iterable[dict[str, Any]]) -> None:
    why, count = None, 0
    is_whole = False
    try:
        for row in rows:
            count += 1
            if row["why"] != why:
                why = row["why"]
                click.echo(clean(str(why)))
            fields = (row["host_name"], row["service_description"], row["return_code"], row["plugin_output"])
            what = row["queue_file"] if row["since"] is None else ";".join(clean(str(field)) for field in fields)
            click.echo(f"  {row['since'] or ''}  {what}")
        is_whole = True
    finally:
        if is_whole or count:
            click.echo(f"{count} waiting")


def _print_json(rows: Iterable[object]) -> None:
    """Print a list row by row, as there may be many; it is whole even if a spool cannot be read."""
    separator = "["
    try:
        for row in rows:
            click.echo(separator + json.dumps(row, indent=2), nl=False)
            separator = ",\n"
    finally:
        click.echo("]" if separator != "[" else "[]")
