"""Which daemons and clients the rules before it leave to a rule: the one answer that every finding uses.

The first rule that matches decides. So a rule is for those pairs of a daemon and a client that are its own and of no
deciding rule before it. Such a pair of patterns counts as decided only where an earlier rule plainly holds all of it;
several rules that hold it only together are not seen. A rule that may not decide (aclexec) takes nothing away.

Rules without EXCEPT, nearly all of a file with thousands, are one entry in a table for each pair.
"""

from __future__ import annotations

import functools
from typing import Union

from .client_patterns import IPV6_BITS, Client, Network, covers, may_overlap, parse_client
from .hosts_access import Rule
from .patterns import EVERYTHING, Patterns, is_wild, matches_text

MAX_LOOKED_THROUGH = 20  # rules with EXCEPT, and wildcards of daemons

Key = Union[int, str]
Place = tuple[str, int]  # path and line


class Decided:
    """What the rules so far have decided."""

    def __init__(self) -> None:
        self._places: dict[str, dict[Key, Place]] = {}  # daemon, client: the rule
        self._prefixes: set[tuple[int, int]] = set()  # bits and length of the networks in it
        self._wild_daemons: list[str] = []
        self._with_exceptions: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Take a rule into account, for those that follow."""
        if not rule.effect.decides or not rule.is_read:
            return
        if rule.daemons.exceptions or rule.clients.exceptions:
            if len(self._with_exceptions) < MAX_LOOKED_THROUGH:
                self._with_exceptions.append(rule)
            return
        clients = [parse_client(name) for name in rule.clients.names]
        self._prefixes.update((client.bits, client.length) for client in clients if isinstance(client, Network))
        for daemon in normal_names(rule.daemons):
            if is_pattern(daemon) and daemon not in self._places and len(self._wild_daemons) < MAX_LOOKED_THROUGH:
                self._wild_daemons.append(daemon)
            places = self._places.setdefault(daemon, {})
            for client in clients:
                places.setdefault(_key(client), (rule.path, rule.lineno))

    def decider(self, rule: Rule) -> Place | None:
        """Return path and line of a rule before this one that decides for it; None if it is asked at all."""
        place = None
        for client in map(parse_client, rule.clients.names):
            keys = self._client_keys(client)
            for daemon in normal_names(rule.daemons):
                place = self._decided(rule, daemon, client, keys)
                if not place:
                    return None
        return place

    def leaves(self, rule: Rule, daemon: str) -> bool:
        """Return whether the rule is asked for a daemon of this name, for any of its clients."""
        name = daemon.lower()
        return rule.daemons.matches(lambda pattern: _touches_daemon(normal_daemon(pattern), name)) and not all(
            self._decided(rule, name, client, self._client_keys(client))
            for client in map(parse_client, rule.clients.names)
        )

    def _decided(self, rule: Rule, daemon: str, client: Client, keys: list[Key]) -> Place | None:
        for places in self._tables_for(daemon):
            for key in keys:
                if key in places:
                    return places[key]
        for earlier in self._with_exceptions:
            holds_daemon = _holds_daemon(earlier.daemons, daemon, rule.daemons)
            if holds_daemon and _holds_client(earlier.clients, client, rule.clients):
                return earlier.path, earlier.lineno
        return None

    def _tables_for(self, daemon: str) -> list[dict[Key, Place]]:
        names = [daemon, *(name for name in self._wild_daemons if _covers_daemon(name, daemon))]
        if "@" in daemon:
            names.append(daemon.partition("@")[0])
        return [self._places[name] for name in names if name in self._places]

    def _client_keys(self, client: Client) -> list[Key]:
        """Return what the patterns that hold all clients of this one have as their keys."""
        if isinstance(client, Network):
            wider = [length for bits, length in self._prefixes if bits == client.bits and length <= client.length]
            return ["all", *(_key(client.within(length)) for length in wider)]
        if "@" in client[1:]:
            return [client, *self._client_keys(parse_client(client.rpartition("@")[2]))]
        parts = [] if is_wild(client) else client.split(".")
        return ["all", client, *("." + ".".join(parts[number:]) for number in range(1, len(parts)))]


def may_meet(rule: Rule, other: Rule) -> bool:
    """Return whether there may be a daemon, and a client, that both rules are for."""
    return may_share_daemons(rule, other) and any(
        may_overlap(one, two)
        for one in map(parse_client, rule.clients.names)
        if not any(covers(parse_client(name), one) for name in other.clients.surely_spared())
        for two in map(parse_client, other.clients.names)
        if not any(covers(parse_client(name), two) for name in rule.clients.surely_spared())
    )


def may_share_daemons(rule: Rule, other: Rule) -> bool:
    """Return whether there may be a daemon that both rules are for."""
    return any(
        _touches_daemon(one, two)
        for one in map(normal_daemon, rule.daemons.names)
        if not any(_covers_daemon(normal_daemon(name), one) for name in other.daemons.surely_spared())
        for two in map(normal_daemon, other.daemons.names)
        if not any(_covers_daemon(normal_daemon(name), two) for name in rule.daemons.surely_spared())
    )


@functools.lru_cache(1024)
def normal_names(daemons: Patterns) -> tuple[str, ...]:
    """Return the patterns of daemons as `normal_daemon` does."""
    return tuple(map(normal_daemon, daemons.names))


def normal_daemon(pattern: str) -> str:
    """Return a daemon's pattern in small letters, `all` for those that match every daemon."""
    name = pattern.lower()
    return "all" if name in EVERYTHING or name == "known" else name


def is_pattern(daemon: str) -> bool:
    """Return whether a daemon's pattern may match several names."""
    return daemon == "all" or is_wild(daemon) or daemon[:1] == "." or daemon[-1:] == "."


def _covers_daemon(pattern: str, daemon: str) -> bool:
    """Return whether the pattern matches all that `daemon` does; `sshd` does so for `sshd@192.0.2.1`."""
    if pattern in ("all", daemon, daemon.partition("@")[0]):
        return True
    return not is_pattern(daemon) and matches_text(pattern, daemon.partition("@")[0])


def _touches_daemon(pattern: str, other: str) -> bool:
    """Return whether there may be a daemon that both match."""
    one, two = pattern.partition("@")[0], other.partition("@")[0]
    return (is_pattern(one) and is_pattern(two)) or _covers_daemon(one, two) or _covers_daemon(two, one)


def _holds_daemon(earlier: Patterns, daemon: str, own: Patterns) -> bool:
    if not any(_covers_daemon(normal_daemon(name), daemon) for name in earlier.names):
        return False
    spared = set(map(normal_daemon, own.surely_spared()))
    return all(name in spared or not _touches_daemon(name, daemon) for name in map(normal_daemon, earlier.spared()))


def _holds_client(earlier: Patterns, client: Client, own: Patterns) -> bool:
    if not any(covers(parse_client(name), client) for name in earlier.names):
        return False
    spared = set(map(parse_client, own.surely_spared()))
    return all(name in spared or not may_overlap(name, client) for name in map(parse_client, earlier.spared()))


def _key(client: Client) -> Key:
    """Return what stands for a client in the table: small, as there may be many."""
    if isinstance(client, Network):
        return (client.prefix << 9) | (client.length << 1) | (client.bits == IPV6_BITS)
    return "all" if client in EVERYTHING else client
