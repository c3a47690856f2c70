"""What is wrong with the rules of hosts.allow and hosts.deny: alerts that never come, clients and daemons that wait.

Every finding is something that libwrap does without a word, or with one in syslog that nobody reads. How it reads a
rule is in hosts_access.py; what the daemons do with it was measured (docs/daemons.md).
"""

from __future__ import annotations

import functools
import grp
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Iterator

from .client_patterns import matches_nobody
from .daemons import resident_daemons, why_never_asked
from .file_modes import others_who_may_change
from .hosts_access import COMMANDS, Finding, Option, Rule, fault_of_options, read_rules

HOOK = "handle_tcp_wrapper"
# The path, in quotes or as a word, and the arguments.
HOOK_CALL = re.compile(rf"""["'](/[^"']*{HOOK})["']([^();&|]*)|([^\s();&|"'=]*{HOOK})(?![\w/.-])["']?([^();&|]*)""")
REDIRECTION = re.compile(r"\d*[<>]+&?\s*[^\s();&|]+")
OPTION = f"spawn (/opt/tcpwrap-alert/bin/{HOOK} %h %d) &"
RFC931_TIMEOUT_S = "10"  # rfc931.c: RFC931_TIMEOUT
HOLDS = "{} holds client and daemon for {} s if the client's port 113 is silent; leave it out"


def check_rules(hosts_allow: str, hosts_deny: str) -> list[Finding]:
    """Return what is wrong with the rules, in the order in which libwrap reads them.

    Raises:
        OSError: a file cannot be read.
    """
    allow, allow_findings = read_rules(hosts_allow, True)
    deny, deny_findings = read_rules(hosts_deny, False)
    rules = allow + deny
    findings = allow_findings + deny_findings
    findings += _check_file(hosts_allow, "it allows nobody")
    findings += _check_file(
        hosts_deny, "Debian's libwrap denies everybody without an alert, any other lets everybody in"
    )
    findings += _check_aclexec(rules)
    earlier: dict[str, list[Rule]] = {}
    for rule in rules:
        findings += map(rule.find, _check_reach(rule, _covering(rule, earlier)))
        findings += map(rule.find, _check_clients(rule))
        findings += map(rule.find, _check_options(rule))
        findings += map(rule.find, _check_daemons(rule))
    order = [hosts_allow, hosts_deny]
    findings.sort(key=lambda finding: (order.index(finding.path), finding.lineno or 0))
    if not any(map(_alerts, rules)):
        missing = "" if os.path.exists(hosts_deny) else "there is no such file, and "
        what = f"{missing}no rule calls {HOOK}: no denial becomes an alert; add 'ALL: ALL: {OPTION}'"
        findings.append(Finding(hosts_deny, None, what))
    return _merge(findings)


def _merge(findings: list[Finding]) -> list[Finding]:
    """Say the same of many lines once: some programs add a rule for each client that they want to keep out."""
    merged: dict[tuple[str, bool, str], Finding] = {}
    for finding in findings:
        key = (finding.path, finding.lineno is None, finding.text)
        merged[key] = merged[key]._replace(more=merged[key].more + 1) if key in merged else finding
    return list(merged.values())


def _covering(rule: Rule, earlier: dict[str, list[Rule]]) -> Rule | None:
    """Return a rule that decides before this one, if there is one, and add this one to the earlier, by client."""
    clients = [name.lower() for name in rule.clients.names]
    candidates = [other for name in ("all", "*", *clients[:1]) for other in earlier.get(name, [])]
    for name in clients:
        earlier.setdefault(name, []).append(rule)
    return next((other for other in candidates if other.covers(rule)), None)


def _check_reach(rule: Rule, before: Rule | None) -> Iterator[str]:
    """Say whether what the rule denies, and nothing else, becomes an alert; `before` decides before it."""
    if before:
        if _alerts(rule):
            yield f"never asked: {before.path}:{before.lineno} decides before it"
    elif _alerts(rule) and not rule.denies:
        yield "alerts for clients that it lets in; end the rule in ': deny', or move it to hosts.deny"
    elif _alerts(rule) and not rule.decides:
        yield "lets in whom the command of aclexec fails for, but alerts; call the hook by spawn, without aclexec"
    elif rule.denies and not _alerts(rule) and not fault_of_options(rule.options):
        yield f"denies without an alert; add ': {OPTION}'{' before the end' if rule.ends_in_verdict else ''}"


def _check_clients(rule: Rule) -> Iterator[str]:
    if not (rule.daemons.names and rule.clients.names):
        yield "matches nobody: there is no daemon, or no client"
    for name in rule.clients.names + rule.clients.exceptions:
        if matches_nobody(name.rpartition("@")[2]):
            known = "203.0.113., 203.0.113.0/24, [2001:db8::]/32 and files that exist"
            yield f"'{name}' matches nobody; libwrap knows {known}"
    if any(re.match("[^/@][^@]*@", name) for name in rule.clients.names + rule.clients.exceptions):
        yield HOLDS.format("a client with '@', user@host,", RFC931_TIMEOUT_S)


