"""NRPE, the real daemon and plugin, with the files of examples/nrpe: the check of the spool, and refusals as alerts."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from peers.nsca_daemon import is_listening, wait_for
from support import namespaces
from support.spools import wait_until_left

from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.spool import Spool

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "nrpe"
CHECK_NRPE = "/usr/lib/nagios/plugins/check_nrpe"
SPOOL = Path("/var/spool/tcpwrap-alert")
OWNER = "tcpwrap-alert"
MONITOR = "192.0.2.1"
STRANGER = "127.66.0.9"
PASSWORD = "s3cret"
EMPTY = "SPOOL OK - nothing waits | entries=0;;;0 oldest=0s;300;3600;0\n"
DENIED = f"firestorm;TCP Wrappers;2;Denied nrpe-{STRANGER}"


def example(name):
    """Return a file of examples/nrpe, with the path of the scripts under test."""
    text = (EXAMPLES / name).read_text()
    return text.replace("/opt/tcpwrap-alert/bin", str(Path(shutil.which("tcpwrap-alert")).parent))


def shown_in_comments(pattern):
    """Return the lines of hosts.deny's comments that match."""
    return re.findall(rf"^# +({pattern}.*)$", example("hosts.deny"), re.MULTILINE)


def as_user(name):
    """Return what lets `subprocess` run something as this user, who is in no other groups."""
    return {"user": name, "group": name, "extra_groups": []}


@pytest.fixture
def logged():
    """Wait until a text is in the log since the test began."""
    begin = len(namespaces.log)
    return lambda text: wait_for(lambda: any(text in line for line in namespaces.log[begin:]), f"not logged: {text}")


@pytest.fixture
def mounts(isolated):
    """Let files have other content, and directories be empty, until the test ends."""
    with contextlib.ExitStack() as stack:

        def over(path, content=None):
            if content is None:
                namespaces.mount_tmpfs(path)
            else:
                namespaces.bind_over(path, content)
            stack.callback(namespaces.unbind, path)

        yield over


@pytest.fixture
def installed(mounts, monkeypatch, peer):
    """A machine as README installs it, with all of the examples in force."""
    for program in ("nrpe", CHECK_NRPE, "sudo", "setfacl", "tcpd"):
        peer(program)
    for variable in ("TCPWRAP_ALERT_SPOOL", "TCPWRAP_ALERT_CONFIG"):
        monkeypatch.delenv(variable)
    mounts("/etc/passwd", Path("/etc/passwd").read_text() + f"{OWNER}:x:990:990::/:/usr/sbin/nologin\n")
    mounts("/etc/group", Path("/etc/group").read_text() + f"{OWNER}:x:990:\n")
    for directory in ("/var/spool", "/run", "/etc/nagios/nrpe.d", "/etc/sudoers.d"):
        mounts(directory)
    as_readme = re.findall(r"^install -d -m .*", (ROOT / "README.md").read_text(), re.MULTILINE)
    for command in as_readme + shown_in_comments("setfacl "):
        subprocess.run(command.split(), check=True)
    for name in ("hosts.allow", "hosts.deny"):
        mounts(f"/etc/{name}", example(name))
    for name in ("tcpwrap-alert.cfg", "allowed_hosts.cfg"):
        Path("/etc/nagios/nrpe.d", name).write_text(example(name))
    Path("/etc/sudoers.d/tcpwrap-alert").write_text(example("sudoers"))
    os.chmod("/etc/sudoers.d/tcpwrap-alert", 0o440)
    Path("/etc/sudoers.d/no-mail").write_text("Defaults !mailerpath\n")  # of what sudo refuses
    os.mkdir("/run/nagios")
    shutil.chown("/run/nagios", "nagios", "nagios")


@pytest.fixture
def start(peer, installed, tmp_path):
    """Start NRPE with Debian's configuration, and stop it after the test."""
    running = []

    def start_nrpe(way="daemon", wrapper="/usr/sbin/tcpd"):
        user = "root" if way == "root" else "nagios"  # as Debian's unit says; a script of System V starts it as root
        argv = [peer("nrpe"), "-c", "/etc/nagios/nrpe.cfg", "-f"]
        if way == "inetd":
            (line,) = shown_in_comments("nrpe stream ")
            (tmp_path / "inetd.conf").write_text(line.replace("/usr/sbin/tcpd", wrapper) + "\n")
            argv, user = [peer("inetd"), "-i", str(tmp_path / "inetd.conf")], "root"
        running.append(subprocess.Popen(argv, **as_user(user), env={"LANG": "C"}, cwd="/"))
        wait_for(lambda: is_listening("0.0.0.0", 5666) or running[-1].poll() is not None, "nobody listens")
        assert running[-1].poll() is None

    yield start_nrpe
    for process in running:
        process.kill()
        process.wait()
    namespaces.end_processes("/etc/nagios/nrpe.cfg")  # children, one for each connection


