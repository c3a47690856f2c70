"""The Debian package on a booted Debian 12 and 13: docs/install.md, an upgrade in a storm, removal and purge.

The tests follow each other on one machine, as its administrator's days do.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support.denials import count_denials
from support.documents import ROOT, Shell, read_blocks

pytestmark = pytest.mark.debian

CONFIG = "/etc/tcpwrap-alert/send_nsca.cfg"
SPOOL = "/var/spool/tcpwrap-alert"
LOG = "/var/log/nagios4/nagios.log"
PROCESSED = "EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;"
DENIED = "Denied sshd-127.66.0.9"
GUIDE = ROOT / "docs" / "install.md"
(COMMANDS,) = (block for block in read_blocks(GUIDE, "sh") if block.section == "Try the package on one machine")

# A denial as fast as it comes, by the path in hosts.deny, with the exit status of each.
STORM = """
for client in 1 2 3 4; do
    while [ ! -e /var/tmp/storm-is-over ]; do
        /usr/sbin/handle_tcp_wrapper 203.0.113.$client sshd || echo failed $?
        echo >>/var/tmp/storm.$client
    done &
done
wait
"""


@pytest.fixture
def texts(debian):
    """Return the texts of the denials that Nagios has processed so far."""

    def read():
        lines = debian.read(LOG).splitlines()
        return [line.partition(PROCESSED)[2].partition("|")[0].strip() for line in lines if PROCESSED in line]

    return read


@pytest.fixture
def waiting(debian):
    return lambda: int(debian.shell(f"ls {SPOOL}/new | wc -l"))


@pytest.fixture
def storm(debian):
    """Denials until `end` is called, which returns their number."""
    debian.shell("rm -f /var/tmp/storm*")
    process = subprocess.Popen([*debian.enter, "sh", "-c", STORM], stdout=subprocess.PIPE, text=True)

    def denials():
        return sum(len(debian.read(f"/var/tmp/storm.{client}")) for client in range(1, 5))

    def end():
        before = denials()
        wait_for(lambda: denials() > before + 100, "the storm is over")
        debian.shell("touch /var/tmp/storm-is-over")
        assert process.stdout.read() == ""
        return denials()

    try:
        wait_for(denials, "no storm")
        yield end
    finally:
        debian.shell("touch /var/tmp/storm-is-over")
        process.wait()
        process.stdout.close()


def copy_into(debian, package):
    shutil.copy(package, debian.root / "usr" / "src")
    return f"/usr/src/{Path(package).name}"


def built(debian):
    """Return the path of the package that was built there."""
    (package,) = (debian.root / "usr" / "src" / "tcpwrap-alert" / "dist").glob("*.deb")
    return copy_into(debian, package)


def stat(debian, *paths):
    return debian.run("stat", "-c", "%a %U:%G %n", *paths).stdout.splitlines()


@pytest.mark.timeout(300)
def test_guide_leads_to_critical_in_nagios(debian, record_property):
    """At most eight commands, from a machine with nothing of it to the alert."""
    commands = re.sub(r"<<'EOF'\n.*?\nEOF", "<<", COMMANDS.text, flags=re.DOTALL).splitlines()
    assert len(commands) <= 8
    with Shell({}, Path("/"), [*debian.enter, "bash"]) as shell:
        shell.type("cd /usr/src/tcpwrap-alert\n")
        before, install, after = COMMANDS.text.partition("apt-get install -y --no-install-recommends ./")
        shell.run(COMMANDS._replace(text=before))
        started = time.monotonic()
        printed = shell.run(COMMANDS._replace(text=install + after))
    alert = f"SERVICE ALERT: firestorm;TCP Wrappers;CRITICAL;HARD;1;{DENIED}"
    assert alert in printed, printed + debian.shell(f"journalctl; tail {LOG}; tcpwrap-alert queue")
    record_property("install_to_alert_s", time.monotonic() - started)


def test_user_spool_and_configuration_are_as_in_readme(debian):
    assert stat(debian, SPOOL, f"{SPOOL}/new", CONFIG) == [
        f"710 tcpwrap-alert:tcpwrap-alert {SPOOL}",
        f"1730 tcpwrap-alert:tcpwrap-alert {SPOOL}/new",
        f"640 root:tcpwrap-alert {CONFIG}",
    ]
    assert debian.run("getent", "passwd", "tcpwrap-alert").stdout.strip().endswith(":/usr/sbin/nologin")
    assert debian.run("tcpwrap-alert", "--version").stdout
    assert "usage" in debian.run("tcpwrap-alert-send-nsca", "--help").stdout.lower()


def test_each_denial_may_go_at_once(debian):
    """Without windows, so that the tests below need not wait for their ends; the forwarder of an episode ends, too."""
    debian.shell(f"echo window=no >>{CONFIG}; kill $(pgrep -u tcpwrap-alert) || :")


def test_spool_may_belong_to_another_user(debian):
    """Neither a boot nor an upgrade takes it back."""
    debian.run("chown", "nagios:nagios", SPOOL)
    debian.run("systemd-tmpfiles", "--create", "tcpwrap-alert.conf")
    assert stat(debian, SPOOL) == [f"710 nagios:nagios {SPOOL}"]
    debian.run("chown", "tcpwrap-alert:tcpwrap-alert", SPOOL)


def test_timer_is_on_and_cron_leaves_it_alone(debian):
    assert debian.run("systemctl", "is-active", "tcpwrap-alert-replay.timer").stdout == "active\n"
    (line,) = re.findall(r"^(?:\* ){5}tcpwrap-alert (.*)$", debian.read("/etc/cron.d/tcpwrap-alert"), re.MULTILINE)
    job = line.replace("|| tcpwrap-alert replay", "|| echo replay")
    assert job != line
    assert debian.shell(job) == ""
    without = f"mount -t tmpfs tmpfs /run; {job}"
    assert debian.run("unshare", "--mount", "sh", "-euc", without).stdout == "replay --splay 20\n"


def test_units_are_sound_and_sandboxed(debian):
    units = debian.shell("cd /usr/lib/systemd/system; ls -d tcpwrap-alert-*.*[a-z] | grep -v '[.]d$'").split()
    assert len(units) == 6
    assert debian.run("systemd-analyze", "--man=no", "verify", *units).stdout == ""
    for service in (unit for unit in units if unit.endswith(".service")):
        debian.run("systemd-analyze", "security", "--offline=yes", "--threshold=20", service)


def test_replay_service_sends_what_waits(debian, texts, waiting):
    """From its sandbox, with a password that systemd hands to it."""
    before = len(texts())
    debian.shell(f"""
        systemctl stop nsca tcpwrap-alert-replay.timer tcpwrap-alert-forward.path
        install -D -m 600 /dev/null /etc/credstore/tcpwrap-alert.password
        echo s3cret >/etc/credstore/tcpwrap-alert.password
        sed -i 's/^password=.*/password_file=tcpwrap-alert.password/' {CONFIG}
        handle_tcp_wrapper 203.0.113.9 sshd
    """)
    assert not start_replay(debian, waiting)
    debian.run("systemctl", "start", "nsca")
    wait_for(lambda: start_replay(debian, waiting), "it still waits", 60)
    wait_for(lambda: len(texts()) == before + 1, "nothing came")
    debian.shell(f"sed -i 's/^password_file=.*/password=s3cret/' {CONFIG}; rm /etc/credstore/tcpwrap-alert.password")


def start_replay(debian, waiting):
    """Let what waits be sent; return whether all of it went."""
    done = debian.run("systemctl", "start", "tcpwrap-alert-replay.service", check=False)
    assert done.returncode == 0, debian.run("journalctl", "-b", "--unit=tcpwrap-alert-*").stdout
    return not waiting()


def test_alert_of_another_user_leaves_at_once(debian, texts):
    """By the path unit, while no timer runs."""
    # Whoever could not reach the monitor a moment ago pauses first.
    wait_for(lambda: not Path(f"{debian.root}{SPOOL}/leader").exists(), "a forwarder is at work")
    before = len(texts())
    debian.shell(f"""
        apt-get install -y -qq acl >/dev/null
        setfacl -m u:nagios:x {SPOOL}
        setfacl -m u:nagios:wx {SPOOL}/new
        systemctl start tcpwrap-alert-forward.path
        runuser -u nagios -- handle_tcp_wrapper 203.0.113.10 sshd
    """)
    wait_for(lambda: texts()[before:] == ["Denied sshd-203.0.113.10"], "nothing came")
    debian.run("systemctl", "start", "tcpwrap-alert-replay.timer")


def test_upgrade_in_a_storm_loses_no_alert(debian, texts, waiting, storm, next_version):
    before = len(texts())
    versions = (copy_into(debian, next_version), built(debian))
    config = debian.read(CONFIG)
    for package in (*versions, versions[0]):
        debian.run("dpkg", "-i", package)
    denials = storm()
    assert debian.run("dpkg-query", "-Wf", "${Version}", "tcpwrap-alert").stdout.startswith("99:")
    assert debian.read(CONFIG) == config
    wait_for(lambda: start_replay(debian, waiting), "alerts wait", 60)
    wait_for(lambda: count_denials(texts()[before:]) >= denials, "not all came", 30)
    assert count_denials(texts()[before:]) == denials


def test_removal_keeps_what_waits_and_says_so(debian, waiting):
    debian.run("systemctl", "stop", "nsca", "tcpwrap-alert-replay.timer")
    debian.shell("handle_tcp_wrapper 203.0.113.11 sshd; handle_tcp_wrapper 203.0.113.12 sshd")
    config = debian.read(CONFIG)
    printed = debian.run("apt-get", "remove", "-y", "tcpwrap-alert").stdout
    assert f"tcpwrap-alert: 2 alerts wait in {SPOOL} and stay there" in printed
    assert "your rules name handle_tcp_wrapper; they still deny, but without an alert" in printed
    assert waiting() == 2
    assert debian.read(CONFIG) == config


def test_purge_keeps_what_no_monitor_has_seen(debian, waiting):
    printed = debian.run("apt-get", "purge", "-y", "tcpwrap-alert").stdout
    assert f"tcpwrap-alert: 2 alerts that no monitor has seen stay in {SPOOL}" in printed
    assert waiting() == 2
    assert not (debian.root / "etc" / "tcpwrap-alert").exists()


def test_the_packages_own_test_passes(debian):
    """debian/tests, as autopkgtest runs it."""
    debian.shell(f"rm {SPOOL}/new/*; dpkg -i {built(debian)}")
    assert DENIED in debian.shell("cd /usr/src/tcpwrap-alert; AUTOPKGTEST_TMP=$(mktemp -d) sh debian/tests/denied-sshd")


def test_purge_keeps_what_waits_for_a_window(debian, waiting):
    debian.run("handle_tcp_wrapper", "127.66.0.9", "sshd")
    wait_for(lambda: not waiting(), "it is not counted")
    debian.shell("kill $(pgrep -u tcpwrap-alert) || :")  # the forwarder of the episode
    printed = debian.run("apt-get", "purge", "-y", "tcpwrap-alert").stdout
    assert f"tcpwrap-alert: 1 alerts that no monitor has seen stay in {SPOOL}" in printed
    assert "127.66.0.9" in debian.read(f"{SPOOL}/episodes")


def test_purge_of_an_empty_spool_leaves_nothing(debian):
    debian.shell(f"rm {SPOOL}/episodes; dpkg -i {built(debian)}; apt-get purge -y tcpwrap-alert")
    left = debian.shell("find / -xdev -name '*tcpwrap-alert*' -not -path '/usr/src/*' -not -path '/var/log/*'")
    assert [path for path in left.splitlines() if "deb-systemd-helper" not in path] == []
