"""Outcomes at volume: what the client says of a connection is what the real nsca wrote for Nagios, every time.

Each connection has a host name of its own, so that the command file tells which of its results arrived, how often and
in what order.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import NamedTuple

import pytest
from peers.nsca_daemon import MODES, wait_for

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.errors import RejectedError, TcpwrapAlertError
from tcpwrap_alert.nsca.client import ACCEPTED, send_check_results
from tcpwrap_alert.nsca.server import Server

pytestmark = pytest.mark.alone

PASSWORD = "s3cret with a blank"
REJECTED = "rejected"
CONNECTIONS_PER_KIND = 25  # with 81 kinds, 2025 connections
LANES = 16

# So long that a slow machine makes no outcome unknown: the subject is what the daemon did, not when.
TIMEOUT_S = 60.0


class Kind(NamedTuple):
    """What the connections of one row and column of the table have in common."""

    method: int
    batch: int
    settings: str


SETTINGS = ("right", "wrong password", "wrong method")
WRONG_METHODS = {1: 14, 3: 1, 14: 3}  # of the client, for each method of a daemon
BATCHES = (1, 3, 50)
KINDS = [Kind(*values) for values in product(WRONG_METHODS, BATCHES, SETTINGS)]


class Connection(NamedTuple):
    """One connection, before it is made."""

    kind: Kind
    host_name: str

    def results(self) -> list[CheckResult]:
        return [CheckResult(self.host_name, f"Service {i}", i % 4, f"Output {i}") for i in range(self.kind.batch)]

    def lines(self) -> list[str]:
        return [f"{self.host_name};Service {i};{i % 4};Output {i}" for i in range(self.kind.batch)]


def lanes(start_nsca, mode, method):
    """Return the daemon of each lane, which makes one connection after the other.

    All lanes of a method share a daemon, but `nsca --single` gets them one by one: see `make_connections`.
    """
    count = LANES if mode == "single" else 1
    return [start_nsca(mode=mode, method=method, password=PASSWORD) for _ in range(count)] * (LANES // count)


def make_connections(daemons):
    """Make all connections over the lanes of their methods, and return the outcome of each."""
    connections = [Connection(kind, f"host-{number}") for number, kind in enumerate(KINDS * CONNECTIONS_PER_KIND)]
    outcomes = {}

    def work(method, lane):
        daemon = daemons[method][lane]
        for connection in [each for each in connections if each.kind.method == method][lane::LANES]:
            if daemon.mode == "single":
                # After a rejection, nsca 2.10.2 polls the descriptor once more that it has closed. If the next
                # connection comes before that, it gets the same number and is forgotten: no init packet, ever. So wait
                # until nsca sleeps, in a poll for its listening socket alone.
                wait_for(daemon.is_asleep, "nsca does not wait for connections")
            outcomes[connection] = outcome_of(connection, daemon)
            if outcomes[connection] not in (ACCEPTED, REJECTED):
                break  # the test has failed; a daemon that hangs need not cost the deadline each time

    with ThreadPoolExecutor(len(daemons) * LANES) as threads:
        for done in [threads.submit(work, *lane) for lane in product(daemons, range(LANES))]:
            done.result()
    return outcomes


def outcome_of(connection, daemon):
    """Make the connection, and return "accepted", "rejected" or, as a text, what must not happen."""
    kind = connection.kind
    password = b"wrong" if kind.settings == "wrong password" else PASSWORD.encode()
    method = WRONG_METHODS[kind.method] if kind.settings == "wrong method" else kind.method
    try:
        return send_check_results(
            Server(daemon.address, daemon.port, password, method, timeout_s=TIMEOUT_S), connection.results()
        )
    except RejectedError:
        return REJECTED
    except TcpwrapAlertError as error:
        return f"{type(error).__name__}: {error}"


def lines_by_host_name(daemons):
    """Return what the command files hold, for each host name the lines in their order."""
    lines = defaultdict(list)
    for daemon in daemons:
        for line in daemon.results():
            lines[line.partition(";")[0]].append(line)
    return lines


def version_of(nsca):
    """Return the version that the program tells with its usage."""
    usage = subprocess.run([nsca, "--help"], stdout=subprocess.PIPE, text=True, check=False)
    return re.search(r"Version: (\S+)", usage.stdout)[1]


def table(title, tally):
    """Return the counts of all kinds, a line for each method and batch."""
    rows = [f"{title}: connections, accepted, rejected, agreeing with the command file"]
    rows.append(" " * 21 + "".join(f"{settings:<20}" for settings in SETTINGS).rstrip())
    for method, batch in product(WRONG_METHODS, BATCHES):
        counts = [tally[Kind(method, batch, settings)] for settings in SETTINGS]
        cells = [f"{c['made']:3} {c[ACCEPTED]:3} {c[REJECTED]:3} {c['agreeing']:3}" for c in counts]
        rows.append(f"method {method:2} batch {batch:2}   " + "     ".join(cells))
    return "\n".join(rows)


@pytest.mark.parametrize("mode", MODES)
def test_each_outcome_is_what_the_file_received(start_nsca, mode, capsys):
    daemons = {method: lanes(start_nsca, mode, method) for method in WRONG_METHODS}
    outcomes = make_connections(daemons)
    received = lines_by_host_name({daemon for of_method in daemons.values() for daemon in of_method})
    tally = defaultdict(Counter)
    wrong = Counter()
    for connection, outcome in outcomes.items():
        expected = ACCEPTED if connection.kind.settings == "right" else REJECTED
        lines = received.pop(connection.host_name, [])
        agrees = lines == {ACCEPTED: connection.lines(), REJECTED: []}.get(outcome)
        tally[connection.kind].update({"made": 1, outcome: 1, "agreeing": int(agrees)})
        if outcome != expected or not agrees:
            wrong[f"{connection.kind}: {outcome}, but {len(lines)} results received"] += 1
    with capsys.disabled():
        print("\n" + table(f"nsca {version_of(daemons[1][0].program)} --{mode}", tally))
    assert not wrong, "\n".join(f"{count} x {what}" for what, count in sorted(wrong.items()))
    assert not received, "results of no connection"
    assert len(outcomes) == len(KINDS) * CONNECTIONS_PER_KIND
