"""Reading hosts.allow and hosts.deny: rules, their lines and their parts. libwrap itself is asked in tests/interop."""

from __future__ import annotations

import pytest

from tcpwrap_alert.libwrap.hosts_access import Option, Patterns, read_rules


@pytest.fixture
def read(tmp_path):
    """Return the rules, and the findings, of this text as hosts.deny or hosts.allow."""
    path = tmp_path / "rules"

    def read_text(text, is_in_allow=False):
        path.write_text(text)
        return read_rules(str(path), is_in_allow)

    return read_text


def test_the_parts_of_a_rule(read):
    ((rule,), findings) = read("sshd, vsftpd@10.0.0.1 : ALL except [2001:db8::]/32 10. : Nice : spawn=(a\\:b = c) &\n")
    assert findings == []
    assert rule.daemons == Patterns(("sshd", "vsftpd@10.0.0.1"), ())
    assert rule.clients == Patterns(("ALL",), ("[2001:db8::]/32", "10."))
    assert rule.options == (Option("nice", ""), Option("spawn", "(a:b = c) &"))


@pytest.mark.parametrize("char", ["\xa0", "\u3000", "\u200b", "\ufeff", "\v", "\f"])
@pytest.mark.parametrize(
    "rule", ["{}ALL: ALL: nice\n", "ALL:{}ALL: nice\n", "ALL: ALL:{}nice\n", "ALL: ALL: spawn a{}b\n"]
)
def test_what_only_looks_like_a_blank_is_named(read, rule, char):
    _, findings = read("# " + char + "\n" + rule.format(char))
    assert [(finding.lineno, finding.text[:6]) for finding in findings[:1]] == [(2, f"U+{ord(char):04X}")]


def test_lines_count_from_1_and_a_rule_has_its_first(read):
    rules, findings = read("#\n\nsshd: ALL: \\\n nice: \\\n  keepalive\n\nno colon\nvsftpd: ALL\nnrpe: ALL")
    assert [(rule.lineno, rule.daemons.names) for rule in rules] == [(3, ("sshd",)), (8, ("vsftpd",)), (9, ("nrpe",))]
    assert [finding.lineno for finding in findings] == [7, 9]


def test_no_file_is_no_rules(tmp_path):
    assert read_rules(str(tmp_path / "none"), False) == ([], [])


@pytest.mark.parametrize(
    ("options", "in_deny", "in_allow"),
    [
        ("", True, False),
        (": nice", True, False),
        (": deny", True, True),
        (": allow", False, False),
        (": twist /bin/true", True, True),
    ],
)
def test_who_is_denied(read, options, in_deny, in_allow):
    text = f"ALL: ALL{options}\n"
    assert [read(text, is_in_allow)[0][0].denies for is_in_allow in (False, True)] == [in_deny, in_allow]


@pytest.mark.parametrize(
    ("first", "second", "is_covered"),
    [
        ("ALL: ALL", "sshd: 10.0.0.1", True),
        ("*: *", "ALL: ALL", True),
        ("sshd vsftpd: 10.0.0.1 10.0.0.2", "VSFTPD: 10.0.0.2", True),
        ("sshd: ALL EXCEPT 10.0.0.1", "sshd: ALL EXCEPT 10.0.0.1", True),
        ("sshd: ALL", "sshd: ALL EXCEPT 10.0.0.1", True),
        ("sshd: ALL EXCEPT 10.0.0.1", "sshd: ALL", False),
        ("ALL EXCEPT sshd: ALL", "sshd: ALL", False),
        ("sshd: ALL", "sshd vsftpd: ALL", False),
        ("sshd: 10.0.0.1", "sshd: 10.0.0.1 10.0.0.2", False),
        ("sshd: 10.", "sshd: 10.0.0.1", False),
    ],
)
def test_what_plainly_covers_what(read, first, second, is_covered):
    (rules, _) = read(f"{first}\n{second}\n")
    assert rules[0].covers(rules[1]) is is_covered
