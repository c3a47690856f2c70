"""The heartbeat: it goes past what waits, is never kept, and says 75 when the monitor cannot be told."""

from __future__ import annotations

import re
import time

from tcpwrap_alert import __version__
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool import history


def test_heartbeat_goes_past_what_waits(run, start_nsca, write_config, spool, spool_dir):
    daemon = start_nsca("single", password="s3cret")
    write_config(server=f"127.0.0.1:{daemon.port}", password="s3cret", host_name="firestorm")
    spool.enqueue(Denial("sshd", "203.0.113.7"))
    history.record(spool.path, time.time(), "sshd", "203.0.113.7", 57)
    done = run("tcpwrap-alert", "heartbeat")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (result,) = daemon.results()
    pattern = (
        r"firestorm;TCP Wrappers Alerting;0;1 waiting, the oldest for \d+ s: not tried yet; 57 denials in 24 hours, "
        rf"the last at .+; version {re.escape(__version__)} \| entries=1;;;0 oldest=\d+s;300;3600;0 denied_24h=57;;;0"
    )
    assert re.fullmatch(pattern, result)
    assert len(spool.scan()) == 1


def test_heartbeat_that_cannot_be_told_is_75(run, write_config, spool_dir):
    write_config(server="127.0.0.1:1", heartbeat_service="Alerting")
    done = run("tcpwrap-alert", "heartbeat")
    assert done.returncode == 75
    assert "connection refused; the monitor was not told how the spool is" in done.stderr
    assert list((spool_dir / "new").iterdir()) == []


def test_missing_spool_is_told_as_unknown(run, start_nsca, write_config):
    daemon = start_nsca("single", password="s3cret")
    write_config(server=f"127.0.0.1:{daemon.port}", password="s3cret", host_name="firestorm")
    assert run("tcpwrap-alert", "heartbeat").returncode == 0
    (result,) = daemon.results()
    assert result.startswith("firestorm;TCP Wrappers Alerting;3;")


def test_spool_that_is_no_directory_is_told_as_unknown(run, start_nsca, write_config, tmp_path):
    daemon = start_nsca("single", password="s3cret")
    write_config(server=f"127.0.0.1:{daemon.port}", password="s3cret", host_name="firestorm")
    (tmp_path / "spool").touch()
    assert run("tcpwrap-alert", "heartbeat").returncode == 0
    (result,) = daemon.results()
    assert result.startswith("firestorm;TCP Wrappers Alerting;3;")


DENIALS_ONLY = "[alerts]\nserver=alertmanager+http://127.0.0.1:1\n"


def test_monitor_of_denials_only_gets_no_heartbeat(run, start_nsca, write_config, spool_dir):
    daemon = start_nsca("single", password="s3cret")
    path = write_config(host_name="firestorm", allow_cleartext="true")
    with path.open("a") as config:
        config.write(f"{DENIALS_ONLY}[nagios]\nserver=127.0.0.1:{daemon.port}\npassword=s3cret\n")
    done = run("tcpwrap-alert", "heartbeat")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(daemon.results()) == 1


def test_nobody_to_hear_a_heartbeat_is_told(run, write_config, spool_dir):
    path = write_config(allow_cleartext="true")
    with path.open("a") as config:
        config.write(DENIALS_ONLY)
    done = run("tcpwrap-alert", "heartbeat")
    assert done.returncode == 78
    what = "no monitor to tell: what is configured takes denials only; add a section with a server that takes more"
    assert done.stderr == f"tcpwrap-alert: {path}: {what}\n"


def test_heartbeat_never_clears_the_denials(run, start_nsca, write_config, spool_dir):
    daemon = start_nsca("single", password="s3cret")
    path = write_config(server=f"127.0.0.1:{daemon.port}", password="s3cret", heartbeat_service="TCP Wrappers")
    done = run("tcpwrap-alert", "heartbeat")
    what = "heartbeat_service is the service of the denials, which the heartbeat would clear; name another one"
    assert (done.returncode, done.stderr) == (78, f"tcpwrap-alert: {path}: {what}\n")
    assert daemon.results() == []


def test_wrong_use_is_told_as_elsewhere(run):
    assert run("tcpwrap-alert", "heartbeat", "now").returncode == 64
