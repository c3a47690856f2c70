"""The model finds faults that were here once, and others that are easily made: each is put in, and must be noticed."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from model.machine import STEPS, SpoolMachine, TwoMonitors

from tcpwrap_alert.forwarding import boxes, lead
from tcpwrap_alert.forwarding.drain import _Run
from tcpwrap_alert.spool import bounds
from tcpwrap_alert.spool.corrupt import Corrupt
from tcpwrap_alert.spool.episodes_file import EpisodesFile
from tcpwrap_alert.spool.passes import Pass
from tcpwrap_alert.spool.spool import Spool
from tcpwrap_alert.spool.submitted import Submitted

LOOK_FOR = settings(
    max_examples=400,
    stateful_step_count=STEPS,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[*HealthCheck],
)


def assert_noticed(machine):
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=LOOK_FOR)


@pytest.mark.parametrize("machine", [SpoolMachine, TwoMonitors], ids=["one monitor", "two monitors"])
def test_gone_counting_as_delivered_is_noticed(monkeypatch, machine):
    monkeypatch.setattr(Submitted, "is_accepted", lambda self: not os.path.lexists(self.path))
    assert_noticed(machine)


@pytest.fixture
def old_by_mtime(monkeypatch):
    """Let a file without end mark be set aside when its time is a minute from the wall's."""

    def wait_for_writer(self, name, error):
        if abs(time.time() - self._spool.enqueued_at_s(name)) > 60:
            self._set_aside(name, error, is_unfinished=True)

    monkeypatch.setattr(Pass, "_wait_for_writer", wait_for_writer)


@pytest.mark.parametrize("machine", [SpoolMachine, TwoMonitors], ids=["one monitor", "two monitors"])
def test_judging_a_writer_by_mtime_is_noticed(monkeypatch, old_by_mtime, machine):
    monkeypatch.setattr(Corrupt, "completed", lambda self: [])
    assert_noticed(machine)


def test_set_aside_for_good_is_noticed(monkeypatch):
    monkeypatch.setattr(Corrupt, "completed", lambda self: [])
    assert_noticed(SpoolMachine)


def test_no_scan_after_resigning_is_noticed(monkeypatch):
    monkeypatch.setattr(lead, "_names", lambda spool: set())
    assert_noticed(SpoolMachine)


def test_removing_without_a_tally_is_noticed(monkeypatch):
    monkeypatch.setattr(bounds, "_replace", lambda spool, folding: [spool.remove(name) for name in folding.names])
    assert_noticed(SpoolMachine)


def test_waiting_without_being_counted_is_noticed(monkeypatch):
    monkeypatch.setattr(EpisodesFile, "write", lambda self, episodes: None)
    assert_noticed(SpoolMachine)


def test_removing_what_was_rejected_is_noticed(monkeypatch):
    really = _Run._reject

    def reject(self, outcome):
        really(self, outcome)
        for entry in outcome.parcel.entries:
            self._spool.remove(entry.name)

    monkeypatch.setattr(_Run, "_reject", reject)
    assert_noticed(SpoolMachine)


def test_copying_to_one_box_only_is_noticed(monkeypatch):
    really = boxes._hand_over
    monkeypatch.setattr(boxes, "_hand_over", lambda spool, all_boxes: really(spool, all_boxes[:1]))
    assert_noticed(TwoMonitors)


def test_leaving_the_inbox_too_early_is_noticed(monkeypatch):
    really = Spool.enqueue_copies

    def enqueue_copies(self, entries):
        for entry in entries:
            Spool(os.path.dirname(os.path.dirname(self.path))).remove(entry.name)
        really(self, entries)

    monkeypatch.setattr(Spool, "enqueue_copies", enqueue_copies)
    assert_noticed(TwoMonitors)
