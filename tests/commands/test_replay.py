"""`replay` tells every failure, of each spool and of each file; the first decides the exit status."""

from __future__ import annotations

import os
import time

import pytest
from peers.fake_daemon import FakeDaemon
from support.messages import one_line

from tcpwrap_alert import commands
from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.spool import Spool

STRANGER = 4711


@pytest.fixture
def spools(default_spool, tmp_path, write_config):
    """The spool of the configuration, and the default one, which is looked after, too; a denial waits in each."""
    (tmp_path / "configured" / "new").mkdir(parents=True)
    write_config(server="127.0.0.1:1", host_name="firestorm", spool_dir=tmp_path / "configured")
    for path in (tmp_path / "configured", default_spool):
        Spool(str(path)).enqueue(Denial("sshd", "203.0.113.7"))
    return [tmp_path / "configured", default_spool]


REFUSED = "127.0.0.1:1: connection refused; kept in the spool; the next replay tries again"


@pytest.mark.parametrize(("unusable", "status"), [(0, 74), (1, 75)], ids=["first", "second"])
def test_each_spools_failure_is_a_line(run, spools, unusable, status):
    (spools[unusable] / "new").chmod(0o777)
    done = run("tcpwrap-alert", "replay")
    lines = [line.partition("tcpwrap-alert: ")[2] for line in done.stderr.splitlines()]
    assert lines.pop(1 - unusable) == REFUSED
    (line,) = lines
    assert line.startswith(f"{spools[unusable]}/new: everybody may write to it, so it is not used; run chmod o-w ")
    assert (done.returncode, done.stdout) == (status, "")


def test_the_same_failure_of_two_spools_is_told_once(run, spools):
    done = run("tcpwrap-alert", "replay")
    assert (done.returncode, done.stderr) == (75, f"tcpwrap-alert: {REFUSED}\n")


def test_splay_is_waited_before_anything_goes(spools, monkeypatch):
    done = []
    monkeypatch.setattr("time.sleep", done.append)
    monkeypatch.setattr("tcpwrap_alert.commands.replay.random_share", lambda: 0.5)
    monkeypatch.setattr("tcpwrap_alert.commands.replay.replay", lambda *_, **_options: done.append("replay"))
    assert commands.run(["replay", "--splay", "40"]) == 0
    assert done == [20, "replay"]


def test_splay_of_an_empty_spool_is_no_wait(run, spool_dir):
    started = time.monotonic()
    done = run("tcpwrap-alert", "replay", "--splay=3600")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("splay", ["-1", "1.5", "soon"])
def test_splay_that_is_no_whole_number_is_an_error(run, spools, splay):
    done = run("tcpwrap-alert", "replay", "--splay", splay)
    assert done.returncode == 64
    assert "'--splay'" in one_line(done.stderr)


def put_of_stranger(spool, number):
    """Enqueue a check result as somebody who may add denials only."""
    name = spool.enqueue(CheckResult("firestorm", f"Service {number}", 0, "text"))
    os.chown(os.path.join(spool.new, name), STRANGER, STRANGER)
    return name


def test_each_file_at_fault_is_a_line(run, isolated, spool_dir, write_config):
    spool = Spool(str(spool_dir))
    names = [put_of_stranger(spool, number) for number in range(3)]
    spool.enqueue(Denial("sshd", "203.0.113.7"))
    with FakeDaemon() as daemon:
        write_config(server=f"127.0.0.1:{daemon.port}", host_name="firestorm")
        done = run("tcpwrap-alert", "replay")
    what = f"is no denial, and of user {STRANGER}, who does not own the spool, so it is not sent; chown or remove it"
    first, *others = done.stderr.splitlines()
    kept = "; 3 check results kept in the spool until this is put right; then replay delivers"
    assert first == f"tcpwrap-alert: new/{names[0]}: {what}{kept}"
    assert others == [f"tcpwrap-alert: new/{name}: {what}" for name in names[1:]]
    assert (done.returncode, done.stdout) == (74, "")
    assert spool.scan() == names
    assert [packet.plugin_output for packet in daemon.connections[0].packets] == ["Denied sshd-203.0.113.7"]


def test_a_great_many_faults_are_told_in_few_lines(run, isolated, spool_dir, write_config):
    spool = Spool(str(spool_dir))
    for number in range(50):
        put_of_stranger(spool, number)
    write_config(server="127.0.0.1:1")
    done = run("tcpwrap-alert", "replay")
    lines = done.stderr.splitlines()
    assert len(lines) == 22
    assert lines[-1] == "tcpwrap-alert: and 29 more like these"
    assert done.returncode == 74
