"""Icinga 2's files: on which address the API listens, what its users may do, and who may read their passwords.

Source: Icinga 2.14, "Object Types": ApiListener and ApiUser; "Language Reference" for comments and strings.
"""

from __future__ import annotations

import glob
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from ..finding import WARN, Finding
from .files import faults_of_modes, write

if TYPE_CHECKING:
    from collections.abc import Iterator

# Comments and strings, so that what stands in them is neither brace nor attribute.
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\{\{\{.*?\}\}\}|/\*.*?\*/|//[^\n]*|#[^\n]*|[{}]', re.DOTALL)
OBJECT = re.compile(r'\bobject\s+(ApiListener|ApiUser)\s+("(?:\\.|[^"\\])*"|\w+)[^{"]*\{')
BRACKET = re.compile(r'"(?:\\.|[^"\\])*"|[\[\]]')
INCLUDE = re.compile(r'^\s*(include|include_recursive)\s+"((?:\\.|[^"\\])*)"', re.MULTILINE)
IS_ICINGA2 = re.compile(
    r'^\s*(?:(?:object|template|apply|const)\s+\w|include(?:_recursive|_zones)?\s+["<])', re.MULTILINE
)
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - looked for, not listened on
MIN_PASSWORD_BYTES = 16
SUBMIT = '{ permission = "actions/process-check-result", filter = {{ service.name == "TCP Wrappers" }} }'


class ApiObject(NamedTuple):
    """An ApiListener or ApiUser: its kind, name and body, and where in the file the body begins."""

    kind: str
    name: str
    body: str
    start: int


def examine(path: str, text: str) -> Iterator[Finding]:
    """Yield what is to be changed in a file of Icinga 2."""
    objects = read_objects(text)
    secret = "the password" if any(_string(one, "password") for one in objects) else ""
    yield from faults_of_modes(path, secret, "nagios")
    for one in objects:
        yield from _listener(path, text, one) if one.kind == "ApiListener" else _user(path, text, one)


def includes(path: str, text: str) -> Iterator[str]:
    """Yield the files that a file includes; those that come with Icinga 2 stand in <> and are left out."""
    directory = os.path.dirname(path)
    for match in INCLUDE.finditer(TOKEN.sub(_without_comment, text)):
        pattern = f"{match[2]}/**/*.conf" if match[1] == "include_recursive" else match[2]
        yield from sorted(glob.glob(os.path.join(glob.escape(directory), pattern), recursive=True))


def read_objects(text: str) -> list[ApiObject]:
    """Return the objects of the API in a file."""
    plain = TOKEN.sub(_without_comment, text)
    found = []
    for match in OBJECT.finditer(plain):
        end = _end_of_block(plain, match.end())
        found.append(ApiObject(match[1], match[2].strip('"'), plain[match.end() : end], match.end()))
    return found


def _without_comment(match: re.Match[str]) -> str:
    """Blank a comment, so that all else keeps its place."""
    return match[0] if match[0][0] in '"{}' else re.sub(r"[^\n]", " ", match[0])


def _end_of_block(text: str, start: int) -> int:
    depth = 1
    for match in TOKEN.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.start()
    return len(text)


def _listener(path: str, text: str, one: ApiObject) -> Iterator[Finding]:
    if (_string(one, "bind_host") or "::") in EVERYWHERE:
        where = _place(path, text, one, "bind_host")
        todo = write('bind_host = "192.0.2.10"', "the address that your hosts know")
        yield Finding(where, WARN, "Icinga 2's API listens on every address", todo)


def _user(path: str, text: str, one: ApiObject) -> Iterator[Finding]:
    if re.search(r'"(?:\*|actions/\*)"', _list(one, "permissions")):
        what = f'ApiUser "{one.name}" may do everything: who has its password rules the monitor'
        todo = write(f"permissions = [ {SUBMIT} ]", "for a host that sends results")
        yield Finding(_place(path, text, one, "permissions"), WARN, what, todo)
    password = _string(one, "password")
    if password is not None and len(password.encode()) < MIN_PASSWORD_BYTES:
        what = f'the password of ApiUser "{one.name}" has {len(password.encode())} bytes, and can be guessed'
        todo = write('password = "…"', "what `openssl rand -hex 16` prints")
        yield Finding(_place(path, text, one, "password"), WARN, what, todo)


def _list(one: ApiObject, name: str) -> str:
    """Return the text of an attribute that is a list; empty if there is none."""
    begin = re.search(rf"\b{name}\s*\+?=\s*\[", one.body)
    if begin is None:
        return ""
    depth = 1
    for match in BRACKET.finditer(one.body, begin.end()):
        depth += {"[": 1, "]": -1}.get(match[0], 0)
        if not depth:
            return one.body[begin.end() : match.start()]
    return one.body[begin.end() :]


def _string(one: ApiObject, name: str) -> str | None:
    """Return the value of an attribute that is a string; None if there is none, or it is an expression."""
    match = re.search(rf'(?:^|[{{;])\s*{name}\s*=\s*"((?:\\.|[^"\\])*)"', one.body, re.MULTILINE)
    return match[1] if match else None


def _place(path: str, text: str, one: ApiObject, name: str) -> str:
    """Return where an attribute stands; where the object begins, if it has none."""
    match = re.search(rf"\b{name}\s*\+?=", one.body)
    at = one.start + match.start() if match else one.start - 1
    return f"{path}:{text.count(chr(10), 0, at) + 1}"
