"""What is wrong with the rules of hosts.allow and hosts.deny: alerts that never come, clients and daemons that wait.

Every finding is something that libwrap does without a word, or with one in syslog that nobody reads. How it reads a
rule is in hosts_access.py, which rules decide before another in reach.py; what the daemons do with a rule was measured
(docs/daemons.md). A rule of hosts.allow that neither denies nor alerts is nobody's business but its author's.
"""

from __future__ import annotations

import functools
import grp
import os
import pwd
import re
import stat

from .client_patterns import is_one_address, matches_nobody, parse_client
from .daemons import askers, why_never_asked
from .file_modes import others_who_may_change
from .findings import Finding, Findings
from .hook_calls import HOOK, OPTION, calls_hook, faults_of_command, means_hook, reports
from .hosts_access import Rule, read_rules
from .options import COMMANDS, Option
from .patterns import Patterns, is_everything
from .reach import Decided, is_pattern, may_meet, may_share_daemons, normal_daemon

RFC931_TIMEOUT_S = "10"  # rfc931.c: RFC931_TIMEOUT
HOLDS = "{} holds client and daemon for {} s if the client's port 113 is silent; leave it out"
SHOWN_NAMES = 6
FAIL2BAN = "examples/fail2ban/action.d/tcpwrap-alert.conf"


def check_rules(hosts_allow: str, hosts_deny: str) -> list[Finding]:
    """Return what is wrong with the rules, in the order in which libwrap reads them.

    Raises:
        OSError: a file cannot be read.
    """
    findings = Findings()
    _check_file(findings, hosts_allow, "it allows nobody")
    everybody = "Debian's libwrap denies everybody without an alert, any other lets everybody in"
    _check_file(findings, hosts_deny, everybody)
    check = RulesCheck(findings)
    for path, is_in_allow in ((hosts_allow, True), (hosts_deny, False)):
        for rule in read_rules(path, is_in_allow, findings):
            check.take(rule)
    check.end()
    if not askers():
        what = (
            "no program of this machine asks TCP wrappers, so no rule does anything: let fail2ban report denials, with "
        )
        return [Finding(hosts_deny, None, what + FAIL2BAN)]
    found = findings.sorted([hosts_allow, hosts_deny])
    if not check.alerts:
        missing = "" if os.path.exists(hosts_deny) else "there is no such file, and "
        what = f"{missing}no rule calls {HOOK}: no denial becomes an alert; add 'ALL: ALL: {OPTION}'"
        found.append(Finding(hosts_deny, None, what))
    return found


