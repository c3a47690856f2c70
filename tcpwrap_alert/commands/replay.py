"""The command `tcpwrap-alert replay`. For a spool with nothing to do, `scripts.py` answers before this is loaded."""

from __future__ import annotations

import sys
import time

import click

from ..config.read import Config
from ..forwarding.account import Account
from ..forwarding.attempt import random_share
from ..forwarding.replay import replay
from ..forwarding.waiting import count_set_aside, count_waiting
from .options import CronCommand, config_option, verbose_option
from .output import is_told, tell, tell_set_aside, warn

PROGRESS_BAR_FROM = 500


@click.command("replay", cls=CronCommand)
@click.option("--all", "tries_rested", is_flag=True, help="Try at once what the monitor rejected not long ago, too.")
@click.option(
    "--splay",
    "splay_s",
    metavar="SECONDS",
    type=click.IntRange(0, 86_400),
    default=0,
    help="If anything waits, first wait a random time of up to SECONDS, so that many hosts do not send at once.",
)
@verbose_option()
@config_option()
def command(tries_rested: bool, splay_s: int, verbose: bool, config: Config) -> None:
    """Deliver all that waits, oldest first.

    Says nothing when all is well. On a terminal, or with -v, it says what each monitor has accepted. If a monitor
    rejects one result and takes others, that one is tried again after ten minutes, then after longer and longer pauses.

    Example, a line of /etc/cron.d/tcpwrap-alert, with the owner of the spool:

    \b
    * * * * * tcpwrap-alert /opt/tcpwrap-alert/bin/tcpwrap-alert replay
    """
    waiting = count_waiting(config)
    if waiting:
        warn(config)
        time.sleep(splay_s * random_share())
    set_aside_before = count_set_aside(config)
    account = Account()
    try:
        if waiting >= PROGRESS_BAR_FROM and sys.stderr.isatty():
            with click.progressbar(length=waiting, label="replay", file=sys.stderr) as bar:
                account = Account(bar.update)
                replay(config, account, tries_rested)
        else:
            replay(config, account, tries_rested)
        if is_told(verbose) and not account.lines():
            tell(["nothing to deliver now"])
    finally:
        if is_told(verbose):
            tell(account.lines())
        tell_set_aside(count_set_aside(config) - set_aside_before)
