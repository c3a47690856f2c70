"""The command `check`: what it says of rules, of this machine's daemons and of who may change what they run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces

EXAMPLE = Path(__file__).parents[2] / "examples" / "hosts.deny"
HOOK = shutil.which("true")


@pytest.fixture
def hook(tmp_path):
    """A hook that nobody but root may change."""
    path = tmp_path / "handle_tcp_wrapper"
    path.symlink_to(HOOK)
    return path


@pytest.fixture
def check(run, tmp_path, hook, isolated):
    """Return what the command says, without the path, about one file of rules; `HOOK` is the hook's path."""
    path = tmp_path / "hosts.deny"

    def check_rules(rules):
        path.write_text(rules.replace("HOOK", str(hook)))
        done = run("tcpwrap-alert", "check", "--deny", str(path), "--allow", "/nonexistent")
        assert done.stderr == ""
        assert done.returncode == bool(done.stdout)
        return [line.replace(f"{path}:", "") for line in done.stdout.splitlines()]

    return check_rules


def test_the_example_is_right(check, run):
    assert check(EXAMPLE.read_text().replace("/opt/tcpwrap-alert/bin/handle_tcp_wrapper", "HOOK")) == []
    done = run("tcpwrap-alert", "check", "--deny", str(EXAMPLE))
    assert done.stdout.endswith(": there is no program /opt/tcpwrap-alert/bin/handle_tcp_wrapper: no alert\n")
    assert done.stdout.count("\n") == 1


def test_what_the_example_says_of_other_rules_is_true(check, peer):
    for name in ("rpcbind", "sshd", "vsftpd", "nrpe"):
        peer(name)
    text = EXAMPLE.read_text().replace("/opt/tcpwrap-alert/bin/handle_tcp_wrapper", "HOOK")
    at_once, classic = (line[2:] + "\n" for line in text.splitlines() if line[:1] == "#" and "(HOOK" in line)
    assert check(at_once + text) == []
    waits, ends = check(classic)
    assert "rfc931 holds client and daemon for 10 s" in waits
    assert "twist replaces the daemon, and rpcbind" in ends


@pytest.mark.parametrize(
    ("client", "access"), [("203.0.113.7", "denied"), ("2001:db8::7", "denied"), ("10.0.0.1", "granted")]
)
def test_libwraps_own_tools_read_the_example(peer, isolated, tmp_path, client, access):
    tcpdmatch, tcpdchk = peer("tcpdmatch"), peer("tcpdchk")
    (tmp_path / "hosts.deny").write_text(EXAMPLE.read_text())
    (tmp_path / "hosts.allow").write_text("sshd: 10.0.0.1\n")
    (tmp_path / "inetd.conf").touch()

    def ask(*argv):
        return subprocess.run(argv, capture_output=True, text=True, check=True, cwd=tmp_path).stdout

    assert ask(tcpdmatch, "-d", "sshd", client).split()[-1] == access
    del namespaces.log[:]
    checked = ask(tcpdchk, "-v", "-d", "-i", "inetd.conf").partition("hosts.deny line ")[2]
    assert checked.split()[1:] == ["daemons:", "ALL", "clients:", "ALL", "access:", "denied"]
    # What they have to complain of is in syslog; so that this is known to work, something to complain of.
    (tmp_path / "hosts.deny").write_text("ALL: ALL: mail root\n")
    ask(tcpdchk, "-v", "-d", "-i", "inetd.conf")
    what = 'error: hosts.deny, line 1: bad option name: "mail"'
    wait_for(lambda: any(what in line for line in namespaces.log), "nothing in syslog")
    assert sum("tcpdchk" in line and "hosts.deny" in line for line in namespaces.log) == 1, namespaces.log


def test_a_twist_for_a_daemon_that_stays_is_named(check, peer):
    peer("rpcbind")
    what = "twist replaces the daemon, and rpcbind serves all clients in one process"
    what += ": use spawn, or name daemons that have a process for each client"
    assert check("ALL: ALL: twist (HOOK %h %d) &\n") == [f"1: {what}"]
    assert check("RPCBIND: ALL: twist (HOOK %h %d) &\n") == [f"1: {what}"]
    assert check("ALL EXCEPT rpcbind: ALL: twist (HOOK %h %d) &\n") == []
    assert check("sshd vsftpd: ALL: spawn (HOOK %h %d) & : twist /bin/true\n") == []


def test_a_library_may_ask_for_its_program(check, peer, monkeypatch):
    """As snmpd's does; here it is one that is loaded before all others."""
    peer("tcpd")
    assert len(check("cat: ALL: spawn (HOOK %h %d) &\n")) == 1
    monkeypatch.setenv("LD_PRELOAD", "libwrap.so.0")
    assert check("cat: ALL: spawn (HOOK %h %d) &\n") == []


def test_the_classic_rule_is_told_what_it_costs(check):
    found = check("ALL EXCEPT rpcbind: ALL: RFC931: twist (HOOK %h %d) &\n")
    assert found == ["1: rfc931 holds client and daemon for 10 s if the client's port 113 is silent; leave it out"]


def test_daemons_that_never_ask_are_named(check, peer):
    peer("sshd")
    cat = shutil.which("cat", path="/usr/bin")
    assert check("sshd cat@10.0.0.1 vsft*: ALL: spawn (HOOK %h %d) &\n") == [
        f"1: no daemon asks this rule as 'cat': {cat} is not linked with libwrap"
    ]


