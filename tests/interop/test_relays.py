"""Behind a relay that ends TCP: what the client says of a connection is what the real nsca wrote for Nagios.

The relays are those that people put around NSCA (tests/peers/relays.py). Each passes on a rejection as an end of file.
VERDICTS=full tests all of them with all of nsca's modes, with more encryption methods, and in more rounds.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from peers.nsca_daemon import MODES, wait_for
from peers.relays import RELAYS, relay

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.errors import DeliveryError, RejectedError
from tcpwrap_alert.nsca import ways
from tcpwrap_alert.nsca.client import ACCEPTED, Connection, send_check_results
from tcpwrap_alert.nsca.conversation import Conversation
from tcpwrap_alert.nsca.server import Server
from tcpwrap_alert.nsca.ways import Ways

PASSWORD = b"s3cret with a blank"
WRONG = b"wrong"
BATCHES = (1, 3, 50)
IS_FULL = os.environ.get("VERDICTS") == "full"
METHODS = (1, 3, 14) if IS_FULL else (14,)
ROUNDS = 5 if IS_FULL else 1
RELAYED = [(name, mode) for name in RELAYS for mode in MODES]
SOME = [*((name, "daemon") for name in RELAYS), *zip(RELAYS, ("single", "inetd") * 2)]
TIMEOUT_S = 30.0


@pytest.fixture
def start_relayed(start_nsca, peer, tmp_path):
    """Start nsca and a relay before it; return nsca, and a server as a client sees it at the relay."""
    relays = []

    def start(name, mode="daemon", method=14, password=PASSWORD):
        daemon = start_nsca(mode=mode, method=method, password=PASSWORD.decode())
        relays.append(relay(name, peer, tmp_path / f"relay{len(relays)}", daemon.port))
        return daemon, Server("127.0.0.1", relays[-1].__enter__(), password, method, timeout_s=TIMEOUT_S)

    yield start
    for each in relays:
        each.__exit__(None, None, None)


def results_of(name, count):
    return [CheckResult(name, f"Service {number}", number % 4, f"Output {number}") for number in range(count)]


def lines_of(name, count):
    return [f"{name};Service {number};{number % 4};Output {number}" for number in range(count)]


def outcome_of(server, results, knowledge):
    try:
        return send_check_results(server, results, ways=knowledge)
    except DeliveryError as error:
        return error


@pytest.mark.parametrize(("name", "mode"), RELAYED if IS_FULL else SOME)
@pytest.mark.parametrize("method", METHODS)
def test_each_outcome_is_what_the_file_received(start_relayed, name, mode, method):
    daemon, server = start_relayed(name, mode, method)
    names = [(f"host-{batch}-{number}", batch) for batch, number in product(BATCHES, range(ROUNDS))]
    with ThreadPoolExecutor(len(names)) as threads:
        outcomes = list(threads.map(lambda each: outcome_of(server, results_of(*each), Ways()), names))
    assert outcomes == [ACCEPTED] * len(names)
    received = daemon.results()
    for each in names:
        assert [line for line in received if line.startswith(f"{each[0]};")] == lines_of(*each)
    assert len(received) == sum(count for _, count in names)


@pytest.mark.parametrize(("name", "mode"), RELAYED if IS_FULL else SOME)
@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_password_is_rejected(start_relayed, name, mode, method):
    daemon, server = start_relayed(name, mode, method, password=WRONG)
    outcomes = []
    for batch, _ in product(BATCHES, range(ROUNDS)):
        if mode == "single":
            wait_for(daemon.is_asleep, "nsca does not wait for connections")  # see test_verdicts.py
        outcomes.append(type(outcome_of(server, results_of("host", batch), Ways())))
    assert outcomes == [RejectedError] * len(outcomes)
    assert daemon.results() == []


@pytest.mark.parametrize("name", RELAYS if IS_FULL else ["ssh"])
def test_a_kept_connection_tells_its_outcome(start_relayed, name):
    daemon, server = start_relayed(name)
    with Connection(server, ways=Ways()) as connection:
        for result in results_of("host", 20):
            connection.send([result])
    assert connection.delivered == 20
    assert daemon.results() == lines_of("host", 20)
    rejected = Connection(server.replace(password=WRONG), ways=Ways())
    with pytest.raises(RejectedError), rejected:
        rejected.send(results_of("host", 20))
    assert rejected.delivered == 0
    assert len(daemon.results()) == 20


@pytest.mark.parametrize(("name", "mode"), RELAYED if IS_FULL else SOME[-len(RELAYS) :])
def test_a_relay_is_found_out_once(start_relayed, seen, name, mode):
    daemon, server = start_relayed(name, mode)
    assert_is_found_out_once(daemon, server, "relay", seen)
    assert seen == {"held": 4, "probes": 1}


@pytest.mark.parametrize(("mode", "method"), [("daemon", 14), ("single", 0), ("single", 14), ("inetd", 0)])
def test_a_direct_way_is_found_out_once(start_nsca, seen, mode, method):
    daemon = start_nsca(mode=mode, method=method, password=PASSWORD.decode())
    server = Server("127.0.0.1", daemon.port, PASSWORD, method, timeout_s=TIMEOUT_S)
    assert_is_found_out_once(daemon, server, "direct", seen)
    assert seen == {"held": 2, "probes": 1}


@pytest.fixture
def seen(monkeypatch):
    """Count for how many conversations we hold our end back, and how many probes are sent."""

    def count(owner, name, what):
        def counted(*args):
            seen[what] += 1
            return original(*args)

        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, counted)

    seen = Counter()
    count(Conversation, "hold_end", "held")
    count(ways, "_probe", "probes")
    return seen


def assert_is_found_out_once(daemon, server, way, seen):
    """After the second acceptance; what we know then is right, also about a rejection."""
    memory = {}
    for count in (1, 2, 3):
        assert send_check_results(server, results_of("host", count), ways=Ways(memory)) == ACCEPTED
        assert memory == {f"way.{server}": way if count > 1 else "seen"}
    wrong = server.replace(password=WRONG, encryption_method=1)
    assert type(outcome_of(wrong, results_of("host", 1), Ways(memory))) is RejectedError
    assert len(daemon.results()) == 1 + 2 + 3


def test_a_probe_costs_nsca_single_no_delivery(start_nsca):
    """The moment after a rejection is the moment in which it loses sight of a connection."""
    daemon = start_nsca(mode="single", method=14, password=PASSWORD.decode())
    server = Server("127.0.0.1", daemon.port, PASSWORD, 14, timeout_s=TIMEOUT_S)
    for number in range(10):
        knowledge = Ways({f"way.{server}": "seen"})
        knowledge.learn(server, time.monotonic() + TIMEOUT_S)
        assert not knowledge.may_hide_rejections(server)
        direct = server.replace(verdict="direct", timeout_s=5.0)
        assert send_check_results(direct, results_of(f"host{number}", 1)) == ACCEPTED
    assert len(daemon.results()) == 10
