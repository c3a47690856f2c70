"""`tcpwrap-alert setup` on a booted Debian 12 and 13: without the package, then beside it.

The tests follow each other on one machine, as its administrator's days do.
"""

from __future__ import annotations

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces
from support.documents import ROOT

pytestmark = pytest.mark.debian

PIP, PACKAGED = "/opt/tcpwrap-alert/bin", "/usr/bin"
TIMER = "tcpwrap-alert-replay.timer"
SPOOL = "/var/spool/tcpwrap-alert"
CONFIG = "/etc/tcpwrap-alert/send_nsca.cfg"
STRANGER = "203.0.113.99"
SESSION = "SSH_CONNECTION=198.51.100.7 40000 192.0.2.1 22"
VALUES = "--server 127.0.0.1 --password-file /var/tmp/password --method 14 --host-name firestorm"
LISTING = "find /etc /var/spool -not -name '.updated' -printf '%p %u %g %m %T@ %i\\n' | sort; cat /etc/hosts.*"
QUEUE = f"{PIP}/tcpwrap-alert queue; ls -l /srv; systemctl status nsca || :"
# What pip does, where there is none: Debian's Python looks for our files below /usr/local.
INSTALL = """
apt-get install -y -qq --no-install-recommends openssh-server nsca >/dev/null
apt-get install -y -qq --no-install-recommends python3-click python3-cryptography acl >/dev/null
useradd --system nagios
cd /usr/src/tcpwrap-alert
mkdir -p /opt/tcpwrap-alert /usr/local/share/tcpwrap-alert/systemd
cp -r bin /opt/tcpwrap-alert
cp -r tcpwrap_alert /usr/local/lib/python3*/dist-packages
cp -r packaging/systemd/. /usr/local/share/tcpwrap-alert/systemd
install -m 600 /dev/null /var/tmp/password
echo s3cret >/var/tmp/password
cat >/etc/nsca.cfg <<END
password=s3cret
decryption_method=14
command_file=/srv/commands
append_to_file=1
END
install -m 666 /dev/null /srv/commands
systemctl restart nsca ssh
"""


@pytest.fixture(autouse=True)
def stranger():
    """An address that no rule lets in."""
    namespaces.run("ip", "address", "add", f"{STRANGER}/32", "dev", "lo")
    yield
    namespaces.run("ip", "address", "del", f"{STRANGER}/32", "dev", "lo")


@pytest.fixture
def setup(debian):
    """Run setup in a session over ssh, which must end well; return what it prints."""

    def run(options, programs=PIP):
        return debian.shell(f"env '{SESSION}' {programs}/tcpwrap-alert setup {options}")

    return run


@pytest.fixture
def arrived(debian):
    """Return how often a text has arrived at nsca."""
    return lambda text: debian.read("/srv/commands").count(f";firestorm;TCP Wrappers;2;{text}")


def is_denied(debian):
    """Connect to sshd as a stranger; say whether it lets him go without a word."""
    said = debian.run("ssh", "-n", "-b", STRANGER, "-o", "StrictHostKeyChecking=no", "127.0.0.1", check=False).stdout
    return ("Permission denied" not in said and "closed by" in said.lower()) or "reset" in said


@pytest.mark.timeout(300)
def test_setup_leads_to_an_alert(debian, setup, arrived):
    debian.shell(INSTALL)
    printed = setup(f"{VALUES} --apply")
    assert f"done: write {TIMER}" in printed
    assert is_denied(debian)
    wait_for(lambda: arrived(f"Denied sshd-{STRANGER}"), printed + debian.shell(QUEUE), 30)


def test_timer_runs_and_its_units_are_sound(debian):
    assert debian.run("systemctl", "is-active", TIMER).stdout == "active\n"
    assert debian.run("systemctl", "is-enabled", TIMER).stdout == "enabled\n"
    units = (TIMER, TIMER.replace(".timer", ".service"))
    assert debian.run("systemd-analyze", "--man=no", "verify", *units).stdout == ""
    debian.run("systemd-analyze", "security", "--offline=yes", "--threshold=20", units[1])


def test_timer_sends_what_waits(debian, arrived):
    """From its sandbox, within a minute and the delay of this host."""
    debian.shell(f"echo window=no >>{CONFIG}; systemctl stop nsca; kill $(pgrep -u tcpwrap-alert) || :")
    debian.shell(f"{PIP}/handle_tcp_wrapper 203.0.113.8 sshd; sleep 1; kill $(pgrep -u tcpwrap-alert) || :")
    assert debian.shell(f"ls {SPOOL}/new | wc -l") == "1\n"
    debian.run("systemctl", "start", "nsca")
    wait_for(lambda: arrived("Denied sshd-203.0.113.8"), "the timer sends nothing", 110)
    wait_for(lambda: not list((debian.root / SPOOL[1:] / "new").iterdir()), "it stays")


def test_second_setup_changes_nothing(debian, setup):
    before = debian.shell(LISTING)
    printed = setup("--apply").partition("/opt/tcpwrap-alert/bin/tcpwrap-alert check:")[0]
    assert [line for line in printed.splitlines() if not line.startswith("is there: ")] == []
    assert debian.shell(LISTING) == before


def test_removal_leaves_backups_only(debian, setup):
    printed = setup("--remove")
    left = debian.shell(f"find /etc {SPOOL} -name '*tcpwrap-alert*' 2>/dev/null || :").split()
    assert [path for path in left if path != "/etc/tcpwrap-alert"] == [], printed
    assert debian.run("getent", "passwd", "tcpwrap-alert", check=False).stdout == ""
    assert debian.run("systemctl", "is-active", TIMER, check=False).stdout == "inactive\n"
    assert "tcpwrap" not in debian.read("/etc/hosts.allow") + debian.read("/etc/hosts.deny")


@pytest.mark.timeout(300)
def test_what_the_package_brings_is_there(debian, setup, arrived):
    debian.shell("rm -r /opt/tcpwrap-alert /usr/local/lib/python3*/dist-packages/tcpwrap_alert /usr/local/share/tcp*")
    (package,) = (ROOT / "dist").glob("tcpwrap-alert_*_all.deb")
    (debian.root / "usr" / "src" / package.name).write_bytes(package.read_bytes())
    debian.shell(f"rm -r /etc/tcpwrap-alert; dpkg -i /usr/src/{package.name}")
    printed = setup(f"{VALUES} --apply", PACKAGED)
    for what in ("user tcpwrap-alert", f"spool {SPOOL}", f"timer /usr/lib/systemd/system/{TIMER}"):
        assert f"is there: {what}" in printed
    assert "spawn (/usr/sbin/handle_tcp_wrapper %h %d)" in debian.read("/etc/hosts.deny")
    assert not (debian.root / "etc" / "systemd" / "system" / TIMER).exists()
    before = arrived(f"Denied sshd-{STRANGER}")
    assert is_denied(debian)
    wait_for(lambda: arrived(f"Denied sshd-{STRANGER}") > before, printed, 30)


def test_removal_leaves_what_the_package_brings(debian, setup):
    printed = setup("--remove", PACKAGED)
    for what in ("user tcpwrap-alert", f"spool {SPOOL}", f"timer /usr/lib/systemd/system/{TIMER}"):
        assert f"not made by setup, so left: {what}" in printed
    assert "server=127.0.0.1" in debian.read(CONFIG)
    assert debian.run("systemctl", "is-active", TIMER).stdout == "active\n"
    assert "tcpwrap" not in debian.read("/etc/hosts.allow") + debian.read("/etc/hosts.deny")