def _check_aclexec(rules: list[Rule]) -> Iterator[Finding]:
    """Say what lets in whom it should deny after an aclexec whose command has failed.

    In Debian's libwrap (7.6.q-32) such a rule does not match, and neither does then any later one that has options.
    """
    failing = None
    for rule in rules:
        if failing and rule.denies and rule.options and not rule.ends_in_verdict:
            where = f"{failing.path}:{failing.lineno}"
            yield rule.find(f"lets in whom the aclexec of {where} fails for, as it has options; end it in ': deny'")
        elif not rule.decides:
            failing = failing or rule


def _check_options(rule: Rule) -> Iterator[str]:
    for option in rule.options:
        if option.name == "rfc931":
            yield HOLDS.format("rfc931", option.value or RFC931_TIMEOUT_S)
        elif option.name == "twist":
            yield from _check_twist(rule)
        elif option.name == "spawn" and not re.search(r"&[ )]*(\s#.*)?$", option.value, re.DOTALL):
            yield "the daemon waits for this command; end it in '&'"
        if option.name in ("user", "group") and not _is_known(option):
            yield f"there is no {option.name} '{option.value}': libwrap denies and leaves out the rest of the rule"
        if "%u" in option.value:
            yield HOLDS.format("%u", RFC931_TIMEOUT_S)
        if option.name in COMMANDS:
            if fault := _fault_of_command(option.value):
                yield f"the shell does not run this command: {fault}"
            yield from _check_calls(option.value)


def _is_known(option: Option) -> bool:
    try:
        if option.name == "group":
            grp.getgrnam(option.value)
        else:
            user, _, group = option.value.partition(".")
            pwd.getpwnam(user)
            if group:
                grp.getgrnam(group)
    except KeyError:
        return False
    return True


def _check_twist(rule: Rule) -> Iterator[str]:
    named = {name.lower() for name in rule.daemons.names}
    spared = {name.lower() for name in rule.daemons.exceptions}
    for daemon in resident_daemons():
        if (rule.daemons.matches_all or daemon.lower() in named) and daemon.lower() not in spared:
            what = f"twist replaces the daemon, and {daemon} serves all clients in one process"
            yield f"{what}: use spawn, or name daemons that have a process for each client"


def _check_daemons(rule: Rule) -> Iterator[str]:
    for name in rule.daemons.names:
        daemon = name.partition("@")[0]
        if daemon.upper() not in ("ALL", "KNOWN") and not set("*?") & set(daemon):
            why = why_never_asked(daemon)
            if why:
                yield f"no daemon asks this rule as '{daemon}': {why}"


@functools.lru_cache(None)
def _fault_of_command(command: str) -> str:
    """Return what the shell says of a command that it cannot read; it only reads it."""
    done = subprocess.run(["/bin/sh", "-n"], input=command.encode(), capture_output=True, check=False)
    return done.stderr.decode(errors="replace").strip().removeprefix("/bin/sh: ") if done.returncode else ""


def _check_calls(command: str) -> Iterator[str]:
    """Check the calls of our hook; beside one that is right, another may be anything: `test -x`, say, or a log text."""
    calls = HOOK_CALL.findall(REDIRECTION.sub(" ", command))
    said = [list(_check_hook(*call)) for call in ((a or c, b or d) for a, b, c, d in calls)]
    if all(said):
        yield from said[0] if said else ()


def _check_hook(hook: str, words: str) -> Iterator[str]:
    arguments = re.sub("[\"']", " ", words).split()
    if len(arguments) < 2 or arguments[0] == "%d":
        yield f"{HOOK} is called with '{' '.join(arguments)}'; it takes '%h %d'"
    if not hook.startswith("/"):
        yield f"'{hook}' is not an absolute path, and inetd gives its children no PATH"
    elif not os.path.exists(hook):
        yield f"there is no program {hook}: no alert"
    elif not os.access(hook, os.X_OK) or os.path.isdir(hook):
        yield f"{hook} is no program (chmod +x): no alert"
    else:
        yield from map("{} may change what daemons run as root".format, others_who_may_change(hook))


def _check_file(path: str, what_if_unreadable: str) -> list[Finding]:
    """Say who else may change a file of rules, and what comes of it that not everybody may read it."""
    if not os.path.exists(path):
        return []
    texts = [f"{who} may change what daemons run as root" for who in others_who_may_change(path)]
    if not os.stat(path).st_mode & stat.S_IROTH:
        texts.append(f"not everybody may read it: for daemons that are not root, {what_if_unreadable}")
    return [Finding(path, None, text) for text in texts]


def _alerts(rule: Rule) -> bool:
    """Whether the rule calls us."""
    commands = [option.value for option in rule.options if option.name in COMMANDS]
    return any(HOOK_CALL.search(command) or re.search(r"tcpwrap-alert\s+deny\b", command) for command in commands)
