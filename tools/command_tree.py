"""The commands of `tcpwrap-alert` as plain values, for what is made from them: man pages and completion.

Only what click 8.0 and newer agree on is asked, so each version gives the same values.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import NamedTuple

import click

from tcpwrap_alert.commands import main

NUMBERS = (click.types.IntParamType, click.types.FloatParamType)


class Option(NamedTuple):
    """An option: its names, what stands for its value (empty: a switch), its text, and the words that it takes."""

    names: tuple[str, ...]
    value: str
    text: str
    words: tuple[str, ...]

    @property
    def takes_file(self) -> bool:
        """Whether its value is the path of a file."""
        return self.value in ("FILE", "PATH")


class Command(NamedTuple):
    """A command: its name, its arguments as in a usage, what they take, its help, and its options.

    The first paragraph is one line that says what the command does. A paragraph that is shown as it stands begins with
    a backspace, as click has it. A command below another one has both their names.
    """

    name: str
    arguments: str
    words: tuple[str, ...]
    takes_files: bool
    paragraphs: tuple[str, ...]
    options: tuple[Option, ...]

    @property
    def summary(self) -> str:
        """What the command does, in a line."""
        return " ".join(self.paragraphs[0].split()) if self.paragraphs else ""


def read_commands() -> list[Command]:
    """Return all commands that are shown to people, in the order of `--help`."""
    return list(_walk(click.Context(main, info_name="tcpwrap-alert", **main.context_settings), main, ""))


def read_common_options() -> tuple[Option, ...]:
    """Return the options of `tcpwrap-alert` itself; every command has them, too."""
    return _options(click.Context(main, info_name="tcpwrap-alert", **main.context_settings), main)


def _walk(context: click.Context, group: click.Group, above: str) -> Iterator[Command]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        yield _read(below, above + name, command)
        if isinstance(command, click.Group):
            yield from _walk(below, command, f"{above}{name} ")


def _read(context: click.Context, name: str, command: click.Command) -> Command:
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    words = tuple(word for argument in arguments for word in _words(argument))
    paragraphs = tuple(inspect.cleandoc(command.help or "").split("\n\n"))
    common = {name for option in read_common_options() for name in option.names}
    options = tuple(option for option in _options(context, command) if not common.issuperset(option.names))
    takes_files = any(isinstance(argument.type, click.Path) for argument in arguments)
    return Command(name, " ".join(map(_usage, arguments)), words, takes_files, paragraphs, options)


def _usage(argument: click.Argument) -> str:
    name = argument.metavar or f"{(argument.name or '').upper()}{'...' if argument.nargs == -1 else ''}"
    return name if argument.required or argument.metavar else f"[{name}]"


def _options(context: click.Context, command: click.Command) -> tuple[Option, ...]:
    params = [param for param in command.get_params(context) if isinstance(param, click.Option)]
    return tuple(
        Option(tuple(sorted(param.opts, key=_is_long)), _value(param), _text(param), _words(param))
        for param in params
        if not param.hidden
    )


def _words(param: click.Parameter) -> tuple[str, ...]:
    return tuple(str(word) for word in getattr(param.type, "choices", ()))


def _is_long(name: str) -> bool:
    return name.startswith("--")  # click 8.0 has the names of --help in any order


def _value(option: click.Option) -> str:
    if option.is_flag or option.count:
        return ""
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    return "NUMBER" if isinstance(option.type, NUMBERS) else "FILE" if isinstance(option.type, click.Path) else "TEXT"


def _text(option: click.Option) -> str:
    text = " ".join((option.help or "").split())
    is_shown = option.show_default and _value(option) and isinstance(option.default, (str, int, float))
    return f"{text} [default: {option.default}]".lstrip() if is_shown else text
