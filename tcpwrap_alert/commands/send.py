"""The command `tcpwrap-alert send`: arguments, messages and exit statuses of C send_nsca 2.10.2."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from ..config.read import Config
from ..errors import ConfigError, ConnectError, DeliveryError, NoServer, TcpwrapAlertError, TimedOut, UsageError
from ..forwarding.stdin import send_input, spool_input
from ..forwarding.ways import KeptWays
from ..nsca.client import Connection
from ..nsca.records import ETB, Records
from ..nsca.server import A_DAY_S, Server
from .options import BadInput, StrictCommand, config_option
from .output import say, warn

STDIN = 0


class NotSent(click.ClickException):
    """The NSCA server did not accept the check results."""

    exit_code = 2


def _delimiter(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    """Return the byte that -d or -ds names, as often as it stands at the beginning of `value`.

    As C send_nsca reads it (src/send_nsca.c, parse_delimiter): of several characters the first counts, unless they
    begin like a number, which is a byte's code. Half of a character, or of `\\t`, is no delimiter.
    """
    if value is None:
        return None
    text = os.fsencode(value) or b"\0"
    if len(text) == 1:
        byte = text
    elif value[0] in "0123456789+-":
        byte = _byte_of_code(value)
    else:
        byte = b"" if text[0] > 127 or text[:1] == b"\\" else text[: len(text) - len(text.lstrip(text[:1]))]
    if not byte or (byte == b"\0" and param.name == "delimiter"):
        raise click.BadParameter(f"'{value}' is not a character, or the code of one like 0x09 or 44", ctx, param)
    return byte


def _byte_of_code(text: str) -> bytes:
    """Return the byte with the code `text`, a number as C writes it: 44, 0x2c or 054. Empty if it is none."""
    base = 16 if text[:2].lower() == "0x" else 8 if text[0] == "0" else 10
    try:
        return bytes([int(text, base)]) if text.isalnum() else b""
    except ValueError:
        return b""


@click.command("send", cls=StrictCommand)
@click.argument("host", required=False)
@click.option("-H", "host_option", metavar="HOST", help="The NSCA server, if it is not the configuration's.")
@click.option("-p", "port", type=click.IntRange(1, 65535), help="The port of the NSCA server.")
@click.option("-to", "timeout_s", type=click.FloatRange(0.001, A_DAY_S), help="Seconds for each step.")
@click.option(
    "-d",
    "delimiter",
    metavar="CHAR",
    default="0x09",
    callback=_delimiter,
    show_default=True,
    help="What stands between two fields.",
)
@click.option(
    "-ds", "end", metavar="CHAR", callback=_delimiter, help="What ends a check result.  [default: 0x17, or the line]"
)
@click.option("--single-result", is_flag=True, help="All input is one check result.")
@config_option("-c")
@click.option("--quiet", is_flag=True, help="Say nothing when all is well.")
@click.option("--legacy-2-7-mode", is_flag=True, help="The NSCA server is of version 2.7.")
@click.option("--spool", is_flag=True, help="Keep in the spool what cannot be delivered now.")
def command(
    delimiter: bytes,
    end: bytes | None,
    single_result: bool,
    config: Config,
    quiet: bool,
    spool: bool,
    **options: Any,
) -> None:
    """Send check results from standard input, as C send_nsca does.

    \b
    HOST <tab> SERVICE <tab> STATE <tab> OUTPUT      of a service
    HOST <tab> STATE <tab> OUTPUT                    of the host itself

    STATE is a number: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. For the host: 0 UP, 1 DOWN, 2 UNREACHABLE. Any other
    number of a service is sent as 3, and the output begins with it.

    The byte 0x17 ends a check result. If there is none in the first 5120 bytes, send goes by line. A line with a state
    in its place begins a check result. Other lines continue the output. After a line of a service, a line of a host
    begins a check result only if that host had one before.

    Your output may look like a check result, or others choose it? Then name the end with -ds, or send one check result
    with --single-result.

    CHAR is a character or its code, like 0x09 or 44. A run of blanks is one delimiter.

    Exit status: 0 the NSCA server accepted all; 2 it did not, there was nothing to send, or the configuration is wrong;
    3 usage, or something that is no check result.

    With --spool everything goes into the spool first, and from there to the configuration's server. What is not
    accepted stays there. Then the status is that of the other commands: 75, 77, 78. It is 3 if something was no check
    result.

    A link called send_nsca to tcpwrap-alert, where you installed it, is this command: ln -s
    /opt/tcpwrap-alert/bin/tcpwrap-alert /usr/local/bin/send_nsca

    Example: printf 'firestorm\\tBackup\\t0\\tOK\\n' | tcpwrap-alert send nagios.example
    """
    faults: list[int] = []
    records = _records(delimiter, end, single_result, faults)
    if sys.stderr and sys.stderr.isatty():  # cron would mail it each time
        warn(config)
    try:
        count = _deliver(records, spool, config, options)
    except UsageError as error:
        raise BadInput(str(error)) from error
    except TcpwrapAlertError as error:
        if faults:
            raise BadInput("; ".join(error.lines)) from error
        raise
    if not quiet:
        click.echo(f"{count} data packet(s) sent to host successfully.")
    if faults or not count:
        click.get_current_context().exit(BadInput.exit_code if faults else NotSent.exit_code)


def _records(delimiter: bytes, end: bytes | None, is_single: bool, faults: list[int]) -> Records:
    """Return how to cut the input; `faults` gets the number of each line that is at fault, which is told at once."""
    if is_single and end:
        raise BadInput("--single-result takes all input as one check result, so -ds cannot end one")
    if delimiter[:1] in ((end or ETB)[:1], b"\n", b"\r"):
        raise BadInput("the delimiter between fields cannot be what ends a check result")

    def tell_fault(lineno: int, what: str) -> None:
        faults.append(lineno)
        say(f"line {lineno}: {what}; not sent")

    return Records(tell_fault, delimiter, b"" if is_single else end and end[:1])


def _deliver(records: Records, spool: bool, config: Config, options: dict[str, Any]) -> int:
    """Send all records, by way of the spool or not; return how many were accepted."""
    if not spool:
        return _send(records, _server(config, **options), config)
    _check_same_server(config, options)
    return spool_input(STDIN, records, config)


def _server(
    config: Config,
    host: str | None,
    host_option: str | None,
    port: int | None,
    timeout_s: float | None,
    legacy_2_7_mode: bool,
) -> Server:
    """Return the configuration's NSCA server, with what the arguments say otherwise."""
    changes: dict[str, Any] = {"port": port, "timeout_s": timeout_s, "legacy_2_7_mode": legacy_2_7_mode}
    try:
        server = config.server(host_option or host or "")
        return server.replace(**{name: value for name, value in changes.items() if value})
    except NoServer as error:
        raise BadInput(str(error)) from error
    except ConfigError as error:
        raise NotSent(f"Error: {error}") from error
    except ValueError as error:  # of the host, or of -to nan, which is in every range
        raise BadInput(str(error)) from error


