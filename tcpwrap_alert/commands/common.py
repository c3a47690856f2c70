"""What the program and each of its commands have: --version and --debug, and a hint at what was meant."""

from __future__ import annotations

import click

from .. import __version__
from ..check_result import shown
from ..debugging import listen
from .output import say


def _print_version(ctx: click.Context, _param: click.Parameter, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        click.echo(f"tcpwrap-alert, version {__version__}")
        ctx.exit()


def _debug(ctx: click.Context, _param: click.Parameter, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        listen(lambda text: say(f"debug: {text}"))


# What the program has, and each of its commands.
COMMON = [
    click.Option(
        ["-V", "--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Show the version.",
    ),
    click.Option(
        ["--debug"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_debug,
        help="Say on stderr what is done: names, addresses, sizes, outcomes.",
    ),
]


def with_common_options(command: click.Command) -> click.Command:
    """Return a command that has them."""
    command.params += [option for option in COMMON if option not in command.params]
    return command


class CorrectingGroup(click.Group):
    """A group that says which command is meant by a misspelt one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments begin with."""
        names = self.list_commands(ctx)
        if args[0] in names or args[0].startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        import difflib

        near = difflib.get_close_matches(args[0].lower(), names, 1)
        hint = f"did you mean {near[0]}?" if near else f"see {ctx.command_path} --help"
        raise click.UsageError(f"there is no command {shown(args[0])}; {hint}", ctx)
