"""The standard rule with the real sshd, in either file and after aclexec; and what a twist does to a daemon."""

from __future__ import annotations

import socket
import subprocess

import pytest
from peers.daemons import ALLOWED, DAEMONS, DENIED, HOOK
from peers.nsca_daemon import is_listening, wait_for
from peers.running_daemon import Client, RunningDaemon
from support import namespaces
from support.spools import wait_until_left

from tcpwrap_alert.libwrap.check_rules import check_rules

NAMED = {daemon.name: daemon for daemon in DAEMONS}
NETWORK = "ALL: 127.77.0.0/16\n"
FAILS_FOR_DENIED = f"sshd: ALL: aclexec [ %a != {DENIED} ]\n"
STANDARD = f"ALL: ALL: spawn ({HOOK}) &: deny\n"


@pytest.fixture
def sshd(installed, hosts_deny, bin_dir, peer):
    """Start the real sshd with rules in force; return whether a client is served, once it has been let go."""
    namespaces.mount_tmpfs("/run")
    started = []

    def start(allow, deny):
        hosts_deny(deny, allow.replace("/opt/tcpwrap-alert/bin", str(bin_dir)))
        started.append(RunningDaemon(NAMED["sshd"], peer))
        started[-1].start()
        return is_served

    def is_served(source):
        client = Client(NAMED["sshd"], source)
        wait_for(lambda: b"SSH-2.0-" in client.received or client.closed_s is not None, "neither served nor let go")
        client.leave()
        return b"SSH-2.0-" in client.received

    try:
        yield start
        wait_until_left("/var/spool/tcpwrap-alert")
    finally:
        for daemon in started:
            daemon.stop()
        namespaces.unbind("/run")


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        (NETWORK, STANDARD),
        (NETWORK + STANDARD, ""),
        (NETWORK + FAILS_FOR_DENIED, STANDARD),
    ],
    ids=["hosts.deny", "hosts.allow", "hosts.deny after aclexec"],
)
def test_standard_rule_denies_and_alerts(sshd, installed, allow, deny):
    is_served = sshd(allow, deny)
    assert not is_served(DENIED)
    assert installed.wait_for_results(1) == [f"firestorm;TCP Wrappers;2;Denied sshd-{DENIED}"]
    assert is_served(ALLOWED)


def test_rule_without_deny_opens_sshd_after_aclexec(sshd, installed):
    """What the standard rule ends in deny for."""
    is_served = sshd(NETWORK + FAILS_FOR_DENIED, STANDARD.replace(": deny", ""))
    assert is_served(DENIED)
    assert installed.wait_for_results(1) == [f"firestorm;TCP Wrappers;2;Denied sshd-{DENIED}"]


def test_twist_ends_a_socat_that_serves_all(isolated, hosts_deny, peer, tmp_path):
    """No list of ours has it, but it is linked with libwrap."""
    socat = peer("socat")
    rules = "relay: ALL: twist /bin/true\n"
    hosts_deny(rules)
    listen = "TCP-LISTEN:2326,bind=127.0.0.1,reuseaddr,fork,tcpwrap=relay"
    process = subprocess.Popen([socat, listen, "EXEC:/bin/cat"])
    wait_for(lambda: is_listening("127.0.0.1", 2326), "socat does not listen")
    with socket.create_connection(("127.0.0.1", 2326), source_address=(DENIED, 0)):
        assert process.wait(30) == 0
    (tmp_path / "hosts.deny").write_text(rules.replace("relay", "ALL"))
    found = check_rules(str(tmp_path / "hosts.allow"), str(tmp_path / "hosts.deny"))
    said = [finding.text for finding in found if "may so end" in finding.text]
    assert any("socat" in text or "others" in text for text in said)
