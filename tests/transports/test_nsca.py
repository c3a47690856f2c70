"""Delivery to an NSCA server: how many results a connection carries, and which of them tell their own time."""

from __future__ import annotations

import time

import pytest

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.errors import ConnectError, OutcomeUnknown
from tcpwrap_alert.nsca.server import Server
from tcpwrap_alert.transports import LATE_AFTER_S, Parcel, nsca
from tcpwrap_alert.transports.nsca import FIRST_BATCH, MAX_BATCH, PAGE_BYTES, PIPE_PAGES


class Line:
    """Takes the place of the connections: `sent` has the texts of each, `took_s` is how long one takes."""

    def __init__(self):
        self.sent = []
        self.took_s = 0.0
        self.error = None
        self.now_s = 100.0

    def send(self, _server, results, **_):
        self.sent.append([result.plugin_output for result in results])
        self.now_s += self.took_s
        if self.error:
            raise self.error

    def sizes(self):
        return [len(texts) for texts in self.sent]


@pytest.fixture
def line(monkeypatch):
    line = Line()
    monkeypatch.setattr(nsca, "send_check_results", line.send)
    monkeypatch.setattr("time.monotonic", lambda: line.now_s)
    return line


def parcels(count, text="o", at_s=None, tells_time=False):
    result = CheckResult("h", "s", 0, text)
    return [Parcel(result, time.time() if at_s is None else at_s, tells_time) for _ in range(count)]


def deliver(what, memory=None, **server):
    server = Server("127.0.0.1", 1, timeout_s=10.0, **server)
    with nsca.open_transport(server, {} if memory is None else memory) as transport:
        return [outcome for outcomes in transport.deliver(what) for outcome in outcomes]


def test_quick_connections_carry_twice_as_many(line):
    outcomes = deliver(parcels(5000))
    assert line.sizes() == [64, 128, 256, 512, 1024, 1024, 1024, 968]
    assert len(outcomes) == 5000
    assert all(outcome.is_accepted for outcome in outcomes)


def test_slow_connections_carry_no_more(line):
    line.took_s = 3.0
    deliver(parcels(200))
    assert line.sizes() == [64, 64, 64, 8]


def test_unknown_outcome_halves_the_next_batch(line):
    line.error, memory = OutcomeUnknown("no outcome"), {}
    for half in (32, 16, 8, 4, 2, 1, 1):
        with pytest.raises(OutcomeUnknown):
            deliver(parcels(100), memory)
        assert memory["batch"] == str(half)
    assert line.sizes() == [64, 32, 16, 8, 4, 2, 1]


def test_success_forgets_a_smaller_batch(line):
    memory = {"batch": "16"}
    deliver(parcels(16), memory)
    assert "batch" not in memory


def test_failure_without_packets_changes_no_batch(line):
    line.error, memory = ConnectError("refused"), {}
    with pytest.raises(ConnectError):
        deliver(parcels(1), memory)
    assert "batch" not in memory


@pytest.mark.parametrize(
    ("note", "size"),
    [("16", 16), ("0", 1), ("9999", MAX_BATCH), ("", FIRST_BATCH), ("x", FIRST_BATCH), ("²", FIRST_BATCH)],
)
def test_noted_batch_is_taken_if_it_can_be_one(note, size):
    assert nsca._batch_size(note) == size


def test_connection_carries_what_the_pipe_holds(line):
    """A line of a page less its newline fills a page; one byte more needs a second one."""
    head = len(CheckResult("h", "s", 0, "").external_command(1e9)) + 1
    fills, too_long = "x" * (PAGE_BYTES - head), "x" * (PAGE_BYTES - head + 1)
    deliver(parcels(PIPE_PAGES + 1, fills))
    deliver(parcels(PIPE_PAGES, too_long))
    assert line.sizes() == [PIPE_PAGES, 1, PIPE_PAGES // 2, PIPE_PAGES // 2, 1]


def test_small_lines_share_a_page(line):
    size = len(CheckResult("h", "s", 0, "o" * 900).external_command(1e9)) + 1
    per_page = PAGE_BYTES // size
    deliver(parcels(64, "o" * 900))
    assert line.sizes()[0] == min(64, per_page * PIPE_PAGES)


def test_old_layout_has_one_result_per_connection(line):
    deliver(parcels(3), legacy_2_7_mode=True)
    assert line.sizes() == [1, 1, 1]


@pytest.mark.parametrize("ahead", [-1, 1], ids=["late", "of the future"])
def test_late_result_tells_its_own_time(line, ahead):
    now_s = time.time()
    deliver(parcels(1, at_s=now_s + ahead * 2 * LATE_AFTER_S))
    deliver(parcels(1, at_s=now_s + ahead * LATE_AFTER_S / 2))
    deliver(parcels(1, at_s=now_s + ahead * 2 * LATE_AFTER_S, tells_time=True))
    assert [texts[0].startswith("o (at ") for texts in line.sent] == [True, False, False]
