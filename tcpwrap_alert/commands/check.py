"""The command `tcpwrap-alert check`: what is wrong with this host's alerts, or with files of rules."""

from __future__ import annotations

import click

from .. import __version__
from ..check_result import clean
from ..config.read import Config
from ..errors import ConfigError
from .common import CorrectingGroup, with_common_options
from .options import config_option

HOSTS_ALLOW, HOSTS_DENY = "/etc/hosts.allow", "/etc/hosts.deny"


class CheckGroup(CorrectingGroup):
    """The examination of this host, and that of a monitor's files below it."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of the commands below it."""
        return ["server"]

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Return one of them."""
        if name != "server":
            return None
        from .check_server import command as server

        return with_common_options(server)


@click.group("check", cls=CheckGroup, invoke_without_command=True, subcommand_metavar="[server [FILE]...]")
@click.option("--send", "sends", is_flag=True, help="Submit an OK to each monitor, too, and read it back if possible.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object per finding.")
@click.option("--quiet", "-q", "is_quiet", is_flag=True, help="Print only what is not as it should be, as for cron.")
@click.option("--allow", "hosts_allow", metavar="FILE", help="Check the rules only, with this hosts.allow.")
@click.option("--deny", "hosts_deny", metavar="FILE", help="Check the rules only, with this hosts.deny.")
@config_option()
def command(
    sends: bool, as_json: bool, is_quiet: bool, hosts_allow: str | None, hosts_deny: str | None, config: Config
) -> None:
    """Check all that an alert needs, from the rules to the monitor.

    Looks at the rules in hosts.allow and hosts.deny, the configuration, the spool, what runs 'replay', the units of the
    daemons, and each monitor. Run it as root. Nothing is changed and no result is sent. Exits 0 if all is well, else 1.

    --send submits an OK result for the service of the denials, past the spool. Your monitor then shows OK there, until
    the next denial. What waits and what is counted on this host stays as it is.

    With --allow or --deny only those rules are checked: it prints nothing and exits 0 if all is well, else 1. Where
    denials are meant to be no alert, write '# tcpwrap-alert: silent' into the line above the rule.

    On a monitor, 'check server' looks at the files of what receives results.

    Example: tcpwrap-alert check
    """
    if click.get_current_context().invoked_subcommand:
        return
    if hosts_allow or hosts_deny:
        if sends or as_json or is_quiet:
            raise click.UsageError("--send, --json and --quiet cannot be used with --allow or --deny")
        status = _check_rules(hosts_allow or HOSTS_ALLOW, hosts_deny or HOSTS_DENY)
    else:
        from ..doctor.examination import examine_host
        from .findings import print_findings

        status = print_findings(examine_host(config, __version__, sends), as_json=as_json, is_quiet=is_quiet)
    click.get_current_context().exit(status)


def _check_rules(hosts_allow: str, hosts_deny: str) -> int:
    from ..libwrap.check_rules import check_rules

    try:
        findings = check_rules(hosts_allow, hosts_deny)
    except OSError as error:
        raise ConfigError(error.filename, None, f"cannot read: {error.strerror}") from error
    for finding in findings:
        click.echo(clean(str(finding)))
    return 1 if findings else 0
