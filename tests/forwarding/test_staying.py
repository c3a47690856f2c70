"""A forwarder that stays while an episode is on: for how long, how often it looks, and what it takes for new."""

from __future__ import annotations

import time

import pytest

from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.forwarding import staying
from tcpwrap_alert.forwarding.attempt import attempt
from tcpwrap_alert.forwarding.staying import Stay

ATTACKER = "203.0.113.7"


class Clock:
    """The clock; while somebody sleeps, what is in `later` happens: SECONDS after the start, a function."""

    def __init__(self):
        self.start_s = self.now_s = 1795176000.0
        self.later = []

    def sleep(self, seconds):
        self.now_s += seconds
        while self.later and self.later[0][0] <= self.passed_s:
            self.later.pop(0)[1]()

    @property
    def passed_s(self):
        return self.now_s - self.start_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    tick = iter(range(10**9)).__next__  # no two files have the same name
    monkeypatch.setattr(time, "time", lambda: clock.now_s)
    monkeypatch.setattr(time, "time_ns", lambda: int(clock.now_s * 1e9) + tick())
    monkeypatch.setattr(time, "monotonic", lambda: clock.now_s)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    return clock


@pytest.fixture
def config(write_config):
    keys = {"server": "127.0.0.1:1", "host_name": "firestorm", "window": "15m"}
    return read_config(str(write_config(**keys)))


@pytest.fixture
def deny(spool, clock):
    return lambda: spool.enqueue(Denial("sshd", ATTACKER), int(clock.now_s * 1e9))


@pytest.fixture
def stay(spool, config, clock, answer, deny):
    """The stay of a forwarder that has just sent the first denial of an episode."""
    answer(lambda text: "")
    deny()
    attempt(spool, config)
    return Stay(spool, config)


def test_forwarder_without_an_episode_leaves(spool, config, clock):
    assert not Stay(spool, config).finds_more(set())
    assert clock.passed_s == 0


def test_denial_is_found_within_a_second(stay, clock, deny):
    clock.later = [(30.5, deny)]
    assert stay.finds_more(set())
    assert clock.passed_s == 31


def test_forwarder_leaves_after_five_quiet_minutes(stay, clock):
    assert not stay.finds_more(set())
    assert clock.passed_s == 300


def test_quiet_minutes_count_from_the_last_denial(spool, config, stay, clock, deny):
    clock.later = [(200, deny)]
    assert stay.finds_more(set())
    attempt(spool, stay.config)
    assert not stay.finds_more(set())
    assert clock.passed_s == 500


def test_forwarder_leaves_after_nine_minutes(spool, config, stay, clock, deny):
    clock.later = [(minute * 60, deny) for minute in range(1, 20)]
    while stay.finds_more(set()):
        attempt(spool, stay.config)
    assert clock.passed_s == 540


def test_end_of_a_window_is_found(spool, write_config, clock, answer, deny):
    config = read_config(str(write_config(server="127.0.0.1:1", host_name="firestorm", window="2m")))
    answer(lambda text: "")
    for _ in range(2):
        deny()
        attempt(spool, config)
    assert Stay(spool, config).finds_more(set())
    assert clock.passed_s == 120


def test_what_is_to_stay_is_not_found(spool, stay, clock, deny):
    deny()
    left = set(spool.scan())
    clock.later = [(30, deny)]
    assert stay.finds_more(left)
    assert clock.passed_s == 30
    assert not stay.finds_more(set(spool.scan()))


@pytest.mark.parametrize(("worked_s", "pause_s"), [(0.01, 1), (0.2, 4), (5, 10)])
def test_pause_is_twenty_times_the_work(stay, clock, deny, worked_s, pause_s):
    deny()
    clock.now_s += worked_s
    assert stay.finds_more(set())
    assert clock.passed_s == pytest.approx(worked_s + pause_s)


def test_only_the_first_pause_is_for_the_work(stay, clock, deny):
    clock.now_s += 5
    clock.later = [(16, deny)]
    assert stay.finds_more(set())
    assert clock.passed_s == 16


def test_changed_configuration_counts_at_once(stay, config, write_config, deny):
    deny()
    assert stay.finds_more(set())
    assert stay.config is config
    write_config(server="127.0.0.1:2", host_name="another")
    assert stay.finds_more(set())
    assert stay.config.monitors[0].targets[0].port == 2


def test_configuration_is_read_anew_each_minute(stay, config, clock, deny):
    """A file that it names may have changed."""
    clock.later = [(60, deny)]
    assert stay.finds_more(set())
    assert stay.config is config
    assert stay.finds_more(set())
    assert stay.config is not config
    anew = stay.config
    assert stay.finds_more(set())
    assert stay.config is anew


def test_configuration_that_is_gone_costs_nothing(stay, config, deny, tmp_path):
    deny()
    config.path = str(tmp_path / "gone")
    assert stay.finds_more(set())


def test_forwarder_of_a_removed_version_leaves(stay, clock, monkeypatch, tmp_path):
    monkeypatch.setattr(staying, "__file__", str(tmp_path / "gone"))
    assert not stay.finds_more(set())
    assert clock.passed_s == 0
