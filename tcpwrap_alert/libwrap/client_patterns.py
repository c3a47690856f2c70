"""What libwrap takes for addresses, networks and files of clients in hosts.allow and hosts.deny.

A pattern of addresses is a network here, `203.0.113.7` one of a single address. So two patterns can be compared: one
may hold all clients of the other, some, or none. Which clients host names, files and netgroups hold nobody knows.

Source: tcp_wrappers 7.6, hosts_access.c (host_match, masked_match), and Debian's 7.6.q-32, asked in tests/interop.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import os
import re
import socket
from typing import NamedTuple, Union

from .patterns import EVERYTHING, is_wild, matches_text

IPV4_BITS, IPV6_BITS = 32, 128
IPV4_MAPPED = b"\0" * 10 + b"\xff\xff"
IPV4 = re.compile(r"\.".join([r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"] * 4) + r"(?:/([12]?\d|3[0-2]))?", re.ASCII)
LOOKS_LIKE_IPV4 = re.compile(r"[\d.]*\.[\d.]*(/[\d.]*)?")
WITHOUT_BRACKETS = re.compile(r"(?<![\w.:[\]\\])(?:[\da-f]{0,4}:){2,7}[\da-f.]*(?:/\d+)?(?![\w.\]])", re.IGNORECASE)
PREFIX_LENGTH = re.compile(r"/(1[01]\d|12[0-8]|\d?\d)")


class Network(NamedTuple):
    """The addresses that begin with the first `length` of `bits` bits, which are the number `prefix`."""

    bits: int
    length: int
    prefix: int

    def within(self, length: int) -> Network:
        """Return the network with a shorter prefix that this one is in."""
        return Network(self.bits, length, self.prefix >> (self.length - length))


Client = Union[Network, str]  # a string where it is no pattern of addresses, in small letters


def matches_nobody(client: str) -> bool:
    """Return whether a pattern looks like an address, a network or a file, but libwrap finds no client by it.

    As Debian's libwrap reads them: `203.0.113.` and `203.0.113.0/24`, without host bits and with a mask that is not 0;
    `[2001:db8::1]` and `[2001:db8::]/32`.
    """
    if client.startswith("/"):
        return not os.path.exists(client)
    return _parse(client) is None


def parse_client(pattern: str) -> Client:
    """Return the network that a pattern is, or the pattern itself in small letters."""
    return _parse(pattern) or pattern.lower()


@functools.lru_cache(1024)
def _parse(pattern: str) -> Client | None:
    try:
        return _network(pattern) or pattern.lower()
    except ValueError:
        return None


def covers(pattern: Client, other: Client) -> bool:
    """Return whether all clients of `other` are plainly clients of the pattern, too."""
    if pattern in EVERYTHING or pattern == other:
        return True
    if isinstance(pattern, Network):
        return isinstance(other, Network) and _holds(pattern, other)
    if isinstance(other, Network) or is_wild(other) or "." not in other or "@" in pattern + other:
        return False
    return matches_text(pattern, other)


def may_overlap(pattern: Client, other: Client) -> bool:
    """Return whether there may be a client of both."""
    if isinstance(pattern, Network) and isinstance(other, Network):
        return _holds(pattern, other) or _holds(other, pattern)
    if all(isinstance(one, str) and is_host_name(one) for one in (pattern, other)):
        return pattern == other
    return True


def is_host_name(pattern: Client) -> bool:
    """Return whether a pattern can only be one host's name."""
    return isinstance(pattern, str) and bool(re.fullmatch(r"[\w-]+(\.[\w-]+)+", pattern))


def is_one_address(pattern: Client) -> bool:
    """Return whether a pattern is for one address only."""
    return isinstance(pattern, Network) and pattern.length == pattern.bits


def find_ipv6_without_brackets(text: str) -> tuple[str, int] | None:
    """Return the IPv6 address or network that stands without brackets among clients, and where; None without one."""
    found = WITHOUT_BRACKETS.search(text)
    if found and ":" not in text[: found.start()]:
        for address in (found[0], found[0][:-1]):  # the ':' of the next field may have been taken along
            with contextlib.suppress(ValueError):
                ipaddress.IPv6Network(address, strict=False)
                return address, found.start()
    return None


def _holds(network: Network, other: Network) -> bool:
    return network.bits == other.bits and network.length <= other.length and other.within(network.length) == network


def _network(client: str) -> Network | None:
    """Return the network that a pattern is; None if it is something else.

    Raises:
        ValueError: it is meant as one, but libwrap finds no client by it.
    """
    if found := IPV4.fullmatch(client):  # most of a file with thousands of lines
        one, two, three, four, length = map(int, found.groups("32"))
        number, rest = one << 24 | two << 16 | three << 8 | four, IPV4_BITS - length
        if not length or number & ((1 << rest) - 1):
            raise ValueError(client)
        return Network(IPV4_BITS, length, number >> rest)
    if "[" in client or "]" in client:
        return _ipv6_network(client)
    if not LOOKS_LIKE_IPV4.fullmatch(client):
        return None
    if client.endswith("."):
        missing = 4 - client.count(".")
        address = ipaddress.IPv4Address(client + ".".join("0" * missing))
        return Network(IPV4_BITS, IPV4_BITS - 8 * missing, int(address) >> 8 * missing)
    network = ipaddress.IPv4Network(client)
    if client.partition("/")[2] != str(network.netmask):
        raise ValueError(client)
    return Network(IPV4_BITS, network.prefixlen, int(network.network_address) >> (IPV4_BITS - network.prefixlen))


def _ipv6_network(client: str) -> Network:
    address, _, rest = client.partition("]")
    packed = _packed(address[1:])
    if client[0] != "[" or packed.startswith(IPV4_MAPPED) or not (rest == "" or PREFIX_LENGTH.fullmatch(rest)):
        raise ValueError(client)
    length = int(rest[1:] or IPV6_BITS)
    return Network(IPV6_BITS, length, int.from_bytes(packed, "big") >> (IPV6_BITS - length))


def _packed(address: str) -> bytes:
    try:
        return socket.inet_pton(socket.AF_INET6, address)  # a fifth of the time that the class takes
    except OSError:
        return ipaddress.IPv6Address(address).packed  # it may have a zone
