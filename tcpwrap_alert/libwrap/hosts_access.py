"""What libwrap reads in hosts.allow and hosts.deny: its rules, and the lines that it cannot use.

A line is `daemons : clients [: option]...`; one that ends in a backslash goes on in the next; one that begins with `#`
is a comment, and nothing else is. The first rule that matches decides: hosts.allow is asked first and allows, then
hosts.deny, which denies; what matches no rule is allowed. Then the rule's options are carried out in their order, up
to the first that is wrong: the connection is denied then, whatever the file.

Source: tcp_wrappers 7.6, hosts_access.c (table_match), options.c (option_table, process_options), misc.c (xgets,
split_at). At a line that it cannot read, Debian's libwrap leaves the file, and denies if that is hosts.deny; the
others go on with the next line (seen on Debian's 7.6.q-32; read in FreeBSD's).
"""

from __future__ import annotations

import errno
import os
import re
from typing import NamedTuple

BLANKS = " \t\r\n"  # hosts_access.c: sep, without the comma
# What comes along when a rule is copied from a web page or an editor, and only looks like a blank, or like nothing.
NO_BLANK = re.compile(r"[^\S \t\r\n]|[\u00ad\u200b-\u200f\u2060\ufeff]")
MAX_FILE_BYTES = 16 << 20  # far more than any file of rules
MAX_LINE_BYTES = 2046  # hosts_access.c: BUFLEN, without the newline and NUL
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


class Finding(NamedTuple):
    """Something that an operator should know about a file, or one of its lines (from 1), and what to do."""

    path: str
    lineno: int | None
    text: str
    more: int = 0  # the number of further lines of which the same is to be said

    def __str__(self) -> str:
        where = self.path if self.lineno is None else f"{self.path}:{self.lineno}"
        return f"{where}: {self.text}" + (f" (and so in {self.more} more)" if self.more else "")


class Patterns(NamedTuple):
    """Daemons or clients: `names [EXCEPT exceptions]`."""

    names: tuple[str, ...]
    exceptions: tuple[str, ...]

    @property
    def matches_all(self) -> bool:
        """Whether there is nothing that these names do not match, exceptions aside."""
        return any(name.upper() in ("ALL", "*") for name in self.names)

    def cover(self, other: Patterns) -> bool:
        """Return whether all that `other` matches is plainly matched here."""
        if self == other:
            return True
        names, others = ({name.lower() for name in patterns.names} for patterns in (self, other))
        return not self.exceptions and (self.matches_all or others <= names)


class Option(NamedTuple):
    """One option of a rule: its name in small letters, and its value, in which `\\:` has become `:`."""

    name: str
    value: str


class Rule(NamedTuple):
    """One rule: where it begins (lines from 1), whom it matches and what is carried out."""

    path: str
    lineno: int
    is_in_allow: bool
    daemons: Patterns
    clients: Patterns
    options: tuple[Option, ...]

    @property
    def denies(self) -> bool:
        """Whether it keeps the client out; a twist does so in either file."""
        names = [option.name for option in self.options]
        return "twist" in names or ("deny" in names if self.is_in_allow else "allow" not in names)

    @property
    def decides(self) -> bool:
        """Whether no other rule is asked about whom it matches; where aclexec's command fails, the next one is."""
        return self.ends_in_verdict or all(option.name != "aclexec" for option in self.options)

    @property
    def ends_in_verdict(self) -> bool:
        """Whether its last option decides, whatever libwrap would make of the rule else."""
        return bool(self.options) and self.options[-1].name in LAST

    def covers(self, other: Rule) -> bool:
        """Return whether `other`, which comes later, is plainly never asked because of this one."""
        return self.decides and self.daemons.cover(other.daemons) and self.clients.cover(other.clients)

    def find(self, text: str) -> Finding:
        """Return a finding about this rule."""
        return Finding(self.path, self.lineno, text)


