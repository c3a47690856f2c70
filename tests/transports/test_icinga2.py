"""Icinga 2's API, against Debian's: state, text, performance data and time are read back; each answer is mapped."""

from __future__ import annotations

import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from peers.icinga_api import PASSWORD, IcingaZone
from peers.nsca_daemon import wait_for
from support import namespaces
from support.missing import skip_or_fail
from support.parcels import deliver, parcel

from tcpwrap_alert.config.values import Endpoint, Tls
from tcpwrap_alert.errors import ConnectError, RejectedError
from tcpwrap_alert.transports.icinga2 import open_transport

SECRET = PASSWORD.encode()


def program():
    path = shutil.which("icinga2", path="/usr/sbin:/usr/bin")
    if path is None:
        skip_or_fail("icinga2 is not installed")
    return path


@pytest.fixture(scope="module")
def zone(tmp_path_factory):
    zone = IcingaZone(program(), tmp_path_factory.mktemp("icinga") / "zone", "icinga-a")
    zone.start()
    yield zone
    zone.stop()


@pytest.fixture
def node(zone, isolated):
    return zone.nodes["icinga-a"]


def endpoint(zone, node, user="test", password=SECRET, tls=None, timeout_s=10.0):
    tls = tls or Tls(zone.ca_file, name="icinga-a")
    return Endpoint("127.0.0.1", node.port, timeout_s, user=user, password=password, tls=tls)


def send(target, *parcels):
    with open_transport(target, {}) as transport:
        return deliver(transport, parcels)


def test_state_text_performance_data_and_time_are_kept(zone, node):
    at_s = time.time() - 3600
    result = parcel("Denied sshd-203.0.113.7 | denied=57 clients=1\nand a second line; with \\n", at_s=at_s)
    assert send(endpoint(zone, node), result) == [""]
    service = node.service()
    last = service["last_check_result"]
    assert (service["state"], last["output"]) == (
        2,
        "Denied sshd-203.0.113.7\nand a second line; with \\n",
    )
    assert last["performance_data"] == ["denied=57 clients=1"]
    assert abs(last["execution_end"] - at_s) < 0.01


def test_result_older_than_the_last_one_is_not_dropped(zone, node):
    now_s = time.time()
    assert send(endpoint(zone, node), parcel("newer", at_s=now_s), parcel("older", at_s=now_s - 600)) == ["", ""]
    assert node.service()["last_check_result"]["output"] == "older"


def test_thousand_results_go_over_one_connection(zone, node):
    parcels = [parcel(f"result {number}", at_s=time.time()) for number in range(1000)]
    assert send(endpoint(zone, node), *parcels) == [""] * 1000
    assert node.service()["last_check_result"]["output"] == "result 999"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"host_name": "nobody"}, "no such host or service"),
        ({"service_description": "Nothing"}, "no such host or service"),
        ({"service_description": "Closed"}, "assive check"),
    ],
    ids=["host", "service", "passive checks disabled"],
)
def test_one_rejected_result_holds_up_no_other(zone, node, values, why):
    outcomes = send(endpoint(zone, node), parcel("a"), parcel("b", **values), parcel("c"))
    assert (outcomes[0], outcomes[2]) == ("", "")
    assert why in outcomes[1]


def test_result_names_its_service_and_sets_no_other(zone, node):
    send(endpoint(zone, node), parcel("mine"))
    assert (node.service("Closed").get("last_check_result") or {}).get("output") != "mine"


@pytest.mark.parametrize("return_code", [0, 1, 2])
def test_host_result_is_taken(zone, node, return_code):
    """UP or DOWN: whether a host is unreachable Icinga finds out by itself."""
    text = f"state {return_code}"
    assert send(endpoint(zone, node), parcel(text, service_description="", return_code=return_code)) == [""]
    taken = node.ask("GET", "/v1/objects/hosts/firestorm")["results"][0]["attrs"]["last_check_result"]
    assert (taken["output"], taken["state"]) == (text, 2 if return_code else 0)


def test_least_permission_is_enough(zone, node):
    assert send(endpoint(zone, node, user="least"), parcel("by least")) == [""]
    assert node.service()["last_check_result"]["output"] == "by least"


def test_client_certificate_replaces_a_password(zone, node):
    tls = Tls(zone.ca_file, *zone.client, name="icinga-a")
    assert send(endpoint(zone, node, user="", password=b"", tls=tls), parcel("by certificate")) == [""]


@pytest.mark.parametrize("values", [{"password": b"wrong"}, {"user": "nobody"}], ids=["password", "user"])
def test_wrong_credentials_are_told_but_not_shown(zone, node, values):
    with pytest.raises(RejectedError, match="user and password, or the certificate, are not accepted") as caught:
        send(endpoint(zone, node, **values), parcel())
    assert "wrong" not in str(caught.value)


