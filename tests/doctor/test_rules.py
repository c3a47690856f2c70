"""Rules: what is wrong with them, and whether this session, loopback and the monitor would be let in."""

from __future__ import annotations

import os
import subprocess

import pytest
from support import namespaces

from .conftest import ALLOWED, RULE


@pytest.mark.parametrize(
    ("allow", "client", "told"),
    [
        ("sshd: 203.0.113.7\n", "203.0.113.7", []),
        ("sshd: [2001:db8::]/32\n", "2001:db8::7", []),
        ("", "203.0.113.7", ["fail your session, from 203.0.113.7, would be denied if you logged in again"]),
        ("", "2001:db8::7", ["fail your session, from 2001:db8::7, would be denied if you logged in again"]),
        ("sshd: .friends.example\n", "203.0.113.7", ["warn whether your session, from 203.0.113.7, would be let in"]),
    ],
)
def test_this_session_is_looked_for(host, faults, peer, allow, client, told):
    peer("sshd")
    host.rules(ALLOWED + allow, RULE)
    found = faults("rules", SSH_CONNECTION=f"{client} 50000 192.0.2.1 22")
    assert len(found) == len(told)
    assert all(text.startswith(start) for text, start in zip(found, told))


def test_session_is_found_behind_sudo(host, run, peer):
    peer("sshd")
    host.rules(ALLOWED, RULE)
    script = "env -u SSH_CONNECTION tcpwrap-alert check; true"
    env = {**os.environ, "SSH_CONNECTION": "203.0.113.7 50000 192.0.2.1 22"}
    done = run("sh", "-c", script, env=env)
    assert "fail rules: your session, from 203.0.113.7, would be denied" in done.stdout


def test_a_locked_house_is_a_warning(host, faults):
    host.rules("", RULE)
    found = faults("rules")
    assert any("nobody can connect any more" in text for text in found)
    assert any(text.startswith("warn loopback, ::1, is denied by ") for text in found)


def test_no_alert_at_all_is_a_failure(host, faults):
    host.rules(ALLOWED, "")
    (told,) = faults("rules")
    assert told.startswith("fail /etc/hosts.deny: no rule calls handle_tcp_wrapper")


def test_monitor_that_is_denied_is_a_warning(host, faults):
    host.write_config(server="192.0.2.1:1", verdict="direct")
    assert any(text.startswith("warn the monitor, 192.0.2.1, is denied by ") for text in faults("rules"))
    host.rules(f"{ALLOWED}ALL: 192.0.2.1\n", RULE)
    assert faults("rules") == []


def test_monitor_is_looked_up(host, faults, check):
    namespaces.bind_over("/etc/hosts", "192.0.2.1 nagios.example\n")
    try:
        host.write_config(server="nagios.example:1", verdict="direct")
        assert any(text.startswith("warn the monitor, 192.0.2.1, is denied by ") for text in faults("rules"))
    finally:
        namespaces.unbind("/etc/hosts")


def test_rules_that_nobody_may_read_are_told(host, run):
    subprocess.run(["chmod", "600", "/etc/hosts.deny"], check=True)
    done = run("tcpwrap-alert", "check")
    assert "warn rules: /etc/hosts.deny: not everybody may read it" in done.stdout
