"""docs/*.md, typed: every command of every section, on a host as README installs it, with what it prints there.

A stage is a generator for a section: it sets the scene before each block of commands in it, and looks at the end at
what came of them. A section without a stage needs the host only.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from peers.debian_nagios import COMMAND_FILE, LOG, START, DebianNagios
from peers.icinga import OWN, PREPARE
from peers.nsca_daemon import wait_for
from support import namespaces
from support.documents import COMMANDS, PAGES, README, read_blocks
from support.installation import MONITOR
from sweeps.conftest import denial

HOOK = "/opt/tcpwrap-alert/bin/handle_tcp_wrapper"
TCPWRAP_ALERT = "/opt/tcpwrap-alert/bin/tcpwrap-alert"
SPOOL = Path("/var/spool/tcpwrap-alert")
CONFIG = Path("/etc/tcpwrap-alert/send_nsca.cfg")
RULE = "ALL: ALL: spawn (/opt/tcpwrap-alert/bin/handle_tcp_wrapper %h %d) &: deny\n"
# tests/debian types docs/install.md, on machines of its own.
GUIDES = [page for page in PAGES[1:] if page.stem != "install"]
CASES = [(page.stem, block.section) for page in GUIDES for block in read_blocks(page, *COMMANDS)]
STAGES = {}


class Host:
    """README's `firestorm`, and its monitor as far as a stage makes it."""

    def __init__(self, machine, shell, start_nsca, peer):
        self.machine = machine
        self.peer = peer
        self._start_nsca = start_nsca
        os.symlink(sys.prefix, "/opt/tcpwrap-alert")
        (block,) = (block for block in read_blocks(README, "sh") if block.section == "2. On the host")
        begin, end = (block.text.index(word) for word in ("useradd ", f"{TCPWRAP_ALERT} deny "))
        shell.run(block._replace(text=block.text[begin:end]))
        shell.type("PATH=$PATH:/opt/tcpwrap-alert/bin\n")

    def nsca(self, address=MONITOR, password="s3cret", **options):
        """Start the NSCA server of README's monitor, or another one."""
        return self._start_nsca(address=address, port=5667, method=14, password=password, **options)

    def name(self, name):
        """Give this machine one more name."""
        with open("/etc/hosts", "a") as hosts:
            hosts.write(f"127.0.0.1 {name}\n")

    def run(self, *argv, **kwargs):
        """Run a program as root; return its exit status and output."""
        environment = self.machine.environment
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, **kwargs)

    def deny(self):
        """Have a connection denied, and wait until the forwarder has tried to send the alert."""
        assert self.run(HOOK, "203.0.113.7", "sshd").returncode == 0
        wait_for((SPOOL / "state").exists, "no attempt was made")

    def lets_add(self, user):
        """Say whether a user may add to the spool."""
        return self.run("runuser", "-u", user, "--", HOOK, "203.0.113.7", "test").returncode == 0


@pytest.fixture
def host(machine, shell, start_nsca, peer):
    yield Host(machine, shell, start_nsca, peer)
    namespaces.end_processes("tcpwrap-alert forward")


def stage(page, *sections):
    """Return a decorator that makes a generator the stage of these sections."""

    def note(function):
        STAGES.update({(page, section): function for section in sections})
        return function

    return note


def no_stage(_):
    yield from ()


@pytest.mark.parametrize(("page", "section"), dict.fromkeys(CASES))
def test_commands_do_what_the_page_says(host, shell, page, section):
    scenes = STAGES.get((page, section), no_stage)(host)
    (path,) = (path for path in PAGES if path.stem == page)
    for block in read_blocks(path, *COMMANDS):
        if block.section == section:
            next(scenes, None)
            shell.run(block)
    for _ in scenes:
        pytest.fail("the stage has a scene too many")


def test_check_finds_nothing_wrong_with_more_rules(host):
    (page,) = (page for page in PAGES if page.stem == "daemons")
    allow, deny = (block.text for block in read_blocks(page, "text") if block.section == "More rules")
    Path("/etc/hosts.evil").touch()
    Path("/etc/hosts.allow").write_text(allow)
    Path("/etc/hosts.deny").write_text(deny)
    done = host.run(TCPWRAP_ALERT, "check", "--deny", "/etc/hosts.deny")
    assert (done.returncode, done.stdout) == (0, "")


def test_every_stage_has_a_section():
    assert set(STAGES) - set(CASES) == set()