@pytest.fixture
def check(run):
    """Ask NRPE, as the monitor or as another client; return status and text."""

    def check_nrpe(client=MONITOR, address="127.0.0.1"):
        done = run(CHECK_NRPE, "-H", address, "-b", client, "-c", "check_tcpwrap_spool")
        return done.returncode, done.stdout

    return check_nrpe


@pytest.mark.parametrize(("age_s", "state"), [(None, 0), (400, 1), (4000, 2)])
def test_the_monitor_sees_the_state_of_the_spool(start, check, age_s, state):
    start()
    if age_s is None:
        assert check() == (0, EMPTY)
        return
    Spool(str(SPOOL)).enqueue(Denial("sshd", "203.0.113.7"), time.time_ns() - age_s * 10**9)
    status, text = check()
    assert status == state
    word = ("OK", "WARNING", "CRITICAL")[state]
    pattern = (
        rf"SPOOL {word} - 1 waiting, the oldest for (\d+) s: not tried yet \| entries=1;;;0 oldest=\1s;300;3600;0\n"
    )
    assert age_s <= int(re.fullmatch(pattern, text)[1]) < age_s + 60


def test_a_spool_that_is_somebody_elses_is_unknown(start, check):
    start()
    os.chown(SPOOL, 0, 0)
    reason = "cannot scan: Permission denied; run this as root or as the owner of the spool"
    assert check() == (3, f"SPOOL UNKNOWN - {SPOOL}/new: {reason}\n")


def test_world_writable_spool_is_unknown(start, check):
    start()
    os.chmod(SPOOL / "new", 0o1733)
    status, text = check()
    assert status == 3
    assert text.startswith(f"SPOOL UNKNOWN - {SPOOL}/new: everybody may write to it, so it is not used")


def test_without_the_line_in_sudoers_it_is_unknown(start, check):
    start()
    os.unlink("/etc/sudoers.d/tcpwrap-alert")
    assert check() == (3, "NRPE: Unable to read output\n")


def test_sudo_lets_nagios_do_nothing_else(installed, run, tmp_path):
    """As the owner this very command, with its own environment; and nothing as root."""
    ours = re.search(r"check_tcpwrap_spool\]=(.*)", example("tcpwrap-alert.cfg"))[1].split()
    (tmp_path / "new").touch()  # no spool
    assert run(*ours, **as_user("nagios"), env={"TCPWRAP_ALERT_SPOOL": str(tmp_path)}).returncode == 0
    as_root = [word for word in ours if word not in ("-u", OWNER)]
    for argv in (ours[:-1], [*ours[:-1], "2h"], [*ours, "--config", "/etc/shadow"], [*ours[:5], "queue"], as_root):
        done = run(*argv, **as_user("nagios"))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("sudo: ")


@pytest.fixture
def monitored(installed, start_nsca, mounts):
    """The real nsca daemon, and the configuration for it, which only the spool's owner and group may read."""
    daemon = start_nsca(method=14, password=PASSWORD)
    settings = (
        f"server=127.0.0.1:{daemon.port}\nencryption_method=14\npassword={PASSWORD}\nhost_name=firestorm\n"
        "verdict=direct\nwindow=no\n"
    )
    mounts("/etc/send_nsca.cfg", settings)
    shutil.chown("/etc/send_nsca.cfg", "root", OWNER)
    os.chmod("/etc/send_nsca.cfg", 0o640)
    yield daemon
    wait_until_left(SPOOL)


def replay(run):
    """Do what cron does, when the alert is there."""
    wait_for(lambda: any(path.stat().st_size for path in (SPOOL / "new").iterdir()), "no alert")
    assert run("tcpwrap-alert", "replay", **as_user(OWNER)).returncode == 0


