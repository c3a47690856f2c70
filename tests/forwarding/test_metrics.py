"""Numbers for Prometheus, read by promtool and the real node exporter; no failure costs an alert or an older file."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces

from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.forwarding.lead import lead
from tcpwrap_alert.spool.spool import Spool

PORT = 9100


@pytest.fixture
def metrics_file(tmp_path):
    """The path of the file in a directory of its own."""
    (tmp_path / "node").mkdir()
    return tmp_path / "node" / "tcpwrap_alert.prom"


@pytest.fixture
def results(tmp_path, write_config, metrics_file):
    """A monitor that takes everything: its result folder."""
    folder = tmp_path / "results"
    folder.mkdir()
    write_config(server=f"{folder}/", host_name="firestorm", metrics_file=metrics_file)
    return folder


def values(path):
    return dict(line.rsplit(" ", 1) for line in path.read_text().splitlines() if not line.startswith("#"))


def numbers(path):
    """Return the values without the time, by names without our own beginning."""
    found = {name.replace("tcpwrap_alert_", ""): int(value) for name, value in values(path).items()}
    found.pop("last_success_timestamp_seconds")
    return found


def test_numbers_after_each_replay(results, spool, run, metrics_file):
    for daemon in ("sshd", "sshd", "vsftpd"):
        spool.enqueue(Denial(daemon, "203.0.113.7"))
    assert run("tcpwrap-alert", "replay").returncode == 0
    once = {
        'denials_total{daemon="sshd"}': 2,
        'denials_total{daemon="vsftpd"}': 1,
        'delivered_total{monitor="default"}': 2,
        'rejected_total{monitor="default"}': 0,
        "waiting": 0,
        "oldest_seconds": 0,
    }
    assert numbers(metrics_file) == once
    metrics_file.unlink()
    assert run("tcpwrap-alert", "replay").returncode == 0  # of an idle spool
    assert numbers(metrics_file) == once


def test_numbers_while_the_monitor_is_away(results, spool, run, metrics_file):
    results.rmdir()
    spool.enqueue(Denial("sshd", "203.0.113.7"), at_ns=10**18)
    assert run("tcpwrap-alert", "replay").returncode == 75
    found = numbers(metrics_file)
    assert (found["waiting"], found["oldest_seconds"] > 10**6) == (1, True)


def test_the_forwarder_writes_them_too(results, spool, config_of, metrics_file):
    spool.enqueue(Denial("sshd", "203.0.113.7"))
    lead(spool, config_of())
    assert numbers(metrics_file)['denials_total{daemon="sshd"}'] == 1


@pytest.fixture
def config_of(tmp_path):
    """Read the test's configuration."""
    return lambda: read_config(str(tmp_path / "send_nsca.cfg"))


def test_each_of_several_monitors_has_its_own(results, spool, run, metrics_file, tmp_path):
    (tmp_path / "second").mkdir()
    with open(tmp_path / "send_nsca.cfg", "a") as file:
        file.write(f"[second]\nserver={tmp_path}/second/\n")
    spool.enqueue(Denial("sshd", "203.0.113.7"))
    assert run("tcpwrap-alert", "replay").returncode == 0
    found = numbers(metrics_file)
    assert found['denials_total{daemon="sshd"}'] == 1
    assert found['delivered_total{monitor="default"}'] == found['delivered_total{monitor="second"}'] == 1


