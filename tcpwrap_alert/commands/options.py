"""What commands share: the option that names the configuration, and usage errors with exit status 3."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable

import click

from ..config.read import CONFIG_SEARCH, Config, read_config

# As README has it.
PROGRAM = "/opt/tcpwrap-alert/bin/tcpwrap-alert"
SPOOL_OWNER = "tcpwrap-alert"


class BadInput(click.ClickException):
    """The command line or the standard input is not as it should be, said as C send_nsca and Nagios plugins do."""

    exit_code = 3


class StrictCommand(click.Command):
    """A command whose usage errors are BadInput."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise BadInput(error.format_message()) from error


class CronCommand(click.Command):
    """A command whose help has a line for cron, with the path of this very program and the owner of this very spool."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help."""
        import shlex
        import shutil

        before = self.help
        text = (self.help or "").replace(f"* {SPOOL_OWNER} ", f"* {_spool_owner()} ")
        self.help = text.replace(PROGRAM, shlex.quote(os.path.abspath(shutil.which(sys.argv[0]) or PROGRAM)))
        super().format_help_text(ctx, formatter)
        self.help = before


def _spool_owner() -> str:
    """Return the name of the user who owns the spool, or who owns it where we are installed as README says."""
    import pwd

    try:
        return pwd.getpwuid(os.stat(read_config().spool_dirs[0]).st_uid).pw_name
    except (OSError, KeyError):
        return SPOOL_OWNER


# From the first argument on there are no options: a client or a plugin may have chosen what begins with a dash.
LITERAL = {"allow_interspersed_args": False}


def verbose_option() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds `--verbose`."""
    return click.option("-v", "--verbose", is_flag=True, help="Say what happened, as on a terminal.")


def config_option(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds `--config`, also by `names`; what was read there is the parameter `config`."""
    return click.option(
        *names,
        "--config",
        metavar="FILE",
        help=f"The send_nsca.cfg to use.  [default: {CONFIG_SEARCH}]",
        callback=_read_config,
    )


dry_run_option = click.option(
    "--dry-run",
    "is_dry_run",
    is_flag=True,
    help="Print what would be sent, and to which monitor; send and keep nothing.",
)


def _read_config(ctx: click.Context, _param: click.Parameter, path: str | None) -> Config:
    """Read the configuration, unless whoever started us has read it already."""
    config = ctx.find_root().obj
    return config if path is None and isinstance(config, Config) else read_config(path)