@stage("send", "Install it")
def send_alone(host):
    yield
    assert host.run("/opt/nsca/bin/tcpwrap-alert", "--version").returncode == 0


@stage("send", "Send a check result")
def right_and_wrong_password(host):
    server = host.nsca()
    Path("/etc/send_nsca.cfg").write_text("encryption_method=14\npassword=s3cret\n")
    (host.machine.checkout / "wrong-password.cfg").write_text("encryption_method=14\npassword=wrong\n")
    yield
    yield
    assert server.results() == ["firestorm;Backup;0;OK - 12 GiB | time=81s"]


@stage("send", "Under the name send_nsca")
def send_nsca(host):
    server = host.nsca()
    Path("/etc/send_nsca.cfg").write_text("encryption_method=14\npassword=s3cret\n")
    yield
    yield
    assert server.results() == ["firestorm;Backup;0;OK"]


@stage("send", "What differs from C")
def nothing_arrives(host):
    server = host.nsca()
    yield
    assert server.results() == []


@stage("send", "You have a send_nsca.cfg already")
def own_file(host):
    server = host.nsca()
    Path("/etc/send_nsca.cfg").write_text("encryption_method=14\npassword=s3cret")
    before = CONFIG.stat()
    yield
    after = CONFIG.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert host.run(TCPWRAP_ALERT, "submit", "firestorm", "Backup", "0", "OK").returncode == 0
    assert server.results() == ["firestorm;Backup;0;OK"]


@stage("recipes", "Try one host")
def monitor_shows_it(host):
    server = host.nsca()
    yield
    assert server.results() == ["firestorm;TCP Wrappers;2;Denied test-203.0.113.7"]


@stage("monitors", "Nagios 4")
def somebody_looked(host):
    server = host.nsca()
    yield
    assert server.results() == ["firestorm;TCP Wrappers;0;looked into it"]


@stage("monitors", "Icinga 2")
def icinga(host):
    for path in OWN[1:]:
        Path(path).mkdir(exist_ok=True)
        namespaces.mount_tmpfs(path)
        shutil.chown(path, "nagios", "nagios")
    namespaces.run(*PREPARE)
    yield
    assert Path("/etc/icinga2/features-enabled/command.conf").exists()
    assert host.machine.called()[-1] == "systemctl restart icinga2 nsca"
    for path in OWN[1:]:
        namespaces.unbind(path)


@stage("monitors", "On the monitor itself")
def nagios_on_this_host(host):
    for path in ("/opt/tcpwrap-alert", "/etc/cron.d/tcpwrap-alert"):
        os.unlink(path)
    for path in (SPOOL, CONFIG.parent):
        shutil.rmtree(path)
    nagios = DebianNagios()
    host.machine.put("systemctl", START)
    yield
    nagios.wait_for_log("SERVICE ALERT: firestorm;TCP Wrappers;CRITICAL;HARD;1;", ["Denied test-203.0.113.7"])
    assert {SPOOL.owner(), (SPOOL / "new").owner()} == {"nagios"}
    host.machine.put("systemctl", "true")
    yield
    assert not any(os.path.lexists(path) for path in (SPOOL, CONFIG.parent, "/opt/tcpwrap-alert"))
    nagios.stop()


@stage("monitors", "Several monitors")
def second_monitor(host):
    host.name("nagios2.example")
    servers = (host.nsca(), host.nsca(address="127.0.0.1", password="another"))
    yield
    assert [server.results() for server in servers] == [["firestorm;TCP Wrappers;2;Denied test-203.0.113.7"]] * 2
    servers[1].stop()
    yield
    assert servers[0].results()[1:] == ["firestorm;TCP Wrappers;2;Denied test-203.0.113.8"]


@stage("monitors", "Sweeps: one client at many hosts")
def forty_hosts(host):
    nagios = DebianNagios()
    hosts = [denial(f"host{number:02}", "203.0.113.7", int(time.time())) * 2 for number in range(40)]
    LOG.write_bytes(b"".join(hosts))
    yield
    shutil.copy(host.machine.checkout / "examples" / "nagios" / "tcp-wrappers.cfg", "/etc/nagios4/conf.d/")
    yield
    assert "sweeps --submit" in Path("/etc/cron.d/tcpwrap-alert").read_text()
    nagios.stop()


