"""What commands share: the option that names the configuration, and the warning about it."""

from __future__ import annotations

from typing import Any, Callable

import click

from .config import CONFIG_SEARCH, config_warning


def config_option(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds `--config`, also by `names`, as the parameter `config_path`."""
    what = f"The send_nsca.cfg to use.  [default: {CONFIG_SEARCH}]"
    return click.option(*names, "--config", "config_path", metavar="FILE", help=what)


def warn(config_path: str | None) -> None:
    """Say on stderr what is wrong, though not fatal, about the configuration."""
    warning = config_warning(config_path)
    if warning:
        click.echo(f"tcpwrap-alert: {warning}", err=True)
