"""Hostile and broken servers: whatever they do, and wherever, it is over in time, told in a line, and nothing is lost.

A waiting check result is delivered once; twice only if the server took it and gave no verdict that says so. The numbers
are counted at the server's end, from the packets that it really took, over all its connections.
"""

from __future__ import annotations

import collections
import os
import random
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from peers import fake_daemon
from peers.fake_daemon import (
    INIT_VECTOR,
    answers,
    black_hole,
    closes,
    holds,
    in_turn,
    reads,
    reads_all,
    reads_in_drips,
    resets,
    resets_soon,
    sends,
    sends_endlessly,
    sends_in_drips,
    sends_init,
    stock,
    takes,
)
from peers.name_server import NameServer
from peers.nsca_daemon import wait_for
from support.messages import one_line
from support.results import PASSWORD, numbered_results

from tcpwrap_alert.spool.spool import Spool

pytestmark = pytest.mark.alone

TIMEOUT_S = 0.7
ALLOWED_S = 1.0  # beside the deadline
DRIP_S = TIMEOUT_S / 10  # a byte per second, beside a deadline of ten
WAITING = 3


class Done(NamedTuple):
    """A script that has ended, and when that was."""

    status: int
    stdout: str
    stderr: str
    started_at: float
    ended_at: float


class Host:
    """A host with a spool and a configuration of its own, so that many can work side by side."""

    def __init__(self, directory, server, **settings):
        (directory / "spool" / "new").mkdir(parents=True)
        self.spool = Spool(str(directory / "spool"))
        self.config = directory / "send_nsca.cfg"
        values = {"server": server, "timeout": TIMEOUT_S, "password": PASSWORD.decode(), **settings}
        values["verdict"] = "direct"  # to find it out takes two seconds for each server
        self.config.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        self.config.chmod(0o600)

    def enqueue(self, *numbers):
        for result in numbered_results(*numbers):
            self.spool.enqueue(result)

    def run(self, *argv, text=""):
        environ = {"TCPWRAP_ALERT_SPOOL": self.spool.path, "TCPWRAP_ALERT_CONFIG": str(self.config)}
        started_at = time.monotonic()
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environ}
        )
        return Done(done.returncode, done.stdout, done.stderr, started_at, time.monotonic())

    def replay(self):
        return self.run("tcpwrap-alert", "replay")

    def waiting(self):
        return len(self.spool.scan())


@pytest.fixture
def make_host(tmp_path):
    """Make one host after another; their forwarders end with the test."""
    numbers = iter(range(100))
    return lambda server, **settings: Host(tmp_path / f"host{next(numbers)}", server, **settings)


def times_received(daemon):
    """Return how often each check result came, by its number."""
    packets = [packet for connection in daemon.connections for packet in connection.packets]
    return collections.Counter(int(packet.service_description.split()[1]) for packet in packets)


# Each sickness meets the first connection of each command; the next connection finds the server well again.


class Sickness(NamedTuple):
    """What a server does to a connection, what is said of it, and how many of three packets it has taken."""

    behaviour: object
    message: str
    status: int = 75
    taken: int = 0
    is_submitted: bool = False  # with submit_check_result, too; tests/commands/test_bad_input.py has others


GARBAGE = random.Random(1).randbytes(4096)
WITHIN = f"within {TIMEOUT_S} s"
SICKNESSES = {
    "silence": Sickness(fake_daemon.silent, f"connected, but no init packet {WITHIN}"),
    "half an init packet": Sickness(
        sends(bytes(66), holds), f"sent only 66 of the 132 bytes of an init packet {WITHIN}"
    ),
    "an init packet in drips": Sickness(
        sends_in_drips(INIT_VECTOR, DRIP_S),
        rf"sent only \d+ of the 132 bytes of an init packet {WITHIN}",
        is_submitted=True,
    ),
    "nothing read": Sickness(sends_init(holds), f"no outcome {WITHIN}"),
    "a byte read now and then": Sickness(reads_in_drips(1, DRIP_S), f"no outcome {WITHIN}"),
    "never closes": Sickness(reads_all(holds), f"no outcome {WITHIN}", taken=WAITING, is_submitted=True),
    "closes": Sickness(closes, "closed after 0 of the 132 bytes"),
    "a reset within the init packet": Sickness(
        sends(bytes(131), resets_soon), "connection reset after 131 of the 132 bytes"
    ),
    "a reset within a packet": Sickness(
        reads(1, resets), "the NSCA server rejected the packets", status=77, is_submitted=True
    ),
    "a reset after a packet": Sickness(takes(1, resets), "the NSCA server rejected the packets", status=77, taken=1),
    "garbage": Sickness(sends(GARBAGE, holds), "sent more than an init packet"),
    "endless data": Sickness(sends_endlessly, "sent more than an init packet"),
    "an answer": Sickness(
        reads_all(answers), "answered the packets, which NSCA servers never do", taken=WAITING, is_submitted=True
    ),
}
SPOOLED = (
    "; kept in the spool; the next replay tries again\n",
    "; kept in the spool until this is put right; then replay delivers\n",
)


