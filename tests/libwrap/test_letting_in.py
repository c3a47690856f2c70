"""Whether a client is let in: what is certain agrees with the real libwrap, and what is not is no certainty."""

from __future__ import annotations

import io

import pytest
from peers import libwrap
from support.missing import skip_or_fail

from tcpwrap_alert.libwrap.client_patterns import parse_client
from tcpwrap_alert.libwrap.findings import Findings
from tcpwrap_alert.libwrap.hosts_access import rules_in, unreadable_line
from tcpwrap_alert.libwrap.letting_in import ask

CLIENT = "198.51.100.7"
CLOSED = "ALL: ALL\n"
# hosts.allow, hosts.deny, whether sshd lets the client in.
CERTAIN = [
    ("", "", True),
    ("", CLOSED, False),
    ("", "ALL: ALL: spawn (HOOK %h %d) &: deny\n", False),
    ("ALL: 198.51.100.0/24\n", CLOSED, True),
    ("ALL: 198.51.100.\n", CLOSED, True),
    ("ALL: 198.51.100.0/255.255.255.0\n", CLOSED, True),
    ("ALL: 198.51.100.0/33\n", CLOSED, False),
    ("sshd: 198.51.100.7\n", CLOSED, True),
    ("vsftpd: 198.51.100.7\n", CLOSED, False),
    ("ALL EXCEPT sshd: ALL\n", CLOSED, False),
    ("ALL: 198.51.100.0/24 EXCEPT 198.51.100.7\n", CLOSED, False),
    ("ALL: 198.51.100.0/24 EXCEPT 198.51.100.8\n", CLOSED, True),
    ("sshd: 198.51.100.7: deny\nALL: 198.51.100.0/24\n", "", False),
    ("ALL: 198.51.100.0/24\nsshd: 198.51.100.7: deny\n", CLOSED, True),
    ("ALL: 198.51.100.0/24: nonsense\n", CLOSED, False),
    ("ALL: [2001:db8::]/32\n", CLOSED, False),
    ("ALL: /no/such/file\n", CLOSED, False),
    ("", "ALL: 198.51.100.7: allow\nALL: ALL\n", True),
    ("ALL@ALL: 198.51.100.7\n", "vsftpd: ALL\n", True),
    ("sshd: ALL@203.0.113.9\n", CLOSED, False),
]
UNCERTAIN = [
    ("ALL: desk.example\n", CLOSED),
    ("ALL: .example\n", CLOSED),
    ("ALL: LOCAL\n", CLOSED),
    ("ALL: @desks\n", CLOSED),
    ("ALL: root@198.51.100.7\n", CLOSED),
    ("ALL: PARANOID: deny\nALL: 198.51.100.0/24\n", CLOSED),
    ("sshd@192.0.2.1: ALL\n", CLOSED),
    ("22: ALL\n", CLOSED),
    ("ALL: 198.51.100.7: aclexec /bin/true\nALL: 198.51.100.0/24\n", CLOSED),
    ("ALL: 198.51.100.0/24 EXCEPT desk.example\n", CLOSED),
    ("ALL: /etc/passwd\n", CLOSED),
]


def outcome(allow, deny, client=CLIENT):
    files = ((allow, True), (deny, False))
    rules = [rule for text, is_in_allow in files for rule in rules_in(io.BytesIO(text), "p", is_in_allow, Findings())]
    return ask(rules, "sshd", parse_client(client))


@pytest.mark.parametrize(("allow", "deny", "is_let_in"), CERTAIN)
def test_certain_outcome_is_that_of_libwrap(tmp_path, allow, deny, is_let_in):
    assert outcome(allow.encode(), deny.encode()).is_let_in is is_let_in
    if not libwrap.is_there():
        skip_or_fail("libwrap is not installed")
    real = libwrap.Libwrap(tmp_path)
    real.write(allow.encode(), deny.encode())
    is_denied, _ = real.ask(client=CLIENT)
    real.stop()
    assert is_denied is not is_let_in


@pytest.mark.parametrize(("allow", "deny"), UNCERTAIN)
def test_what_rules_do_not_tell_is_not_certain(allow, deny):
    assert outcome(allow.encode(), deny.encode()).is_let_in is None


@pytest.mark.parametrize(
    ("client", "is_let_in"), [("198.51.100.0/24", True), ("198.51.100.0/25", True), ("198.51.0.0/16", None)]
)
def test_question_may_be_about_a_network(client, is_let_in):
    assert outcome(b"ALL: 198.51.100.0/24\n", b"ALL: ALL\n", client).is_let_in is is_let_in


def test_ipv6_network_holds_its_addresses():
    assert outcome(b"ALL: [2001:db8::]/64\n", b"ALL: ALL\n", "[2001:db8::7]").is_let_in is True
    assert outcome(b"ALL: [2001:db8::]/64\n", b"ALL: ALL\n", "[2001:db9::7]").is_let_in is False


def test_rule_that_denies_is_named():
    assert outcome(b"ALL: 192.0.2.1\n", b"# closed\nALL: ALL\n").rule.lineno == 2


def test_line_that_libwrap_cannot_read_is_found():
    assert unreadable_line(io.BytesIO(b"ALL: 192.0.2.1\nALL: ALL"), False) == 2
    assert unreadable_line(io.BytesIO(b"ALL: 192.0.2.1\n"), False) is None
    assert outcome(b"ALL: 198.51.100.7\n", b"ALL: 192.0.2.1").is_let_in is True
    assert outcome(b"", b"ALL: 192.0.2.1").is_let_in is None
