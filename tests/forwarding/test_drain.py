"""Draining, with a transport that does what the test says: which files go, which stay, and what is told."""

from __future__ import annotations

import time

import pytest
from support.scripted import ScriptedTransport

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.errors import ConnectError, NotDelivered, RejectedError
from tcpwrap_alert.forwarding import drain as drain_module
from tcpwrap_alert.forwarding.account import MAX_LINES, Account
from tcpwrap_alert.forwarding.attempt import attempt as drain
from tcpwrap_alert.forwarding.drain import GATHER_S
from tcpwrap_alert.forwarding.replay import replay
from tcpwrap_alert.forwarding.waiting import list_waiting

MINUTE_S = 60


@pytest.fixture
def later(monkeypatch):
    """Let the clock be so many seconds ahead."""
    really = time.time

    def move(seconds):
        monkeypatch.setattr(time, "time", lambda: really() + seconds)

    return move


def enqueue(spool, count):
    return [spool.enqueue(CheckResult("firestorm", "Disk", 0, f"result {number}")) for number in range(count)]


def is_result(number, answer):
    return lambda text: answer if text == f"result {number}" else ""


def test_one_rejected_among_100_holds_up_no_other(spool, config, answer):
    names = enqueue(spool, 100)
    transport = answer(is_result(40, "no such host"))
    drained = drain(spool, config)
    assert spool.scan() == [names[40]]
    assert (drained.accepted, drained.left) == (99, {names[40]})
    assert transport.seen == [f"result {number}" for number in range(100)]


def test_failure_removes_exactly_what_was_accepted(spool, config, answer):
    names = enqueue(spool, 100)
    answer(is_result(40, ConnectError("connection reset", "m:1")))
    with pytest.raises(NotDelivered) as caught:
        drain(spool, config)
    assert spool.scan() == names[40:]
    assert caught.value.waiting == 60
    assert str(caught.value) == "m:1: connection reset"


def test_failure_forgets_no_rejection_before_it(spool, config, answer):
    names = enqueue(spool, 10)
    script = {"result 2": "no such host", "result 5": ConnectError("gone", "m:1")}
    answer(lambda text: script.get(text, ""))
    with pytest.raises(NotDelivered):
        drain(spool, config)
    assert spool.scan() == [names[2], *names[5:]]
    assert spool.read_state().rejected[names[2]].reason == "no such host"


def test_rejected_result_rests_for_ten_minutes(spool, config, answer, later):
    enqueue(spool, 1)
    transport = answer(lambda text: "no such host")
    drain(spool, config)
    later(9 * MINUTE_S)
    assert drain(spool, config).faults == {}
    assert len(transport.seen) == 1
    later(11 * MINUTE_S)
    assert len(drain(spool, config).faults) == 1
    assert len(transport.seen) == 2


def test_each_further_rejection_doubles_the_pause(spool, config, answer, later):
    enqueue(spool, 1)
    transport = answer(lambda text: "no such host")
    for passed, tries in ((0, 1), (11, 2), (30, 2), (32, 3), (70, 3), (73, 4)):
        later(passed * MINUTE_S)
        drain(spool, config)
        assert len(transport.seen) == tries


def test_replay_all_tries_a_rejected_result_at_once(spool, config, answer):
    enqueue(spool, 1)
    answer(lambda text: "no such host")
    drain(spool, config)
    transport = answer(lambda text: "")
    replay(config)
    assert transport.seen == []
    replay(config, tries_rested=True)
    assert (transport.seen, spool.scan()) == (["result 0"], [])


def test_rejection_is_told_with_status_77(spool, config, answer):
    enqueue(spool, 3)
    answer(is_result(1, "no such host"))
    with pytest.raises(NotDelivered) as caught:
        replay(config)
    assert isinstance(caught.value.why, RejectedError)
    assert caught.value.exit_status == 77
    assert caught.value.lines[0].startswith("127.0.0.1:1: no such host; kept in the spool until")


def test_replay_tells_every_rejection(spool, config, answer):
    enqueue(spool, 3)
    answer(lambda text: f"no host for {text}")
    with pytest.raises(NotDelivered) as caught:
        replay(config)
    assert [f"no host for result {number}" in line for number, line in enumerate(caught.value.lines)] == [True] * 3


