"""Whether libwrap lets a client in: yes, no, or nobody can tell from the rules.

Nobody can tell where a rule that may decide is about something else than addresses: a host's name, a netgroup, a user,
a file of clients, or the outcome of aclexec. Who must not be locked out takes that for a no.

A client is a network here, so the question may be about all addresses of one at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple, Optional

from .client_patterns import Network, covers, matches_nobody, may_overlap, parse_client
from .hosts_access import Rule
from .patterns import EVERYTHING, Patterns, matches_text

Answer = Optional[bool]  # None: nobody can tell


class Outcome(NamedTuple):
    """Whether a client is let in, and the first rule that denies, or may deny."""

    is_let_in: Answer
    rule: Rule | None = None


def ask(rules: Iterable[Rule], daemon: str, client: Network) -> Outcome:
    """Return what libwrap does to a client of a daemon, given the rules of hosts.allow and then those of hosts.deny."""
    denying: Rule | None = None
    may_be_let_in = False
    left: set[bool] = set()  # of which file libwrap may not ask the rest
    for rule in rules:
        if not rule.is_read:
            left.add(rule.is_in_allow)
            denying = denying or (None if rule.is_in_allow else rule)
            continue
        matches = _matches(rule, daemon, client)
        if matches is False:
            continue
        if rule.effect.denies or rule.effect.fault:
            denying = denying or rule
        else:
            may_be_let_in = True
        if not rule.effect.decides:
            left.add(rule.is_in_allow)  # where the command of aclexec fails: see check_rules.py
        elif matches and rule.is_in_allow not in left:
            break
    else:
        may_be_let_in = True
    return Outcome(True if not denying else None if may_be_let_in else False, denying)


def _matches(rule: Rule, daemon: str, client: Network) -> Answer:
    is_daemons = _holds(rule.daemons, lambda pattern: _is_daemon(pattern, daemon))
    is_clients = _holds(rule.clients, lambda pattern: _is_client(pattern, client))
    return _and(is_daemons, is_clients)


def _holds(patterns: Patterns, is_match: Callable[[str], Answer]) -> Answer:
    answers = [is_match(name) for name in patterns.names]
    found = True if True in answers else None if None in answers else False
    spared = _holds(patterns.exceptions, is_match) if patterns.exceptions else False
    return _and(found, None if spared is None else not spared)


def _and(one: Answer, other: Answer) -> Answer:
    if one is False or other is False:
        return False
    return True if one and other else None


def _is_daemon(pattern: str, daemon: str) -> Answer:
    name, at, _ = pattern.partition("@")
    if name.isdigit():
        return None  # a port
    return matches_text(name.lower(), daemon.lower()) and (None if at else True)


def _is_client(pattern: str, client: Network) -> Answer:
    user, at, host = pattern.rpartition("@")
    if at:
        return None if not user else _and(_is_client(host, client), user.lower() in EVERYTHING or None)
    if pattern.startswith("/"):
        return None if os.path.exists(pattern) else False
    known = parse_client(pattern)
    if isinstance(known, Network):
        return covers(known, client) or (None if may_overlap(known, client) else False)
    if known in EVERYTHING:
        return True
    return False if matches_nobody(pattern) else None
