"""Reading hosts.allow and hosts.deny: rules, their lines and their parts. libwrap itself is asked in tests/interop."""

from __future__ import annotations

import pytest

from tcpwrap_alert.libwrap.findings import Findings
from tcpwrap_alert.libwrap.hosts_access import read_rules
from tcpwrap_alert.libwrap.options import Option
from tcpwrap_alert.libwrap.patterns import Patterns


@pytest.fixture
def read(tmp_path):
    """Return the rules, and the findings, of this text as hosts.deny or hosts.allow."""
    path = tmp_path / "rules"

    def read_text(text, is_in_allow=False):
        path.write_text(text)
        findings = Findings()
        rules = list(read_rules(str(path), is_in_allow, findings))
        return rules, findings.sorted([str(path)])

    return read_text


def test_the_parts_of_a_rule(read):
    ((rule,), findings) = read("sshd, vsftpd@10.0.0.1 : ALL except [2001:db8::]/32 10. : Nice : spawn=(a\\:b = c) &\n")
    assert findings == []
    assert rule.daemons == Patterns(("sshd", "vsftpd@10.0.0.1"))
    assert rule.clients == Patterns(("ALL",), Patterns(("[2001:db8::]/32", "10.")))
    assert rule.options == (Option("nice", ""), Option("spawn", "(a:b = c) &"))


@pytest.mark.parametrize("char", ["\xa0", "\u3000", "\u200b", "\ufeff", "\v", "\f"])
@pytest.mark.parametrize(
    "rule", ["{}ALL: ALL: nice\n", "ALL:{}ALL: nice\n", "ALL: ALL:{}nice\n", "ALL: ALL: spawn a{}b\n"]
)
def test_what_only_looks_like_a_blank_is_named(read, rule, char):
    _, findings = read("# " + char + "\n" + rule.format(char))
    assert [(finding.lineno, finding.text[:6]) for finding in findings[:1]] == [(2, f"U+{ord(char):04X}")]


def test_rule_has_its_first_line_counted_from_1(read):
    rules, findings = read("#\n\nsshd: ALL: \\\n nice: \\\n  keepalive\n\nno colon\nvsftpd: ALL\nnrpe: ALL")
    assert [(rule.lineno, rule.daemons.names) for rule in rules] == [(3, ("sshd",)), (8, ("vsftpd",)), (9, ("nrpe",))]
    assert [finding.lineno for finding in findings] == [7, 9]


def test_no_file_is_no_rules(tmp_path):
    assert list(read_rules(str(tmp_path / "none"), False, Findings())) == []


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
    assert [read(text, is_in_allow)[0][0].effect.denies for is_in_allow in (False, True)] == [in_deny, in_allow]


def test_exceptions_may_have_exceptions(read):
    ((rule,), _) = read("ALL: 10. EXCEPT 10.1. except 10.1.1.\n")
    assert rule.clients == Patterns(("10.",), Patterns(("10.1.",), Patterns(("10.1.1.",))))
    assert [rule.clients.matches(address.startswith) for address in ("10.2.0.1", "10.1.2.1", "10.1.1.1")] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("text", "is_silent"),
    [
        ("# tcpwrap-alert: silent\nALL: ALL\n", True),
        ("#tcpwrap-alert:silent\n# because of this\nALL: ALL\n", True),
        ("# tcpwrap-alert: silent\n\nALL: ALL\n", False),
        ("# tcpwrap-alert: silent\nsshd: ALL\nALL: ALL\n", False),
        ("# tcpwrap-alert: silently\nALL: ALL\n", False),
        ("ALL: ALL\n# tcpwrap-alert: silent\n", False),
    ],
)
def test_comment_above_makes_one_rule_silent(read, text, is_silent):
    assert read(text)[0][-1].is_silent is is_silent


def test_file_is_read_to_its_end_however_long(read, tmp_path):
    """libwrap does so; the first edition gave up above 16 MiB."""
    comment = "#" + "x" * 1022 + "\n"
    rules, findings = read(comment * (17 << 10) + "ALL: ALL\n")
    assert [rule.lineno for rule in rules] == [(17 << 10) + 1]
    assert findings == []


@pytest.mark.parametrize("size", [100 << 30, 70000])
def test_file_without_lines_is_not_read_for_ever(tmp_path, size):
    with open(tmp_path / "large", "w") as file:
        file.truncate(size)
    findings = Findings()
    list(read_rules(str(tmp_path / "large"), False, findings))
    (found,) = findings.sorted([str(tmp_path / "large")])
    assert found.text.startswith("a NUL byte: ")


def test_rule_of_endless_lines_is_not_kept(tmp_path):
    path = tmp_path / "rules"
    path.write_text("ALL: \\\n" * 500000 + "ALL\n")
    findings = Findings()
    list(read_rules(str(path), False, findings))
    assert findings.sorted([str(path)])[0].text.startswith("more than 2046 bytes in one line")
