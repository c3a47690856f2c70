"""Write what the pages in man/ take from the program, and docs/man/*.html: see `make man`.

Between `.\\" NAME: written by make man` and `.\\" end of NAME` stands a block of `BLOCKS`. The rest is written by hand.
Commands and options come from the click group, keys from send_nsca.cfg.example (which has all of config/keys.py), exit
statuses from errors.py, encryption methods from nsca/cipher.py, and the promises from docs/how-it-works.md.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mdoc
from command_tree import Command, Option, read_commands, read_common_options

from tcpwrap_alert import __version__
from tcpwrap_alert.errors import EXIT_FOUND, EXIT_STATUSES
from tcpwrap_alert.nsca.cipher import METHODS

ROOT = Path(__file__).parent.parent
MAN = ROOT / "man"
HTML = ROOT / "docs" / "man"
PAGES = sorted(MAN.glob("*.[1-8]"))
EXAMPLE = ROOT / "send_nsca.cfg.example"
HOW_IT_WORKS = ROOT / "docs" / "how-it-works.md"
BLOCK = re.compile(r'^\.\\" (\w+): written by make man\n(.*?)^\.\\" end of \1\n', re.MULTILINE | re.DOTALL)
KEY = re.compile(r"#?([a-z_0-9]+)=(.*)")
# `Example: COMMAND`, perhaps with a word on where to type it.
EXAMPLE_LINE = re.compile(r"(Example[^:\n]*:)\s+(.*)", re.DOTALL)
PROMISE = re.compile(r"^- \*\*(P\d+)\*\* (.*(?:\n  .*)*)", re.MULTILINE)
DEBIAN_MANUALS = "https://manpages.debian.org/%N.%S"


def _option(option: Option) -> str:
    value = f" Ar {mdoc.words([option.value])}" if option.value else ""
    return " , ".join(f"{mdoc.flag(name)}{value}" for name in option.names)


def _arguments(usage: str) -> list[str]:
    """Return the arguments of a usage, such as `HOST [SERVICE]`, as macros with their dots."""
    found = []
    for part in re.findall(r"\[[^]]*\]+(?:\.\.\.)?|[^[\s]+", usage):
        macro = f"Ar {mdoc.words(part.strip('[].').split())}{' ...' * part.endswith('...')}"
        found.append(f".Op {macro}" if part.startswith("[") else f".{macro}")
    return found


def _call(command: Command, options: tuple[Option, ...]) -> list[str]:
    shown = []
    for option in options:
        value = f" Ar {mdoc.words([option.value])}" if option.value else ""
        shown.append(f".Op {mdoc.flag(option.names[0])}{value}")
    return [".Nm", f".Cm {mdoc.words(command.name.split())}", *shown, *_arguments(command.arguments)]


def _paragraph(paragraph: str) -> list[str]:
    if paragraph.startswith("\b"):
        return mdoc.literal(paragraph.partition("\n")[2])
    example = EXAMPLE_LINE.fullmatch(paragraph)
    if example:
        return [".Pp", *mdoc.text(example[1]), *mdoc.literal(" ".join(example[2].split()))]
    return [".Pp", *mdoc.text(paragraph)]


def make_synopsis() -> list[str]:
    """Return how each command is called."""
    return [line for command in read_commands() for line in _call(command, command.options)]


def make_commands() -> list[str]:
    """Return a subsection for each command: its help, and its options."""
    lines = []
    for command in read_commands():
        lines += [f".Ss {mdoc.words(command.name.split())}", *_call(command, ())]
        for paragraph in command.paragraphs:
            lines += _paragraph(paragraph)
        if command.options:
            lines += [".Pp", "Options:", *mdoc.tagged(([_option(one)], mdoc.text(one.text)) for one in command.options)]
    return lines


def make_options() -> list[str]:
    """Return the options of `tcpwrap-alert` itself."""
    return mdoc.tagged(([_option(one)], mdoc.text(one.text)) for one in read_common_options())


def read_keys() -> Iterator[tuple[list[tuple[str, str]], str]]:
    """Yield the groups of the example configuration from its first key on: keys with their values, and the comment."""
    has_begun = False
    for group in EXAMPLE.read_text().split("\n\n"):
        lines = group.splitlines()
        keys = [(match[1], match[2]) for match in map(KEY.fullmatch, lines) if match]
        comment = "\n".join(line[1:].removeprefix(" ") for line in lines if not KEY.fullmatch(line))
        has_begun = has_begun or bool(keys)
        if has_begun:
            yield keys, comment


def _comment(comment: str) -> list[str]:
    """Return a comment as lines; what is indented in it, or is a rule of hosts.deny, is shown as it stands."""
    lines = []
    for part in re.findall(r"(?:(?:  |spawn ).*\n?|\n)+|(?:(?!  |spawn ).+\n?)+", comment):
        if part.startswith(("  ", "spawn ", "\n  ")):
            lines += mdoc.literal(part)
        elif part.strip():
            lines += mdoc.text(part)
    return lines


def make_keys() -> list[str]:
    """Return the keys in their order, with what the example configuration says of each."""
    lines: list[str] = []
    is_open = False
    for keys, comment in read_keys():
        if bool(keys) != is_open:
            lines += [".Bl -tag -width Ds"] if keys else [".El", ".Pp"]
            is_open = bool(keys)
        elif not keys:
            lines.append(".Pp")
        lines += [f".It Ic {key} Ns = Ns Ar {mdoc.words(value.split())}".rstrip() for key, value in keys]
        lines += _comment(comment)
    return [*lines, ".El"] if is_open else lines


def make_methods() -> list[str]:
    """Return the encryption methods: number, name, and what encrypts."""
    rows = [([str(number)], mdoc.text(f"{one.name}: {' or '.join(one.backends)}")) for number, one in METHODS.items()]
    return [".Bl -tag -width 99 -compact", *mdoc.tagged(rows)[1:]]


def make_statuses(*left_out: int) -> list[str]:
    """Return the exit statuses."""
    told = ((number, text) for number, text in EXIT_STATUSES.items() if number not in left_out)
    meanings = [(number, f"{text[:1].upper()}{text[1:]}.") for number, text in told]
    return mdoc.tagged(([str(number)], mdoc.text(text)) for number, text in meanings)


def make_script_statuses() -> list[str]:
    """Return those of submit_check_result."""
    return make_statuses(EXIT_FOUND)


def make_promises() -> list[str]:
    """Return the promises P1 to P10."""
    found = PROMISE.findall(HOW_IT_WORKS.read_text())
    return mdoc.tagged((([name], mdoc.text(text.replace("`", ""))) for name, text in found), "P10")


BLOCKS = {
    "synopsis": make_synopsis,
    "commands": make_commands,
    "options": make_options,
    "keys": make_keys,
    "methods": make_methods,
    "statuses": make_statuses,
    "script_statuses": make_script_statuses,
    "promises": make_promises,
}


def fill(page: str) -> str:
    """Return the text of a page with every block, and the version, as the program has them now."""

    def write(match: re.Match[str]) -> str:
        lines = "\n".join(BLOCKS[match[1]]())
        return f'.\\" {match[1]}: written by make man\n{lines}\n.\\" end of {match[1]}\n'

    return re.sub(r"^\.Os .*$", f".Os tcpwrap-alert {__version__}", BLOCK.sub(write, page), flags=re.MULTILINE)


def make_html(page: str) -> str:
    """Return a page as HTML. Links lead to our own pages beside it, and to Debian's for all others."""
    with tempfile.TemporaryDirectory() as directory:
        for path in PAGES:
            (Path(directory) / f"{path.name}.html").touch()
        options = f"style=style.css,man=%N.%S.html;{DEBIAN_MANUALS}"
        argv = ["mandoc", "-Thtml", "-O", options]
        done = subprocess.run(argv, input=page, capture_output=True, text=True, check=True, cwd=directory)
    return done.stdout


if __name__ == "__main__":
    HTML.mkdir(exist_ok=True)
    for path in PAGES:
        path.write_text(fill(path.read_text()))
        (HTML / f"{path.name}.html").write_text(make_html(path.read_text()))
    print(*(path.name for path in PAGES), file=sys.stderr)
