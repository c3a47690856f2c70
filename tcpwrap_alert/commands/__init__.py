"""The command `tcpwrap-alert`: one file per command, and each start loads only its own.

A command turns arguments into one call, and its outcome into text and exit status. Every error becomes one line on
stderr.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import TYPE_CHECKING

import click

from ..errors import EXIT_BUG, EXIT_SPOOL, EXIT_USAGE, TcpwrapAlertError, exit_statuses, unforeseen
from .common import CorrectingGroup, with_common_options
from .output import give_up, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..config.read import Config

EXIT_INTERRUPTED = 130

COMMANDS = {
    "deny": "deny",
    "submit": "submit",
    "send": "send",
    "replay": "replay",
    "queue": "queue",
    "top": "top",
    "sweeps": "sweeps",
    "check": "check",
    "check-spool": "check_spool",
    "setup": "setup",
    "heartbeat": "heartbeat",
    "listen": "listen",
    "demo": "demo",
}

# The order in which people meet them.
GROUPS = {
    "Start here": ("demo", "setup", "check"),
    "Report": ("deny", "submit", "send"),
    "Look after what waits": ("replay", "queue", "check-spool", "heartbeat"),
    "See who was denied": ("top", "sweeps"),
    "Be a monitor": ("listen",),
}


class LazyGroup(CorrectingGroup):
    """A group whose commands are the modules of COMMANDS, each loaded when it is used."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Return a command, or None if there is none of this name."""
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f".{COMMANDS[name]}", __name__).command
        return with_common_options(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, in groups."""
        grouped = {name for names in GROUPS.values() for name in names}
        others = tuple(name for name in COMMANDS if name not in grouped)
        for title, names in {**GROUPS, "Others": others}.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, command.get_short_help_str(100)) for name, command in commands if command]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=14)


def run(arguments: Sequence[str], config: Config | None = None) -> int:
    """Run the command line and return its exit status; every error becomes one line on stderr.

    Args:
        config: what was read where the configuration is by default, if somebody has done that already.
    """
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a text that the terminal cannot show is no error
            os.set_blocking(1, True)  # Python cuts what goes into a non-blocking pipe
        arguments = list(arguments) or ["--help"]
        status = main.main(arguments, prog_name="tcpwrap-alert", standalone_mode=False, obj=config) or 0
        if sys.stdout:
            sys.stdout.flush()
        return int(status)
    except click.UsageError as error:
        say(error.format_message())
        return EXIT_USAGE
    except click.ClickException as error:
        say(error.format_message())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except TcpwrapAlertError as error:
        for line in error.lines:
            say(line)
        return error.exit_status
    except BrokenPipeError:  # as in `tcpwrap-alert queue | head`
        give_up(sys.stdout)
        return EXIT_INTERRUPTED
    except SystemExit as error:
        if error.code != 1:
            raise
        return EXIT_INTERRUPTED  # so click ends when it meets a broken pipe itself
    except OSError as error:
        give_up(sys.stdout)
        say(f"cannot write the output: {error.strerror}")
        return EXIT_SPOOL
    except Exception as error:
        say(unforeseen(error))
        return EXIT_BUG


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Connections that TCP wrappers deny, as passive checks at Nagios or Icinga.

    Start here: 'tcpwrap-alert demo' shows the way of an alert, 'tcpwrap-alert setup' sets up this host, and
    'tcpwrap-alert check' looks at all that an alert needs. 'tcpwrap-alert COMMAND --help' has an example. Options go
    before the other arguments.

    hosts.deny calls handle_tcp_wrapper, and cron calls 'tcpwrap-alert replay'.
    """,
    epilog="\b\n"
    + "\n".join(exit_statuses())
    + "\n\nman tcpwrap-alert.cfg has the keys of the configuration, and the numbers of its encryption methods.",
)
def main() -> None:
    """Hold the commands."""


with_common_options(main)