def test_queue_says_why_a_result_is_passed_over(spool, config, answer):
    enqueue(spool, 2)
    answer(is_result(0, "no such host"))
    drain(spool, config)
    (row,) = list_waiting(config)
    assert row["why"].startswith("rejected once: no such host; tried again from ")
    assert "replay --all" in row["why"]


def test_rejection_before_an_acceptance_is_forgotten(spool, spool_dir, config, answer, later):
    enqueue(spool, 1)
    answer(lambda text: "no such host")
    drain(spool, config)
    assert (spool_dir / "state").exists()
    answer(lambda text: "")
    later(11 * MINUTE_S)
    drain(spool, config)
    assert not (spool_dir / "state").exists()


def test_transport_is_given_back_its_memory(spool, config, answer):
    enqueue(spool, 1)
    transport = answer(lambda text: ConnectError("gone", "m:1"))
    transport.script = lambda text: transport.memory.update(batch="7") or ConnectError("gone", "m:1")
    with pytest.raises(NotDelivered):
        drain(spool, config)
    transport = answer(lambda text: "")
    drain(spool, config)
    assert transport.memory == {"batch": "7"}


def test_clock_set_back_does_not_keep_a_result_resting(spool, config, answer, later):
    enqueue(spool, 1)
    later(30 * 86_400)
    answer(lambda text: "no such host")
    drain(spool, config)
    later(0)
    transport = answer(lambda text: "")
    drain(spool, config)
    assert transport.seen == ["result 0"]


def test_caller_hears_of_what_went_as_it_goes(spool, config, answer):
    enqueue(spool, 3)
    answer(is_result(1, "no such host"))
    heard = []
    drain(spool, config, Account(heard.append))
    assert heard == [1, 1]


def test_account_of_many_services_is_short(spool, config, answer):
    for number in range(MAX_LINES + 30):
        spool.enqueue(CheckResult("firestorm", f"Service {number}", 0, "fine"))
    answer(lambda text: "")
    account = Account()
    drain(spool, config, account)
    *lines, last = account.lines()
    assert len(lines) == MAX_LINES
    assert last.endswith(" as others (30 results)")


@pytest.mark.parametrize("follows", [0, 1], ids=["nothing", "one"])
def test_what_comes_meanwhile_goes_after_a_moment(spool, config, answer, monkeypatch, follows):
    """So the next connection takes more of a storm; a single result is not held up."""
    slept_s, more = [], iter(range(follows))

    def accept(_text):
        for number in more:
            spool.enqueue(CheckResult("firestorm", "Disk", 0, f"later {number}"))
        return ""

    monkeypatch.setattr("time.sleep", slept_s.append)
    enqueue(spool, 1)
    transport = answer(accept)
    drain(spool, config)
    assert (len(transport.seen), slept_s) == (1 + follows, [GATHER_S] * follows)


def test_long_results_are_read_a_few_at_once(spool, config, monkeypatch):
    sizes = []

    class Counting(ScriptedTransport):
        def deliver(self, parcels):
            sizes.append(len(parcels))
            return super().deliver(parcels)

    monkeypatch.setattr(drain_module, "open_transport", Counting(lambda text: "").open)
    monkeypatch.setattr(drain_module, "PASS_BYTES", 300)
    enqueue(spool, 10)
    drain(spool, config)
    assert sum(sizes) == 10
    assert 1 < max(sizes) < 10


def test_failure_is_told_to_the_transport(spool, config, monkeypatch):
    """It may have a connection to close."""
    told = []

    class Failing:
        def __enter__(self):
            return self

        def __exit__(self, kind, *_):
            told.append(kind)

        def deliver(self, parcels):
            raise ConnectError("gone", "m:1")

    monkeypatch.setattr(drain_module, "open_transport", lambda monitor, memory: Failing())
    enqueue(spool, 1)
    with pytest.raises(NotDelivered):
        drain(spool, config)
    assert told == [ConnectError]


def test_last_monitor_gets_what_waited_beside_others(spool, write_config, answer):
    answer(lambda text: ConnectError("connection refused", text))
    path = write_config()
    path.write_text("server=127.0.0.1:1\n[b]\nserver=127.0.0.1:2\n")
    enqueue(spool, 1)
    with pytest.raises(NotDelivered):
        drain(spool, read_config(str(path)))
    path.write_text("server=127.0.0.1:1\n")
    seen = answer(lambda text: "").seen
    drain(spool, read_config(str(path)))
    assert seen == ["result 0"]
    assert spool.box("default").is_empty()
    assert not spool.box("b").is_empty()
