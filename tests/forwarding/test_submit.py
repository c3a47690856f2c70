"""Submitting: whoever submits learns the outcome of his own result, whatever else became of its file."""

from __future__ import annotations

import os

import pytest
from support.descriptors import leaves_no_descriptor
from support.scripted import ScriptedTransport

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.errors import ConnectError, NotDelivered, SpoolError
from tcpwrap_alert.forwarding.attempt import attempt
from tcpwrap_alert.forwarding.submit import AT_ONCE, submit, submit_all
from tcpwrap_alert.spool.spool import Spool

DOWN = ConnectError("connection refused", "m:1")
DAY_S = 86_400


def result(text="mine"):
    return CheckResult("firestorm", "Disk", 0, text)


def down_after(action):
    """Return a script whose monitor goes down after something has happened to the spool."""

    def script(_text):
        action()
        return DOWN

    return script


def test_accepted_result_is_a_success(spool, config, answer):
    answer(lambda text: "")
    submit(result(), config)
    assert spool.scan() == []


def test_result_folded_into_a_tally_is_no_success(spool, write_config, answer):
    spool.enqueue(result("older"))
    answer(lambda text: DOWN)
    with pytest.raises(NotDelivered) as caught:
        submit(result(), read_config(str(write_config(server="127.0.0.1:1", max_entries=1))))
    assert len(spool.scan()) == 1
    assert caught.value.exit_status == 75


def test_result_older_than_max_age_is_no_success(spool, write_config, answer, monkeypatch):
    spool.enqueue(result("older"), at_ns=10**18)
    monkeypatch.setattr("time.time", lambda: 10**9 + 10 * DAY_S)
    answer(lambda text: DOWN)
    with pytest.raises(NotDelivered):
        submit(result(), read_config(str(write_config(server="127.0.0.1:1", max_age="1s"))))


@pytest.mark.parametrize("answers", ["", DOWN], ids=["up", "down"])
def test_result_in_a_renamed_spool_is_no_success(spool_dir, config, answer, answers):
    answer(lambda text: os.rename(spool_dir, f"{spool_dir}.old") or answers)
    if answers:
        with pytest.raises(NotDelivered):
            submit(result(), config)
        assert len(os.listdir(f"{spool_dir}.old/new")) == 1
    else:
        with pytest.raises(NotDelivered) as caught:
            submit(result(), config)
        assert caught.value.exit_status in (74, 75)


def test_result_moved_with_its_spool_is_no_success(spool, spool_dir, config, answer, monkeypatch):
    """Between the enqueueing and the drain, the spool is renamed, and the drain finds nothing."""
    transport = answer(lambda text: "")
    really = attempt
    monkeypatch.setattr(
        "tcpwrap_alert.forwarding.submit.attempt",
        lambda *args: (os.rename(spool_dir, f"{spool_dir}.old"), os.makedirs(spool.new), really(*args))[-1],
    )
    with pytest.raises(NotDelivered, match="another process has it, or the spool was moved") as caught:
        submit(result(), config)
    assert (caught.value.exit_status, transport.seen) == (75, [])


def test_result_set_aside_is_no_success(spool, config, answer):
    answer(down_after(lambda: [spool.corrupt.put(name) for name in spool.scan()]))
    with pytest.raises(NotDelivered):
        submit(result(), config)


def test_result_removed_by_hand_is_no_success(spool, config, answer, monkeypatch):
    answer(lambda text: "")
    really = attempt
    monkeypatch.setattr(
        "tcpwrap_alert.forwarding.submit.attempt",
        lambda spool, config: ([spool.remove(name) for name in spool.scan()], really(spool, config))[-1],
    )
    with pytest.raises(NotDelivered):
        submit(result(), config)


def test_result_delivered_by_others_is_a_success(spool, config, answer, monkeypatch):
    answer(lambda text: "")

    def other_is_quicker(spool, config):
        attempt(spool, config)
        raise NotDelivered(DOWN, 1)

    monkeypatch.setattr("tcpwrap_alert.forwarding.submit.attempt", other_is_quicker)
    submit(result(), config)


def test_own_rejected_result_is_told_with_status_77(spool, config, answer):
    answer(lambda text: "no such host" if text == "mine" else "")
    with pytest.raises(NotDelivered, match="no such host") as caught:
        submit(result(), config)
    assert caught.value.exit_status == 77


def test_rejected_result_of_others_is_not_told(spool, config, answer):
    spool.enqueue(result("other"))
    answer(lambda text: "no such host" if text == "other" else "")
    submit(result(), config)
    assert len(spool.scan()) == 1


def test_more_results_than_open_files_all_arrive(spool, config, answer):
    transport = answer(lambda text: "")
    texts = [f"result {number}" for number in range(2 * AT_ONCE + 3)]
    submit_all(map(result, texts), config)
    assert (transport.seen, spool.scan()) == (texts, [])


def test_results_after_a_failure_are_enqueued_untried(spool, config, answer):
    transport = answer(lambda text: DOWN)
    with pytest.raises(NotDelivered):
        submit_all((result(str(number)) for number in range(2 * AT_ONCE)), config)
    assert len(transport.seen) == 1
    assert len(spool.scan()) == 2 * AT_ONCE


def test_error_counts_all_results_that_wait(spool, config, answer):
    answer(lambda text: DOWN)
    with pytest.raises(NotDelivered) as caught:
        submit_all((result(str(number)) for number in range(AT_ONCE + 5)), config)
    assert caught.value.waiting == AT_ONCE + 5


@pytest.mark.parametrize("is_inbox_sick", [False, True], ids=["inbox", "nowhere"])
def test_result_that_a_box_cannot_take_is_not_lost(spool, tmp_path, answer, monkeypatch, is_inbox_sick):
    """With several monitors: the inbox takes it, or it is sent directly, to each."""
    path = tmp_path / "two.cfg"
    path.write_text("[a]\nserver=127.0.0.1:1\n[b]\nserver=127.0.0.1:2\n")
    really = Spool.submit
    sick = {"b", *(["spool"] if is_inbox_sick else [])}

    def submit_unless_sick(self, content):
        if self.name in sick:
            raise SpoolError(f"{self.new}: cannot write: No space left on device")
        return really(self, content)

    monkeypatch.setattr(Spool, "submit", submit_unless_sick)
    transport = answer(lambda text: "")
    monkeypatch.setattr("tcpwrap_alert.forwarding.submit.open_transport", transport.open)
    with leaves_no_descriptor():
        try:
            submit(result(), read_config(str(path)))
        except NotDelivered:
            assert not is_inbox_sick
    assert len(transport.seen) == 2


def test_full_disk_and_a_dead_monitor_cost_no_other(spool, tmp_path, monkeypatch):
    """P8: each is tried. What the dead one did not get is told."""
    path = tmp_path / "two.cfg"
    path.write_text("[a]\nserver=127.0.0.1:1\n[b]\nserver=127.0.0.1:2\n")
    transports = {"a": ScriptedTransport(lambda text: DOWN), "b": ScriptedTransport(lambda text: "")}

    def fail(self, content):
        raise SpoolError(f"{self.new}: cannot write: No space left on device")

    monkeypatch.setattr(Spool, "submit", fail)
    monkeypatch.setattr(
        "tcpwrap_alert.forwarding.submit.open_transport",
        lambda monitor, memory: transports[monitor.name].open(monitor, memory),
    )
    with pytest.raises(SpoolError, match="and sending it directly failed: m:1: connection refused"):
        submit(result(), read_config(str(path)))
    assert [len(transport.seen) for transport in transports.values()] == [1, 1]
