"""What becomes of the inbox of several monitors when it is handed over to the box of each."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.configs import monitor_of
from support.queue_files import DENIAL
from support.spools import failed_at_s, reason_of

from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import SpoolError
from tcpwrap_alert.forwarding.boxes import boxes_of, hand_over, left_behind
from tcpwrap_alert.spool import access

MONITORS = (monitor_of(name="a"), monitor_of(name="b"))


@pytest.fixture
def boxes(spool):
    return boxes_of(spool, MONITORS)


def names_in(boxes):
    return [box.spool.scan() for box in boxes]


def test_all_of_the_inbox_is_handed_over_once(spool, boxes):
    names = [spool.enqueue(Denial("sshd", f"203.0.113.{number}")) for number in range(3)]
    assert hand_over(spool, boxes).count == 3
    assert spool.scan() == []
    assert list(map(sorted, names_in(boxes))) == [sorted(names)] * 2
    assert hand_over(spool, boxes).count == 0


def test_what_was_completed_in_corrupt_is_handed_over(spool, boxes):
    spool.enqueue(Denial("sshd", "203.0.113.1"))
    (name,) = spool.scan()
    Path(spool.corrupt.put(name, is_unfinished=True)).write_bytes(DENIAL)
    assert hand_over(spool, boxes).count == 1
    assert [len(names) for names in names_in(boxes)] == [1, 1]


def test_a_hand_over_ends_what_had_failed_before(spool, boxes):
    """As when there was one monitor only, and that was down."""
    state = spool.read_state()
    state.fail("connection refused", time.time())
    spool.write_state(state)
    hand_over(spool, boxes)
    assert (reason_of(spool.path), failed_at_s(spool.path)) == ("", 0.0)


def test_an_inbox_that_cannot_be_emptied_is_not_copied(spool, boxes, monkeypatch):
    def refuse(path):
        raise SpoolError(f"{path}: sticky")

    spool.enqueue(Denial("sshd", "203.0.113.1"))
    monkeypatch.setattr(access, "check_removable", refuse)
    with pytest.raises(SpoolError, match="sticky"):
        hand_over(spool, boxes)
    assert names_in(boxes) == [[], []]


def test_what_somebody_else_hands_over_is_left_to_him(spool, boxes):
    spool.enqueue(Denial("sshd", "203.0.113.1"))
    with spool.lock(0):
        assert hand_over(spool, boxes).count == 0
    assert names_in(boxes) == [[], []]


def test_boxes_without_a_section_are_left_behind(spool, boxes):
    spool.enqueue(Denial("sshd", "203.0.113.1"))
    hand_over(spool, boxes)
    assert [box.name for box in left_behind(spool, MONITORS)] == []
    assert [box.name for box in left_behind(spool, MONITORS[:1])] == ["b"]


def test_only_the_spool_of_one_monitor_is_its_inbox(spool, boxes):
    assert [box.is_inbox for box in boxes] == [False, False]
    assert [box.is_inbox for box in boxes_of(spool, MONITORS[:1])] == [True]
