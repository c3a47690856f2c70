"""A pass over the spool: bad files go aside, slow writers are waited for, and the rest is read (P4)."""

from __future__ import annotations

import os
import time

import pytest
from support.queue_files import CUT, CUT_MESSAGE, DENIAL, SPECIAL_FILES, names_in

from tcpwrap_alert.errors import SpoolError
from tcpwrap_alert.spool.passes import WRITING_GRACE_S, Pass
from tcpwrap_alert.spool.state import State, decode_state

BAD = DENIAL.replace(b"client=", b"client ")
HOUR_S = 3600


@pytest.fixture
def read(spool):
    """Make a pass as a run does that begins with what the one before it noted, and return the names that it read."""
    notes = [""]

    def read_all():
        state = decode_state(notes[0])
        one_pass = Pass(spool, state)
        names = [entry.name for entry in one_pass.read(one_pass.scan())]
        notes[0] = state.encode()
        assert one_pass.faults == {}
        return names

    return read_all


# What is at fault


def test_p4_bad_file_is_set_aside_and_the_rest_read(spool, spool_dir, put, told):
    for name, data in (("1", DENIAL), ("2", BAD), ("3", DENIAL)):
        put(name, data)
    one_pass = Pass(spool, State())
    assert [entry.name for entry in one_pass.read(one_pass.scan())] == ["1", "3"]
    assert (one_pass.faults, spool.scan()) == ({}, ["1", "3"])
    (name,) = names_in(spool_dir / "corrupt")
    (line,) = told(f"{spool_dir}/corrupt/{name}")
    assert "new/2: a line without '=', not a queue file; moved to " in line


@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_p4_what_is_no_file_is_set_aside_at_once(spool, spool_dir, put, read, monkeypatch, make):
    monkeypatch.chdir(spool_dir / "new")
    make(spool_dir / "new" / "4711.0")
    put("4712.0")
    assert read() == ["4712.0"]
    assert spool.corrupt.count() == 1


def test_p4_file_that_cannot_go_aside_is_passed_over(spool, spool_dir, put):
    put("1", BAD)
    put("2")
    (spool_dir / "corrupt").touch()
    one_pass = Pass(spool, State())
    assert [entry.name for entry in one_pass.read(one_pass.scan())] == ["2"]
    assert str(one_pass.faults["1"]) == f"{spool_dir}/new/1: cannot set aside: Not a directory"
    assert (one_pass.scan(), one_pass.passed_over) == (["2"], {"1"})


def test_p4_unreadable_file_is_passed_over_and_stays(spool, put, monkeypatch):
    for name in ("1", "2"):
        put(name)
    really_read = spool.maybe_read

    def maybe_read(name):
        if name == "1":
            raise SpoolError("new/1: cannot read: Input/output error")
        return really_read(name)

    monkeypatch.setattr(spool, "maybe_read", maybe_read)
    one_pass = Pass(spool, State())
    assert [entry.name for entry in one_pass.read(one_pass.scan())] == ["2"]
    assert list(one_pass.faults) == ["1"]
    assert (one_pass.scan(), spool.scan()) == (["2"], ["1", "2"])


def test_file_that_is_gone_is_no_fault(spool, put):
    put("1")
    one_pass = Pass(spool, State())
    names = one_pass.scan()
    spool.remove("1")
    assert (list(one_pass.read(names)), one_pass.faults) == ([], {})


# What its writer has not finished


@pytest.mark.parametrize("data", [b"", DENIAL[:1], CUT, DENIAL[:-1]])
def test_p1_file_without_end_mark_is_left_a_minute(spool, spool_dir, put, read, uptime, data):
    path = put("4711.0", data)
    for up_s in (100.0, 100.1, 100.0 + WRITING_GRACE_S - 0.1):
        uptime(up_s)
        assert read() == []
        assert path.read_bytes() == data
    uptime(100.0 + WRITING_GRACE_S)
    assert (read(), spool.scan()) == ([], [])
    (name,) = names_in(spool_dir / "corrupt")
    assert (spool_dir / "corrupt" / name).read_bytes() == data


def test_unfinished_file_is_told_when_it_goes_aside(spool, put, read, uptime, told):
    put("4711.0", CUT)
    for up_s in (0.0, 61.0):
        uptime(up_s)
        read()
    (line,) = told(f"moved to {spool.path}/corrupt/")
    assert f"new/4711.0: {CUT_MESSAGE}; moved to" in line


@pytest.mark.parametrize("age_s", [HOUR_S, -HOUR_S, 2e9, -2e9])
def test_clock_of_another_machine_sets_nothing_aside(spool, put, read, uptime, age_s):
    """Over NFS, the time of a file that is just being written may be an hour away."""
    path = put("4711.0", CUT, age_s)
    for up_s in (100.0, 159.0):
        uptime(up_s)
        assert (read(), spool.scan()) == ([], ["4711.0"])
    path.write_bytes(DENIAL)
    uptime(500.0)
    assert read() == ["4711.0"]


