"""The options of a rule: which there are, what each may have as its value, and what libwrap makes of them together.

Source: tcp_wrappers 7.6, options.c (option_table, process_options, get_field), and hosts_options(5) of Debian, whose
libwrap also knows aclexec. Each option is compared with Debian's libwrap in tests/interop/test_hosts_access.py.
"""

from __future__ import annotations

import difflib
import functools
import re
from typing import NamedTuple

BLANKS = " \t\r\n"  # hosts_access.c: sep, without the comma
COMMANDS = ("spawn", "twist", "aclexec")
LAST = ("twist", "allow", "deny")
FACILITY = "kern|user|mail|daemon|auth|lpr|news|uucp|cron|local[0-7]"  # no authpriv (Debian's 7.6.q-32)
SEVERITY = "emerg|alert|crit|err|warning|notice|info|debug"
# Each option, and what its value must match.
OPTIONS = {
    "aclexec": ".+",
    "allow": "",
    "banners": ".+",
    "deny": "",
    "group": ".+",
    "keepalive": "",
    "linger": r"\d+",
    "nice": r"(-?\d+)?",
    "rfc931": r"(0*[1-9]\d*)?",
    "setenv": ".+",
    "severity": rf"(?i:(({FACILITY})\.)?({SEVERITY}))",
    "spawn": ".+",
    "twist": ".+",
    "umask": "0*[0-7]{1,3}",
    "user": ".+",
}
# A twist of these tells the client something, or nothing, or calls a hook; any other program may serve him.
SAYS_GOODBYE = re.compile(
    r"\s*\(?\s*(?:/\S*/)?(?:echo|printf|cat|true|false|sleep|logger|exit)\b|.*tcp_?wrap", re.DOTALL
)


CLOSE = 0.75


class Option(NamedTuple):
    """One option of a rule: its name, in small letters if it is a word, and its value; `\\:` is `:` here."""

    name: str
    value: str


class Effect(NamedTuple):
    """What comes of a rule's options: whether the client is denied, and whether that is the end of it."""

    denies: bool
    decides: bool  # no other rule is asked about whom it matches; where aclexec's command fails, the next one is
    has_verdict: bool  # its last option decides, whatever libwrap would make of the rule else
    fault: str  # what is wrong with the first option that libwrap does not take: it denies then
    commands: tuple[str, ...]  # those of options that libwrap does not know, which may be misspelt, included


@functools.lru_cache(1024)
def parse_options(text: str) -> tuple[Option, ...]:
    """Split at each ':' that has no backslash; between name and value there may be one '='."""
    options = []
    for part in re.split(r"(?<!\\):", text):
        part = part.replace("\\:", ":").strip(BLANKS)
        name = re.split(rf"[{BLANKS}=]", part, maxsplit=1)[0]
        value = re.sub(rf"^[{BLANKS}]*=?[{BLANKS}]*", "", part[len(name) :])
        options.append(Option(name.lower() if name.isalnum() else name, value))
    return tuple(options)


@functools.lru_cache(1024)
def effect_of(options: tuple[Option, ...], is_in_allow: bool) -> Effect:
    """Return what libwrap makes of a rule's options in hosts.allow or hosts.deny."""
    names = [option.name for option in options]
    has_verdict = bool(options) and names[-1] in LAST
    if "twist" in names:
        denies = not is_in_allow or bool(SAYS_GOODBYE.match(options[names.index("twist")].value))
    else:
        denies = "deny" in names if is_in_allow else "allow" not in names
    commands = tuple(_command(option) for option in options if option.name in COMMANDS or option.name not in OPTIONS)
    return Effect(denies, has_verdict or "aclexec" not in names, has_verdict, fault_of_options(options), commands)


def _command(option: Option) -> str:
    """Return the command of an option, or what may be meant as one."""
    return option.value if option.name in COMMANDS else f"{option.name} {option.value}"


def fault_of_options(options: tuple[Option, ...]) -> str:
    """Return what is wrong with the first option that libwrap does not take, or nothing."""
    for number, (name, value) in enumerate(options, 1):
        if name not in OPTIONS:
            return _fault_of_name(name, number == len(options))
        if not re.fullmatch(OPTIONS[name], value, re.DOTALL):
            return f"option '{name}' cannot have the value '{value}'" if value else f"option '{name}' needs a value"
        if name in LAST and number < len(options):
            return f"option '{name}' must be the last one"
    return ""


def _fault_of_name(name: str, is_last: bool) -> str:
    if not name:
        return "the rule ends in ':'; remove it" if is_last else "an option is missing between ':' and ':'; remove one"
    if name[0] in "(/\"'{":
        return f"a command needs an option's name before it: 'spawn {name} …'"
    if found := re.match(rf"({'|'.join(COMMANDS)})\W", name):
        return f"a blank is missing after '{found[1]}'"
    if near := difflib.get_close_matches(name, OPTIONS, 1, CLOSE):
        return f"unknown option '{name}' (did you mean '{near[0]}'?)"
    return f"unknown option '{name}' (in a command, ':' is written '\\:')"
