"""What is wrong with one rule by itself, whatever stands before it: its clients, its options, its daemons."""

from __future__ import annotations

import functools
import grp
import pwd
import re
from collections.abc import Iterator

from .client_patterns import is_one_address, matches_nobody, parse_client
from .daemons import meant_daemon, why_never_asked
from .hook_calls import OPTION, faults_of_command
from .hosts_access import Rule
from .options import COMMANDS, Option
from .patterns import Patterns
from .reach import is_pattern, normal_daemon

RFC931_TIMEOUT_S = "10"  # rfc931.c: RFC931_TIMEOUT
HOLDS = "{} holds client and daemon for {} s if the client's port 113 is silent; leave it out"


def faults_of_words(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield what libwrap makes of words otherwise than they are meant: the text, and its matter if it has one."""
    if not (rule.daemons.names and rule.clients.names):
        yield "matches nobody: there is no daemon, or no client", ""
    for name in rule.clients.all_names():
        if matches_nobody(name.rpartition("@")[2]):
            yield _of_nobody(name)
        if name.find("@", 1) > 0 and name[0] not in "@/":
            yield HOLDS.format("a client with '@', user@host,", RFC931_TIMEOUT_S), ""
    if rule.options and rule.effect.fault:
        yield f"{rule.effect.fault}; libwrap denies the client and leaves out the rest of the rule", ""


def _of_nobody(name: str) -> tuple[str, str]:
    """Return what to say of a pattern that matches nobody, and the matter."""
    if name.startswith("/"):
        return f"there is no file {name}: it matches nobody", ""
    return f"'{name}' matches nobody; libwrap knows 203.0.113., 203.0.113.0/24 and [2001:db8::]/32", "matches nobody"


def without_alert(rule: Rule) -> tuple[str, str]:
    """Return what to say of a rule that denies without an alert, and the matter: one for the lines of a program."""
    text = f"denies without an alert; end it in ': {OPTION}'"
    names = [option.name for option in rule.options]
    if "twist" in names:
        return f"denies without an alert; put '{OPTION.rpartition(':')[0]}: ' before its twist", ""
    if names in ([], ["deny"]) and all(is_one_address(parse_client(name)) for name in rule.clients.names):
        daemons = " ".join(rule.daemons.names)
        text += (
            ", or let the program that writes such lines write the addresses alone to a file, and have one rule for "
        )
        return text + f"them: '{daemons}: /etc/hosts.evil: spawn (…) &: deny'", "addresses without an alert"
    return text, ""


@functools.lru_cache(1024)
def misspelt_daemons(daemons: Patterns) -> dict[str, str]:
    """Return the daemons that are nearly called so, each with what to say of it."""
    names = [pattern.partition("@")[0] for pattern in daemons.names]
    meant = {name: meant_daemon(name.lower()) for name in names if not is_pattern(normal_daemon(name))}
    return {name: f"'{name}' (did you mean {daemon}?)" for name, daemon in meant.items() if daemon}


@functools.lru_cache(1024)
def unknown_daemons(daemons: Patterns) -> dict[str, str]:
    """Return the daemons that nothing on this machine is called, each with what to say of it."""
    names = [pattern.partition("@")[0] for pattern in daemons.names]
    why = {name: why_never_asked(name) for name in names if not is_pattern(normal_daemon(name))}
    return {name: f"'{name}'" + (f" ({text})" if text else "") for name, text in why.items() if text is not None}


@functools.lru_cache(1024)
def faults_of_options(options: tuple[Option, ...]) -> list[str]:
    """Return what is wrong with options and commands that libwrap takes."""
    found = []
    for name, value in options:
        if name == "rfc931":
            found.append(HOLDS.format("rfc931", value or RFC931_TIMEOUT_S))
        elif name == "spawn" and not re.search(r"&[ )]*(\s#.*)?$|&amp;\s*$", value, re.DOTALL):
            found.append("the daemon waits for this command; end it in '&'")
        elif name in ("user", "group") and not _is_known(name, value):
            found.append(f"there is no {name} '{value}': libwrap denies and leaves out the rest of the rule")
        if "%u" in value:
            found.append(HOLDS.format("%u", RFC931_TIMEOUT_S))
        if name in COMMANDS:
            found += faults_of_command(value)
    return found


def _is_known(option: str, name: str) -> bool:
    try:
        if option == "group":
            grp.getgrnam(name)
        else:
            user, _, group = name.partition(".")
            pwd.getpwnam(user)
            if group:
                grp.getgrnam(group)
    except KeyError:
        return False
    return True