def read_rules(path: str, is_in_allow: bool) -> tuple[list[Rule], list[Finding]]:
    """Return the rules of one file, and what is wrong with it; both empty if there is no such file, as for libwrap.

    A line that libwrap cannot read is among the rules too, as it is meant.

    Raises:
        OSError: it cannot be read.
    """
    rules: list[Rule] = []
    findings: list[Finding] = []
    for lineno, line in _logical_lines(path):
        if fault := _fault_of_line(line, is_in_allow):
            findings.append(Finding(path, lineno, fault))
        text = line.decode(errors="replace")
        if text.startswith("#") or not text.strip(BLANKS):
            continue
        if found := NO_BLANK.search(text):
            what = f"U+{ord(found[0]):04X} is no blank for libwrap and the shell, but a part of the word beside it"
            findings.append(Finding(path, lineno, what))
        daemons, *rest = _split_at_colons(text, 2)
        if not rest:
            findings.append(Finding(path, lineno, "no ':' between daemons and clients; libwrap skips this line"))
            continue
        options = _parse_options(rest[1]) if len(rest) > 1 else ()
        rule = Rule(path, lineno, is_in_allow, _parse_patterns(daemons), _parse_patterns(rest[0]), options)
        rules.append(rule)
        if "#" in daemons + rest[0]:
            what = (
                "'#' begins a comment at the beginning of a line only; here its words are daemons, clients and options"
            )
            findings.append(rule.find(what))
        if fault := fault_of_options(options):
            findings.append(rule.find(f"{fault}; libwrap denies the client and leaves out the rest of the rule"))
    return rules, findings


def fault_of_options(options: tuple[Option, ...]) -> str:
    """Return what is wrong with the first option that libwrap does not take, or nothing."""
    for number, (name, value) in enumerate(options, 1):
        if name not in OPTIONS:
            is_address = re.fullmatch("[0-9a-f]{0,4}", name) and number < len(options)
            hint = "an IPv6 address stands in brackets" if is_address else "in a command, ':' is written '\\:'"
            return f"unknown option '{name}' ({hint})"
        if not re.fullmatch(OPTIONS[name], value, re.DOTALL):
            return f"option '{name}' cannot have the value '{value}'" if value else f"option '{name}' needs a value"
        if name in LAST and number < len(options):
            return f"option '{name}' must be the last one"
    return ""


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO must not hold us


def _logical_lines(path: str) -> list[tuple[int, bytes]]:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return []
    if len(data) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    lines = []
    lineno = 1
    for line in re.findall(rb"(?:[^\n]*\\\n)*[^\n]*\n|.+\Z", data, re.DOTALL):
        lines.append((lineno, line.replace(b"\\\n", b"")))
        lineno += line.count(b"\n")
    return lines


def _fault_of_line(line: bytes, is_in_allow: bool) -> str:
    """Return why libwrap cannot read a line, or nothing."""
    if b"\0" in line:
        return "a NUL byte: libwrap takes the next line for the rest of this one"
    if not line.endswith(b"\n"):
        what = "no newline at the end; add one"
    elif len(line) > MAX_LINE_BYTES + 1:
        what = f"more than {MAX_LINE_BYTES} bytes in one line"
    else:
        return ""
    debian = "ignores it and what follows" if is_in_allow else "denies whoever gets so far, without an alert"
    others = "ignores this line" if is_in_allow else "ignores this line and lets in whom it should deny"
    return f"{what}: Debian's libwrap {debian}, any other {others}"


def _split_at_colons(text: str, count: int) -> list[str]:
    """Split at the first `count` colons that are not in brackets."""
    parts: list[str] = []
    depth = begin = 0
    for place, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if char == ":" and depth == 0 and len(parts) < count:
            parts.append(text[begin:place])
            begin = place + 1
    return [*parts, text[begin:]]


def _parse_patterns(text: str) -> Patterns:
    names = re.findall(rf"[^{BLANKS},]+", text)
    end = next((place for place, name in enumerate(names) if name.upper() == "EXCEPT"), len(names))
    return Patterns(tuple(names[:end]), tuple(names[end + 1 :]))


def _parse_options(text: str) -> tuple[Option, ...]:
    """Split at each ':' that has no backslash; between name and value there may be one '='."""
    options = []
    for part in re.split(r"(?<!\\):", text):
        part = part.replace("\\:", ":").strip(BLANKS)
        name = re.split(rf"[{BLANKS}=]", part, maxsplit=1)[0]
        options.append(Option(name.lower(), re.sub(rf"^[{BLANKS}]*=?[{BLANKS}]*", "", part[len(name) :])))
    return tuple(options)