def _check_same_server(config: Config, options: dict[str, Any]) -> None:
    """Raise unless the arguments name the configuration's own server: whoever empties the spool knows no other."""
    if config.fault or not any(options.values()):
        return  # a fault is told when the check results are safe
    try:
        configured: Server | None = config.server()
    except ConfigError:
        configured = None
    if _server(config, **options) != configured:
        raise BadInput(
            "--spool delivers to the server of the configuration; set server, port, timeout or legacy_2_7_mode there"
        )


def _send(records: Records, server: Server, config: Config) -> int:
    """Send all records; return how many were accepted."""
    with KeptWays(config) as ways:
        connection = Connection(server, ways=ways)
        try:
            send_input(STDIN, records, connection)
        except DeliveryError as error:
            raise NotSent(_why_not_sent(error, server, connection.delivered)) from error
    return connection.delivered


def _why_not_sent(error: DeliveryError, server: Server, delivered: int) -> str:
    """Return the text of an error in the words of C send_nsca."""
    text = f"Error: {error}"
    if isinstance(error, TimedOut):
        text = f"Error: Timeout after {server.timeout_s:g} seconds ({error})"
    elif isinstance(error, ConnectError):
        way = f" through {server.proxy}" if server.proxy else ""
        text = f"Error: Could not connect to host {server.host} on port {server.port}{way}: {error.reason}"
    return f"{text}; {delivered} data packet(s) before it were sent" if delivered else text
