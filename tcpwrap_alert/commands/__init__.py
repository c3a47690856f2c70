"""The command `tcpwrap-alert`: arguments to one call, its outcome to text and exit status. `cli_send.py` has `send`.

What only one rare command needs is imported there: `send` and `replay` are started often.
"""

from __future__ import annotations

import io
import os
import sys
import time
from typing import TYPE_CHECKING

import click

from .. import __version__
from ..check_result import CheckResult, clean, parse_check_result
from ..config.read import load_config
from ..denial import Denial
from ..errors import TcpwrapAlertError
from ..forwarding.forward import replay, submit
from ..forwarding.waiting import count_set_aside, count_waiting, list_waiting
from ..nsca.cipher import known_methods
from ..spool.entries import check_result_entry, denial_entry
from .check import check as check_command
from .check_spool import check_spool as check_spool_command
from .options import config_option, say, warn
from .send import send as send_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PROGRESS_BAR_FROM = 500
METHODS = f"encryption_method in the configuration: {known_methods()}."
# From the first argument on there are no options: a client or a plugin may have chosen what begins with a dash.
LITERAL = {"allow_interspersed_args": False}
EXIT_USAGE = 64
EXIT_BUG = 70
EXIT_OUTPUT = 74
EXIT_INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit status; every error becomes one line on stderr."""
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a text that the terminal cannot show is no error
        return main.main(args=list(arguments) or ["--help"], prog_name="tcpwrap-alert", standalone_mode=False) or 0
    except click.UsageError as error:
        say(error.format_message())
        return EXIT_USAGE
    except click.ClickException as error:
        say(error.format_message())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except TcpwrapAlertError as error:
        say(error.line)
        return error.exit_status
    except BrokenPipeError:  # as in `tcpwrap-alert queue | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERRUPTED
    except OSError as error:
        say(f"cannot write the output: {error.strerror}")
        return EXIT_OUTPUT
    except Exception as error:
        say(f"bug: {type(error).__name__}: {error}; please report it")
        return EXIT_BUG


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=METHODS)
@click.version_option(__version__)
def main() -> None:
    """Connections that TCP wrappers deny, as passive checks at Nagios or Icinga.

    hosts.deny calls handle_tcp_wrapper, cron calls 'tcpwrap-alert replay'; the rest is for people.

    Exit status: 0 delivered, 75 kept in the spool, 77 refused by the monitor and kept, 78 configuration wrong and
    kept, 64 usage, 65 not a check result, 74 spool and monitor both out of reach, 70 a bug of ours.
    """


@main.command(context_settings=LITERAL)
@click.argument("daemon")
@click.argument("client")
@config_option()
def deny(daemon: str, client: str, config_path: str | None) -> None:
    """Report a denial and wait for the outcome.

    Does what handle_tcp_wrapper does, for people and scripts.

    Example: tcpwrap-alert deny sshd 203.0.113.7
    """
    warn(config_path)
    submit(denial_entry(Denial(daemon, client)), config_path)


@main.command("submit", context_settings={**LITERAL, "ignore_unknown_options": True})
@click.argument("arguments", metavar="HOST [SERVICE] STATE OUTPUT", nargs=-1, type=click.UNPROCESSED)
@config_option()
def submit_command(arguments: tuple[str, ...], config_path: str | None) -> None:
    """Submit a passive check result.

    Without SERVICE it is a result of the host itself.

    STATE is a number or a word: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; for a host 0 UP, 1 DOWN, 2 UNREACHABLE.

    Example: tcpwrap-alert submit firestorm "TCP Wrappers" OK "all quiet"
    """
    result = parse_check_result(arguments)
    warn(config_path)
    submit(check_result_entry(result), config_path)


@main.command("replay")
@config_option()
def replay_command(config_path: str | None) -> None:
    """Deliver all that waits, oldest first.

    Says nothing when all is well.

    Example, in a crontab: * * * * * tcpwrap-alert replay
    """
    waiting = count_waiting(config_path)
    if waiting:
        warn(config_path)
    set_aside_before = count_set_aside(config_path)
    try:
        if waiting >= PROGRESS_BAR_FROM and sys.stderr.isatty():
            with click.progressbar(length=waiting, label="replay", file=sys.stderr) as bar:
                replay(config_path, bar.update)
        else:
            replay(config_path)
    finally:
        _tell_set_aside(count_set_aside(config_path) - set_aside_before)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object per waiting check result.")
@config_option()
def queue(as_json: bool, config_path: str | None) -> None:
    """List what waits, since when and why.

    Example: tcpwrap-alert queue
    """
    warn(config_path)
    rows = list_waiting(config_path)
    if as_json:
        _print_json(rows)
        return
    why, count = None, 0
    for row in rows:
        count += 1
        if row["why"] != why:
            why = row["why"]
            click.echo(clean(str(why)))
        fields = (row["host_name"], row["service_description"], row["return_code"], row["plugin_output"])
        what = row["queue_file"] if row["since"] is None else ";".join(clean(str(field)) for field in fields)
        click.echo(f"  {row['since'] or ''}  {what}")
    click.echo(f"{count} waiting")
    _tell_set_aside(count_set_aside(config_path))


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=5667, show_default=True, help="0: any free port.")
@config_option()
def listen(port: int, config_path: str | None) -> None:
    """Be a small monitor on 127.0.0.1.

    Prints each check result as the line that nsca would write for Nagios, until it is interrupted. Password and
    encryption method are those of the configuration. To try it, let another configuration and another spool say where
    to send: server=127.0.0.1 in the file of --config, and TCPWRAP_ALERT_SPOOL.

    Example: tcpwrap-alert listen --port 5667
    """
    from ..nsca.receiver import Receiver

    config = load_config(config_path)
    warn(config_path)

    def print_result(result: CheckResult) -> None:
        click.echo(result.external_command(time.time()))

    def print_refusal(reason: str) -> None:
        click.echo(f"refused: {reason}; wrong password or encryption_method?", err=True)

    monitor = config.monitor
    try:
        receiver = Receiver(port, monitor.password, monitor.encryption_method, print_result, print_refusal)
    except OSError as error:
        raise click.ClickException(f"127.0.0.1:{port}: cannot listen: {error.strerror}") from error
    with receiver:
        click.echo(f"listening on 127.0.0.1:{receiver.port}", err=True)
        receiver.serve_forever()


@main.command()
def demo() -> None:
    """Show the path of an alert.

    Needs no server, no root and no configuration.

    Example: tcpwrap-alert demo
    """
    from .demo import run_demo

    if not run_demo(click.echo):
        raise click.ClickException("an alert was lost, or the denied client received something")


main.add_command(send_command)
main.add_command(check_command)
main.add_command(check_spool_command)


def _print_json(rows: Iterable[object]) -> None:
    """Print a list row by row: there may be many."""
    import json

    separator = "["
    for row in rows:
        click.echo(separator + json.dumps(row, indent=2), nl=False)
        separator = ",\n"
    click.echo("]" if separator != "[" else "[]")


def _tell_set_aside(count: int) -> None:
    if count > 0:
        files = "1 unreadable queue file" if count == 1 else f"{count} unreadable queue files"
        say(f"{files} set aside in corrupt/ (syslog says why); remove at will")
