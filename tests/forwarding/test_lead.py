"""The forwarder: it leaves nothing to nobody when it resigns, and says so when it gives up."""

from __future__ import annotations

import pytest
from support.scripted import ScriptedTransport

from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import ConnectError, NotDelivered
from tcpwrap_alert.forwarding import drain as drain_module
from tcpwrap_alert.forwarding import lead as lead_module
from tcpwrap_alert.forwarding.lead import lead
from tcpwrap_alert.spool.leader import Leader

DOWN = ConnectError("connection refused", "m:1")


@pytest.fixture
def two_monitors(tmp_path):
    path = tmp_path / "two.cfg"
    path.write_text("fold=no\n[a]\nserver=127.0.0.1:1\n[b]\nserver=127.0.0.1:2\n")
    return read_config(str(path))


@pytest.fixture
def told(monkeypatch):
    """What syslog is told; no pause takes any time."""
    lines = []
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    for module in ("lead", "sharing"):
        monkeypatch.setattr(f"tcpwrap_alert.forwarding.{module}.tell", lines.append)
    return lines


@pytest.fixture
def monitors(monkeypatch):
    """The monitors by their names: each accepts everything, until its script says something else."""
    transports = {name: ScriptedTransport(lambda text: "") for name in ("", "a", "b")}
    monkeypatch.setattr(
        drain_module, "open_transport", lambda monitor, memory: transports[monitor.name].open(0, memory)
    )
    return transports


def deny(spool, client):
    spool.enqueue(Denial("sshd", client))


@pytest.mark.parametrize("has_several", [False, True], ids=["one monitor", "two monitors"])
def test_p5_denial_as_the_leader_resigns_is_sent(spool, config, two_monitors, told, monitors, monkeypatch, has_several):
    """Its drop still finds `leader`, after the leader's last look at the spool, and so leaves the file to it."""
    really = Leader.resign

    def resign(leader):
        if spool.leader.exists() and not late:
            late.append("203.0.113.8")
            deny(spool, late[0])
        really(leader)

    late = []
    monkeypatch.setattr(Leader, "resign", resign)
    deny(spool, "203.0.113.7")
    lead(spool, two_monitors if has_several else config)
    texts = ["Denied sshd-203.0.113.7", "Denied sshd-203.0.113.8"]
    for name in ("a", "b") if has_several else ("",):
        assert monitors[name].seen == texts
    assert not spool.has_work()


def test_dead_one_of_two_monitors_is_told(spool, two_monitors, told, monitors):
    monitors["a"].script = lambda text: DOWN
    deny(spool, "203.0.113.7")
    with pytest.raises(NotDelivered, match="connection refused"):
        lead(spool, two_monitors)
    assert monitors["b"].seen == ["Denied sshd-203.0.113.7"]
    assert told == ["m:1: connection refused; kept in the spool, trying again for five minutes"]


def test_nothing_for_two_monitors_is_no_failure(spool, two_monitors, told, monitors):
    """As when a replay was quicker than the forwarder, before anything had ever waited."""
    lead(spool, two_monitors)
    assert told == []


def test_dead_monitor_is_tried_for_five_minutes(spool, config, told, monitors, monkeypatch):
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    monitors[""].script = lambda text: DOWN
    deny(spool, "203.0.113.7")
    with pytest.raises(NotDelivered):
        lead(spool, config)
    assert sum(slept) == sum(lead_module.PAUSES_S) == 300
    assert len(monitors[""].seen) == len(lead_module.PAUSES_S) + 1
    assert len(told) == 1
    assert not spool.leader.exists()


@pytest.mark.parametrize("follows", ["whole", "unfinished"])
def test_rejection_is_told_whatever_follows(spool, config, told, monitors, monkeypatch, follows):
    """A later attempt of the same forwarder passes over what was rejected."""
    monkeypatch.setattr("time.monotonic", iter(range(0, 10**6, 20)).__next__)
    monitors[""].script = lambda text: "no such host" if "7" in text else ""
    really = Leader.resign

    def resign(leader):
        if not followed:
            followed.append(deny(spool, "198.51.100.1") if follows == "whole" else open(f"{spool.new}/1", "w").close())
        really(leader)

    followed = []
    monkeypatch.setattr(Leader, "resign", resign)
    deny(spool, "203.0.113.7")
    with pytest.raises(NotDelivered, match="no such host"):
        lead(spool, config)
