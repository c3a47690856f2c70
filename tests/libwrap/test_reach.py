"""Which daemons and clients the rules before it leave to a rule."""

from __future__ import annotations

import pytest

from tcpwrap_alert.libwrap.findings import Findings
from tcpwrap_alert.libwrap.hosts_access import read_rules
from tcpwrap_alert.libwrap.reach import Decided, may_meet, may_share_daemons


@pytest.fixture
def read(tmp_path):
    """Return the rules of a text, and what all of them but the last decide."""

    def read_text(text):
        (tmp_path / "rules").write_text(text)
        rules = list(read_rules(str(tmp_path / "rules"), False, Findings()))
        decided = Decided()
        for rule in rules[:-1]:
            decided.add(rule)
        return rules, decided

    return read_text


@pytest.mark.parametrize(
    ("first", "second", "is_decided"),
    [
        ("ALL: ALL", "sshd: 10.0.0.1", True),
        ("*: *", "ALL: ALL", True),
        ("KNOWN: ALL", "sshd: ALL", True),
        ("sshd vsftpd: 10.0.0.1 10.0.0.2", "VSFTPD: 10.0.0.2", True),
        ("sshd: ALL EXCEPT 10.0.0.1", "sshd: ALL EXCEPT 10.0.0.1", True),
        ("sshd: ALL EXCEPT 10.0.0.1", "sshd: 10.0.0.2", True),
        ("sshd: ALL EXCEPT 10.0.0.1", "sshd: 10.0.0.1", False),
        ("sshd: ALL EXCEPT 10.0.0.1", "sshd: 10.0.0.0/24", False),
        ("sshd: ALL EXCEPT 10.0.0.1", "sshd: ALL", False),
        ("sshd: ALL EXCEPT .b.example", "sshd: a.b.example", False),
        ("sshd: ALL", "sshd: ALL EXCEPT 10.0.0.1", True),
        ("sshd: 10. EXCEPT 10.1. EXCEPT 10.1.1.", "sshd: 10.1.2.3", False),
        ("ALL EXCEPT sshd: ALL", "sshd: ALL", False),
        ("ALL EXCEPT sshd: ALL", "vsftpd: ALL", True),
        ("ALL EXCEPT sshd: ALL", "ALL: ALL", False),
        ("ALL EXCEPT sshd: ALL", "ALL EXCEPT sshd: 10.0.0.1", True),
        ("ALL EXCEPT sshd: ALL", "ALL EXCEPT sshd vsftpd: ALL", True),
        ("sshd: ALL", "sshd vsftpd: ALL", False),
        ("sshd: ALL", "sshd@192.0.2.1: ALL", True),
        ("sshd@192.0.2.1: ALL", "sshd: ALL", False),
        ("ssh*: ALL", "sshd: ALL", True),
        ("ssh*: ALL", "vsftpd: ALL", False),
        ("ssh*: ALL", "s*: ALL", False),
        ("sshd: 10.0.0.1", "sshd: 10.0.0.1 10.0.0.2", False),
        ("sshd: 10.", "sshd: 10.0.0.1", True),
        ("sshd: 10.", "sshd: 10.2.0.0/16", True),
        ("sshd: 10.2.0.0/16", "sshd: 10.", False),
        ("sshd: 10.0.0.0/255.0.0.0", "sshd: 10.", True),
        ("sshd: [2001:db8::]/32", "sshd: [2001:db8:1::5]", True),
        ("sshd: [2001:db8::]/32", "sshd: [2001:db9::5]", False),
        ("sshd: .b.example", "sshd: a.b.example", True),
        ("sshd: .b.example", "sshd: .a.b.example", True),
        ("sshd: .b.example", "sshd: b.example", False),
        ("sshd: *.example", "sshd: a.example", False),  # it is, but nobody looks
        ("sshd: 10.0.0.1", "sshd: root@10.0.0.1", True),
        ("sshd: root@10.0.0.1", "sshd: 10.0.0.1", False),
        ("sshd: ALL: aclexec true", "sshd: ALL", False),
        ("sshd: ALL: aclexec true: deny", "sshd: ALL", True),
        ("sshd: 10.0.0.1\nvsftpd: ALL\nsshd: 10.0.0.2", "sshd: 10.0.0.1 10.0.0.2", True),
        ("sshd: 10.0.0.1\nvsftpd: ALL", "sshd vsftpd: 10.0.0.1", True),
    ],
)
def test_what_plainly_decides_before(read, first, second, is_decided):
    rules, decided = read(f"{first}\n{second}\n")
    assert (decided.decider(rules[-1]) is not None) is is_decided


def test_the_rule_that_decides_is_named(read, tmp_path):
    rules, decided = read("sshd: 10.0.0.1\nALL: 10.\nALL: ALL\nsshd: 10.0.0.2\n")
    assert decided.decider(rules[-1]) == (str(tmp_path / "rules"), 3)


@pytest.mark.parametrize(
    ("before", "rule", "left"),
    [
        ("", "ALL: ALL", "sshd vsftpd rpcbind"),
        ("sshd: ALL", "ALL: ALL", "vsftpd rpcbind"),
        ("sshd: 10.", "ALL: ALL", "sshd vsftpd rpcbind"),
        ("sshd: 10.\nsshd vsftpd: ALL", "ALL: 10. ALL", "rpcbind"),
        ("*d: ALL", "ALL: ALL", ""),
        ("", "ALL EXCEPT sshd: ALL", "vsftpd rpcbind"),
        ("", "ALL EXCEPT *d EXCEPT sshd: ALL", "sshd"),
        ("", "sshd@192.0.2.1: ALL", "sshd"),
        ("ALL EXCEPT rpcbind: ALL", "ALL: ALL", "rpcbind"),
    ],
)
def test_which_daemons_are_left_to_a_rule(read, before, rule, left):
    rules, decided = read(f"{before}\n{rule}\n")
    assert [name for name in ("sshd", "vsftpd", "rpcbind") if decided.leaves(rules[-1], name)] == left.split()


@pytest.mark.parametrize(
    ("one", "other", "they_meet"),
    [
        ("sshd: 10.", "ALL: ALL", True),
        ("sshd: 10.", "vsftpd: ALL", False),
        ("sshd: 10.", "sshd: 192.0.2.", False),
        ("sshd: 10.", "sshd: 10.0.0.1", True),
        ("sshd: 10.", "sshd: a.example", True),
        ("sshd: a.example", "sshd: b.example", False),
        ("sshd: .example", "sshd: b.example", True),
        ("sshd: 10.", "sshd: ALL EXCEPT 10.", False),
        ("sshd: 10.", "ALL EXCEPT sshd: ALL", False),
        ("s*: ALL", "sshd@192.0.2.1: ALL", True),
        ("sshd: 10.", "sshd: [2001:db8::]/32", False),
    ],
)
def test_whether_two_rules_may_meet(read, one, other, they_meet):
    rules, _ = read(f"{one}\n{other}\n")
    assert may_meet(*rules) is may_meet(*reversed(rules)) is they_meet
    assert may_share_daemons(*rules) or not they_meet