def test_name_in_the_certificate_must_fit(zone, node):
    with pytest.raises(ConnectError, match="set tls_name to the name in it"):
        send(endpoint(zone, node, tls=Tls(zone.ca_file)), parcel())


def test_authority_that_is_not_ours_is_told(zone, node):
    with pytest.raises(ConnectError, match="set ca_file to"):
        send(endpoint(zone, node, tls=Tls(name="icinga-a")), parcel())


class Watched:
    """A node of a zone, and each client whose denial it has `taken`, from us or from its partner.

    We reach it at an address of its own. That goes before the node is killed, and it comes back after the node is up.
    So a node has passed on what it has answered: what it has not, kill -9 may cost, and no client can mend that.
    """

    def __init__(self, node, address):
        self.node, self.address = node, address
        self.taken = set()

    def start(self):
        self.node.start()
        self.come_up()

    def come_up(self):
        self.node.listen(lambda output, _at_s: self.taken.add(output.removeprefix("Denied sshd-")))
        namespaces.run("ip", "address", "add", f"{self.address}/32", "dev", "lo")

    def kill(self):
        self.go_down()
        time.sleep(1)
        self.node.stop()

    def go_down(self):
        namespaces.run("ip", "address", "del", f"{self.address}/32", "dev", "lo")


@pytest.fixture
def pair(isolated, tmp_path, spool_dir, write_config):
    """Both nodes of a zone that runs, and a configuration that names them."""
    zone = IcingaZone(program(), tmp_path / "zone", "icinga-a", "icinga-b", address="0.0.0.0")
    nodes = [Watched(node, f"192.0.2.{number}") for number, node in enumerate(zone.nodes.values(), 66)]
    write_config(
        server=";".join(f"icinga2://test@{one.address}:{one.node.port}" for one in nodes),
        password=PASSWORD,
        ca_file=zone.ca_file,
        tls_name="icinga-a;icinga-b",
        host_name="firestorm",
        timeout=2,
        fold="no",
        window="no",
    )
    zone.start()
    for one in nodes:
        one.come_up()
    yield nodes
    zone.stop()
    for one in nodes:
        one.go_down()


@pytest.mark.timeout(240)
def test_zone_gets_all_while_each_node_is_killed(pair, run):
    """One node is killed while 1000 are denied, and after its return the other. Count what either has taken.

    What a node catches up on before we listen to it again, we do not hear of. So at the end both are asked.
    They are asked for a client that was denied alone: of ten at once nobody knows which is the last.
    """
    first, second = pair
    clients = [f"203.0.{number // 200}.{number % 200}" for number in range(1000)]

    def has(count):
        return first.taken | second.taken >= {*clients[:count]}

    with ThreadPoolExecutor() as pool:
        denials = pool.submit(deny_each, clients)
        for victim, killed_at, back_at in [(first, 200, 400), (second, 600, 800)]:
            wait_for(lambda count=killed_at: has(count), "not all before a node is killed", 60)
            victim.kill()
            taken_at = len(victim.taken)
            assert not denials.done()
            wait_for(lambda count=back_at: has(count), "the other node does not get all", 60)
            assert len(victim.taken) == taken_at
            victim.start()
        denials.result()
    wait_for(lambda: run("tcpwrap-alert", "replay").returncode == 0 and has(1000), "not all at the end", 60)
    assert run("handle_tcp_wrapper", "203.0.113.9", "sshd").returncode == 0
    outputs = ["Denied sshd-203.0.113.9"] * len(pair)
    wait_for(lambda: [output_of(one.node) for one in pair] == outputs, "the nodes do not agree")


def deny_each(clients):
    """Deny the clients, ten at a time, for some twenty seconds."""
    for start in range(0, len(clients), 10):
        drops = [subprocess.Popen(["handle_tcp_wrapper", client, "sshd"]) for client in clients[start : start + 10]]
        assert [drop.wait() for drop in drops] == [0] * len(drops)
        time.sleep(0.2)


def output_of(node):
    return (node.service()["last_check_result"] or {}).get("output")


def test_configuration_delivers_through_the_spool(zone, node, spool_dir, write_config, run):
    write_config(
        server=f"icinga2://test@127.0.0.1:{node.port}",
        password=PASSWORD,
        ca_file=zone.ca_file,
        tls_name="icinga-a",
        host_name="firestorm",
    )
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.99").returncode == 0
    assert node.service()["last_check_result"]["output"] == "Denied sshd-203.0.113.99"
    done = run("tcpwrap-alert", "submit", "nobody", "Disk", "0", "fine")
    assert done.returncode == 77
    assert "no such host or service" in done.stderr
    assert "nobody;Disk;0;fine" in run("tcpwrap-alert", "queue").stdout
