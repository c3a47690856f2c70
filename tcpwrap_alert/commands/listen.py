"""The command `tcpwrap-alert listen`."""

from __future__ import annotations

import time

import click

from ..check_result import CheckResult
from ..config.read import Config
from ..nsca.receiver import Receiver
from .options import config_option
from .output import warn


@click.command("listen")
@click.option("--port", type=click.IntRange(0, 65535), default=5667, show_default=True, help="0: any free port.")
@config_option()
def command(port: int, config: Config) -> None:
    """Be a small monitor on 127.0.0.1.

    Prints each check result as the line that nsca would write for Nagios, until you interrupt it. Password and
    encryption method are those of the configuration. To try it, let another configuration and another spool say where
    to send: server=127.0.0.1 in the file of --config, and TCPWRAP_ALERT_SPOOL.

    Example: tcpwrap-alert listen --port 5667
    """
    server = config.server("127.0.0.1")
    warn(config)
    try:
        receiver = Receiver(port, server.password, server.encryption_method, _print_result, _print_rejection)
    except OSError as error:
        raise click.ClickException(f"127.0.0.1:{port}: cannot listen: {error.strerror}") from error
    with receiver:
        click.echo(f"listening on 127.0.0.1:{receiver.port}", err=True)
        receiver.serve_forever()


def _print_result(result: CheckResult) -> None:
    click.echo(result.external_command(time.time()))


def _print_rejection(reason: str) -> None:
    click.echo(f"rejected: {reason}; wrong password or encryption_method?", err=True)
