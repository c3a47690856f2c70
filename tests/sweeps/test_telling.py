"""Runs that come after each other: whatever becomes of the log, nothing counts twice, nothing is missed."""

from __future__ import annotations

import gzip
import os
import shutil

import pytest
from sweeps.conftest import NOW_S, denial

from tcpwrap_alert.config.networks import parse_quiet
from tcpwrap_alert.config.values import Wording
from tcpwrap_alert.errors import LogError
from tcpwrap_alert.sweeps.memory import Memory
from tcpwrap_alert.sweeps.telling import step_of, tell_sweeps


@pytest.fixture
def tell(tmp_path, log):
    """Do one run; return the first lines of what it submits, and its faults."""

    def run(wording=None, since_s=0, min_hosts=2, submit=None, paths=None):
        told = []
        with Memory(str(tmp_path / "sweeps")) as memory:
            faults = tell_sweeps(
                memory,
                [str(path) for path in paths or [log]],
                wording or Wording("monitor"),
                since_s,
                min_hosts,
                submit or (lambda result: told.append(result.plugin_output.partition(" (")[0])),
            )
        return told, [str(fault) for fault in faults]

    return run


@pytest.fixture
def counted(tmp_path):
    """Return how often each host denied the client so far."""

    def count():
        with Memory(str(tmp_path / "sweeps")) as memory:
            sums = memory.sums(b"203.0.113.7")
            return sums.denials, sums.hosts

    return count


def test_steps():
    assert [step_of(hosts, 5) for hosts in (4, 5, 9, 10, 49, 50, 199, 200, 10_000)] == [
        *(0, 5, 5, 10, 20, 50, 100, 200, 10_000),
    ]
    assert [step_of(hosts, 30) for hosts in (29, 30, 50)] == [0, 30, 50]


def test_sweep_is_told_once_for_each_step(tell, write):
    write("h1")
    assert tell(min_hosts=5) == ([], [])
    write(*(f"h{number}" for number in range(2, 6)))
    assert tell(min_hosts=5)[0] == ["203.0.113.7 was denied by 5 hosts"]
    write(*(f"h{number}" for number in range(9)))
    assert tell(min_hosts=5)[0] == []
    write("h9", "h10")
    assert tell(min_hosts=5)[0] == ["203.0.113.7 was denied by 11 hosts"]
    assert tell(min_hosts=5)[0] == []


def test_what_is_too_old_is_forgotten(tell, write):
    write("h1", "h2")
    assert len(tell()[0]) == 1
    assert tell(since_s=NOW_S + 1)[0] == []
    write("h1", "h2", at_s=NOW_S + 9)
    assert len(tell(since_s=NOW_S + 1)[0]) == 1


def test_quiet_client_is_not_told(tell, write):
    write("h1", "h2")
    write("h1", "h2", client="198.51.100.9")
    told, _ = tell(Wording("monitor", quiet=parse_quiet("203.0.113.0/24")))
    assert told == ["198.51.100.9 was denied by 2 hosts"]


def rename(log):
    os.rename(log, f"{log}.1")
    log.touch()


def archive(log):
    """As Nagios rotates."""
    (log.parent / "archives").mkdir(exist_ok=True)
    os.rename(log, log.parent / "archives" / f"nagios-{log.stat().st_ino}.log")
    log.touch()


def copy_and_truncate(log):
    shutil.copy2(log, f"{log}.1")
    os.truncate(log, 0)


