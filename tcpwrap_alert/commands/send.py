"""The command `tcpwrap-alert send`: arguments, messages and exit statuses of C send_nsca 2.10.2."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from .. import __version__
from ..config.read import load_config, set_server
from ..errors import ConfigError, ConnectError, DeliveryError, TcpwrapAlertError, TimedOut, UsageError
from ..forwarding.stdin import send_input, spool_input
from ..nsca.client import Connection
from ..nsca.records import ETB, Records
from ..nsca.server import A_DAY_S, Server
from .options import BadInput, StrictCommand, config_option, say, warn

STDIN = 0


class NotSent(click.ClickException):
    """The check results did not reach the daemon."""

    exit_code = 2


def _one_byte(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    """Return the byte that an option names, by itself or as 0x09."""
    if value is None:
        return None
    try:
        byte = bytes([int(value, 16)]) if value[:2].lower() == "0x" else os.fsencode(value)
    except ValueError:
        byte = b""
    if len(byte) != 1 or byte == b"\0":
        raise click.BadParameter(f"'{value}' is not one character, or its code like 0x09", ctx, param)
    return byte


@click.command(cls=StrictCommand)
@click.argument("host", required=False)
@click.option("-H", "host_option", metavar="HOST", help="The daemon, if it is not the configuration's server.")
@click.option("-p", "port", type=click.IntRange(1, 65535), help="The daemon's port.")
@click.option("-to", "timeout_s", type=click.FloatRange(0.001, A_DAY_S), help="Seconds for each step.")
@click.option(
    "-d",
    "delimiter",
    metavar="CHAR",
    default="0x09",
    callback=_one_byte,
    show_default=True,
    help="What stands between two fields.",
)
@click.option(
    "-ds", "end", metavar="CHAR", callback=_one_byte, help="What ends a check result.  [default: 0x17, or the line]"
)
@config_option("-c")
@click.option("--quiet", is_flag=True, help="Say nothing when all is well.")
@click.option("--legacy-2-7-mode", is_flag=True, help="The daemon is of NSCA 2.7.")
@click.option("--spool", is_flag=True, help="Keep in the spool what cannot be delivered now.")
@click.version_option(__version__, "-V", "--version")
def send(
    delimiter: bytes, end: bytes | None, config_path: str | None, quiet: bool, spool: bool, **options: Any
) -> None:
    """Send check results from standard input, as C send_nsca does.

    \b
    HOST <tab> SERVICE <tab> STATE <tab> OUTPUT      of a service
    HOST <tab> STATE <tab> OUTPUT                    of the host itself

    STATE is a number. The byte 0x17 ends a check result. If there is none in the first 5120 bytes, a line with a state
    where the above has one begins a check result, and other lines continue its output. To be sure, above all where
    others choose what the output says, or where it has the delimiter in it, name the end with -ds.

    Exit status: 0 all delivered; 2 not delivered, or nothing to send; 3 usage, or something that is no check result.
    With --spool, everything goes into the spool first, and from there to the configuration's server; what is not
    delivered stays there: 75, 77, 78 as with the other commands, but 3 if there was something that is no check result.

    Example: printf 'firestorm\\tBackup\\t0\\tOK\\n' | tcpwrap-alert send nagios.example
    """
    if delimiter in (end or ETB, b"\n", b"\r"):
        raise BadInput("the delimiter between fields cannot be what ends a check result")
    faults = 0

    def tell_fault(lineno: int, what: str) -> None:
        nonlocal faults
        faults += 1
        say(f"line {lineno}: {what}; not sent")

    if sys.stderr and sys.stderr.isatty():  # cron would mail it each time
        warn(config_path)
    records = Records(tell_fault, delimiter, end)
    try:
        if spool:
            _check_same_monitor(config_path, options)
            count = spool_input(STDIN, records, config_path)
        else:
            count = _send(records, _monitor(config_path, **options))
    except UsageError as error:
        raise BadInput(str(error)) from error
    except TcpwrapAlertError as error:
        if faults:
            raise BadInput(error.line) from error
        raise
    if not quiet:
        click.echo(f"{count} data packet(s) sent to host successfully.")
    if faults or not count:
        click.get_current_context().exit(BadInput.exit_code if faults else NotSent.exit_code)


def _monitor(
    config_path: str | None,
    host: str | None,
    host_option: str | None,
    port: int | None,
    timeout_s: float | None,
    legacy_2_7_mode: bool,
) -> Server:
    """Return the configuration's monitor, with what the arguments say otherwise."""
    try:
        config = load_config(config_path)
        if host_option or host:
            set_server(config, host_option or host or "")
    except ConfigError as error:
        raise NotSent(f"Error: {error}") from error
    except ValueError as error:
        raise BadInput(str(error)) from error
    monitor = config.monitor
    if config.command_file:
        raise BadInput(
            f"{config.path} names a command file of this host, and send speaks NSCA; use --spool, or name a host"
        )
    if not monitor.host:
        raise BadInput(f"no host to send to: name it, or add a line like server=nagios.example to {config.path}")
    if timeout_s != timeout_s:
        raise BadInput("-to nan is no number of seconds")
    changes: dict[str, Any] = {"port": port, "timeout_s": timeout_s, "legacy_2_7_mode": legacy_2_7_mode}
    return monitor.replace(**{name: value for name, value in changes.items() if value})


def _check_same_monitor(config_path: str | None, options: dict[str, Any]) -> None:
    """Raise unless the arguments name the configuration's own monitor: whoever empties the spool knows no other."""
    try:
        configured = load_config(config_path).monitor
    except ConfigError:
        return  # told when the check results are safe
    named = _monitor(config_path, **options) if any(options.values()) else configured
    if named != configured:
        raise BadInput(
            "--spool delivers to the server of the configuration; set server, port, timeout or legacy_2_7_mode there"
        )


def _send(records: Records, monitor: Server) -> int:
    """Send all records; return how many were delivered."""
    connection = Connection(monitor)
    try:
        send_input(STDIN, records, connection)
    except DeliveryError as error:
        text = f"Error: {error}"
        if isinstance(error, TimedOut):
            text = f"Error: Timeout after {monitor.timeout_s:g} seconds ({error})"
        elif isinstance(error, ConnectError):
            text = f"Error: Could not connect to host {monitor.host} on port {monitor.port}: {error.reason}"
        if connection.delivered:
            text += f"; {connection.delivered} data packet(s) before it were sent"
        raise NotSent(text) from error
    return connection.delivered
