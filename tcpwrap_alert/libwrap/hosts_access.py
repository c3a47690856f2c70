"""What libwrap reads in hosts.allow and hosts.deny: its rules, and the lines that it cannot use.

A line is `daemons : clients [: option]...`; one that ends in a backslash goes on in the next; one that begins with `#`
is a comment, and nothing else is. The first rule that matches decides: hosts.allow is asked first and allows, then
hosts.deny, which denies; what matches no rule is allowed. Then the rule's options are carried out in their order, up
to the first that is wrong: the connection is denied then, whatever the file.

A comment `# tcpwrap-alert: silent` is for us: what the rule below it denies is meant to be no alert.

Source: tcp_wrappers 7.6, hosts_access.c (table_match), misc.c (xgets, split_at). At a line that it cannot read,
Debian's libwrap leaves the file, and denies if that is hosts.deny; the others go on with the next line (seen on
Debian's 7.6.q-32 and q-36; read in FreeBSD's).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from .client_patterns import find_ipv6_without_brackets
from .copied import SUSPECT, find_copied
from .findings import Findings
from .options import BLANKS, Effect, Option, effect_of, parse_options
from .patterns import Patterns, parse_patterns

MAX_LINE_BYTES = 2046  # hosts_access.c: BUFLEN, without the newline and NUL
NO_LINE_BYTES = 1 << 16  # what is longer is no file of rules, and read no further
MAY_BE_IPV6 = set("0123456789abcdefABCDEF:")  # behind the first ':' of an address, but hardly of an option
COLON_OR_BRACKET = re.compile(r"[\[\]:]")
SILENT = re.compile(r"#+\s*tcpwrap-alert:\s*silent\b", re.IGNORECASE)


class Rule(NamedTuple):
    """One rule: where it begins (lines from 1), whom it matches and what is carried out."""

    path: str
    lineno: int
    is_in_allow: bool
    daemons: Patterns
    clients: Patterns
    options: tuple[Option, ...]
    is_silent: bool = False
    is_read: bool = True  # Debian's libwrap cannot read it otherwise

    @property
    def effect(self) -> Effect:
        """What its options make of a connection that it matches."""
        return effect_of(self.options, self.is_in_allow)


def read_rules(path: str, is_in_allow: bool, findings: Findings) -> Iterator[Rule]:
    """Yield the rules of one file, and add what is wrong with it; nothing if there is no such file, as for libwrap.

    A line that libwrap cannot read is among the rules too, as it is meant.

    Raises:
        OSError: it cannot be read.
    """
    if os.path.exists(path):
        with open(path, "rb", opener=_open_at_once) as file:
            yield from rules_in(file, path, is_in_allow, findings)


def rules_in(file: BinaryIO, path: str, is_in_allow: bool, findings: Findings) -> Iterator[Rule]:
    """Yield the rules of an open file that is, or is to be, at `path`; see read_rules."""
    is_silent = False
    for lineno, line in _logical_lines(file):
        text = line.decode(errors="replace")
        if fault := _fault_of_line(line, is_in_allow):
            findings.add(path, lineno, fault)
        if text[:1] == "#":
            is_silent = is_silent or bool(SILENT.match(text))
            continue
        if text.strip(BLANKS):
            parts, faults = _parse_line(text)
            for what in faults if parts or not fault else ():
                findings.add(path, lineno, what)
            if parts:
                yield Rule(path, lineno, is_in_allow, *parts, is_silent, not fault)
        is_silent = False


def _parse_line(text: str) -> tuple[tuple[Patterns, Patterns, tuple[Option, ...]] | None, list[str]]:
    """Return daemons, clients and options of a line, None if it is no rule; and what is wrong with its text."""
    faults = list(find_copied(text)) if SUSPECT.search(text) else []
    daemons, *rest = _split_at_colons(text, 2)
    if not rest:
        return None, [*faults, "no ':' between daemons and clients; libwrap skips this line"]
    if len(rest) > 1 and rest[1][:1] in MAY_BE_IPV6 and (found := find_ipv6_without_brackets(":".join(rest))):
        rest = _split_at_colons(_put_into_brackets(":".join(rest), *found, faults), 1)
    clients, *rest = rest
    if "#" in daemons + clients:
        what = "'#' begins a comment at the beginning of a line only; here its words are daemons, clients and options"
        faults.append(what)
    return (parse_patterns(daemons), parse_patterns(clients), parse_options(rest[0]) if rest else ()), faults


def _put_into_brackets(text: str, address: str, where: int, faults: list[str]) -> str:
    """Return the text as it is meant, and add what libwrap makes of an IPv6 address that stands without brackets."""
    bracketed = f"[{address}]/128" if "/" not in address else f"[{address.replace('/', ']/')}"
    others = ", and denies the others of this rule" if text[:where].strip(BLANKS) else ""
    faults.append(f"libwrap finds nobody by '{address}'{others}: an IPv6 address stands in brackets, '{bracketed}'")
    return text[:where] + bracketed + text[where + len(address) :]


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO must not hold us


def unreadable_line(file: BinaryIO, is_in_allow: bool) -> int | None:
    """Return the number of the first line that libwrap cannot read; None if it can read all of them."""
    return next((lineno for lineno, line in _logical_lines(file) if _fault_of_line(line, is_in_allow)), None)


def _logical_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its number, lines that are continued as one; the last one may lack its newline."""
    lineno, begin, parts = 0, 1, b""
    while line := file.readline(NO_LINE_BYTES):
        lineno += 1
        if line.endswith(b"\\\n"):
            parts += line[:-2] if len(parts) < NO_LINE_BYTES else b""
            continue
        yield begin, parts + line
        begin, parts = lineno + 1, b""
        if len(line) == NO_LINE_BYTES:
            return
    if parts:
        yield begin, parts


def _fault_of_line(line: bytes, is_in_allow: bool) -> str:
    """Return why libwrap cannot read a line, or nothing."""
    if b"\0" in line:
        return "a NUL byte: libwrap takes the next line for the rest of this one"
    if len(line) > MAX_LINE_BYTES + 1:
        what = f"more than {MAX_LINE_BYTES} bytes in one line"
    elif not line.endswith(b"\n"):
        what = "no newline at the end; add one"
    else:
        return ""
    debian = "ignores it and what follows" if is_in_allow else "denies whoever gets so far, without an alert"
    others = "ignores this line" if is_in_allow else "ignores this line and lets in whom it should deny"
    return f"{what}: Debian's libwrap {debian}, any other {others}"


def _split_at_colons(text: str, count: int) -> list[str]:
    """Split at the first `count` colons that are not in brackets."""
    if "[" not in text and "]" not in text:
        return text.split(":", count)
    parts: list[str] = []
    depth = begin = 0
    for found in COLON_OR_BRACKET.finditer(text):
        if found[0] != ":":
            depth += 1 if found[0] == "[" else -1
        elif depth == 0 and len(parts) < count:
            parts.append(text[begin : found.start()])
            begin = found.end()
    return [*parts, text[begin:]]
