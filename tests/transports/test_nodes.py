"""Several nodes of one monitor: who is tried when, what each gets, and that each is let go of."""

from __future__ import annotations

import pytest

from tcpwrap_alert import debugging
from tcpwrap_alert.config.values import CommandFile, Monitor, Wording
from tcpwrap_alert.errors import ConnectError
from tcpwrap_alert.transports import Outcome, Parcel, nodes, open_transport

DOWN = ConnectError("connection refused")


class Node:
    """Takes so many parcels, and is down then; `log` has what happened."""

    def __init__(self, name, takes, log):
        self.name, self.takes, self.log = name, takes, log

    def __enter__(self):
        self.log.append(f"{self.name} opened")
        return self

    def __exit__(self, *_):
        self.log.append(f"{self.name} closed")

    def deliver(self, parcels):
        for parcel in parcels:
            if not self.takes:
                raise DOWN
            self.takes -= 1
            self.log.append(f"{self.name} got {parcel.result}")
            yield [Outcome(parcel)]


@pytest.fixture
def deliver(monkeypatch):
    """Deliver two parcels to nodes that take so many; return what happened, and the memory."""

    def do(*takes, memory=None, count=2):
        log, memory = [], memory or {}
        monkeypatch.setattr(nodes, "open_node", lambda _monitor, number, _memory: Node(number, takes[number], log))
        targets = [CommandFile(f"/{number}", 1.0) for number in range(len(takes))]
        monitor = Monitor("", "file", targets, 1.0, Wording())
        try:
            with open_transport(monitor, memory) as transport:
                for _ in transport.deliver([Parcel(number, 0.0) for number in range(count)]):
                    pass
        except ConnectError:
            log.append("down")
        return log, memory

    return do


def test_first_node_takes_everything(deliver):
    assert deliver(9, 9) == (["0 opened", "0 got 0", "0 got 1", "0 closed"], {"node": "0"})


def test_next_node_gets_what_the_first_left(deliver):
    log, memory = deliver(1, 9)
    assert log == ["0 opened", "0 got 0", "0 closed", "1 opened", "1 got 1", "1 closed"]
    assert memory == {"node": "1"}


def test_node_that_took_results_is_tried_first(deliver):
    log, _ = deliver(9, 9, 0, memory={"node": "2"})
    assert log == ["2 opened", "2 closed", "0 opened", "0 got 0", "0 got 1", "0 closed"]


@pytest.mark.parametrize("note", ["", "x", "²", "-1", "1001", "9999999999999999999999"])
def test_strange_note_counts_as_none(deliver, note):
    log, _ = deliver(9, 9, memory={"node": note})
    assert log[0] == "0 opened"


def test_failure_of_all_nodes_is_told(deliver):
    assert deliver(0, 0) == (["0 opened", "0 closed", "1 opened", "1 closed", "down"], {})


def test_nothing_to_deliver_opens_one_node(deliver):
    assert deliver(9, 9, count=0)[0] == ["0 opened", "0 closed"]


def test_node_that_failed_is_said_with_debug(deliver, monkeypatch):
    said = []
    monkeypatch.setattr(debugging, "_listeners", [said.append])
    deliver(0, 9)
    assert said == ["connection refused; the next node is tried"]