class RulesCheck:
    """Takes the rules one after the other, in libwrap's order, and finds what is wrong with each."""

    def __init__(self, findings: Findings) -> None:
        self.alerts = False
        self._findings = findings
        self._decided = Decided()
        self._failing: list[Rule] = []  # rules that are passed over where the command of their aclexec fails
        self._lets_in = False
        self._shuts: Rule | None = None

    def take(self, rule: Rule) -> None:
        """Check the next rule."""
        effect = rule.effect
        does_alert = any(map(calls_hook, effect.commands))
        self.alerts = self.alerts or does_alert
        if place := self._decided.decider(rule):
            if does_alert:
                self._find(rule, f"never asked: {place[0]}:{place[1]} decides before it")
            return
        does_report = does_alert or any(map(reports, effect.commands))
        if effect.denies or does_report:
            self._check_outcome(rule, does_alert, does_report)
            if rule.options and not effect.fault:
                self._check_options(rule)
            if unknown := _unknown_daemons(rule.daemons):
                self._check_daemons(rule, unknown)
        if any("@" in name for name in rule.clients.all_names()):
            self._check_user_names(rule)
        self._note_who_is_let_in(rule)
        self._decided.add(rule)
        if not effect.decides:
            self._failing.append(rule)

    def end(self) -> None:
        """Check what only all rules together show."""
        if self._shuts and not self._lets_in:
            what = "nobody can connect any more, not even you: let your own network in by hosts.allow first, as in"
            self._find(self._shuts, f"{what} 'ALL: 192.0.2.0/24'")

    def _find(self, rule: Rule, text: str, matter: str = "") -> None:
        self._findings.add(rule.path, rule.lineno, text, matter)

    def _check_outcome(self, rule: Rule, does_alert: bool, does_report: bool) -> None:
        """Say whether what the rule denies, and nothing else, becomes an alert."""
        effect = rule.effect
        if not (rule.daemons.names and rule.clients.names):
            return
        if does_alert and not effect.denies:
            self._find(rule, "alerts for clients that it lets in; end the rule in ': deny', or move it to hosts.deny")
        elif does_alert and not effect.decides:
            what = "lets in whom the command of aclexec fails for, but alerts; call the hook by spawn, without aclexec"
            self._find(rule, what)
        elif not does_report and not effect.fault and not rule.is_silent and not any(map(means_hook, effect.commands)):
            self._find(rule, *_without_alert(rule))
        if effect.denies:
            self._check_aclexec(rule)

    def _check_aclexec(self, rule: Rule) -> None:
        """Say for whom this rule does not count after an aclexec whose command has failed.

        Debian's libwrap (7.6.q-32 and q-36) leaves the file then. In hosts.deny it then passes over rules with options
        that end in no verdict: for this client, and in a process that serves several, for all that come after him.
        """
        for failing in self._failing:
            where = f"the aclexec of {failing.path}:{failing.lineno}"
            meets = may_meet(failing, rule)
            if failing.path == rule.path and meets:
                what = "put it before" if not rule.is_in_allow else "move it to hosts.deny"
                self._find(rule, f"not asked for whom {where} fails for, as libwrap leaves the file there; {what}")
                return
            stays = may_share_daemons(failing, rule) and self._stays(failing, rule)
            if failing.path != rule.path and rule.options and not rule.effect.has_verdict and (meets or stays):
                self._find(rule, f"lets in whom {where} fails for, as it has options; end it in ': deny'")
                return

    def _stays(self, *rules: Rule) -> bool:
        """Return whether a daemon that is one process for several clients is asked about by all these rules."""
        return any(
            all(self._decided.leaves(rule, name) for rule in rules)
            for name, asker in askers().items()
            if not asker.has_process_per_client
        )

    def _check_options(self, rule: Rule) -> None:
        for what in _faults_of_options(rule.options):
            self._find(rule, what)
        if rule.options[-1].name == "twist":
            self._check_twist(rule)

    def _check_twist(self, rule: Rule) -> None:
        ended = [
            asker
            for name, asker in sorted(askers().items())
            if not asker.has_process_per_client and self._decided.leaves(rule, name)
        ]
        names = [asker.name if "/" in asker.origin else f"{asker.name} ({asker.origin})" for asker in ended]
        if names:
            what = f"twist takes the place of the process that asks, and may so end {_listed(names)}"
            self._find(rule, f"{what}: use '{OPTION}', or name daemons with a process for each client, such as sshd")

    def _check_daemons(self, rule: Rule, unknown: dict[str, str]) -> None:
        """Name the daemons of the rule that nothing on this machine is called."""
        if names := [text for name, text in unknown.items() if self._decided.leaves(rule, name)]:
            self._find(rule, f"no daemon of this machine asks this rule as {_listed(names, 'or')}")

    def _check_user_names(self, rule: Rule) -> None:
        if any(name.find("@", 1) > 0 and name[0] not in "@/" for name in rule.clients.all_names()):
            self._find(rule, HOLDS.format("a client with '@', user@host,", RFC931_TIMEOUT_S))

    def _note_who_is_let_in(self, rule: Rule) -> None:
        if not rule.effect.denies:
            is_for_somebody = rule.is_read and rule.daemons.names and not rule.effect.fault
            self._lets_in = self._lets_in or bool(is_for_somebody and not all(map(matches_nobody, rule.clients.names)))
        elif not self._shuts and is_everything(rule.daemons) and is_everything(rule.clients):
            self._shuts = rule


def _without_alert(rule: Rule) -> tuple[str, str]:
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
def _unknown_daemons(daemons: Patterns) -> dict[str, str]:
    """Return the daemons that nothing on this machine is called, each with what to say of it."""
    names = [pattern.partition("@")[0] for pattern in daemons.names]
    why = {name: why_never_asked(name) for name in names if not is_pattern(normal_daemon(name))}
    return {name: f"'{name}'" + (f" ({text})" if text else "") for name, text in why.items() if text is not None}


@functools.lru_cache(1024)
def _faults_of_options(options: tuple[Option, ...]) -> list[str]:
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


def _listed(names: list[str], word: str = "and") -> str:
    if len(names) > SHOWN_NAMES:
        names = [*names[: SHOWN_NAMES - 1], f"{len(names) - SHOWN_NAMES + 1} others"]
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _check_file(findings: Findings, path: str, what_if_unreadable: str) -> None:
    """Say who else may change a file of rules, and what comes of it that not everybody may read it."""
    if not os.path.exists(path):
        return
    for who in others_who_may_change(path):
        findings.add(path, None, f"{who} may change what daemons run as root")
    if not os.stat(path).st_mode & stat.S_IROTH:
        findings.add(path, None, f"not everybody may read it: for daemons that are not root, {what_if_unreadable}")
