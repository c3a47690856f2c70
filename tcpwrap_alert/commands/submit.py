"""The command `tcpwrap-alert submit`."""

from __future__ import annotations

import click

from ..arguments import parse_check_result
from ..config.read import Config
from ..forwarding.account import accepted_as
from ..forwarding.submit import submit
from .options import LITERAL, config_option, dry_run_option, verbose_option
from .output import is_told, tell, warn

WITH_OUTPUT = 4  # HOST SERVICE STATE OUTPUT
OURS = ("--dry-run", "-v", "--verbose", "--debug", "--help")


@click.command("submit", context_settings={**LITERAL, "ignore_unknown_options": True})
@click.argument("arguments", metavar="HOST [SERVICE] STATE OUTPUT [PERFDATA]", nargs=-1, type=click.UNPROCESSED)
@verbose_option()
@dry_run_option
@config_option()
def command(arguments: tuple[str, ...], verbose: bool, is_dry_run: bool, config: Config) -> None:
    """Submit a passive check result.

    Without SERVICE it is a result of the host itself.

    STATE is a number or a word: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; for a host 0 UP, 1 DOWN, 2 UNREACHABLE. Any
    other number of a service is sent as 3, and the output begins with it.

    PERFDATA, of a service only, goes behind OUTPUT and a '|'. If it is empty, there is none.

    On a terminal, or with -v, it says which monitor has accepted it, and as what.

    Example: tcpwrap-alert submit firestorm "TCP Wrappers" OK "all quiet"
    """
    *words, last = arguments or ("",)
    if len(words) == WITH_OUTPUT and last in OURS:
        raise click.UsageError(f"{last} is no performance data; write options before HOST; nothing was sent")
    result = parse_check_result(arguments)
    warn(config)
    if is_dry_run:
        from .dry_run import print_parcels

        print_parcels(result, config)
        return
    submit(result, config)
    if is_told(verbose):
        tell(accepted_as(result, config))
