"""README, typed from top to bottom: from the monitor's installation to CRITICAL in Debian's own Nagios, and back."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from peers.debian_nagios import DebianNagios
from peers.nsca_daemon import is_listening, wait_for
from support import namespaces
from support.documents import README, read_blocks
from support.installation import DESK, MONITOR, STRANGER

SECTIONS = [block.section for block in read_blocks(README, "sh")]
HOST = ("2. On the host", "3. hosts.allow: who may come in", "4. hosts.deny: who is denied")
CRITICAL = "SERVICE ALERT: firestorm;TCP Wrappers;CRITICAL;HARD;1;"
NOTIFIED = "SERVICE NOTIFICATION: nagiosadmin;firestorm;TCP Wrappers;CRITICAL;notify-service-by-email;"


@pytest.fixture
def nagios(readme, machine, peer):
    """The monitor as README's first step leaves it: Nagios, and nsca as its unit starts it."""
    monitor = DebianNagios()
    os.mkdir("/run/nagios")
    shutil.chown("/run/nagios", "nagios", "nagios")
    assert "Things look okay" in readme("1. On the monitor")
    assert machine.called()[-1] == "systemctl restart nagios4 nsca"
    monitor.start()
    argv = (peer("nsca"), "-c", "/etc/nsca.cfg", "-f")
    process = subprocess.Popen(argv, user="nagios", group="nagios", extra_groups=[], cwd="/")
    wait_for(lambda: is_listening("::", 5667), "nsca does not listen")
    yield monitor
    process.kill()  # on SIGTERM it first waits for one more connection
    process.wait()
    monitor.stop()


def waiting():
    return os.listdir("/var/spool/tcpwrap-alert/new")


def test_reader_has_an_alert_in_nagios(readme, nagios, sshd, log_in):
    readme(HOST[0])
    nagios.wait_for_log(CRITICAL, ["Denied test-203.0.113.7"])
    for section in HOST[1:]:
        readme(section)
    sshd()
    assert log_in(DESK)
    assert log_in(MONITOR)
    assert log_in("127.0.0.1")
    assert not log_in(STRANGER)
    texts = ["Denied test-203.0.113.7", f"Denied sshd-{STRANGER}"]
    nagios.wait_for_log(CRITICAL, texts)
    nagios.wait_for_log(NOTIFIED, texts)
    assert waiting() == []


def test_check_finds_nothing_wrong_then(readme, nagios, run):
    """But for daemons that README does not set up, and cron, which does not run here."""
    for section in HOST:
        readme(section)
    done = run("/opt/tcpwrap-alert/bin/tcpwrap-alert", "check", "--send", env={"PATH": os.environ["PATH"]})
    assert done.stderr == ""
    wrong = [line for line in done.stdout.splitlines() if line.startswith(("warn", "fail"))]
    assert [line for line in wrong if " cannot add to it" not in line and ": cron " not in line] == []
    (sent,) = re.findall(r"accepted as firestorm;TCP Wrappers: (.*)", done.stdout)
    nagios.wait_for_log("SERVICE ALERT: firestorm;TCP Wrappers;OK;HARD;1;", [sent])


def test_fuse_lets_a_locked_out_reader_in(readme, machine, nsca, sshd, log_in):
    """Who has left the networks in README's hosts.allow as they are, and has no session any more."""
    os.mkfifo("/run/ten-minutes")
    machine.put("sleep", "read -r _ </run/ten-minutes")
    for section in HOST:
        readme(section)
    sshd()
    assert not log_in(STRANGER)
    Path("/run/ten-minutes").write_text("are over\n")
    wait_for(lambda: "handle_tcp_wrapper" not in Path("/etc/hosts.deny").read_text(), "the rule stays")
    assert log_in(STRANGER)


def test_second_session_stops_the_fuse(readme, machine, nsca, shell):
    for section in HOST:
        readme(section)
    assert namespaces.processes("sleep 600; sed")
    assert "`kill $fuse`" in README.read_text()
    shell.type("kill $fuse\n")
    wait_for(lambda: not namespaces.processes("sleep 600; sed"), "the fuse burns on")


def test_uninstalled_host_still_denies(readme, nsca, sshd, log_in):
    opt = os.listdir("/opt")
    for section in (*HOST, "Uninstall"):
        readme(section)
    assert Path("/etc/hosts.deny").read_text().splitlines()[-1] == "ALL: ALL: deny"
    sshd()
    assert log_in(DESK)
    assert not log_in(STRANGER)
    assert nsca.results() == ["firestorm;TCP Wrappers;2;Denied test-203.0.113.7"]
    left = subprocess.run(["grep", "-rl", "tcpwrap-alert", "/etc"], capture_output=True, text=True, check=False)
    assert [path for path in left.stdout.splitlines() if not path.endswith("-")] == []  # passwd- is useradd's backup
    assert (os.listdir("/opt"), os.listdir("/var/spool")) == (opt, [])


def test_sections_stand_in_the_order_of_these_tests():
    """hosts.allow before hosts.deny, above all."""
    assert ["1. On the monitor", *HOST, "Upgrade", "Uninstall"] == SECTIONS