def test_file_touched_for_ever_is_set_aside(spool, put, read, uptime):
    path = put("4711.0", CUT)
    for up_s in range(100, 160, 5):
        uptime(float(up_s))
        os.utime(path)
        assert (read(), spool.scan()) == ([], ["4711.0"])
    uptime(160.0)
    os.utime(path)
    assert (read(), spool.scan()) == ([], [])


def test_clock_that_is_set_sets_nothing_aside(spool, put, read, uptime, monkeypatch):
    put("4711.0", CUT)
    uptime(100.0)
    read()
    really_time = time.time
    monkeypatch.setattr(time, "time", lambda: really_time() + 30 * 86_400)
    uptime(101.0)
    assert (read(), spool.scan()) == ([], ["4711.0"])


def test_after_a_reboot_the_minute_begins_anew(spool, put, read, uptime):
    put("4711.0", CUT)
    for up_s in (90_000.0, 5.0, 64.0):
        uptime(up_s)
        assert (read(), spool.scan()) == ([], ["4711.0"])
    uptime(65.0)
    assert (read(), spool.scan()) == ([], [])


def test_second_file_of_a_name_has_its_own_minute(spool, put, read, uptime):
    path = put("4711.0", CUT)
    uptime(100.0)
    read()
    path.unlink()
    uptime(150.0)
    read()
    put("4711.0", CUT)
    for up_s in (155.0, 200.0):
        uptime(up_s)
        assert (read(), spool.scan()) == ([], ["4711.0"])


def test_writer_stopped_for_long_is_delivered_late(spool, put, read, uptime):
    path = put("4711.0", b"")
    with open(path, "ab") as file:
        for up_s in (100.0, 200.0):
            uptime(up_s)
            assert read() == []
        assert not path.exists()
        file.write(DENIAL)
    spool.corrupt.take_back()
    assert read() == spool.scan() != []
    assert spool.corrupt.count() == 0


@pytest.mark.parametrize("name", ["a b", "a\nb", "\x1b[31m", "\udcff", "x\u2028y"])
def test_unfinished_file_of_a_foreign_name_goes_aside(spool, spool_dir, put, read, uptime, name):
    """Its name stands in no line of the state, so no run would know when another has seen it."""
    put(name, CUT)
    put("4711.0", CUT)
    uptime(100.0)
    assert (read(), spool.scan()) == ([], ["4711.0"])
    (aside,) = names_in(spool_dir / "corrupt")
    (spool_dir / "corrupt" / aside).write_bytes(DENIAL)  # its writer has finished
    spool.corrupt.take_back()
    assert len(read()) == 1


# What rests


def test_rejected_file_rests_and_others_are_scanned(spool, put):
    for name in ("1", "2"):
        put(name)
    state = State()
    state.reject("1", "no such host", time.time())
    one_pass = Pass(spool, state)
    assert (one_pass.scan(), one_pass.passed_over) == (["2"], {"1"})
    assert Pass(spool, state, passes_rested=False).scan() == ["1", "2"]


def test_what_is_gone_is_forgotten(spool, put):
    state = State()
    for name in ("1", "2"):
        put(name)
        state.reject(name, "no such host", time.time())
        state.unfinished[name] = state.seen[name] = 1.0
    spool.remove("1")
    Pass(spool, state).scan()
    assert [list(noted) for noted in (state.rejected, state.unfinished, state.seen)] == [["2"]] * 3


# What was accepted


def test_p3_accepted_files_go_and_no_other(spool, put):
    for name in ("1", "2", "3"):
        put(name)
    one_pass = Pass(spool, State())
    one_pass.accept(entry for entry in one_pass.read(one_pass.scan()) if entry.name != "2")
    assert (spool.scan(), one_pass.faults) == (["2"], {})


def test_p3_accepted_file_that_stays_is_not_sent_again(spool, put, monkeypatch):
    for name in ("1", "2"):
        put(name)
    one_pass = Pass(spool, State())
    entries = list(one_pass.read(one_pass.scan()))
    really_remove = spool.remove

    def remove(name):
        if name == "1":
            raise SpoolError("new/1: cannot remove: Operation not permitted")
        really_remove(name)

    monkeypatch.setattr(spool, "remove", remove)
    one_pass.accept(entries)
    assert (one_pass.scan(), one_pass.passed_over, list(one_pass.faults)) == ([], {"1"}, ["1"])


# What comes back


def test_completed_file_is_taken_back_and_read(spool, put):
    put("4711.0")
    spool.corrupt.put("4711.0", is_unfinished=True)
    one_pass = Pass(spool, State())
    one_pass.take_back()
    assert (len(list(one_pass.read(one_pass.scan()))), one_pass.faults) == (1, {})


def test_p4_file_that_cannot_come_back_stops_no_other(spool, put, failing):
    put("4711.0")
    target = spool.corrupt.put("4711.0", is_unfinished=True)
    put("4712.0")
    one_pass = Pass(spool, State())
    with failing("rename"):
        one_pass.take_back()
    assert [entry.name for entry in one_pass.read(one_pass.scan())] == ["4712.0"]
    (error,) = one_pass.faults.values()
    assert str(error) == f"{target}: cannot take back: Input/output error"
