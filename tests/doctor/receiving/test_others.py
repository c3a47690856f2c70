"""`check server` on nrpe.cfg and Icinga 2's files, and on files of which it finds out what they are."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from support import namespaces
from support.documents import ROOT
from support.missing import skip_or_fail

NRPE = Path("/etc/nagios/nrpe.cfg")
ICINGA2 = Path("/etc/icinga2")
PASSWORD = "0123456789abcdef0123456789abcdef"
HARDENED = "server_address=192.0.2.20\nallowed_hosts=127.0.0.1,::1,192.0.2.10\ndont_blame_nrpe=0\nnrpe_user=nagios\n"
LISTENER = 'object ApiListener "api" {\n  bind_host = "192.0.2.10"\n  ticket_salt = TicketSalt\n}\n'
# As `icinga2 api setup` writes it.
ROOT_USER = """\
/**
 * The ApiUser objects are used for authentication against the API.
 */
object ApiUser "root" {
  password = "0123456789abcdef0123456789abcdef"
  // client_cn = ""

  permissions = [ "*" ]
}
"""


@pytest.fixture
def examine(run, tmp_path, isolated):
    """Return what is said of files with these texts, by name: what stands before the text, the text, what to do."""

    def check(**texts):
        paths = []
        for name, text in texts.items():
            paths.append(tmp_path / name)
            paths[-1].write_text(text)
            paths[-1].chmod(0o640)
        done = run("tcpwrap-alert", "check", "server", "--json", *map(str, paths))
        found = json.loads(done.stdout)
        assert (done.stderr, done.returncode) == ("", any(one["state"] != "ok" for one in found))
        return [(one["subject"].replace(f"{tmp_path}/", ""), one["text"], one["todo"]) for one in found]

    return check


@pytest.fixture
def no_rules(isolated):
    """No rule for TCP wrappers, until the test has others."""
    for path in ("/etc/hosts.allow", "/etc/hosts.deny"):
        if not os.path.exists(path):
            skip_or_fail(f"there is no {path}")
        namespaces.bind_over(path, "")
    yield
    for path in ("/etc/hosts.allow", "/etc/hosts.deny"):
        namespaces.unbind(path)


def test_debians_nrpe_is_told_to_listen_on_one_address(examine, no_rules):
    if not NRPE.exists():
        skip_or_fail("nrpe is not installed")
    ((place, text, todo),) = examine(nrpe=NRPE.read_text())
    assert place == f"nrpe:{NRPE.read_text().splitlines().index('#server_address=127.0.0.1') + 1}"
    assert (text, todo[:32]) == ("nrpe listens on every address", "write: server_address=192.0.2.20")


def test_hardened_nrpe_has_nothing_to_change(examine, no_rules):
    assert examine(nrpe=HARDENED) == [("nrpe", "nothing to change", "")]


@pytest.mark.parametrize(
    ("line", "by", "text", "todo"),
    [
        ("server_address=192.0.2.20", "server_address=::", "every address", "server_address=192.0.2.20"),
        ("allowed_hosts=127.0.0.1,::1,192.0.2.10", "allowed_hosts=0.0.0.0/1,128.0.0.0/1,::/0", "everybody", "allowed_"),
        ("allowed_hosts=127.0.0.1,::1,192.0.2.10", "#allowed_hosts=", "everybody may ask nrpe", "allowed_hosts=127."),
        ("dont_blame_nrpe=0", "dont_blame_nrpe=1", "choose the arguments", "dont_blame_nrpe=0"),
        ("dont_blame_nrpe=0", "allow_bash_command_substitution=1", "run commands of the client's", "allow_bash_"),
        ("nrpe_user=nagios", "nrpe_user=root", "runs as root", "nrpe_user=nagios"),
        ("nrpe_user=nagios", "ssl_version=SSLv3+", "old versions of TLS", "ssl_version=TLSv1.2+"),
    ],
)
def test_each_fault_of_nrpe_has_its_line(examine, no_rules, line, by, text, todo):
    ((place, what, do),) = examine(nrpe=HARDENED.replace(line, by))
    assert place == f"nrpe:{HARDENED.splitlines().index(line) + 1}"
    assert text in what
    assert do.startswith(f"write: {todo}")


def test_file_that_nrpe_includes_counts(examine, no_rules, tmp_path):
    (tmp_path / "nrpe.d").mkdir()
    (tmp_path / "nrpe.d" / "own.cfg").write_text("# ours\ndont_blame_nrpe=1\n")
    ((place, _, todo),) = examine(nrpe=f"{HARDENED}include_dir={tmp_path}/nrpe.d\n")
    assert (place, todo) == ("nrpe.d/own.cfg:2", "write: dont_blame_nrpe=0")


def test_rules_may_say_who_may_ask_nrpe(examine, no_rules):
    """As docs/monitors.md has it: allowed_hosts lets everybody through to TCP wrappers."""
    text = HARDENED + (ROOT / "examples" / "nrpe" / "allowed_hosts.cfg").read_text()
    assert [place for place, _, _ in examine(nrpe=text)] == [f"nrpe:{len(text.splitlines())}"]
    Path("/etc/hosts.deny").write_text("nrpe: ALL: spawn (/x %h %d) &: deny\n")
    assert examine(nrpe=text) == [("nrpe", "nothing to change", "")]


@pytest.mark.parametrize(
    ("text", "lineno", "line"),
    [
        ('# comment\nNRPE_OPTS="-n"\n', 2, 'NRPE_OPTS=""'),
        ('NRPE_OPTS="-n -4"\n', 1, 'NRPE_OPTS="-4"'),
        (
            "[Service]\nExecStart=/usr/sbin/nrpe -c /etc/nagios/nrpe.cfg -n -f\n",
            2,
            "ExecStart=/usr/sbin/nrpe -c /etc/nagios/nrpe.cfg -f",
        ),
    ],
)
def test_nrpe_without_tls_is_told(examine, text, lineno, line):
    ((place, what, todo),) = examine(start=text)
    assert (place, todo) == (f"start:{lineno}", f"write: {line} (and no -n at check_nrpe)")
    assert "takes TLS away" in what


@pytest.mark.parametrize("text", ['#NRPE_OPTS="-n"\n', 'NRPE_OPTS="-4"\n', "ExecStart=/usr/sbin/nrpe -c /a-n -f\n"])
def test_nrpe_with_tls_is_all_right(examine, text):
    assert examine(start=text) == [("start", "nothing to change", "")]


def test_debians_api_of_icinga2_is_told(examine):
    if not ICINGA2.exists():
        skip_or_fail("icinga2 is not installed")
    ((place, text, todo),) = examine(api=(ICINGA2 / "features-available" / "api.conf").read_text())
    assert (place, text) == ("api:5", "Icinga 2's API listens on every address")
    assert todo.startswith('write: bind_host = "192.0.2.10"')


def test_hardened_api_has_nothing_to_change(examine):
    guide = (ROOT / "docs" / "transports.md").read_text()
    user = guide.partition("object ApiUser")[2].partition("```")[0].replace("s3cret", PASSWORD)
    assert "process-check-result" in user
    found = examine(api=LISTENER, users=f"object ApiUser{user}")
    assert found == [("api", "nothing to change", ""), ("users", "nothing to change", "")]


@pytest.mark.parametrize("by", ['bind_host = "0.0.0.0"', 'bind_host="::"', '//bind_host = "192.0.2.10"'])
def test_api_on_every_address_is_told(examine, by):
    ((place, text, _),) = examine(api=LISTENER.replace('bind_host = "192.0.2.10"', by))
    assert (place, text) == ("api:1" if by[0] == "/" else "api:2", "Icinga 2's API listens on every address")


@pytest.mark.parametrize(
    "permissions", ['"*"', '"actions/process-check-result", "*"', '{\n permission = "*"\n filter = {{ x }}\n}']
)
def test_user_who_may_do_everything_is_told(examine, permissions):
    ((place, text, todo),) = examine(users=ROOT_USER.replace('"*"', permissions))
    assert (place, text[:35]) == ("users:8", 'ApiUser "root" may do everything: w')
    assert todo.startswith('write: permissions = [ { permission = "actions/process-check-result"')


@pytest.mark.parametrize("comment", ["/*\n{}*/\n", "// {}", "# {}"])
def test_comment_of_icinga2_says_nothing(examine, comment):
    text = comment.format('object ApiUser "a" { permissions = [ "*" ] }\n')
    assert examine(api=LISTENER + text) == [("api", "nothing to change", "")]


def test_short_password_of_the_api_is_told_by_length(examine):
    user = ROOT_USER.replace(PASSWORD, "icinga").replace('"*"', '"actions/process-check-result"')
    ((place, text, _),) = examine(users=user)
    assert (place, text) == ("users:5", 'the password of ApiUser "root" has 6 bytes, and can be guessed')


def test_password_that_everybody_may_read_is_told(run, isolated):
    namespaces.mount_tmpfs("/srv", "mode=755")
    try:
        path = Path("/srv/api-users.conf")
        path.write_text(ROOT_USER.replace('"*"', '"actions/process-check-result"'))
        path.chmod(0o644)
        done = run("tcpwrap-alert", "check", "server", str(path))
        assert done.stdout.splitlines()[0].endswith("everybody on this machine may read the password")
        assert f"run: chgrp nagios {path} && chmod 640 {path}" in done.stdout
    finally:
        namespaces.unbind("/srv")


def test_what_icinga2_includes_is_looked_at(examine, tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "users.conf").write_text(ROOT_USER)
    (tmp_path / "enabled").mkdir()
    (tmp_path / "enabled" / "api.conf").write_text(LISTENER.replace("192.0.2.10", "::"))
    text = 'include <itl>\ninclude "enabled/*.conf"\ninclude_recursive "conf.d"\ninclude "icinga2.conf"\n'
    found = examine(**{"icinga2.conf": text})
    assert [place for place, _, _ in found] == ["icinga2.conf", "enabled/api.conf:2", "conf.d/users.conf:8"]


@pytest.mark.parametrize("text", ["", "root:x:0:0\n", "\0\xff\n", "encryption_method=1\nserver=x\n"])
def test_any_other_file_is_told_and_no_success(examine, text):
    ((place, what, _),) = examine(some=text)
    assert (place, what.startswith("is none of nsca.cfg, nrpe.cfg")) == ("some", True)


def test_unreadable_file_is_told_and_others_are_read(run, tmp_path, no_rules):
    (tmp_path / "nrpe.cfg").write_text(HARDENED)
    os.mkfifo(tmp_path / "pipe")
    paths = [str(tmp_path / name) for name in ("none", "pipe", ".", "nrpe.cfg")]
    done = run("tcpwrap-alert", "check", "server", *paths)
    assert [line for line in done.stdout.splitlines() if line[0] != " "] == [
        f"fail {paths[0]}: cannot be read: No such file or directory",
        f"fail {paths[1]}: cannot be read: not a regular file",
        f"fail {paths[2]}: cannot be read: not a regular file",
        f"ok   {paths[3]}: nothing to change",
    ]
    assert done.returncode == 1


def test_a_file_called_server_needs_the_word_twice(run, tmp_path, no_rules):
    shutil.copy(NRPE if NRPE.exists() else skip_or_fail("nrpe is not installed"), tmp_path / "server")
    done = run("tcpwrap-alert", "check", "server", "server", cwd=tmp_path)
    assert done.stdout.startswith("warn server:61: nrpe listens on every address")


def test_usual_places_are_looked_at(run, no_rules):
    if not NRPE.exists():
        skip_or_fail("nrpe is not installed")
    done = run("tcpwrap-alert", "check", "server")
    assert f"warn {NRPE}:61: nrpe listens on every address" in done.stdout
    assert done.returncode == 1


def test_nothing_found_is_said(run, isolated):
    """Where /etc has no such file, as on any host."""
    namespaces.mount_tmpfs("/etc")
    try:
        done = run("tcpwrap-alert", "check", "server")
        assert done.stdout.startswith("ok   server: nothing found: no nsca, nrpe or API of Icinga 2 in /etc, ")
        assert done.returncode == 0
    finally:
        namespaces.unbind("/etc")
