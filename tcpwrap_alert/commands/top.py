"""The command `tcpwrap-alert top`."""

from __future__ import annotations

import os
import time
from typing import Any

import click

from ..check_result import clean, format_time
from ..config.keys import parse_age
from ..config.read import Config
from ..errors import EXIT_SPOOL
from ..forwarding.denied import BY, Denied, denied_by
from ..spool.files import replace_file
from .options import config_option
from .tables import bar, print_csv, print_json

SHOWN = 20


class CannotWrite(click.ClickException):
    """The page cannot be written."""

    exit_code = EXIT_SPOOL


def age(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    """Return the seconds of an option like 7d."""
    try:
        return parse_age(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command("top")
@click.option("--since", "since_s", callback=age, default="7d", show_default=True, metavar="AGE", help="For how long.")
@click.option("--by", type=click.Choice(BY), default=BY[0], show_default=True, help="What is counted.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object per row.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, with a line of headings.")
@click.option("--html", "page", metavar="FILE", help="Write a page with all of it; it needs nothing from elsewhere.")
@config_option()
def command(since_s: int, by: str, as_json: bool, as_csv: bool, page: str | None, config: Config) -> None:
    """Show who was denied most.

    A denial is counted when it has left the spool; 'tcpwrap-alert queue' shows what still waits.

    Example: tcpwrap-alert top --since 24h --by daemon
    """
    if as_json + as_csv + (page is not None) > 1:
        raise click.UsageError("--json, --csv and --html cannot be used together")
    now_s = time.time()
    found = denied_by(config, now_s - since_s)
    rows = [_row(by, denied) for denied in found[by]]
    if page is not None:
        _write_page(page, found, now_s - since_s, now_s)
    elif as_json:
        print_json(rows)
    elif as_csv:
        print_csv((by, "denials", "first", "last"), rows)
    else:
        _print(found[by], is_in_order=by == "hour")


def _row(by: str, denied: Denied) -> dict[str, Any]:
    first, last = format_time(denied.first_s), format_time(denied.last_s)
    return {by: denied.name, "denials": denied.count, "first": first, "last": last}


def _print(found: list[Denied], is_in_order: bool) -> None:
    """Print a bar for each of the first; of the hours for each of the last."""
    shown = found[-SHOWN:] if is_in_order else found[:SHOWN]
    left = len(found) - len(shown)
    if left and is_in_order:
        click.echo(f"{left} hours before")
    largest = max((denied.count for denied in shown), default=0)
    for denied in shown:
        click.echo(f"{clean(denied.name)[:39]:<39} {denied.count:>8} {bar(denied.count, largest)}")
    if left and not is_in_order:
        click.echo(f"and {left} more")
    click.echo(f"{sum(denied.count for denied in found)} denials")


def _write_page(path: str, found: dict[str, list[Denied]], since_s: float, now_s: float) -> None:
    from .page import make_page

    text = make_page(found, os.uname().nodename, since_s, now_s).encode(errors="replace")
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # /dev/stdout, a pipe
            with open(path, "wb") as file:
                file.write(text)
        else:
            replace_file(os.path.realpath(path) if path else path, text)
    except OSError as error:
        raise CannotWrite(f"{path}: cannot write the page: {error.strerror}") from error