def refused_client(client=STRANGER):
    """Connect from this address; return what it received until its connection closed, and after how many seconds."""
    started = time.monotonic()
    received = b""
    connection = socket.create_connection(("127.0.0.1", 5666), timeout=20, source_address=(client, 0))
    with connection, contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(4096):
            received += chunk
    return received, time.monotonic() - started


@pytest.mark.parametrize("way", ["daemon", "root", "inetd"])
def test_monitor_is_answered_and_stranger_is_an_alert(start, check, monitored, run, way):
    start(way)
    assert check() == (0, EMPTY)
    assert refused_client()[0] == b""
    if way == "root":
        monitored.wait_for_results(1)  # root starts the forwarder
    else:
        (name,) = os.listdir(SPOOL / "new")
        assert (SPOOL / "new" / name).owner() == "nagios"
        replay(run)
    assert monitored.results() == [DENIED]


def test_the_monitor_has_an_ipv6_address_too(start, check, monitored):
    start()
    assert check("2001:db8::1", "::1")[0] == 0
    assert os.listdir(SPOOL / "new") == []


def end_connections_at_once():
    """Put the other rule of hosts.deny into force."""
    (rule,) = shown_in_comments("nrpe: ALL: .*twist")
    Path("/etc/hosts.deny").write_text(rule + "\n")


def test_twist_after_spawn_ends_the_connection_at_once(start, check, monitored, run):
    end_connections_at_once()
    start()
    received, seconds = refused_client()
    assert received == b""
    assert seconds < 5  # for which libwrap holds it otherwise
    assert check()[0] == 0
    replay(run)
    assert monitored.results() == [DENIED]


@pytest.mark.parametrize("allowed", ["", "allowed_hosts=0.0.0.0/0\n"], ids=["debian", "zero"])
def test_whom_allowed_hosts_does_not_name_is_no_alert(start, monitored, allowed, logged):
    Path("/etc/nagios/nrpe.d/allowed_hosts.cfg").write_text(allowed)
    start()
    assert refused_client()[0] == b""
    logged(f"Host {STRANGER} is not allowed to talk to us")
    assert os.listdir(SPOOL / "new") == []


def test_from_inetd_without_tcpd_nobody_is_asked(start, check, monitored):
    Path("/etc/nagios/nrpe.d/allowed_hosts.cfg").write_text("")
    start("inetd", wrapper="/usr/sbin/nrpe")
    assert check(STRANGER) == (0, EMPTY)
    assert os.listdir(SPOOL / "new") == []


def test_nagios_may_add_to_the_spool_and_no_more(monitored, run):
    assert run("handle_tcp_wrapper", STRANGER, "nrpe", **as_user("nagios")).returncode == 0
    (name,) = os.listdir(SPOOL / "new")
    shutil.chown(SPOOL / "new" / name, OWNER, OWNER)  # one of another's
    for argv in (
        ("ls", SPOOL),
        ("ls", SPOOL / "new"),
        ("touch", SPOOL / "state"),
        ("flock", "-n", SPOOL / "new", "true"),
        ("flock", "-n", SPOOL, "true"),
        ("cat", "/etc/send_nsca.cfg"),
        ("rm", "-f", SPOOL / "new" / name),
    ):
        assert run(*map(str, argv), **as_user("nagios")).returncode != 0, argv
        assert run(*map(str, argv), **as_user(OWNER)).returncode == 0, argv


def without_last_newline(name):
    """Put the rule of an example into force, without its comments and the newline."""
    rules = [line for line in example(name).splitlines() if line and not line.startswith("#")]
    Path("/etc", name).write_text("\n".join(rules))


def test_hosts_deny_without_last_newline_has_no_alert(start, monitored, logged):
    """Debian's libwrap refuses the client, but does not read the rule."""
    without_last_newline("hosts.deny")
    start()
    assert refused_client()[0] == b""
    logged("/etc/hosts.deny, line 0: missing newline")
    assert os.listdir(SPOOL / "new") == []


def test_hosts_allow_without_newline_denies_monitor(start, monitored, run):
    without_last_newline("hosts.allow")
    end_connections_at_once()  # the test need not wait for that
    start()
    assert refused_client(MONITOR)[0] == b""
    replay(run)
    assert monitored.results() == [DENIED.replace(STRANGER, MONITOR)]
