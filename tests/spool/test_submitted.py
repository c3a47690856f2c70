"""Whoever waits for the outcome of his own file: only what the monitor accepted says so (P2)."""

from __future__ import annotations

import os
import stat

import pytest
from support.queue_files import names_in

from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.bounds import keep_within_bounds
from tcpwrap_alert.spool.passes import Pass
from tcpwrap_alert.spool.spool import Spool
from tcpwrap_alert.spool.state import State
from tcpwrap_alert.spool.submitted import mark_accepted

CONTENT = Denial("sshd", "203.0.113.7")
ACCEPTED, COUNTED, WAITING = (True, False), (False, True), (False, False)


@pytest.fixture
def submit(spool):
    """Submit an entry, whose file is closed after the test."""
    submitted = []

    def submit_one():
        submitted.append(spool.submit(CONTENT))
        return submitted[-1]

    yield submit_one
    for item in submitted:
        item.close()


def name_of(item):
    return os.path.basename(item.path)


def outcome(item):
    return item.is_accepted(), item.is_counted()


def accept_all(spool):
    one_pass = Pass(spool, State())
    one_pass.accept(one_pass.read(one_pass.scan()))


def test_what_waits_is_not_accepted(submit):
    assert outcome(submit()) == WAITING


def test_submitted_file_says_that_somebody_waits(spool, submit):
    waited_for, not_waited_for = name_of(submit()), spool.enqueue(CONTENT)
    awaited = {name: spool.maybe_read(name).is_awaited for name in spool.scan()}
    assert awaited == {waited_for: True, not_waited_for: False}


def test_p2_accepted_file_says_so(spool, submit):
    first, second = submit(), submit()
    spool.accept(name_of(first), spool.maybe_read(name_of(first)).is_awaited)
    assert (outcome(first), outcome(second)) == (ACCEPTED, WAITING)
    accept_all(spool)
    assert outcome(second) == ACCEPTED


def test_p2_file_counted_by_a_tally_is_not_accepted(spool, submit):
    item = submit()
    submit()
    keep_within_bounds(spool, State(), max_entries=1, max_age_s=1000)
    assert len(spool.scan()) == 1
    assert outcome(item) == COUNTED
    accept_all(spool)  # the tally
    assert outcome(item) == COUNTED


def test_p2_file_somebody_removed_is_not_accepted(spool, submit):
    item = submit()
    os.unlink(item.path)
    assert not item.is_accepted()


def test_p2_file_in_a_renamed_spool_is_not_accepted(spool, spool_dir, submit):
    item = submit()
    spool_dir.rename(f"{spool_dir}.old")
    assert outcome(item) == WAITING
    accept_all(Spool(f"{spool_dir}.old"))
    assert outcome(item) == ACCEPTED


def test_p2_file_set_aside_is_not_accepted(spool, submit):
    item = submit()
    spool.corrupt.put(name_of(item))
    assert outcome(item) == WAITING


def test_p2_file_that_was_aside_can_be_accepted(spool, submit):
    item = submit()
    spool.corrupt.put(name_of(item), is_unfinished=True)
    spool.corrupt.take_back()
    assert name_of(item) not in spool.scan()
    accept_all(spool)
    assert outcome(item) == ACCEPTED


def test_p2_second_file_of_the_name_says_nothing(spool, spool_dir, submit):
    item = submit()
    path = spool_dir / "new" / name_of(item)
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    path.chmod(0o744)
    accept_all(spool)
    assert not item.is_accepted()


def test_p2_marked_file_that_stays_is_not_accepted(spool, submit):
    """It may be delivered again, so it waits."""
    item = submit()
    mark_accepted(item.path)
    assert outcome(item) == WAITING
    assert not spool.maybe_read(name_of(item)).is_awaited


def test_p2_in_doubt_nothing_is_accepted(submit, failing):
    item = submit()
    with failing("fstat"):
        assert outcome(item) == WAITING


def test_mark_changes_nothing_but_the_one_bit(spool, spool_dir):
    with open(spool_dir / "new" / "1", "wb"):
        os.chmod(spool_dir / "new" / "1", 0o740)
    mark_accepted(f"{spool.new}/1")
    assert stat.S_IMODE((spool_dir / "new" / "1").stat().st_mode) == 0o640


@pytest.mark.parametrize("make", [os.symlink, os.link], ids=["link", "hard link"])
def test_p10_mark_is_not_led_to_another_file(spool_dir, tmp_path, make):
    """Who may add to new/ may put a link in the place of his own file while it is sent."""
    secret = tmp_path / "send_nsca.cfg"
    secret.touch(0o700)
    make(secret, spool_dir / "new" / "1")
    mark_accepted(f"{spool_dir}/new/1")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o700


def test_mark_waits_for_nobody(spool_dir):
    os.mkfifo(spool_dir / "new" / "1", 0o744)
    mark_accepted(f"{spool_dir}/new/1")
    mark_accepted(f"{spool_dir}/new/none")
    assert names_in(spool_dir / "new") == ["1"]
