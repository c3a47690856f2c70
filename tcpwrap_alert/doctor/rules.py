"""The rules in hosts.allow and hosts.deny: what is wrong with them, and who of those that matter would be denied."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..libwrap.check_rules import check_rules
from ..libwrap.client_patterns import Network, parse_client
from ..libwrap.daemons import askers
from ..libwrap.findings import Findings
from ..libwrap.hosts_access import Rule, read_rules
from ..libwrap.letting_in import ask
from ..libwrap.session import find_session
from .finding import FAIL, OK, WARN, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .places import Places

SUBJECT = "rules"
HOSTS_ALLOW, HOSTS_DENY = "/etc/hosts.allow", "/etc/hosts.deny"
LOOPBACK = ("127.0.0.1", "::1")
SSHD = "sshd"
SHOWN = 4


def examine_rules(places: Places) -> Iterator[Finding]:
    """Look at the rules, and ask them about this session, loopback and the monitors. Raises OSError."""
    found = check_rules(HOSTS_ALLOW, HOSTS_DENY)
    for one in found:
        yield Finding(SUBJECT, FAIL if one.is_grave else WARN, str(one))
    if not found:
        yield Finding(SUBJECT, OK, f"every denial of {HOSTS_DENY} becomes an alert")
    daemons = sorted(asker.name for asker in askers().values())
    if not daemons:
        return
    rules = [*read_rules(HOSTS_ALLOW, True, Findings()), *read_rules(HOSTS_DENY, False, Findings())]
    if SSHD in daemons and (address := find_session(os.environ).address):
        yield _of_session(rules, address)
    for address in LOOPBACK:
        yield _of_client(rules, daemons, "loopback", address)
    for address in places.all():
        if address not in LOOPBACK:
            yield _of_client(rules, daemons, "the monitor", address)


def _of_session(rules: list[Rule], address: str) -> Finding:
    outcome = ask(rules, SSHD, _network(address))
    where = f" ({outcome.rule.path}:{outcome.rule.lineno})" if outcome.rule else ""
    todo = f"Let it in first: add '{SSHD}: {_in_rule(address)}' to {HOSTS_ALLOW}."
    if outcome.is_let_in:
        return Finding(SUBJECT, OK, f"your session, from {address}, would be let in again")
    if outcome.is_let_in is None:
        what = f"whether your session, from {address}, would be let in again depends on a name, a file or a command"
        return Finding(SUBJECT, WARN, what + where, todo)
    return Finding(SUBJECT, FAIL, f"your session, from {address}, would be denied if you logged in again{where}", todo)


def _of_client(rules: list[Rule], daemons: list[str], who: str, address: str) -> Finding:
    outcomes = {daemon: ask(rules, daemon, _network(address)) for daemon in daemons}
    denied = {daemon: outcome.rule for daemon, outcome in outcomes.items() if outcome.is_let_in is False}
    if not denied:
        is_certain = all(outcome.is_let_in for outcome in outcomes.values())
        return Finding(SUBJECT, OK, f"{who}, {address}, is {'' if is_certain else 'perhaps '}let in")
    rule = next(rule for rule in denied.values() if rule)
    names = ", ".join(list(denied)[:SHOWN]) + (f" and {len(denied) - SHOWN} more" if len(denied) > SHOWN else "")
    what = f"{who}, {address}, is denied by {names} ({rule.path}:{rule.lineno})"
    return Finding(SUBJECT, WARN, what, f"If that is not meant, add 'ALL: {_in_rule(address)}' to {HOSTS_ALLOW}.")


def _network(address: str) -> Network:
    client = parse_client(_in_rule(address))
    if not isinstance(client, Network):
        raise TypeError(address)
    return client


def _in_rule(address: str) -> str:
    return f"[{address}]" if ":" in address else address
