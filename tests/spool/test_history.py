"""The history of denials: sums never become less, a torn line costs itself alone, and its size has a bound."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest
from support.queue_files import SPECIAL_FILES

from tcpwrap_alert.spool import history
from tcpwrap_alert.spool.history import DELIVERED, DENIED, Line, counts_since, record, record_all, sums

NOW_S = 1_795_176_000


def denied(spool_dir, since=0.0):
    return sum(count for *_, count in counts_since(str(spool_dir), since))


def total(spool_dir):
    return sum(one.count for (kind, _), one in sums(str(spool_dir)).items() if kind == DENIED)


def test_what_was_recorded_comes_back(spool_dir):
    record(str(spool_dir), NOW_S + 0.9, "sshd", "203.0.113.7", 3)
    record(str(spool_dir), NOW_S + 60, "vsftpd", "2001:db8::1")
    assert list(counts_since(str(spool_dir), 0)) == [
        (NOW_S, "sshd", "203.0.113.7", 3),
        (NOW_S + 60, "vsftpd", "2001:db8::1", 1),
    ]
    assert [client for _, _, client, _ in counts_since(str(spool_dir), NOW_S + 1)] == ["2001:db8::1"]
    assert {key: one.count for key, one in sums(str(spool_dir)).items()} == {(DENIED, "sshd"): 3, (DENIED, "vsftpd"): 1}


def test_a_missing_history_is_empty(tmp_path):
    assert list(counts_since(str(tmp_path / "none"), 0)) == []
    record(str(tmp_path / "none"), NOW_S, "sshd", "203.0.113.7")  # nowhere to write: no error


def test_history_has_the_mode_of_the_state(spool_dir):
    record(str(spool_dir), NOW_S, "sshd", "203.0.113.7")
    assert stat.S_IMODE((spool_dir / "history").stat().st_mode) == 0o644


@pytest.mark.parametrize("length", range(1, 37))
def test_a_torn_line_is_passed_over_and_cut_off(spool_dir, length):
    line = Line(DENIED, NOW_S, 5, ("sshd", "203.0.113.7")).encode()
    assert len(line) == 37
    record(str(spool_dir), NOW_S, "sshd", "192.0.2.1")
    with open(spool_dir / "history", "ab") as file:
        file.write(line[:length])
    assert denied(spool_dir) == total(spool_dir) == 1
    record(str(spool_dir), NOW_S, "sshd", "192.0.2.2")
    assert [client for _, _, client, _ in counts_since(str(spool_dir), 0)] == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize(
    "noise", [b"\0" * 4096 + b"\n", b"denied x 1 a b\n", b"\xff 1 2\n", b"denied 1 -1 a b\n", b"\n"]
)
def test_noise_is_passed_over(spool_dir, noise):
    (spool_dir / "history").write_bytes(noise)
    record(str(spool_dir), NOW_S, "sshd", "192.0.2.2")
    assert denied(spool_dir) == total(spool_dir) == 1


@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_what_is_no_file_costs_nothing(spool_dir, make, monkeypatch):
    monkeypatch.chdir(spool_dir)
    make(spool_dir / "history")
    record(str(spool_dir), NOW_S, "sshd", "192.0.2.2")


@pytest.fixture
def small(monkeypatch):
    """Let a history be full with 1000 bytes."""
    monkeypatch.setattr(history, "MAX_BYTES", 1000)


def test_sums_outlive_the_lines_and_size_is_bounded(spool_dir, small):
    for number in range(1000):
        record(str(spool_dir), NOW_S + number, "sshd", f"203.0.113.{number % 250}", 2)
        record_all(str(spool_dir), [Line(DELIVERED, NOW_S + number, 1)])
    found = sums(str(spool_dir))
    assert found[DENIED, "sshd"].count == 2000
    assert (found[DELIVERED, ""].count, found[DELIVERED, ""].last_s) == (1000, NOW_S + 999)
    assert sorted(os.listdir(spool_dir)) == ["history", "history.1", "new"]
    assert sum((spool_dir / name).stat().st_size for name in ("history", "history.1")) < 2200
    assert 0 < denied(spool_dir) < 2000


@pytest.mark.parametrize("function", ["link", "rename", "unlink", "fsync", "ftruncate"])
def test_sums_survive_a_new_beginning_that_fails(spool_dir, small, failing, function):
    for number in range(100):
        with failing(function):
            record(str(spool_dir), NOW_S, "sshd", "203.0.113.7")
        assert total(spool_dir) == number + 1
    record(str(spool_dir), NOW_S, "sshd", "203.0.113.7")
    assert total(spool_dir) == 101


def test_crash_between_the_two_renames_counts_once(spool_dir, small, monkeypatch):
    really_rename = os.rename
    monkeypatch.setattr(os, "rename", lambda old, new: None if old.endswith(".new") else really_rename(old, new))
    while not (spool_dir / "history.1").exists():
        record(str(spool_dir), NOW_S, "sshd", "203.0.113.7")
    assert denied(spool_dir) == total(spool_dir) > 20


WRITER = """
import sys
from tcpwrap_alert.spool import history
history.MAX_BYTES = 1000
for number in range(300):
    history.record(sys.argv[1], number, "sshd", "203.0.113.7")
"""


def test_writers_at_the_same_time_lose_nothing(spool_dir, monkeypatch):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(spool_dir)]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert total(spool_dir) == 900