@stage("monitors", "Numbers for Prometheus")
def prometheus(host):
    host.nsca()
    namespaces.mount_tmpfs("/var/lib/prometheus")
    os.mkdir("/var/lib/prometheus/node-exporter")
    yield
    yield
    assert Path("/var/lib/prometheus/node-exporter/tcpwrap_alert.prom").owner() == "tcpwrap-alert"
    namespaces.unbind("/var/lib/prometheus")


@stage("monitors", "NRPE: ask for the state of the spool")
def nrpe(host):
    host.name("firestorm")
    os.mkdir("/run/nagios")
    shutil.chown("/run/nagios", "nagios", "nagios")
    host.peer("sudo")
    is_listening = "until bash -c ': </dev/tcp/127.0.0.1/5666'; do sleep 0.1; done"
    as_nagios = f"setpriv --reuid nagios --regid nagios --clear-groups {host.peer('nrpe')}"
    host.machine.put("systemctl", f"{as_nagios} -c /etc/nagios/nrpe.cfg -d && {is_listening} 2>/dev/null")
    yield
    yield
    namespaces.end_processes("-c /etc/nagios/nrpe.cfg -d")


@stage("monitors", "NRPE: report who may not ask")
def nagios_adds(host):
    assert not host.lets_add("nagios")
    yield
    assert host.lets_add("nagios")


@stage("monitors", "fail2ban, where no daemon asks TCP wrappers")
def fail2ban(host):
    yield
    tested = host.run(host.peer("fail2ban-client"), "--test")
    assert tested.returncode == 0, tested.stderr
    assert "tcpwrap-alert" in host.run("fail2ban-client", "-d").stdout


@stage("troubleshooting", "Nothing in Nagios", "cron writes to you every minute")
def one_waits(host):
    host.deny()
    yield


@stage("troubleshooting", "The server rejects what you send")
def wrong_password(host):
    server = host.nsca(password="another")
    yield
    server.stop()
    server.password = "s3cret"
    server.start()
    yield
    assert server.results() == ["firestorm;TCP Wrappers;2;Denied test-203.0.113.7"]


@stage("troubleshooting", "Connection closed after the init packet")
def nobody_reads_the_pipe(host):
    host.nsca(is_pipe=True, aggregate_writes=1)
    yield


@stage("troubleshooting", "No init packet")
def mute_server(_):
    with CONFIG.open("a") as config:
        config.write("timeout=1\n")
    with socket.create_server((MONITOR, 5667)):
        yield


@stage("troubleshooting", "The configuration is wrong")
def key_misspelt(_):
    CONFIG.write_text(CONFIG.read_text().replace("password=", "pasword="))
    yield
    assert len(os.listdir(SPOOL / "new")) == 1


@stage("troubleshooting", "Accepted, but not in Nagios")
def nagios_without_the_host(_):
    nagios = DebianNagios()
    nagios.start()
    COMMAND_FILE.write_text("[1] PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;Denied test-203.0.113.7\n")
    wait_for(lambda: nagios.logged("Warning:  Passive check result"), "no warning")
    yield
    nagios.stop()


@stage("troubleshooting", "A denied connection is no alert")
def two_rules(_):
    Path("/etc/hosts.deny").write_text(f"sshd: ALL\n{RULE.replace('ALL', 'sshd', 1)}")
    yield


@stage("troubleshooting", "A daemon that is not root")
@stage("daemons", "Who runs the hook")
def rpcbind_adds(host):
    yield
    yield
    assert host.lets_add("_rpc")


@stage("troubleshooting", "Alerts come a minute late")
def forwarder_was_killed(_):
    (SPOOL / "leader").touch()
    yield


@stage("troubleshooting", "The spool is not used")
def open_spool(host):
    (SPOOL / "new").chmod(0o1733)
    yield
    yield
    assert host.run(TCPWRAP_ALERT, "queue").stdout == "0 waiting\n"


@stage("troubleshooting", "Files in corrupt")
def set_aside(_):
    (SPOOL / "corrupt").mkdir()
    (SPOOL / "corrupt" / "4711").write_text("tcpwrap-alert 1 denial\0\ncl")
    yield


@stage("troubleshooting", "You cannot log in any more")
def locked_out(_):
    Path("/etc/hosts.deny").write_text(f"ALL: PARANOID\n{RULE}")
    yield
    assert Path("/etc/hosts.deny").read_text() == "ALL: PARANOID\n"