def test_promtool_finds_no_fault(results, spool, run, metrics_file, peer):
    for daemon in ("sshd", "in.telnetd", '"\\'):
        spool.enqueue(Denial(daemon, "203.0.113.7"))
    assert run("tcpwrap-alert", "replay").returncode == 0
    promtool = [peer("promtool"), "check", "metrics"]
    checked = subprocess.run(promtool, input=metrics_file.read_bytes(), capture_output=True, check=False, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def scraped():
    """Return what the node exporter answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=10) as answer:
        return answer.read().decode()


def is_up():
    try:
        return bool(scraped())
    except OSError:
        return False


def test_node_exporter_scrapes_them(results, spool, run, metrics_file, peer, isolated):
    spool.enqueue(Denial("sshd", "203.0.113.7"))
    assert run("tcpwrap-alert", "replay").returncode == 0
    options = ("--collector.disable-defaults", "--collector.textfile", f"--web.listen-address=127.0.0.1:{PORT}")
    directory = f"--collector.textfile.directory={metrics_file.parent}"
    exporter = subprocess.Popen(
        [peer("prometheus-node-exporter"), *options, directory], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(is_up, "the node exporter does not answer")
        lines = scraped().splitlines()
    finally:
        exporter.terminate()
        exporter.wait()
    assert 'tcpwrap_alert_denials_total{daemon="sshd"} 1' in lines
    assert "node_textfile_scrape_error 0" in lines


@pytest.mark.parametrize("call", ["rename", "fsync"])
def test_kill_in_the_middle_leaves_the_old_file(results, spool, run, metrics_file, peer, call):
    assert run("tcpwrap-alert", "replay").returncode == 0
    metrics_file.write_text("old\n")
    killing = (peer("strace"), "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:signal=SIGKILL")
    assert run(*killing, "tcpwrap-alert", "replay").returncode != 0
    assert metrics_file.read_text() == "old\n"
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert numbers(metrics_file)["waiting"] == 0


@pytest.mark.parametrize("is_idle", [True, False])
@pytest.mark.parametrize("fault", ["missing", "a file"])
def test_directory_that_is_none_costs_one_line(results, spool, run, metrics_file, fault, is_idle):
    metrics_file.parent.rmdir()
    if fault == "a file":
        metrics_file.parent.touch()
    if not is_idle:
        spool.enqueue(Denial("sshd", "203.0.113.7"))
    done = run("tcpwrap-alert", "replay")
    reason = "No such file or directory" if fault == "missing" else "Not a directory"
    what = "let the owner of the spool write to its directory (docs/monitors.md)"
    assert done.stderr == f"tcpwrap-alert: {metrics_file}: cannot write metrics_file: {reason}; {what}\n"
    assert done.returncode == 74
    assert spool.scan() == []


def test_full_disk_leaves_nothing_beside_the_file(results, run, metrics_file, isolated):
    namespaces.mount_tmpfs(str(metrics_file.parent), "size=4k")
    try:
        (metrics_file.parent / "full").write_bytes(bytes(4096))
        assert "No space left" in run("tcpwrap-alert", "replay").stderr
        assert os.listdir(metrics_file.parent) == ["full"]
    finally:
        namespaces.unbind(str(metrics_file.parent))


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_file_is_not_replaced(results, spool, run, metrics_file, make):
    make(metrics_file)
    before = metrics_file.lstat().st_ino
    done = run("tcpwrap-alert", "replay")
    assert (done.returncode, done.stderr.count("\n")) == (74, 1)
    assert "cannot write metrics_file: not a regular file" in done.stderr
    assert list(metrics_file.parent.iterdir()) == [metrics_file]
    assert metrics_file.lstat().st_ino == before


def test_directory_of_others_costs_one_line(default_spool, write_config, run):
    results, others = Path("/var/spool/results"), Path("/var/spool/node")
    for path in (results, others):
        path.mkdir()
    write_config(server=f"{results}/", host_name="firestorm", metrics_file=others / "ours.prom")
    Spool(str(default_spool)).enqueue(Denial("sshd", "203.0.113.7"))
    subprocess.run(["chown", "-R", "nobody", default_spool, results], check=True)
    done = run("tcpwrap-alert", "replay")
    assert done.stderr.count("Permission denied") == done.stderr.count("\n") == 1, done.stderr
    assert done.returncode == 74
    assert len(list(results.iterdir())) == 2