@pytest.mark.parametrize("sickness", SICKNESSES.values(), ids=SICKNESSES)
def test_sick_server_costs_time_but_no_result(start, make_host, sickness):
    checks = [check_replay, check_send] + ([check_submit] if sickness.is_submitted else [])
    daemons = [start(in_turn(sickness.behaviour, stock)) for _ in checks]
    hosts = [make_host(f"127.0.0.1:{daemon.port}") for daemon in daemons]
    with ThreadPoolExecutor(len(checks)) as pool:
        for outcome in [pool.submit(check, sickness, *pair) for check, *pair in zip(checks, daemons, hosts)]:
            outcome.result()


def check_replay(sickness, daemon, host):
    host.enqueue(*range(WAITING))
    check_line(sickness, daemon, host.replay(), WAITING)
    check_recovery(sickness, daemon, host, WAITING)


def check_submit(sickness, daemon, host):
    done = host.run("submit_check_result", "firestorm", "Service 0", "2", "text")
    check_line(sickness, daemon, done, 1)
    check_recovery(sickness, daemon, host, 1)


def check_send(sickness, daemon, host):
    """What is not delivered is the caller's, who knows it by the status."""
    text = "".join(f"firestorm\tService {number}\t0\ttext\n" for number in range(WAITING))
    done = host.run("tcpwrap-alert", "send", text=text)
    assert_in_time(done, daemon)
    assert (done.status, done.stdout) == (2, "")
    assert re.search(rf"Error: .*127\.0\.0\.1:{daemon.port}: {sickness.message}", one_line(done.stderr))
    assert times_received(daemon) == dict.fromkeys(range(sickness.taken), 1)


def check_line(sickness, daemon, done, waiting):
    assert_in_time(done, daemon)
    assert (done.status, done.stdout) == (sickness.status, "")
    assert re.search(rf"127\.0\.0\.1:{daemon.port}: {sickness.message}", one_line(done.stderr))
    count = f"{waiting} check results " if waiting > 1 else ""
    assert done.stderr.endswith(SPOOLED[sickness.status == 77].replace("; ", f"; {count}", 1))


def check_recovery(sickness, daemon, host, waiting):
    """Nothing is lost, and only what the sick server had taken comes twice."""
    assert host.waiting() == waiting
    assert host.replay()[:3] == (0, "", "")
    assert host.waiting() == 0
    assert times_received(daemon) == {number: 2 if number < sickness.taken else 1 for number in range(waiting)}


def assert_in_time(done, daemon):
    """From the moment of the connection: what comes before is the start of Python."""
    wait_for(lambda: daemon.connections, "no connection")
    assert done.ended_at - daemon.connections[0].accepted_at < TIMEOUT_S + ALLOWED_S


# Nobody accepts


@pytest.fixture
def start_up_s(make_host):
    """What a script costs beside its conversation, where nothing tells when that began; two others are at work."""
    hosts = [make_host("127.0.0.1:1") for _ in range(3)]
    with ThreadPoolExecutor(len(hosts)) as pool:
        times = pool.map(lambda host: host.run("tcpwrap-alert", "queue"), hosts)
        return max(done.ended_at - done.started_at for done in times)


COMMANDS = {
    "submit": ("submit_check_result", "firestorm", "Service 0", "0", "text"),
    "replay": ("tcpwrap-alert", "replay"),
    "send": ("tcpwrap-alert", "send"),
}