@pytest.mark.parametrize("place", ["", "sub", "sub/handle_tcp_wrapper"])
@pytest.mark.parametrize(
    ("mode", "uid", "gid", "who"),
    [
        (0o757, 0, 0, "everybody (mode of {})"),
        (0o775, 0, 65534, "group 65534 (mode of {})"),
        (0o775, 0, 0, None),
        (0o755, 65534, 0, "nobody (owner of {})"),
        (0o755, 4711, 0, "user 4711 (owner of {})"),
    ],
)
def test_who_else_may_change_the_hook(check, isolated, tmp_path, place, mode, uid, gid, who):
    (tmp_path / "sub").mkdir()
    shutil.copy(HOOK, tmp_path / "sub" / "handle_tcp_wrapper")
    path = tmp_path / place
    os.chown(path, uid, gid)
    path.chmod(mode)
    found = [
        line for line in check(f"ALL: ALL: spawn ({tmp_path}/sub/handle_tcp_wrapper %h %d) &\n") if line[:2] == "1:"
    ]
    what = f"1: {who} may change what daemons run as root".format(path) if who else None
    assert found == ([what] if what else [])


def test_a_link_is_only_as_safe_as_what_it_points_to(check, isolated, tmp_path, hook):
    hook.unlink()
    shutil.copy(HOOK, tmp_path / "program")
    (tmp_path / "program").chmod(0o777)
    hook.symlink_to("program")
    assert check("ALL: ALL: spawn (HOOK %h %d) &\n") == [
        f"1: everybody (mode of {hook}) may change what daemons run as root",
        f"1: everybody (mode of {tmp_path}/program) may change what daemons run as root",
    ]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_path_with_a_blank_stands_in_quotes(check, tmp_path, quote):
    (tmp_path / "a b").symlink_to(".")
    rule = f"ALL: ALL: spawn ({quote}{tmp_path}/a b/{{}}{quote} %h %d) &\n"
    assert check(rule.format("handle_tcp_wrapper")) == []
    assert check(rule.format("c/handle_tcp_wrapper")) == [
        f"1: there is no program {tmp_path}/a b/c/handle_tcp_wrapper: no alert"
    ]


def test_the_files_of_rules_are_only_roots(run, isolated, tmp_path, check):
    check("ALL: ALL: spawn (HOOK %h %d) &\n")
    (tmp_path / "hosts.allow").touch()
    (tmp_path / "hosts.allow").chmod(0o666)
    done = run(
        "tcpwrap-alert", "check", "--deny", str(tmp_path / "hosts.deny"), "--allow", str(tmp_path / "hosts.allow")
    )
    what = f"everybody (mode of {tmp_path}/hosts.allow) may change what daemons run as root"
    assert (done.returncode, done.stdout) == (1, f"{tmp_path}/hosts.allow: {what}\n")


def test_thousands_of_rules_are_one_line(check):
    """As DenyHosts writes them."""
    rules = "".join(f"sshd: 10.{number // 250}.{number % 250}.1\n" for number in range(20000))
    (found,) = check(f"vsftpd: ALL: spawn (HOOK %h %d) &\n{rules}sshd: 10.0.0.1\nALL: ALL: spawn (HOOK %h %d) &\n")
    assert found.startswith("2: denies without an alert; ")
    assert found.endswith("' (and so in 19999 more)")


def test_the_files_of_the_machine_are_the_default(run, isolated):
    namespaces.bind_over("/etc/hosts.deny", "ALL: ALL\n")
    namespaces.bind_over("/etc/hosts.allow", "no colon\n")
    try:
        done = run("tcpwrap-alert", "check")
    finally:
        namespaces.unbind("/etc/hosts.deny")
        namespaces.unbind("/etc/hosts.allow")
    option = "spawn (/opt/tcpwrap-alert/bin/handle_tcp_wrapper %h %d) &"
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "/etc/hosts.allow:1: no ':' between daemons and clients; libwrap skips this line",
        f"/etc/hosts.deny:1: denies without an alert; add ': {option}'",
        f"/etc/hosts.deny: no rule calls handle_tcp_wrapper: no denial becomes an alert; add 'ALL: ALL: {option}'",
    ]


def test_a_file_that_cannot_be_read_is_an_error(run, tmp_path):
    done = run("tcpwrap-alert", "check", "--deny", str(tmp_path))
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"tcpwrap-alert: {tmp_path}: cannot read: Is a directory\n"


def test_a_file_that_is_none_of_rules_is_an_error(run, tmp_path):
    with open(tmp_path / "large", "w") as file:
        file.truncate(100 << 30)
    done = run("tcpwrap-alert", "check", "--deny", str(tmp_path / "large"))
    assert (done.returncode, done.stderr) == (78, f"tcpwrap-alert: {tmp_path}/large: cannot read: File too large\n")
    os.mkfifo(tmp_path / "fifo")
    assert "no rule calls" in run("tcpwrap-alert", "check", "--deny", str(tmp_path / "fifo")).stdout
    assert "there is no such file, and no rule" in run("tcpwrap-alert", "check", "--deny", f"{tmp_path}/none").stdout


def test_a_hook_that_is_not_executable_is_named(check, hook):
    hook.unlink()
    hook.touch()
    assert check("ALL: ALL: spawn (HOOK %h %d) &\n") == [f"1: {hook} is no program (chmod +x): no alert"]


def test_file_content_cannot_control_the_terminal(check):
    assert check("\x1b(31m;é: ALL: spawn (HOOK %h %d) &\n") == [
        "1: no daemon asks this rule as '?(31m;é': "
        "no program, no service of inetd or xinetd and none of stunnel is called ?(31m;é"
    ]
