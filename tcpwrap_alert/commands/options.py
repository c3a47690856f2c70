"""What commands share: lines on stderr, the option that names the configuration, and the exit status 3."""

from __future__ import annotations

import sys
from typing import Any, Callable

import click

from ..check_result import clean
from ..config.read import CONFIG_SEARCH, config_warning


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


def config_option(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds `--config`, also by `names`, as the parameter `config_path`."""
    what = f"The send_nsca.cfg to use.  [default: {CONFIG_SEARCH}]"
    return click.option(*names, "--config", "config_path", metavar="FILE", help=what)


def say(text: str) -> None:
    """Write one line to stderr; that nobody can read it costs no check result."""
    if sys.stderr:  # None if descriptor 2 is closed
        try:
            click.echo(f"tcpwrap-alert: {clean(text)}", err=True)
        except OSError:
            pass


def warn(config_path: str | None) -> None:
    """Say on stderr what is wrong, though not fatal, about the configuration."""
    warning = config_warning(config_path)
    if warning:
        say(warning)
