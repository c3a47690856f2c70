"""The command `tcpwrap-alert setup`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Callable

import click

from ..check_result import clean
from ..config.keys import KEYS
from ..config.secrets import read_secret
from ..errors import UsageError
from ..libwrap.session import find_session
from ..setup.configuration import Values, missing
from ..setup.networks import parse_network
from ..setup.plan import Plan, make_plan
from ..setup.step import carry_out, undo

DEFAULT_METHOD = "14"


def _checked(read: Callable[[str], object]) -> Callable[..., Any]:
    """Return a callback that says what is wrong with a value, and keeps the text."""

    def check(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
        try:
            if value is not None:
                read(value)
        except ValueError as error:
            raise click.BadParameter(clean(str(error))) from error
        return value

    return check


def _networks(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> list[Any]:
    try:
        return [parse_network(value) for value in values]
    except ValueError as error:
        raise click.BadParameter(clean(str(error))) from error


def _secret(_ctx: click.Context, _param: click.Parameter, path: str | None) -> bytes | None:
    try:
        return None if path is None else read_secret("password_file")(os.path.abspath(path))
    except ValueError as error:
        raise click.BadParameter(clean(str(error))) from error


@click.command("setup")
@click.option("--server", metavar="SERVER", callback=_checked(KEYS["server"]), help="Your monitor, as in server=.")
@click.option(
    "--password-file",
    "secret",
    metavar="FILE",
    callback=_secret,
    help="Where the password stands, for NRDP the token. It is copied into the configuration.",
)
@click.option(
    "--method",
    metavar="NUMBER",
    callback=_checked(KEYS["encryption_method"]),
    help="The decryption_method in the monitor's nsca.cfg.",
)
@click.option(
    "--host-name",
    metavar="NAME",
    callback=_checked(KEYS["host_name"]),
    help="This host, as your monitor calls it.  [default: what uname -n prints]",
)
@click.option(
    "--network",
    "networks",
    metavar="NETWORK",
    multiple=True,
    callback=_networks,
    help="Who may log in.  [default: the network that your ssh comes from, of IPv4 a /24, of IPv6 a /64]",
)
@click.option("--apply", "applies", is_flag=True, help="Write the rules, too.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Print each step and change nothing; needs no root.")
@click.option("--remove", "removes", is_flag=True, help="Undo what setup has made.")
def command(
    server: str | None,
    secret: bytes | None,
    method: str | None,
    host_name: str | None,
    networks: list[Any],
    applies: bool,
    is_dry_run: bool,
    removes: bool,
) -> None:
    """Set up this host, as root: user, spool, configuration, schedule, rules.

    What is there already stays. An existing configuration changes only where you give values, and leaves a backup.
    On a terminal you are asked for what is missing.

    The rules are printed. With --apply they are written, hosts.allow first, each file with a backup. They are not
    written if they could lock you out, or if nobody can tell. At the end 'check' says what is still wrong.

    --remove takes away what setup has made and nothing else. The configuration becomes a backup. Alerts that wait stay,
    and so does the user who owns them.

    Exits 0 if all steps are done, whatever check says. Exits 1 if a step could not be done; those after it were left
    out.

    Example: tcpwrap-alert setup --server nagios.example --password-file password.txt --method 14 --apply
    """
    values = Values(server, secret, int(method.split()[0]) if method else None, host_name)
    if removes and (applies or values.are_given()):
        raise UsageError("--remove takes no values, and no --apply")
    if os.geteuid() != 0 and not is_dry_run:
        raise UsageError("setup changes the system, so it must be root; --dry-run shows you each step without root")
    if not removes and not is_dry_run:
        values = _completed(values)
    plan = make_plan(sys.argv[0], values, networks, find_session(os.environ))
    if removes:
        undo([*plan.steps, plan.rules], _tell, is_dry_run=is_dry_run)
        return
    can_be_done = carry_out([*plan.steps, *([plan.rules] if applies else [])], _tell, is_dry_run=is_dry_run)
    for note in plan.notes:
        _tell(f"note: {note}")
    if not applies:
        _show_rules(plan)
    if not is_dry_run:
        _tell(f"{plan.program} check:")
        subprocess.run([plan.program, "check"], check=False)
    click.get_current_context().exit(0 if can_be_done else 1)


def _completed(values: Values) -> Values:
    """Return the values with those that are missing, from answers. Raises UsageError where nobody can be asked."""
    is_new = "server" in missing(values) or values.server is not None
    while names := missing(values):
        if not sys.stdin.isatty():
            option = names[0].replace("_", "-")
            raise UsageError(f"--{option} is missing, and there is no terminal to ask on")
        values = _ask(names[0], values)
    if is_new and values.host_name is None and sys.stdin.isatty():
        values = values._replace(
            host_name=_prompt("host_name", "This host, as your monitor calls it", os.uname().nodename)
        )
    return values


def _ask(name: str, values: Values) -> Values:
    if name == "server":
        return values._replace(server=_prompt("server", "Your monitor, a name or an address"))
    if name == "method":
        text = "The decryption_method in the monitor's nsca.cfg"
        return values._replace(method=int(_prompt("encryption_method", text, DEFAULT_METHOD)))
    return values._replace(secret=click.prompt("The password in the monitor's nsca.cfg", hide_input=True).encode())


def _prompt(key: str, text: str, default: str | None = None) -> str:
    def read(value: str) -> str:
        try:
            KEYS[key](value)
        except ValueError as error:
            raise click.UsageError(clean(str(error))) from error
        return value

    answer: str = click.prompt(text, default=default, value_proc=read)
    return answer


def _show_rules(plan: Plan) -> None:
    if plan.rules.is_there():
        _tell(f"is there: {plan.rules.what}")
        return
    if warning := plan.rules.warning():
        _tell(f"rules: do not write these lines yet: {warning}")
    else:
        _tell("rules: write these lines, hosts.allow first, or let --apply write them:")
    for path, lines in plan.rules.lines():
        if lines:
            _tell(f"  {path}")
        for line in lines:
            _tell(f"    {line}")


def _tell(text: str) -> None:
    click.echo(clean(text))
    if sys.stdout:
        sys.stdout.flush()
