"""From where whoever runs us is logged in: who must not be locked out.

sudo and su take SSH_CONNECTION away, so it is looked for in the processes that we come from, too.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

VARIABLE = "SSH_CONNECTION"
LOCAL_TERMINAL = re.compile(r"/dev/(?:tty\d+|console|tty[A-Z]+\d+|hvc\d+)")


class Session(NamedTuple):
    """The client's address, empty if nobody knows it, and whether this is a terminal of the machine itself."""

    address: str
    is_local: bool


def find_session(environment: Mapping[str, str]) -> Session:
    """Return the session that this process belongs to."""
    for value in (environment.get(VARIABLE, ""), *_values_of_ancestors()):
        if address := _address(value):
            return Session(address, False)
    return Session("", any(map(_is_local, range(3))))


def _address(value: str) -> str:
    """Return the client's address of an SSH_CONNECTION, an IPv4 address also if it was written as IPv6."""
    words = value.split()
    if len(words) != 4:
        return ""
    try:
        address = ipaddress.ip_address(words[0].partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _values_of_ancestors() -> Iterator[str]:
    pid = os.getppid()
    while pid:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                variables = file.read().split(b"\0")
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b") ")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
        name = f"{VARIABLE}=".encode()
        yield from (os.fsdecode(one.removeprefix(name)) for one in variables if one.startswith(name))


def _is_local(fd: int) -> bool:
    try:
        return bool(LOCAL_TERMINAL.fullmatch(os.ttyname(fd)))
    except OSError:
        return False
