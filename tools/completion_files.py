"""Write completions/, for bash, zsh and fish, from the commands of `tcpwrap-alert`: see `make man`.

The files hold all words, so a completion runs nothing of ours. A value is completed by the words that it takes, by the
names of files where it is one, or by nothing.
"""

from __future__ import annotations

from pathlib import Path

from command_tree import Command, Option, read_commands, read_common_options

DIRECTORY = Path(__file__).parent.parent / "completions"
BY = "# Written by `make man` in the source of tcpwrap-alert."

BASH = """\
{by}
_tcpwrap_alert() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command='' words='' files='' at
    for ((at = 1; at < COMP_CWORD; at++)); do
        [[ ${{COMP_WORDS[at]}} == -* ]] || {{ command=${{COMP_WORDS[at]}} && break; }}
    done
    case "$command $previous" in
{values}
    *)
        case $command in
{commands}
        '') words='{top}' ;;
        esac
        ;;
    esac
    COMPREPLY=()
    [[ ! $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    [[ $files ]] && compopt -o filenames && mapfile -t -O ${{#COMPREPLY[@]}} COMPREPLY < <(compgen -f -- "$current")
    return 0
}}
complete -F _tcpwrap_alert tcpwrap-alert
"""

ZSH = """\
#compdef tcpwrap-alert
{by}
_tcpwrap_alert() {{
    local context state line
    typeset -A opt_args
    _arguments -C {common} '1:command:->command' '*::argument:->argument'
    case $state in
    command)
        local -a commands=(
{commands}
        )
        _describe command commands
        ;;
    argument)
        case $words[1] in
{arguments}
        esac
        ;;
    esac
}}
_tcpwrap_alert "$@"
"""


class _Completed:
    """A command that stands directly behind `tcpwrap-alert`, with the words and options of all commands below it."""

    def __init__(self, command: Command, all_commands: list[Command]) -> None:
        self.name = command.name
        self.text = command.summary.rstrip(".")
        below = [one for one in all_commands if one.name.startswith(f"{command.name} ")]
        family = [command, *below]
        self.words = [*(one.name.split()[1] for one in below), *(word for one in family for word in one.words)]
        self.takes_files = any(one.takes_files for one in family)
        self.options = [*dict.fromkeys(option for one in family for option in one.options), *read_common_options()]


def _read() -> list[_Completed]:
    commands = read_commands()
    return [_Completed(command, commands) for command in commands if " " not in command.name]


def _names(options: list[Option]) -> list[str]:
    return [name for option in options for name in option.names]


def _hint(option: Option) -> str:
    """Return what an option does, in one sentence without its end."""
    return option.text.partition(". ")[0].partition(" [")[0].rstrip(".")


def make_bash() -> str:
    """Return the completion for bash; it needs no other package."""
    values, commands = [], []
    for command in _read():
        for option in (option for option in command.options if option.value):
            names = "|".join(f"'{command.name} {name}'" for name in option.names)
            action = "files=yes " if option.takes_file else f"words='{' '.join(option.words)}' " if option.words else ""
            values.append(f"    {names}) {action};;" if action else f"    {names}) ;;")
        files = " files=yes" * command.takes_files
        words = " ".join([*command.words, *_names(command.options)])
        commands.append(f"        {command.name}) words='{words}'{files} ;;")
    top = " ".join([*(command.name for command in _read()), *_names(list(read_common_options()))])
    return BASH.format(by=BY, values="\n".join(values), commands="\n".join(commands), top=top)


def _quoted_for_zsh(text: str) -> str:
    for char in "\\:[]":
        text = text.replace(char, f"\\{char}")
    return text.replace("'", "'\\''")


def _zsh_options(options: list[Option]) -> list[str]:
    found = []
    for option in options:
        action = "_files" if option.takes_file else f"({' '.join(option.words)})" if option.words else " "
        value = f":{_quoted_for_zsh(option.value)}:{action}" if option.value else ""
        found += [f"'{name}[{_quoted_for_zsh(_hint(option))}]{value}'" for name in option.names]
    return found


def make_zsh() -> str:
    """Return the completion for zsh."""
    commands = [f"            '{one.name}:{_quoted_for_zsh(one.text)}'" for one in _read()]
    arguments = []
    for command in _read():
        words = [f"'1:word:({' '.join(command.words)})'"] if command.words else []
        files = ["'*:file:_files'"] if command.takes_files else []
        specs = " ".join([*_zsh_options(command.options), *words, *files])
        arguments.append(f"        {command.name}) _arguments {specs} ;;")
    common = " ".join(_zsh_options(list(read_common_options())))
    return ZSH.format(by=BY, common=common, commands="\n".join(commands), arguments="\n".join(arguments))


def _quoted_for_fish(text: str) -> str:
    return "'{}'".format(text.replace("\\", "\\\\").replace("'", "\\'"))


def _fish_options(condition: str, options: list[Option]) -> list[str]:
    found = []
    for option in options:
        kinds = ["-l" if name.startswith("--") else "-s" if len(name) == 2 else "-o" for name in option.names]
        names = " ".join(f"{kind} {name.lstrip('-')}" for kind, name in zip(kinds, option.names))
        value = f" -x -a '{' '.join(option.words)}'" if option.words else " -x" if option.value else ""
        value = " -r -F" if option.takes_file else value
        found.append(f"complete -c tcpwrap-alert -n '{condition}' {names}{value} -d {_quoted_for_fish(_hint(option))}")
    return found


def make_fish() -> str:
    """Return the completion for fish."""
    lines = [BY, "complete -c tcpwrap-alert -f", *_fish_options("__fish_use_subcommand", list(read_common_options()))]
    for command in _read():
        text = _quoted_for_fish(command.text)
        lines.append(f"complete -c tcpwrap-alert -n '__fish_use_subcommand' -a {command.name} -d {text}")
    for command in _read():
        condition = f"__fish_seen_subcommand_from {command.name}"
        lines += _fish_options(condition, command.options)
        if command.words:
            lines.append(f"complete -c tcpwrap-alert -n '{condition}' -a '{' '.join(command.words)}'")
        if command.takes_files:
            lines.append(f"complete -c tcpwrap-alert -n '{condition}' -F")
    return "\n".join(lines) + "\n"


# The names are those that each shell looks for.
FILES = {"tcpwrap-alert.bash": make_bash, "_tcpwrap-alert": make_zsh, "tcpwrap-alert.fish": make_fish}

if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for name, make in FILES.items():
        (DIRECTORY / name).write_text(make())
