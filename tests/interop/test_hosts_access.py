"""What we think that libwrap makes of hosts.allow and hosts.deny, against libwrap itself."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import libwrap
from support.missing import skip_or_fail

from tcpwrap_alert.libwrap.check_rules import check_rules
from tcpwrap_alert.libwrap.findings import Findings
from tcpwrap_alert.libwrap.hosts_access import read_rules
from tcpwrap_alert.libwrap.options import LAST, OPTIONS
from tcpwrap_alert.libwrap.reach import Decided

SPAWN = b"ALL: ALL: spawn (HOOK %h %d) &\n"
LOCAL = b"ALL: 127.0.0.1\n"  # without it nobody at all could come in
ALERT = (True, ["203.0.113.7 sshd"])
NO_ALERT = (True, [])
ALLOWED = (False, [])


@pytest.fixture(scope="module")
def wrap():
    """The real libwrap, with a directory that everybody may enter."""
    if not libwrap.is_there():
        skip_or_fail("libwrap is not installed")
    if os.geteuid():
        skip_or_fail("the files of rules must be root's")
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        asked = libwrap.Libwrap(Path(directory))
        yield asked
        asked.stop()


@pytest.fixture
def check(wrap):
    """Put rules in place; return the texts of what we find, without paths and lines."""

    def find(deny, allow=b""):
        wrap.write(LOCAL + allow, deny)
        return [finding.text for finding in check_rules(str(wrap.hosts_allow), str(wrap.hosts_deny))]

    return find


@pytest.mark.parametrize(
    ("deny", "allow"),
    [
        (SPAWN, b""),
        (SPAWN, b"ALL: 10.0.0.1\n"),
        (b"# a comment\n\n" + SPAWN, b"#\n"),
        (b"ALL: ALL: \\\n  spawn (HOOK %h %d) &\n", b""),
        (b"ALL : ALL : severity auth.info : Spawn = (HOOK %h %d) & : deny\n", b""),
        (b"sshd,vsftpd: ALL EXCEPT [2001:db8::1]: spawn (HOOK %h %d) &\n", b""),
        (b"ALL: ALL: spawn (HOOK %h %d; echo a\\:b) &\n", b""),
        (b"*: *: spawn (HOOK %h %d &)\n", b""),
        (b"ALL: ALL: spawn ([ -x HOOK ] && HOOK %h %d) &\n", b""),
        (b"ALL: ALL: spawn (HOOK >/dev/null 2>&1 %h %d || logger 'no handle_tcp_wrapper') &\n", b""),
        (b"ALL: ALL: spawn HOOK '%a' \"%d\" &\r\n", b""),
        (b"", b"ALL: 10.0.0.1: allow\nALL: ALL: spawn (HOOK %h %d) & : deny\n"),
        (b"ALL: 10.0.0.1: ALLOW\n" + SPAWN, b""),
        (SPAWN.replace(b"&", b"&: deny"), b"ALL: ALL: aclexec [ %a = 10.0.0.1 ]\n"),
        (b"", b"ALL: 10.0.0.1\nALL: ALL: aclexec false: spawn (HOOK %h %d) &: deny\n"),
    ],
)
def test_rules_that_we_find_right_are_an_alert(wrap, check, deny, allow):
    assert check(deny, allow) == []
    assert wrap.ask() == ALERT
    assert wrap.ask(client="10.0.0.1")[0] is (b"10.0.0.1" not in deny + allow)


@pytest.mark.parametrize(
    ("deny", "allow", "answer", "what"),
    [
        (SPAWN[:-1], b"", NO_ALERT, "no newline at the end"),
        (b"#" + b"x" * 2045 + b"\n" + SPAWN, b"", ALERT, ""),
        (b"#" + b"x" * 2046 + b"\n" + SPAWN, b"", NO_ALERT, "more than 2046 bytes"),
        (b"vsftpd: ALL\\\n" + b"x" * 2040 + b"\n" + SPAWN, b"", NO_ALERT, "more than 2046 bytes"),
        (b"ALL: ALL\0: x\n" + SPAWN, b"", ALLOWED, "a NUL byte"),
        (SPAWN, b"sshd: ALL # office: main\n", NO_ALERT, "'#' begins a comment at the beginning of a line only"),
        (SPAWN, b"sshd: 10.0.0.1 # not 203.0.113.7\n", ALLOWED, "'#' begins a comment at the beginning"),
        (SPAWN, b" # sshd: ALL\n", ALLOWED, "'#' begins a comment at the beginning"),
        (SPAWN, b"sshd: ALL: allow # office\n", NO_ALERT, "'allow' cannot have the value '# office'"),
        (SPAWN.replace(b"\n", b" # why\n"), b"", ALERT, ""),
        (SPAWN, b"sshd: ALL", ALERT, "no newline at the end"),
        (SPAWN, b"vsftpd ALL\nsshd: 203.\n", ALLOWED, "no ':' between daemons and clients"),
        (b"ALL: ALL: spawn (HOOK %h %d; echo a:b) &\n", b"", NO_ALERT, "unknown option 'b)'"),
        (b"ALL: 2001:db8::1: spawn (HOOK %h %d) &\n" + SPAWN, b"", ALERT, "nobody by '2001:db8::1'"),
        (b"sshd: 203.: nice x\n" + SPAWN, b"", NO_ALERT, "'nice' cannot have the value 'x'"),
        (SPAWN.replace(b"HOOK", b"HOOK.old"), b"", NO_ALERT, "no rule calls handle_tcp_wrapper"),
        (b"ALL: ALL: mail root: spawn (HOOK %h %d) &\n", b"", NO_ALERT, "unknown option 'mail'"),
        (b"ALL: ALL: deny: spawn (HOOK %h %d) &\n", b"", NO_ALERT, "'deny' must be the last"),
        (b"ALL: ALL: umask x: spawn (HOOK %h %d) &\n", b"", NO_ALERT, "'umask' cannot have the value 'x'"),
        (b"ALL: ALL: setenv: spawn (HOOK %h %d) &\n", b"", NO_ALERT, "'setenv' needs a value"),
        (b"ALL: ALL\n" + SPAWN, b"", NO_ALERT, "denies without an alert"),
        (b"sshd: 203.0.113.7\n" + SPAWN, b"", NO_ALERT, "denies without an alert"),
        (SPAWN, b"ALL: 203.0.113.7: deny\n", NO_ALERT, "denies without an alert"),
        (SPAWN, b"ALL: ALL\n", ALLOWED, "never asked: "),
        (b"ALL: ALL\n" + SPAWN, b"", NO_ALERT, "never asked: "),
        (SPAWN, b"ALL: ALL: aclexec false: allow\n", ALLOWED, "never asked: "),
        (b"ALL: ALL: spawn (HOOK %h %d &\n", b"", NO_ALERT, "the shell does not run this command: 1: Syntax error"),
        (b"ALL: ALL: spawn (HOOK %h '%d) &\n", b"", NO_ALERT, "the shell does not run this command"),
        (b"ALL: ALL: spawn (HOOK %h %d) &&\n", b"", NO_ALERT, "the shell does not run this command"),
        (SPAWN, b"ALL: ALL: aclexec false\n", (False, ALERT[1]), "lets in whom the aclexec of "),
        (b"ALL: ALL\n", b"ALL: ALL: aclexec false\n", NO_ALERT, "denies without an alert"),
        (b"ALL: ALL: aclexec HOOK %h %d; false\n", b"", (False, ALERT[1]), "whom the command of aclexec fails for"),
        (SPAWN.replace(b"spawn", b"aclexec false: spawn"), b"", (False, ALERT[1]), "whom the command of aclexec fails"),
        (b"*: *\n" + SPAWN, b"", NO_ALERT, "never asked: "),
        (b"sshd: ALL: spawn (HOOK %h %d) &\n", b"SSHD: ALL\n", ALLOWED, "never asked: "),
        (b"", SPAWN, (False, ALERT[1]), "alerts for clients that it lets in"),
        (SPAWN.replace(b"&", b"&: allow"), b"", (False, ALERT[1]), "alerts for clients that it lets in"),
        (b"ALL: ALL\n", b"", NO_ALERT, "no rule calls handle_tcp_wrapper"),
        (b"", b"", ALLOWED, "no rule calls handle_tcp_wrapper"),
        (SPAWN.replace(b"%h %d", b"%d %h"), b"", (True, ["sshd 203.0.113.7"]), "called with '%d %h'"),
        (SPAWN.replace(b" %d", b""), b"", (True, ["203.0.113.7"]), "called with '%h'"),
        (SPAWN.replace(b"%d", b"2>/dev/null"), b"", (True, ["203.0.113.7"]), "called with '%h'"),
        (SPAWN.replace(b"HOOK", b"HOOK.d/handle_tcp_wrapper"), b"", NO_ALERT, "there is no program "),
        (SPAWN.replace(b"HOOK", b"handle_tcp_wrapper"), b"", NO_ALERT, "is not an absolute path"),
        (SPAWN.replace(b"&", b""), b"", ALERT, "the daemon waits for this command"),
        ("ALL:\xa0ALL: spawn (HOOK %h %d) &\n".encode(), b"", ALLOWED, "U+00A0 is no blank"),
        ("ALL: ALL: spawn (HOOK\xa0%h %d) &\n".encode(), b"", NO_ALERT, "U+00A0 is no blank"),
        (SPAWN.replace(b"spawn", b"RFC931: spawn"), b"", ALERT, "rfc931 holds client and daemon for 10 s"),
        (SPAWN.replace(b"spawn", b"rfc931 3: spawn"), b"", ALERT, "rfc931 holds client and daemon for 3 s"),
        (
            SPAWN.replace(b"%h", b"%h %u"),
            b"",
            (True, ["203.0.113.7 unknown sshd"]),
            "%u holds client and daemon for 10 s",
        ),
        (SPAWN, b"ALL: root@10.0.0.1\n", ALERT, "user@host, holds client and daemon for 10 s"),
        (SPAWN, b"ALL: @friends /etc/hosts\nsshd@10.0.0.1: 10.0.0.1\n", ALERT, ""),
        (b"ALL: : spawn (HOOK %h %d) &\n", b"", ALLOWED, "matches nobody"),
    ],
)
def test_what_we_warn_of_is_what_libwrap_does(wrap, check, deny, allow, answer, what):
    found = check(deny, allow)
    assert any(what in text for text in found) if what else found == []
    assert wrap.ask() == answer


VALUES = ("", "x", "0", "1", "-1", "022", "0999", "1x", "root", "auth.info", "a b")
SEVERITIES = ("INFO", "Mail.err", "local7.emerg", "local8.info", "authpriv.info", "auth.inf", "auth.", ".info", "warn")
OPTION_VALUES = [(name, value) for name in (*OPTIONS, "mail", "") for value in VALUES]


@pytest.mark.parametrize(("name", "value"), OPTION_VALUES + [("severity", value) for value in SEVERITIES])
def test_an_option_is_carried_out_or_wrong_as_we_say(wrap, name, value):
    if name in ("banners", "group", "user", "twist", "aclexec", "setenv") and value:
        return  # whether there is such a thing is not for us to say; a twist needs a connection
    wrap.write(b"", f"ALL: ALL: {name} {value}: spawn HOOK %h %d\n".encode())
    (rule,) = read_rules(str(wrap.hosts_deny), False, Findings())
    assert (wrap.ask() == ALERT) is (not rule.effect.fault)
    assert rule.effect.fault or name not in LAST


@pytest.mark.parametrize(("name", "answer"), [("hosts_deny", NO_ALERT), ("hosts_allow", ALERT)])
def test_a_file_that_a_daemon_may_not_read(wrap, check, name, answer):
    allow = b"sshd: 203.0.113.7\n" if name == "hosts_allow" else b""
    assert check(SPAWN, allow) == []
    file = getattr(wrap, name)
    file.chmod(0o640)
    try:
        (text,) = check(SPAWN, allow)
        assert text.startswith("not everybody may read it: for daemons that are not root, ")
        assert wrap.ask(uid=65534) == answer
    finally:
        file.chmod(0o644)


@pytest.mark.parametrize(
    ("pattern", "client"),
    [
        *((pattern, "203.0.113.7") for pattern in (
            "203.0.113.7", "203.", "203.0.113.0/24", "203.0.113.7/32", "203.0.113.0/255.255.255.0", "203.0.113.7/24",
            "203.0.113/24", "203.0.113.0/33", "203.0.113", "128.0.0.0/1", "0.0.0.0/0", "0.0.0.0/0.0.0.0",
            "203.0.113.07", "203.0.113.7/", "203.0.113.7.", "203.0.113.0/0.0.0.255", "256.", "1.2.3.4.5",
            "[203.0.113.7]", "[::ffff:203.0.113.7]", "203.0.113.*", "/nonexistent/file",
        )),
        *((pattern, "2001:db8::1") for pattern in (
            "[2001:db8::1]", "[2001:db8::]/32", "[2001:db8::1]/32", "[2001:db8::/32]", "[2001:db8::1", "[2001:db8:]",
            "[::]/0", "[2001:db8::1]/129", "[2001:db8::*]", "[2001:DB8:0::1]/128",
        )),
    ],
)  # fmt: skip
def test_a_pattern_that_matches_nobody_is_named(wrap, check, pattern, client):
    found = check(f"ALL: {pattern}: spawn (HOOK %h %d) &\n".encode())
    assert (wrap.ask(client=client) == ALLOWED) is any("matches nobody" in text for text in found)


@pytest.mark.parametrize(
    ("option", "is_known"), [("user nobody", True), ("user nosuch", False), ("group nosuch", False)]
)
def test_a_user_who_is_not_there_is_named(wrap, check, option, is_known):
    found = check(f"ALL: ALL: {option}: spawn (HOOK %h %d) &\n".encode())
    assert (wrap.ask() == ALERT) is (found == []) is is_known


def test_a_rule_that_is_wrong_is_told_so_once(check):
    (text,) = check(b"ALL: 10.0.0.1: mail root\n" + SPAWN)
    assert text.startswith("unknown option 'mail'")


DAEMONS = st.sampled_from(["ALL", "*", "sshd", "SSHD vsftpd", "sshd, vsftpd", "ALL EXCEPT sshd", "sshd EXCEPT sshd"])
CLIENTS = st.sampled_from(
    ["ALL", "203.0.113.7", "203.0.113.", "198.51.100.0/255.255.255.0", "ALL EXCEPT 203.0.113.7", "203. ALL", "[::1]"]
)
HOOK = "spawn (HOOK %h %d) &"
OPTION_LISTS = st.lists(
    st.sampled_from(
        [HOOK, HOOK, HOOK, "allow", "deny", "severity auth.info", "nice", "bogus", "", "spawn /bin/true &"]
    ),
    max_size=3,
).filter(lambda options: options.count(HOOK) < 2)
ENDS = st.sampled_from(["\n", "\n", "\n", " # why: not\n", "\r\n", "", "\\\n"])
RULES = st.builds(
    lambda daemons, clients, options, end: " : ".join([daemons, clients, *options]) + end,
    DAEMONS,
    CLIENTS,
    OPTION_LISTS,
    ENDS,
)
FILES = st.lists(RULES, max_size=3).map(lambda rules: "".join(rules).encode())
RIGHT = st.just(b"ALL : ALL : spawn (HOOK %h %d) &\n")


@given(FILES, st.builds(bytes.__add__, FILES, RIGHT) | FILES)
@settings(max_examples=300, deadline=None)
def test_rules_without_findings_alert_on_denials_only(wrap, allow, deny):
    wrap.write(allow, deny)
    if check_rules(str(wrap.hosts_allow), str(wrap.hosts_deny)):
        return
    for daemon in ("sshd", "vsftpd", "nrpe"):
        for client in ("203.0.113.7", "203.0.113.8", "198.51.100.9"):
            is_denied, calls = wrap.ask(daemon, client)
            assert calls == ([f"{client} {daemon}"] if is_denied else [])


MORE_DAEMONS = ["ALL", "sshd", "ss*", "*d", "vsftpd, SSHD", "ALL EXCEPT sshd", "*d EXCEPT v* EXCEPT vsftpd"]
MORE_CLIENTS = ["ALL", "203.0.113.7", "203.0.113.", "203.0.113.0/25", "*.7", "KNOWN", "203.0.113.7 198.51.100."]
MORE_CLIENTS += ["203. EXCEPT 203.0.113.7", "ALL EXCEPT 203.0.113.0/24", "198.51.100.9 EXCEPT ALL"]
MORE_CLIENTS += ["203. EXCEPT 203.0.113. EXCEPT 203.0.113.7"]
MORE_RULES = st.lists(
    st.builds(
        "{} : {} : spawn (HOOK %h {}) &: deny\n".format, *map(st.sampled_from, (MORE_DAEMONS, MORE_CLIENTS, ["NUMBER"]))
    ),
    min_size=2,
    max_size=5,
)


@given(MORE_RULES)
@settings(max_examples=200, deadline=None)
def test_rule_that_we_find_decided_is_never_asked(wrap, rules):
    """Whatever client and daemon: libwrap carries out another rule for each."""
    numbered = "".join(rule.replace("NUMBER", str(number)) for number, rule in enumerate(rules))
    wrap.write(b"", numbered.encode())
    decided, never = Decided(), set()
    for number, rule in enumerate(read_rules(str(wrap.hosts_deny), False, Findings())):
        if decided.decider(rule):
            never.add(str(number))
        decided.add(rule)
    for daemon in ("sshd", "vsftpd", "nrpe"):
        for client in ("203.0.113.7", "203.0.113.200", "203.1.1.7", "198.51.100.9"):
            for call in wrap.ask(daemon, client)[1]:
                assert call.split()[1] not in never
