"""The command `tcpwrap-alert deny`."""

from __future__ import annotations

import click

from ..config.read import Config
from ..denial import Denial
from ..forwarding.submit import submit
from .options import LITERAL, config_option, dry_run_option
from .output import warn


@click.command("deny", context_settings=LITERAL)
@click.argument("daemon")
@click.argument("client")
@dry_run_option
@config_option()
def command(daemon: str, client: str, is_dry_run: bool, config: Config) -> None:
    """Report a denial and wait for the outcome.

    Does what handle_tcp_wrapper does, for you and your scripts.

    Example: tcpwrap-alert deny sshd 203.0.113.7
    """
    warn(config)
    denial = Denial(daemon, client)
    if is_dry_run:
        from .dry_run import print_parcels

        print_parcels(denial, config)
    else:
        submit(denial, config)
