"""The command `check`: what it says of rules, of this machine's daemons and of who may change what they run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces

EXAMPLE = Path(__file__).parents[2] / "examples" / "hosts.deny"
HOOK = "#!/bin/sh\n# tcpwrap-alert's, as far as anybody can see\n"
STANDARD = "ALL: ALL: spawn (HOOK %h %d) &: deny\n"


@pytest.fixture
def hook(tmp_path):
    """A hook that nobody but root may change."""
    path = tmp_path / "handle_tcp_wrapper"
    path.write_text(HOOK)
    path.chmod(0o755)
    return path


@pytest.fixture
def check(run, tmp_path, hook, isolated):
    """Return what the command says, without the path, about one file of rules; `HOOK` is the hook's path."""
    path, allow = tmp_path / "hosts.deny", tmp_path / "hosts.allow"
    allow.write_text("ALL: 10.0.0.1\n")

    def check_rules(rules):
        path.write_text(rules.replace("HOOK", str(hook)))
        done = run("tcpwrap-alert", "check", "--deny", str(path), "--allow", str(allow))
        assert done.stderr == ""
        assert done.returncode == bool(done.stdout)
        return [line.replace(f"{path}:", "") for line in done.stdout.splitlines()]

    return check_rules


def test_example_is_right(check, run, tmp_path):
    assert check(EXAMPLE.read_text().replace("/opt/tcpwrap-alert/bin/handle_tcp_wrapper", "HOOK")) == []
    done = run("tcpwrap-alert", "check", "--deny", str(EXAMPLE), "--allow", str(tmp_path / "hosts.allow"))
    assert done.stdout.endswith(": there is no program /opt/tcpwrap-alert/bin/handle_tcp_wrapper: no alert\n")
    assert done.stdout.count("\n") == 1


def test_example_alone_locks_everybody_out(run, isolated, tmp_path):
    done = run("tcpwrap-alert", "check", "--deny", str(EXAMPLE), "--allow", str(tmp_path / "none"))
    assert ": nobody can connect any more, not even you: " in done.stdout


def test_other_rules_of_the_example_are_right(check, peer, tmp_path):
    for name in ("rpcbind", "sshd", "vsftpd", "nrpe"):
        peer(name)
    text = EXAMPLE.read_text().replace("/opt/tcpwrap-alert/bin/handle_tcp_wrapper", "HOOK")
    at_once, of_a_file, classic = (line[2:] + "\n" for line in text.splitlines() if line[:1] == "#" and "(HOOK" in line)
    silent, denied = re.findall(r"^# (# tcpwrap-alert: silent\n)# (.*\n)", text, re.MULTILINE)[0]
    (tmp_path / "evil").write_text("203.0.113.7\n")
    of_a_file = of_a_file.replace("/etc/hosts.evil", str(tmp_path / "evil"))
    assert check(silent + denied + of_a_file + at_once + text) == []
    assert check(denied + text) != []
    waits, ends = check(classic)
    assert "rfc931 holds client and daemon for 10 s" in waits
    assert "twist takes the place of the process that asks, and may so end " in ends
    assert "rpcbind" in ends


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


def test_twist_for_a_daemon_that_stays_is_named(check, peer):
    peer("rpcbind")
    (found,) = check("RPCBIND: ALL: twist (HOOK %h %d) &\n")
    what = "1: twist takes the place of the process that asks, and may so end rpcbind: use 'spawn "
    assert found.startswith(what)
    (found,) = check("ALL: ALL: twist (HOOK %h %d) &\n")
    assert "rpcbind" in found
    assert check("sshd vsftpd: ALL: spawn (HOOK %h %d) & : twist /bin/true\n") == []


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
    (tmp_path / "sub" / "handle_tcp_wrapper").write_text(HOOK)
    (tmp_path / "sub" / "handle_tcp_wrapper").chmod(0o755)
    path = tmp_path / place
    os.chown(path, uid, gid)
    path.chmod(mode)
    found = [
        line for line in check(f"ALL: ALL: spawn ({tmp_path}/sub/handle_tcp_wrapper %h %d) &\n") if line[:2] == "1:"
    ]
    what = f"1: {who} may change what daemons run as root".format(path) if who else None
    assert found == ([what] if what else [])


def test_a_link_is_only_as_safe_as_what_it_points_to(check, isolated, tmp_path, hook):
    hook.rename(tmp_path / "program")
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
    (tmp_path / "hosts.allow").chmod(0o666)
    done = run(
        "tcpwrap-alert", "check", "--deny", str(tmp_path / "hosts.deny"), "--allow", str(tmp_path / "hosts.allow")
    )
    what = f"everybody (mode of {tmp_path}/hosts.allow) may change what daemons run as root"
    assert (done.returncode, done.stdout) == (1, f"{tmp_path}/hosts.allow: {what}\n")


