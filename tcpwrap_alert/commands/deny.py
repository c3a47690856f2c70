"""The command `tcpwrap-alert deny`."""

from __future__ import annotations

import sys

import click

from ..check_result import clean, shown
from ..config.read import Config
from ..denial import Denial
from ..forwarding.account import accepted_as
from ..forwarding.submit import submit
from .options import LITERAL, config_option, dry_run_option, verbose_option
from .output import is_told, say, tell, warn


@click.command("deny", context_settings=LITERAL)
@click.argument("daemon")
@click.argument("client")
@verbose_option()
@dry_run_option
@config_option()
def command(daemon: str, client: str, verbose: bool, is_dry_run: bool, config: Config) -> None:
    """Report a denial and wait for the outcome.

    Does what handle_tcp_wrapper does, for you and your scripts. On a terminal, or with -v, it says which monitor has
    accepted it, and as what.

    Example: tcpwrap-alert deny sshd 203.0.113.7
    """
    warn(config)
    denial = Denial(daemon, client)
    if is_dry_run:
        from .dry_run import print_parcels

        print_parcels(denial, config)
    else:
        submit(denial, config)
        if is_told(verbose):
            tell(accepted_as(denial, config))
    if sys.stderr and sys.stderr.isatty():
        _tell_misspelt(daemon, client)


def _is_address(word: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def _tell_misspelt(daemon: str, client: str) -> None:
    from ..libwrap.daemons import hint_for

    if _is_address(daemon):
        say(f"{daemon} is an address; the daemon comes first: tcpwrap-alert deny {clean(client)} {daemon}")
    elif hint := hint_for(daemon):
        say(f"no daemon here asks TCP wrappers by the name {shown(daemon)}; {hint}")
