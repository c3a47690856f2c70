"""Several monitors, an nsca, an NSCA-ng server and an Alertmanager: each gets everything, and none delays another."""

from __future__ import annotations

import json
import re

import pytest
from peers.alertmanager import Alertmanager
from peers.nsca_daemon import wait_for
from peers.nsca_ng import NscaNg

IN_TIME_S = 3.0

pytestmark = pytest.mark.alone  # it asserts how soon alerts arrive
DENIALS = 100
CONFIG = """\
host_name=firestorm
timeout=2
fold=no
[nagios]
server=127.0.0.1:{nsca}
password=s3cret
verdict=direct
encryption_method=14
[ng]
server=nsca-ng://sensor1@127.0.0.1:{ng}
password=s3cret-psk
[alerts]
server=alertmanager+http://127.0.0.1:{alerts}
allow_cleartext=true
"""


@pytest.fixture
def monitors(start_nsca, peer, tmp_path, spool_dir):
    """Three monitors that run, and a configuration that names them."""
    nsca = start_nsca(method=14, password="s3cret")
    ng = NscaNg(peer("nsca-ng"), tmp_path / "ng")
    ng.start()
    alerts = Alertmanager(peer("prometheus-alertmanager"), tmp_path / "alerts")
    alerts.start()
    config = tmp_path / "send_nsca.cfg"
    config.write_text(CONFIG.format(nsca=nsca.port, ng=ng.port, alerts=alerts.port))
    config.chmod(0o600)
    yield nsca, ng, alerts
    ng.stop()
    alerts.stop()


def at_nsca(nsca):
    return {result.rpartition("-")[2] for result in nsca.results()}


def at_ng(ng):
    return set(re.findall(r"Denied sshd-([\d.]+)", ng.text()))


def at_alerts(alerts):
    return {alert["labels"]["client"] for alert in alerts.alerts()}


@pytest.mark.alone
@pytest.mark.parametrize("away", ["nsca killed", "NSCA-ng killed", "Alertmanager stopped"])
def test_survivors_have_each_denial_in_time(monitors, run, away):
    nsca, ng, alerts = monitors
    seen = {nsca: at_nsca, ng: at_ng, alerts: at_alerts}
    victim, leave, back = {
        "nsca killed": (nsca, nsca.stop, nsca.start),
        "NSCA-ng killed": (ng, ng.stop, ng.start),
        "Alertmanager stopped": (alerts, alerts.pause, alerts.go_on),
    }[away]
    leave()
    sent = [f"203.0.113.{last}" for last in range(DENIALS)]
    for client in sent:
        assert run("handle_tcp_wrapper", client, "sshd").returncode == 0
    for survivor in seen.keys() - {victim}:
        name = type(survivor).__name__
        wait_for(lambda one=survivor: seen[one](one) == set(sent), f"{name} is late", IN_TIME_S)
    back()
    wait_for(lambda: run("tcpwrap-alert", "replay") and seen[victim](victim) == set(sent), "not all", 40.0)
    for monitor, clients in seen.items():
        assert clients(monitor) == set(sent)
    wait_for(lambda: run("tcpwrap-alert", "queue").stdout == "0 waiting\n", "something waits")


def test_commands_speak_of_each_monitor(monitors, run, tmp_path):
    nsca, ng, alerts = monitors
    ng.stop()
    done = run("tcpwrap-alert", "deny", "sshd", "203.0.113.7")
    assert done.returncode == 75
    assert f"127.0.0.1:{ng.port}: connection refused" in done.stderr
    assert (at_nsca(nsca), at_alerts(alerts)) == ({"203.0.113.7"}, {"203.0.113.7"})
    rows = json.loads(run("tcpwrap-alert", "queue", "--json").stdout)
    assert [(row["monitor"], row["plugin_output"]) for row in rows] == [("ng", "Denied sshd-203.0.113.7")]
    told = run("tcpwrap-alert", "check-spool").stdout
    assert told.startswith("SPOOL OK - 1 waiting, the oldest for ")
    assert f"ng: 127.0.0.1:{ng.port}: connection refused" in told
    failed = run("tcpwrap-alert", "replay")
    assert (failed.returncode, f"127.0.0.1:{ng.port}: connection refused" in failed.stderr) == (75, True)
    ng.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert at_ng(ng) == {"203.0.113.7"}
    assert run("tcpwrap-alert", "queue").stdout == "0 waiting\n"


def test_entries_of_a_removed_section_stay(monitors, run, tmp_path, spool_dir):
    _, ng, _ = monitors
    ng.stop()
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 75
    config = tmp_path / "send_nsca.cfg"
    text = config.read_text()
    config.write_text(re.sub(r"\[ng\]\n.*\n.*\n", "", text))
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.8").returncode == 0
    shown = run("tcpwrap-alert", "queue").stdout
    assert shown.startswith(f"no section of {config} is [ng] any more; add one, or remove {spool_dir}/for/ng\n")
    assert shown.endswith("Denied sshd-203.0.113.7\n1 waiting\n")
    config.write_text(text)
    ng.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    wait_for(lambda: at_ng(ng) == {"203.0.113.7"}, "it did not come")
