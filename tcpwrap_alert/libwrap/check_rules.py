"""What is wrong with the rules of hosts.allow and hosts.deny: alerts that never come, clients and daemons that wait.

Every finding is something that libwrap does without a word, or with one in syslog that nobody reads. How it reads a
rule is in hosts_access.py, which rules decide before another in reach.py; what the daemons do with a rule was measured
(docs/daemons.md). A rule of hosts.allow that neither denies nor alerts is nobody's business but its author's.
"""

from __future__ import annotations

import os

from .client_patterns import matches_nobody
from .daemons import Asker, askers
from .file_modes import faults_of_file
from .findings import Finding, Findings
from .hook_calls import HOOK, OPTION, calls_hook, means_hook, reports
from .hosts_access import Rule, read_rules
from .one_rule import faults_of_options, faults_of_words, misspelt_daemons, unknown_daemons, without_alert
from .patterns import is_everything
from .reach import Decided, may_meet, may_share_daemons

SHOWN_NAMES = 6
UNREADABLE_ALLOW = "it allows nobody"
UNREADABLE_DENY = "Debian's libwrap denies everybody without an alert, any other lets everybody in"
FAIL2BAN = "let fail2ban report denials, with examples/fail2ban/action.d/tcpwrap-alert.conf"
MAX_FAILING = 20  # rules with aclexec that each later rule is compared with


def check_rules(hosts_allow: str, hosts_deny: str) -> list[Finding]:
    """Return what is wrong with the rules, in the order in which libwrap reads them.

    Raises:
        OSError: a file cannot be read.
    """
    findings = Findings()
    check = RulesCheck(findings)
    for path, is_in_allow, unreadable in ((hosts_allow, True, UNREADABLE_ALLOW), (hosts_deny, False, UNREADABLE_DENY)):
        for what in faults_of_file(path, unreadable):
            findings.add(path, None, what)
        for rule in read_rules(path, is_in_allow, findings):
            check.take(rule)
    check.end()
    if not askers():
        what = f"no program of this machine asks TCP wrappers, so no rule does anything: {FAIL2BAN}"
        return [Finding(hosts_deny, None, what, is_grave=True)]
    found = findings.sorted([hosts_allow, hosts_deny])
    if not check.alerts:
        missing = "" if os.path.exists(hosts_deny) else "there is no such file, and "
        what = f"{missing}no rule calls {HOOK}: no denial becomes an alert; add 'ALL: ALL: {OPTION}'"
        found.append(Finding(hosts_deny, None, what, is_grave=True))
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
        for what, matter in faults_of_words(rule):
            self._find(rule, what, matter)
        does_report = does_alert or any(map(reports, effect.commands))
        if effect.denies or does_report:
            self._check_outcome(rule, does_alert, does_report)
            if rule.options and not effect.fault:
                self._check_options(rule)
            self._check_daemons(rule, unknown_daemons(rule.daemons))
        else:  # whom it should let in is denied, perhaps with an alert
            self._check_daemons(rule, misspelt_daemons(rule.daemons))
        self._note_who_is_let_in(rule)
        self._decided.add(rule)
        if not effect.decides and len(self._failing) < MAX_FAILING:
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
            self._find(rule, *without_alert(rule))
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

    def _stays(self, failing: Rule, rule: Rule) -> bool:
        """Return whether a daemon that is one process for several clients asks both rules."""
        return any(Decided().leaves(failing, asker.name) for asker in self._that_stay(rule))

    def _that_stay(self, rule: Rule) -> list[Asker]:
        """Return who asks this rule in a process that may serve several clients."""
        known = [asker for _, asker in sorted(askers().items()) if not asker.has_process_per_client]
        return [asker for asker in known if self._decided.leaves(rule, asker.name)]

    def _check_options(self, rule: Rule) -> None:
        for what in faults_of_options(rule.options):
            self._find(rule, what)
        if rule.options[-1].name == "twist":
            self._check_twist(rule)

    def _check_twist(self, rule: Rule) -> None:
        ended = self._that_stay(rule)
        if names := [asker.name if "/" in asker.origin else f"{asker.name} ({asker.origin})" for asker in ended]:
            what = f"twist takes the place of the process that asks, and may so end {_listed(names)}"
            self._find(rule, f"{what}: use '{OPTION}', or name daemons with a process for each client, such as sshd")

    def _check_daemons(self, rule: Rule, unknown: dict[str, str]) -> None:
        """Name the daemons of the rule that nothing on this machine is called."""
        if names := [text for name, text in unknown.items() if self._decided.leaves(rule, name)]:
            self._find(rule, f"no daemon of this machine asks this rule as {_listed(names, 'or')}")

    def _note_who_is_let_in(self, rule: Rule) -> None:
        if not rule.effect.denies:
            is_carried_out = rule.is_read and not rule.effect.fault
            has_daemon = len(unknown_daemons(rule.daemons)) < len(rule.daemons.names)
            if is_carried_out and has_daemon and not all(map(matches_nobody, rule.clients.names)):
                self._lets_in = True
        elif not self._shuts and is_everything(rule.daemons) and is_everything(rule.clients):
            self._shuts = rule


def _listed(names: list[str], word: str = "and") -> str:
    if len(names) > SHOWN_NAMES:
        names = [*names[: SHOWN_NAMES - 1], f"{len(names) - SHOWN_NAMES + 1} others"]
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