def compress(log):
    """As logrotate does."""
    stat = log.stat()
    with gzip.open(f"{log}.1.gz", "wb") as file:
        file.write(log.read_bytes())
    os.utime(f"{log}.1.gz", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    log.unlink()
    log.touch()


def copy_and_compress(log):
    """The plain copy is there still."""
    shutil.copy2(log, f"{log}.1")
    compress(log)


ROTATIONS = [rename, archive, copy_and_truncate, compress, copy_and_compress]


@pytest.mark.parametrize("rotate", ROTATIONS)
@pytest.mark.parametrize("read_before", [True, False])
def test_rotation_counts_each_line_once(tell, write, counted, log, rotate, read_before):
    write("h1")
    tell()
    write("h2")
    if read_before:
        tell()
    rotate(log)
    write("h3", at_s=NOW_S + 1)
    assert tell()[1] == []
    write("h4", at_s=NOW_S + 2)
    tell()
    assert counted() == (4, ["h1", "h2", "h3", "h4"])


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_new_log_that_is_longer_is_no_old_one(tell, write, counted, log, rotate):
    write("h1")
    tell()
    rotate(log)
    write("h2", "h3", "h4", at_s=NOW_S + 1)
    tell()
    assert counted()[0] == 4


def test_two_rotations_between_two_runs(tell, write, counted, log):
    write("h1")
    tell()
    write("h2")
    os.rename(log, f"{log}.2")
    write("h3", at_s=NOW_S + 1)
    os.utime(f"{log}.2", (NOW_S, NOW_S))
    os.rename(log, f"{log}.1")
    os.utime(f"{log}.1", (NOW_S + 1, NOW_S + 1))
    write("h4", at_s=NOW_S + 2)
    tell()
    assert counted() == (4, ["h1", "h2", "h3", "h4"])


def test_rotation_of_a_log_read_while_empty(tell, write, counted, log):
    write("h1")
    tell()
    for number in (2, 1):
        log.rename(log.with_name(f"nagios.log.{number}"))
        log.touch()
        tell()
        write(f"h{number + 1}")
    log.rename(log.with_name("nagios.log.0"))
    log.touch()
    tell()
    assert counted() == (3, ["h1", "h2", "h3"])


def test_rotation_to_the_same_first_lines(tell, write, counted, log):
    write("h1")
    tell()
    rename(log)
    write("h1")
    tell()
    assert counted() == (2, ["h1"])


def test_half_a_line_is_read_when_it_is_whole(tell, counted, log):
    line = denial("h1", "203.0.113.7")
    for end in (30, 100, len(line)):
        log.write_bytes(line[:end])
        tell()
    assert counted() == (1, ["h1"])


def test_log_by_another_name_is_the_same(tell, write, counted, log, tmp_path):
    write("h1", "h2")
    (tmp_path / "link.log").symlink_to(log)
    tell()
    tell(paths=[tmp_path / "link.log"])
    assert counted() == (2, ["h1", "h2"])


def test_hostile_counts_do_not_stop_a_run(tell, counted, log):
    head = b"[1795644469] EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;h%d;TCP Wrappers;2;"
    text = b"Denied sshd-203.0.113.7 (999999999999999999 times, 1 to 2)\n"
    log.write_bytes(b"".join((head % number + text) * 50 for number in range(2)))
    assert tell() == (["203.0.113.7 was denied by 2 hosts"], [])


def test_old_log_that_is_gone_is_told(tell, write, log):
    write("h1")
    tell()
    log.unlink()
    write("h2", at_s=NOW_S + 1)
    assert tell()[1] == [f"{log}: was replaced, and what was read before is nowhere beside it"]
    assert tell()[1] == []


def test_what_fails_to_be_told_is_read_again(tell, write, counted):
    def fail(_result):
        raise LogError("the spool is full")

    write("h1", "h2")
    with pytest.raises(LogError):
        tell(submit=fail)
    assert tell()[0] == ["203.0.113.7 was denied by 2 hosts"]
    assert counted() == (2, ["h1", "h2"])


def test_alert_in_a_later_run_counts_once(tell, counted, log):
    lines = denial("h1", "203.0.113.7").splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3]))
    tell()
    log.write_bytes(b"".join(lines))
    tell()
    assert counted() == (1, ["h1"])


def test_a_bad_log_keeps_no_other_from_being_read(tell, write, counted, tmp_path, log):
    write("h1")
    (tmp_path / "bad.log").write_bytes(b"\0" * 100)
    _, faults = tell(paths=[tmp_path / "bad.log", tmp_path / "none.log", log])
    assert [fault.partition(": ")[0] for fault in faults] == [f"{tmp_path}/bad.log", f"{tmp_path}/none.log"]
    assert counted() == (1, ["h1"])


def test_log_whose_old_part_is_sick_is_read_later(tell, write, counted, log):
    write("h1", *(f"x{number}" for number in range(2000)))
    tell()
    write("h2")
    compress(log)
    whole = log.with_name("nagios.log.1.gz").read_bytes()
    log.with_name("nagios.log.1.gz").write_bytes(whole[:-300])
    write("h3", at_s=NOW_S + 1)
    (fault,) = tell()[1]
    assert "nagios.log.1.gz: cannot read the log: " in fault
    log.with_name("nagios.log.1.gz").write_bytes(whole)
    tell()
    assert counted()[0] == 2003


def test_memory_that_is_none_is_told(tell, write, tmp_path):
    write("h1")
    (tmp_path / "sweeps").write_text("no database, but long enough to be taken for one" * 100)
    with pytest.raises(LogError, match="cannot remember what was read: file is not a database"):
        tell()
