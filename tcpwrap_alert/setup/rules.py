"""The rules: hosts.allow lets in loopback, the monitor and the administrator's own network, hosts.deny denies the rest.

Neither file is written if the session that setup runs in would be locked out, or if nobody can tell.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ..libwrap.client_patterns import Network, parse_client
from ..libwrap.hosts_access import Rule
from ..libwrap.letting_in import ask
from ..libwrap.session import Session
from . import files
from .hosts_file import HostsFile, is_for_all
from .networks import Net, pattern_of
from .step import NotDone, Step

ALLOW, DENY = "/etc/hosts.allow", "/etc/hosts.deny"
LOOPBACK = "ALL: 127.0.0.0/8 [::1]/128"
DAEMON = "sshd"
PLAIN_PATH = re.compile(r"[\w/.+-]+", re.ASCII)
EVERYBODY = (Network(32, 0, 0), Network(128, 0, 0))
HOW_TO_TELL = "run setup over ssh, or at the machine itself, or name the network that you log in from by --network"


class Rules(Step):
    """The lines of both files."""

    what = f"rules in {ALLOW} and {DENY}"

    def __init__(self, hook: str, clients: Sequence[Net], networks: Sequence[Net], session: Session) -> None:
        self._hook = hook
        self._clients = clients
        self._networks = networks
        self._session = session

    def lines(self) -> list[tuple[str, list[str]]]:
        """Return the lines that the files do not have yet, hosts.allow first."""
        return [(file.path, file.missing(lines)) for file, lines in self._wanted()]

    def warning(self) -> str:
        """Return why whoever writes the lines could be locked out by them; nothing if that cannot be."""
        return self._why_not([file.with_lines(lines) for file, lines in self._wanted()])

    def is_there(self) -> bool:
        """See Step."""
        return not any(lines for _, lines in self.lines())

    def how(self) -> str:
        """See Step."""
        if fault := self.warning():
            raise NotDone(f"{DENY}: {fault}; both files stay as they are")
        written = [f"into {path}: {' and '.join(lines)}" for path, lines in self.lines() if lines]
        return f"write, with a backup beside each file, {', then '.join(written)}"

    def do(self) -> None:
        """See Step."""
        for file, lines in self._wanted():
            _write(file, file.with_lines(lines))

    def is_ours(self) -> bool:
        """See Step."""
        return any(file.without_lines() != file for file in _read_both())

    def how_undone(self) -> str:
        """See Step."""
        _, kept = self._undone()
        stay = f"; the lines in {ALLOW} stay, as other rules would lock you out without them" if kept else ""
        return f"take the lines of setup out of {DENY} and {ALLOW}, with a backup beside each file{stay}"

    def undo(self) -> None:
        """See Step."""
        changes, _ = self._undone()
        for file, new in reversed(changes):
            _write(file, new)

    def _undone(self) -> tuple[list[tuple[HostsFile, HostsFile]], bool]:
        """Return both files as they are and as they will be, and whether the lines of hosts.allow stay."""
        allow, deny = _read_both()
        new_allow, new_deny = allow.without_lines(), deny.without_lines()
        if new_allow != allow and self._why_not([new_allow, new_deny]):
            return [(allow, allow), (deny, new_deny)], True
        return [(allow, new_allow), (deny, new_deny)], False

    def _wanted(self) -> list[tuple[HostsFile, list[str]]]:
        allow, deny = _read_both()
        if not PLAIN_PATH.fullmatch(self._hook):
            raise NotDone(f"{DENY}: {self._hook} cannot stand in a rule; install tcpwrap-alert elsewhere")
        has_hook = allow.has_hook_for_all() or deny.has_hook_for_all()
        rule = f"ALL: ALL: spawn ({self._hook} %h %d) &: deny"
        let_in = [LOOPBACK, *(f"ALL: {pattern_of(client)}" for client in self._clients)]
        return [(allow, list(dict.fromkeys(let_in))), (deny, [] if has_hook else [rule])]

    def _why_not(self, both: Sequence[HostsFile]) -> str:
        """Return why whoever runs setup could be locked out by the files; nothing if that cannot be."""
        for file in both:
            if number := file.unreadable_line():
                return f"libwrap cannot read line {number} of {file.path}, so nobody can tell what it does; correct it"
        if self._session.is_local and not self._networks:
            return ""
        rules = [rule for file in both for rule in file.rules()]
        for client in self._to_be_let_in():
            outcome = ask(rules, DAEMON, client)
            if outcome.is_let_in or not outcome.rule:
                continue
            if client in EVERYBODY:
                return f"nobody can tell from where you are logged in, and you could be locked out; {HOW_TO_TELL}"
            return self._locks_out(outcome.rule, is_certain=outcome.is_let_in is False)
        return ""

    def _locks_out(self, rule: Rule, *, is_certain: bool) -> str:
        where, may = f"{rule.path}:{rule.lineno}", "would" if is_certain else "may"
        if rule.path == DENY and is_for_all(rule):
            advice = "no line of hosts.allow surely lets you in, so name your network by --network"
            return f"it {may} lock you out, who are logged in from {self._shown()}: {advice}"
        return f"{where} {may} lock you out, who are logged in from {self._shown()}; correct that line first"

    def _to_be_let_in(self) -> list[Network]:
        named = [self._session.address] if self._session.address else [pattern_of(one) for one in self._networks]
        patterns = [f"[{name}]" if ":" in name and "[" not in name else name for name in named]
        parsed = [network for network in map(parse_client, patterns) if isinstance(network, Network)]
        return parsed or list(EVERYBODY)

    def _shown(self) -> str:
        return self._session.address or ", ".join(map(str, self._networks))


def _read_both() -> tuple[HostsFile, HostsFile]:
    return HostsFile(ALLOW, True, files.read(ALLOW)), HostsFile(DENY, False, files.read(DENY))


def _write(file: HostsFile, new: HostsFile) -> None:
    if new == file:
        return
    if file.text is not None:
        files.back_up(file.path, file.text)
    if new.text is None:
        files.remove(os.path.realpath(file.path))
    else:
        files.replace(file.path, new.text)