def many(line):
    parts = [(n % 199, n // 250 % 250, n % 250) for n in range(100000)]
    return "".join(
        f"{line}\n".replace("IP", f"10.{a}.{b}.{c}").replace("HEX", f"{a:x}:{b:x}::{c:x}") for a, b, c in parts
    )


# As DenyHosts, PortSentry with the hook, sshguard and people write them.
MANY = {
    "addresses": ("sshd: IP", "2: denies without an alert; "),
    "addresses with comments": ("# DenyHosts: Tue Mar  4 10:00:00 2014 | sshd: IP\nsshd: IP", "3: denies without an"),
    "alerts": ("ALL: IP: spawn (HOOK %h %d) &: deny", None),
    "denials": ("ALL : IP : DENY", "2: denies without an alert; "),
    "names": ("ALL: IP.example.com", "2: denies without an alert; "),
    "version 6": ("ALL: [2001:db8:HEX]", "2: denies without an alert; "),
}

METER = """
import os, sys
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, file=sys.stderr)
"""


@pytest.mark.alone
@pytest.mark.parametrize("kind", MANY)
def test_100000_lines_stay_within_60_mb(run, check, tmp_path, hook, kind):
    """One finding for all of them, too. The time is shown; ten seconds would be a loop in a loop."""
    line, expected = MANY[kind]
    rules = f"vsftpd: 172.16.0.1: spawn ({hook} %h %d) &: deny\n{many(line)}{STANDARD}".replace("HOOK", str(hook))
    (tmp_path / "hosts.deny").write_text(rules)
    files = ("--deny", str(tmp_path / "hosts.deny"), "--allow", str(tmp_path / "hosts.allow"))
    done = run(sys.executable, "-S", "-c", METER, "tcpwrap-alert", "check", *files)
    seconds, megabytes = map(float, done.stderr.split())
    found = [line.replace(f"{tmp_path}/hosts.deny:", "") for line in done.stdout.splitlines()]
    assert len(found) == (expected is not None)
    if expected:
        assert found[0].startswith(expected)
        assert re.search(r"\(and so in \d{5} more\)$", found[0])
    print(f"{kind}: {seconds:.1f} s of CPU, {megabytes:.0f} MB")
    assert seconds < 10
    assert megabytes < 60


def test_the_files_of_the_machine_are_the_default(run, isolated):
    namespaces.bind_over("/etc/hosts.deny", "ALL: ALL\n")
    namespaces.bind_over("/etc/hosts.allow", "no colon\n")
    try:
        done = run("tcpwrap-alert", "check", "--deny", "/etc/hosts.deny")
    finally:
        namespaces.unbind("/etc/hosts.deny")
        namespaces.unbind("/etc/hosts.allow")
    option = "spawn (/opt/tcpwrap-alert/bin/handle_tcp_wrapper %h %d) &: deny"
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "/etc/hosts.allow:1: no ':' between daemons and clients; libwrap skips this line",
        f"/etc/hosts.deny:1: denies without an alert; end it in ': {option}'",
        "/etc/hosts.deny:1: nobody can connect any more, not even you: let your own network in by hosts.allow first,"
        " as in 'ALL: 192.0.2.0/24'",
        f"/etc/hosts.deny: no rule calls handle_tcp_wrapper: no denial becomes an alert; add 'ALL: ALL: {option}'",
    ]


def test_a_file_that_cannot_be_read_is_an_error(run, tmp_path):
    done = run("tcpwrap-alert", "check", "--deny", str(tmp_path))
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"tcpwrap-alert: {tmp_path}: cannot read: Is a directory\n"


def test_what_is_no_file_of_rules_holds_up_nothing(run, tmp_path):
    with open(tmp_path / "large", "w") as file:
        file.truncate(100 << 30)
    done = run("tcpwrap-alert", "check", "--deny", str(tmp_path / "large"))
    assert (done.returncode, done.stderr) == (1, "")
    assert f"{tmp_path}/large:1: a NUL byte: libwrap takes the next line for the rest of this one\n" in done.stdout
    os.mkfifo(tmp_path / "fifo")
    assert "no rule calls" in run("tcpwrap-alert", "check", "--deny", str(tmp_path / "fifo")).stdout
    assert "there is no such file, and no rule" in run("tcpwrap-alert", "check", "--deny", f"{tmp_path}/none").stdout


def test_hook_of_another_project_is_named(check, hook):
    """Whoever comes from Nagios's script of that name, and stays on the old chain."""
    hook.write_text("#!/bin/sh\n/usr/local/nagios/bin/send_nsca -H monitor\n")
    (found,) = check(STANDARD)
    assert found.startswith(f"1: {hook} is not tcpwrap-alert's, but another program of that name; write ")


def test_installed_scripts_are_ours(check, hook, run):
    for script in ("handle_tcp_wrapper", "submit_check_result"):
        hook.write_bytes(Path(shutil.which(script)).read_bytes())
        assert check(STANDARD) == []


def test_a_hook_that_is_not_executable_is_named(check, hook):
    hook.unlink()
    hook.touch()
    assert check("ALL: ALL: spawn (HOOK %h %d) &\n") == [f"1: {hook} is no program (chmod +x): no alert"]


def test_text_of_a_file_cannot_reach_the_terminal(check):
    (found,) = check(f"ALL: 203.0.113.7: \x1b(31m;é x\n{STANDARD}")
    assert found.startswith("1: unknown option '?(31m;é' ")
