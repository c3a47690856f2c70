"""Alertmanager, against Debian's: alerts with labels and times, one notification for a client at many hosts."""

from __future__ import annotations

import datetime
import os
import subprocess
import time

import pytest
from peers.alertmanager import EXAMPLE, Alertmanager, Webhooks
from peers.nsca_daemon import wait_for
from support.parcels import deliver, parcel

from tcpwrap_alert.config.values import Endpoint
from tcpwrap_alert.errors import ConnectError, ProtocolError
from tcpwrap_alert.transports.alertmanager import open_transport

HOUR_S = 3600


@pytest.fixture
def webhooks():
    webhooks = Webhooks()
    yield webhooks
    webhooks.close()


@pytest.fixture
def start(peer, isolated, tmp_path, webhooks):
    """Start nodes, each of which calls the webhook, and stop them after the test."""
    nodes = []

    def start_node(**values):
        program = peer("prometheus-alertmanager")
        node = Alertmanager(program, tmp_path / f"node{len(nodes)}", webhooks.port, **values)
        nodes.append(node)
        node.start()
        return node

    yield start_node
    for node in nodes:
        node.stop()


def endpoint(port, path="", **values):
    return Endpoint("127.0.0.1", port, 5.0, path, is_in_clear=True, **values)


def send(node, *parcels, **values):
    with open_transport(endpoint(node.port, **values), {}) as transport:
        return deliver(transport, parcels)


def timestamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_denial_is_an_alert_with_its_labels(start):
    node = start()
    assert send(node, parcel(client="203.0.113.7", at_s=time.time() - 60)) == [""]
    (alert,) = node.alerts()
    assert alert["labels"] == {
        "alertname": "TcpWrappersDenied",
        "client": "203.0.113.7",
        "daemon": "sshd",
        "instance": "firestorm",
        "severity": "critical",
    }
    assert alert["annotations"]["summary"] == "Denied sshd-203.0.113.7"


@pytest.mark.parametrize("age_s", [60, 2 * HOUR_S], ids=["in time", "late"])
def test_alert_is_up_for_an_hour_and_is_told(start, webhooks, age_s):
    node, now_s = start(), time.time()
    send(node, parcel(client="203.0.113.7", at_s=now_s - age_s))
    (alert,) = node.alerts()
    assert abs(timestamp(alert["startsAt"]) - now_s + age_s) < 0.01
    assert abs(timestamp(alert["endsAt"]) - now_s - HOUR_S) < 5
    wait_for(lambda: webhooks.received, "nobody was told")


def test_what_is_no_denial_is_rejected_with_its_reason(start):
    node = start()
    now_s = time.time()
    parcels = parcel(client="a", at_s=now_s), parcel("all quiet", return_code=0), parcel(client="b", at_s=now_s)
    outcomes = send(node, *parcels)
    assert sorted(outcomes) == ["", "", "is no denial, and Alertmanager takes denials only"]
    assert len(node.alerts()) == 2


def test_thousand_clients_are_a_thousand_alerts(start):
    node = start()
    assert send(node, *(parcel(client=f"client{number}", at_s=time.time()) for number in range(1000))) == [""] * 1000
    assert len(node.alerts()) == 1000


def test_other_server_is_told(start):
    node = start()
    with pytest.raises(ProtocolError, match="is this an Alertmanager"):
        send(node, parcel(client="a"), path="/elsewhere")


def test_node_that_is_down_is_told(start):
    node = start()
    node.stop()
    with pytest.raises(ConnectError, match="connection refused"):
        send(node, parcel(client="a"))


def test_example_is_a_valid_configuration(peer):
    done = subprocess.run([peer("amtool"), "check-config", EXAMPLE], capture_output=True, text=True, timeout=20)
    assert "SUCCESS" in done.stdout, done.stderr
    assert done.returncode == 0


@pytest.mark.alone  # all forty must start within the ten seconds that Alertmanager waits for more
def test_client_at_40_hosts_is_one_notification(start, webhooks, tmp_path):
    """Forty real spools, each denying one client, and the route of examples/alertmanager."""
    node = start()
    config = "server=alertmanager+http://127.0.0.1:{port}\nallow_cleartext=true\nhost_name=host{number}\n"
    replays = []
    for number in range(40):
        path = tmp_path / f"host{number}.cfg"
        path.write_text(config.format(port=node.port, number=number))
        environment = {
            **os.environ,
            "TCPWRAP_ALERT_CONFIG": str(path),
            "TCPWRAP_ALERT_SPOOL": str(tmp_path / f"spool{number}"),
        }
        replays.append(subprocess.Popen(["tcpwrap-alert", "deny", "sshd", "203.0.113.7"], env=environment))
    assert [replay.wait(60) for replay in replays] == [0] * 40
    wait_for(lambda: sum(len(document["alerts"]) for document in webhooks.received) >= 40, str(webhooks.received))
    assert {document["groupLabels"]["client"] for document in webhooks.received} == {"203.0.113.7"}
    assert len(webhooks.received) == 1
    hosts = {alert["labels"]["instance"] for document in webhooks.received for alert in document["alerts"]}
    assert hosts == {f"host{number}" for number in range(40)}


def test_each_node_of_a_pair_gets_all_alerts(start, spool_dir, tmp_path, run):
    first = start()
    second = start(peer_port=first.cluster_port)
    (tmp_path / "send_nsca.cfg").write_text(
        f"allow_cleartext=true\n[a]\nserver=alertmanager+http://127.0.0.1:{first.port}\n"
        f"[b]\nserver=alertmanager+http://127.0.0.1:{second.port}\n"
    )
    for number in range(10):
        assert run("tcpwrap-alert", "deny", "sshd", f"203.0.113.{number}").returncode == 0
    assert (len(first.alerts()), len(second.alerts())) == (10, 10)


def test_one_node_down_keeps_the_alerts_for_it(start, spool_dir, tmp_path, run):
    first, second = start(), start()
    (tmp_path / "send_nsca.cfg").write_text(
        f"allow_cleartext=true\n[a]\nserver=alertmanager+http://127.0.0.1:{first.port}\n"
        f"[b]\nserver=alertmanager+http://127.0.0.1:{second.port}\n"
    )
    second.stop()
    done = run("tcpwrap-alert", "deny", "sshd", "203.0.113.7")
    assert (done.returncode, len(first.alerts())) == (75, 1)
    second.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert len(second.alerts()) == 1
