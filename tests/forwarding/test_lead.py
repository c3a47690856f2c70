"""The forwarder: it leaves nothing to nobody when it resigns, and says so when it gives up."""

from __future__ import annotations

import os
import signal
import socket
import subprocess

import pytest
from support.scripted import ScriptedTransport

from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import ConnectError, NotDelivered, SpoolBusy, SpoolError
from tcpwrap_alert.forwarding import drain as drain_module
from tcpwrap_alert.forwarding import lead as lead_module
from tcpwrap_alert.forwarding.attempt import attempt, pause_of
from tcpwrap_alert.forwarding.boxes import boxes_of, hand_over
from tcpwrap_alert.forwarding.lead import drop, lead
from tcpwrap_alert.forwarding.sharing import HAND_OVER_EVERY_S
from tcpwrap_alert.spool.leader import Leader
from tcpwrap_alert.spool.spool import Spool

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


@pytest.fixture
def no_thread(monkeypatch):
    """The limit of processes is reached."""

    def start(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", start)


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


@pytest.mark.parametrize("has_several", [False, True], ids=["one monitor", "two monitors"])
def test_pause_ends_when_a_replay_delivers(spool, config, two_monitors, told, monitors, monkeypatch, has_several):
    """Else what is denied next would wait for the rest of the pause, although the monitor is back."""
    config = two_monitors if has_several else config
    back = monitors["a" if has_several else ""]
    back.script = lambda text: DOWN
    pauses_s = []

    def sleep(seconds):
        if seconds >= 1:
            pauses_s.append(seconds)
            back.script = lambda text: ""
            attempt(spool, config)
            deny(spool, "203.0.113.8")
            if has_several:
                hand_over(spool, boxes_of(spool, config.monitors))

    monkeypatch.setattr("time.sleep", sleep)
    deny(spool, "203.0.113.7")
    lead(spool, config)
    assert pauses_s == [1]
    assert back.seen[-2:] == ["Denied sshd-203.0.113.7", "Denied sshd-203.0.113.8"]


def test_without_a_thread_each_monitor_gets_all(spool, two_monitors, no_thread, monitors):
    deny(spool, "203.0.113.7")
    attempt(spool, two_monitors)
    assert [monitors[name].seen for name in ("a", "b")] == [["Denied sshd-203.0.113.7"]] * 2


def test_without_a_thread_a_forwarder_leaves_all(spool, two_monitors, told, no_thread, monitors):
    deny(spool, "203.0.113.7")
    with pytest.raises(NotDelivered, match=r"127\.0\.0\.1:1: too many processes: can't start new thread"):
        lead(spool, two_monitors)
    assert [len(box.scan()) for box in spool.boxes()] == [1, 1]


def test_nothing_for_two_monitors_is_no_failure(spool, two_monitors, told, monitors):
    """As when a replay was quicker than the forwarder, before anything had ever waited."""
    lead(spool, two_monitors)
    assert told == []


@pytest.mark.parametrize(("drawn", "pauses_s"), [(b"\0\0", [4, 45]), (b"\xff\xff", [6, 75])])
def test_pauses_differ_from_host_to_host(monkeypatch, drawn, pauses_s):
    monkeypatch.setattr("os.urandom", lambda _count: drawn)
    assert [pause_of(5), pause_of(60)] == pauses_s


def test_dead_monitor_is_tried_for_five_minutes(spool, config, told, monitors, monkeypatch):
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    monitors[""].script = lambda text: DOWN
    deny(spool, "203.0.113.7")
    with pytest.raises(NotDelivered):
        lead(spool, config)
    assert sum(lead_module.PAUSES_S) == 300
    assert 225 <= sum(slept) <= 375
    assert len(monitors[""].seen) == len(lead_module.PAUSES_S) + 1
    assert len(told) == 1
    assert not spool.leader.exists()


def test_each_of_two_dead_monitors_has_five_minutes(spool, two_monitors, told, monitors, monkeypatch):
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    monitors["a"].script = monitors["b"].script = lambda text: DOWN
    deny(spool, "203.0.113.7")
    with pytest.raises(NotDelivered):
        lead(spool, two_monitors)
    assert 450 <= sum(pause_s for pause_s in slept if pause_s >= 1) <= 750
    assert [len(monitors[name].seen) for name in ("a", "b")] == [len(lead_module.PAUSES_S) + 1] * 2
    assert HAND_OVER_EVERY_S in slept  # the leader lets the threads work meanwhile


def test_fault_of_the_inbox_is_told_of_two_monitors(spool, two_monitors, told, monitors):
    os.mkfifo(f"{spool.new}/1")
    os.mkfifo(f"{spool.path}/corrupt")  # in the place of the directory for it
    deny(spool, "203.0.113.7")
    with pytest.raises(NotDelivered, match="new/1: cannot set aside"):
        lead(spool, two_monitors)
    assert [monitors[name].seen for name in ("a", "b")] == [["Denied sshd-203.0.113.7"]] * 2


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


@pytest.mark.parametrize("is_locked", [False, True], ids=["first", "second"])
def test_slow_drop_is_sent_by_one_at_a_time(spool, config, told, monitors, monkeypatch, tmp_path, is_locked):
    lock = tmp_path / "lock"
    lock.touch()
    lock_fd, other_fd = (os.open(lock, os.O_RDONLY) for _ in range(2))
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", spool.path)
    safe = []
    if is_locked:
        lead_module.try_flock(other_fd)
        with pytest.raises(SpoolBusy, match=r"client='203\.0\.113\.7'"):
            drop(Denial("sshd", "203.0.113.7"), config, lock_fd, lambda: safe.append(1))
        os.close(lock_fd)
    else:
        drop(Denial("sshd", "203.0.113.7"), config, lock_fd, lambda: safe.append(1))
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(lock_fd)
    os.close(other_fd)
    assert (monitors[""].seen, safe) == (([], []) if is_locked else (["Denied sshd-203.0.113.7"], [1]))


@pytest.mark.parametrize("has_several", [False, True], ids=["one monitor", "two monitors"])
def test_root_that_may_not_leave_sends_nothing(spool, config, two_monitors, monitors, monkeypatch, has_several):
    def refuse(_spool):
        raise SpoolError("root may not become its owner")

    deny(spool, "203.0.113.7")
    monkeypatch.setattr(Spool, "drop_root", refuse)
    with pytest.raises(NotDelivered, match="root may not become its owner"):
        attempt(spool, two_monitors if has_several else config)
    assert len(spool.scan()) == 1
    assert spool.boxes() == []
    assert [transport.seen for transport in monitors.values()] == [[], [], []]


def test_spool_that_cannot_be_scanned_is_told(spool, config, told, monitors, monkeypatch):
    def fail(_spool):
        raise SpoolError("new: cannot scan")

    monkeypatch.setattr(Spool, "scan", fail)
    with pytest.raises(NotDelivered, match="cannot scan"):
        lead(spool, config)
    assert not spool.leader.exists()


def test_p4_inbox_file_that_stays_holds_up_no_monitor(spool, two_monitors, monitors, monkeypatch):
    """As one that root has made immutable. It is told and goes to nobody, as it would come again with each attempt."""
    deny(spool, "203.0.113.7")
    deny(spool, "203.0.113.8")
    stays, _ = spool.scan()
    really = Spool.remove

    def remove(one, name):
        if one.path == spool.path and name == stays:
            raise SpoolError(f"{spool.new}/{name}: cannot remove: Operation not permitted")
        really(one, name)

    monkeypatch.setattr(Spool, "remove", remove)
    for _ in range(2):
        drained = attempt(spool, two_monitors)
        assert [str(fault) for fault in drained.faults.values()] == [
            f"{spool.new}/{stays}: cannot remove: Operation not permitted"
        ]
    assert spool.scan() == [stays]
    assert [monitors[name].seen for name in ("a", "b")] == [["Denied sshd-203.0.113.8"]] * 2


def test_p3_file_that_goes_with_an_error_is_not_lost(spool, two_monitors, monitors, monkeypatch):
    """As over NFS, where the answer may be lost. Its copies are all there is."""
    deny(spool, "203.0.113.7")
    really = Spool.remove

    def remove(one, name):
        really(one, name)
        if one.path == spool.path:
            raise SpoolError(f"{spool.new}/{name}: cannot remove: Input/output error")

    monkeypatch.setattr(Spool, "remove", remove)
    attempt(spool, two_monitors)
    assert [monitors[name].seen for name in ("a", "b")] == [["Denied sshd-203.0.113.7"]] * 2


def test_p4_directory_episodes_holds_up_no_monitor(spool, two_monitors, monitors):
    os.mkdir(spool.episodes)
    deny(spool, "203.0.113.7")
    (fault,) = attempt(spool, two_monitors).faults.values()
    assert "episodes" in str(fault)
    assert [monitors[name].seen for name in ("a", "b")] == [["Denied sshd-203.0.113.7"]] * 2


def test_fault_of_a_moment_costs_no_last_scan(spool, config, told, monitors, monkeypatch):
    """What is denied after it, and finds a leader, is sent by that leader."""
    faults = [SpoolError("new: cannot remove")]
    really = Leader.resign

    def check(_spool):
        if faults:
            raise faults.pop()

    def resign(leader):
        if len(spool.scan()) == 1:
            deny(spool, "203.0.113.8")
        really(leader)

    monkeypatch.setattr(Spool, "check_removable", check)
    monkeypatch.setattr(Leader, "resign", resign)
    deny(spool, "203.0.113.7")
    lead(spool, config)
    assert monitors[""].seen == ["Denied sshd-203.0.113.7", "Denied sshd-203.0.113.8"]


def test_replay_that_leaves_nothing_ends_the_pause(spool, config, told, monitors, monkeypatch):
    def sleep(_seconds):
        monitors[""].script = lambda text: ""
        attempt(spool, config)

    monitors[""].script = lambda text: DOWN
    monkeypatch.setattr("time.sleep", sleep)
    deny(spool, "203.0.113.7")
    lead(spool, config)
    assert monitors[""].seen == ["Denied sshd-203.0.113.7"] * 2
    assert not spool.leader.exists()


def test_forwarder_of_two_monitors_ends_when_told(spool, tmp_path, monkeypatch):
    """Not when the conversations that its threads wait for are over."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        (tmp_path / "send_nsca.cfg").write_text(f"timeout=60\n[a]\nserver={server}\n[b]\nserver={server}\n")
        (tmp_path / "send_nsca.cfg").chmod(0o600)
        deny(spool, "203.0.113.7")
        forwarder = subprocess.Popen(["tcpwrap-alert", "forward", spool.path])
        silent.settimeout(20)
        with silent.accept()[0]:
            forwarder.send_signal(signal.SIGTERM)
            assert forwarder.wait(20) == 75
    assert not spool.leader.exists()
