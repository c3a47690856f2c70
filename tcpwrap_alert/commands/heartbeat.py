"""The command `tcpwrap-alert heartbeat`."""

from __future__ import annotations

import click

from .. import __version__
from ..config.read import Config
from ..errors import EXIT_KEPT, DeliveryError
from ..forwarding.health import beat
from .options import CronCommand, config_option


class NotTold(click.ClickException):
    """The monitor does not know how this host is; its freshness check will tell."""

    exit_code = EXIT_KEPT


@click.command("heartbeat", cls=CronCommand)
@config_option()
def command(config: Config) -> None:
    """Tell the monitor how the spool is.

    The service of 'heartbeat_service' gets what 'check-spool' says. It is sent before what waits, and is never kept. If
    the monitor hears nothing for some minutes, its freshness check makes the service UNKNOWN: this host is silent.

    A monitor that takes denials only gets none: Alertmanager, for example.

    Example, a line of /etc/cron.d/tcpwrap-alert, with the owner of the spool:

    \b
    */5 * * * * tcpwrap-alert /opt/tcpwrap-alert/bin/tcpwrap-alert heartbeat
    """
    try:
        beat(config, __version__)
    except DeliveryError as error:
        raise NotTold(f"{error}; the monitor was not told how the spool is") from error
