"""The command `tcpwrap-alert check`: what is wrong with the rules in hosts.allow and hosts.deny."""

from __future__ import annotations

import click

from ..check_result import clean
from ..errors import ConfigError


@click.command("check")
@click.option(
    "--allow",
    "hosts_allow",
    default="/etc/hosts.allow",
    show_default=True,
    metavar="FILE",
    help="The hosts.allow to check.",
)
@click.option(
    "--deny",
    "hosts_deny",
    default="/etc/hosts.deny",
    show_default=True,
    metavar="FILE",
    help="The hosts.deny to check.",
)
def command(hosts_allow: str, hosts_deny: str) -> None:
    """Check the rules in hosts.allow and hosts.deny.

    Says which denials never become an alert, and what else TCP wrappers do to the rules, daemons and clients without a
    word. Prints nothing and exits 0 if all is well, else 1; so it can run from cron.

    Where denials are meant to be no alert, write '# tcpwrap-alert: silent' into the line above the rule.

    Example: tcpwrap-alert check
    """
    from ..libwrap.check_rules import check_rules

    try:
        findings = check_rules(hosts_allow, hosts_deny)
    except OSError as error:
        raise ConfigError(error.filename, None, f"cannot read: {error.strerror}") from error
    for finding in findings:
        click.echo(clean(str(finding)))
    click.get_current_context().exit(1 if findings else 0)