def run_all_in_vain(hosts, start_up_s, message):
    """Run each of COMMANDS on a host of its own, side by side."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        list(pool.map(run_in_vain, hosts, [start_up_s] * len(hosts), COMMANDS, [message] * len(hosts)))


def run_in_vain(host, start_up_s, command, message):
    """Run one of COMMANDS with a result that cannot be sent; it waits afterwards, but for `send`."""
    if command == "replay":
        host.enqueue(0)
    done = host.run(*COMMANDS[command], text="firestorm\tService 0\t0\ttext\n" if command == "send" else "")
    assert TIMEOUT_S <= done.ended_at - done.started_at < TIMEOUT_S + ALLOWED_S + start_up_s
    assert (done.status, done.stdout) == (2 if command == "send" else 75, "")
    assert message in one_line(done.stderr)
    assert host.waiting() == (0 if command == "send" else 1)


def test_a_full_queue_of_connections(isolated, make_host, start_up_s, start):
    hosts = [make_host("127.0.0.2:5667") for _ in COMMANDS]
    with black_hole("127.0.0.2", 5667):
        run_all_in_vain(hosts, start_up_s, f"no answer to the connection attempt {WITHIN}")
    daemon = start(address="127.0.0.2", port=5667)
    assert [host.replay().status for host in hosts] == [0, 0, 0]
    assert times_received(daemon) == {0: 2}  # what `send` could not deliver is the caller's


def test_server_that_rejects_every_other_time_gets_all(start, make_host, capsys):
    """Each replay delivers the batch of the good connection; the bad one takes one result more, and it comes twice."""
    daemon = start(in_turn(stock, *(takes(1, resets), stock) * 9))
    host = make_host(f"127.0.0.1:{daemon.port}")
    host.enqueue(*range(300))
    statuses = [host.replay().status]
    while host.waiting() and len(statuses) < 9:
        statuses.append(host.replay().status)
    assert statuses == [77] * (len(statuses) - 1) + [0]
    assert 1 < len(statuses) < 9
    received = times_received(daemon)
    assert set(received) == set(range(300))
    twice = sum(received.values()) - 300
    with capsys.disabled():
        print(f"\nof 300 results, {twice} came twice, over {len(daemon.connections)} connections")
    assert twice == sum(len(connection.packets) == 1 for connection in daemon.connections)


# The name server


def test_a_silent_name_server(isolated, make_host, start_up_s):
    hosts = [make_host("nagios.test") for _ in COMMANDS]
    with NameServer() as name_server:
        run_all_in_vain(hosts, start_up_s, f"nagios.test:5667: the name did not resolve {WITHIN}")
    assert name_server.questions


def test_slow_names_and_silent_server_share_the_time(isolated, make_host, start_up_s, start):
    daemon = start(fake_daemon.silent)
    host = make_host(f"nagios.test:{daemon.port}", timeout=2)
    with NameServer(late_s=1.7):
        done = host.run(*COMMANDS["submit"])
    assert 2 <= done.ended_at - done.started_at < 2 + ALLOWED_S + start_up_s
    assert f"nagios.test:{daemon.port}: connected, but no init packet within 2 s" in one_line(done.stderr)
    assert len(daemon.connections) == 1


# A drop waits for nobody; its forwarder has the same deadline


def test_drop_does_not_wait_and_forwarder_tells_why(isolated, make_host, start_up_s, start):
    timeout_s = 1.5
    daemon = start(sends_in_drips(INIT_VECTOR, DRIP_S))
    reasons = {
        "nagios.test": "the name did not resolve",
        "127.0.0.2:5667": "no answer to the connection attempt",
        f"127.0.0.1:{daemon.port}": "sent only",
    }
    hosts = {server: make_host(server, host_name="firestorm", timeout=timeout_s) for server in reasons}
    with NameServer(), black_hole("127.0.0.2", 5667):
        for host in hosts.values():
            drops = [host.run("handle_tcp_wrapper", f"203.0.113.{number}", "sshd") for number in range(3)]
            assert [done[:3] for done in drops] == [(0, "", "")] * 3
            assert drops[-1].ended_at - drops[0].started_at < timeout_s
        for server, host in hosts.items():
            wait_for(lambda host=host: host.spool.read_state().reason, server, timeout_s + ALLOWED_S + start_up_s)
            assert reasons[server] in host.spool.read_state().reason
            assert host.waiting() == 3
