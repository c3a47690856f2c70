"""corrupt/: what is moved there stays as it is, and what its writer completes there comes back (P4)."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers.nsca_daemon import wait_for
from support.queue_files import CUT, DENIAL, FIELDS, SPECIAL_FILES, make_link, names_in

from tcpwrap_alert.errors import QueueFileCorrupt, SpoolError
from tcpwrap_alert.spool.corrupt import Corrupt
from tcpwrap_alert.spool.queue_file import QueueFileUnfinished, decode_queue_file


def test_p4_file_set_aside_is_unchanged_and_rest_stay(spool, spool_dir, put):
    put("4711.0", CUT)
    put("4712.0")
    target = spool.corrupt.put("4711.0")
    assert os.path.dirname(target) == str(spool_dir / "corrupt")
    assert Path(target).read_bytes() == CUT
    assert names_in(spool_dir / "new") == ["4712.0"]
    assert stat.S_IMODE((spool_dir / "corrupt").stat().st_mode) == 0o700


def test_p4_second_file_of_a_name_does_not_replace_it(spool, put):
    paths = []
    for data in (b"first", b"second"):
        put("4711.0", data)
        paths.append(spool.corrupt.put("4711.0"))
    assert [Path(path).read_bytes() for path in paths] == [b"first", b"second"]
    assert spool.corrupt.count() == 2


@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_p4_any_kind_of_file_can_be_set_aside(spool, spool_dir, monkeypatch, make):
    monkeypatch.chdir(spool_dir / "new")
    make(spool_dir / "new" / "4711.0")
    assert os.path.lexists(spool.corrupt.put("4711.0"))
    assert spool.scan() == []


@pytest.mark.parametrize("is_unfinished", [False, True])
@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "\udcff" * 255])
def test_p4_file_of_the_longest_name_can_be_set_aside(spool, spool_dir, name, is_unfinished):
    for _ in range(2):
        (spool_dir / "new" / name).touch()
        assert os.path.basename(spool.corrupt.put(name, is_unfinished)).startswith(name[:100])
    assert spool.corrupt.count() == 2
    assert spool.scan() == []


def test_p4_link_set_aside_leaves_its_target_alone(spool, spool_dir):
    make_link(spool_dir / "new" / "4711.0")
    spool.corrupt.put("4711.0")
    assert (spool_dir / "whole").read_bytes() == DENIAL


def test_p4_file_that_cannot_be_set_aside_stays(spool, spool_dir, put):
    put("4711.0", CUT)
    (spool_dir / "corrupt").touch()
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new/4711.0: cannot set aside: Not a directory$"):
        spool.corrupt.put("4711.0")
    assert names_in(spool_dir / "new") == ["4711.0"]


def test_p4_a_file_that_is_gone_cannot_be_set_aside(spool):
    with pytest.raises(SpoolError, match=r"cannot set aside: No such file or directory$"):
        spool.corrupt.put("4711.0")


def test_unlistable_files_set_aside_count_as_none(spool, spool_dir):
    (spool_dir / "corrupt").touch()
    assert spool.corrupt.count() == 0
    assert spool.corrupt.completed() == []
    spool.corrupt.take_back()


def complete(path):
    with open(path, "ab") as file:
        file.write(DENIAL[len(Path(path).read_bytes()) :])


@pytest.mark.parametrize("data", [b"", DENIAL[:1], CUT, DENIAL[:-1]])
def test_file_its_writer_completes_comes_back(spool, spool_dir, put, data):
    put("4711.0", data)
    target = spool.corrupt.put("4711.0", is_unfinished=True)
    assert (spool.has_work(), spool.is_idle()) == (False, True)
    complete(target)
    assert (spool.has_work(), spool.is_idle()) == (True, False)
    spool.corrupt.take_back()
    (name,) = spool.scan()
    assert spool.maybe_read(name).content.fields() == FIELDS
    assert names_in(spool_dir / "corrupt") == []


@pytest.mark.parametrize("data", [b"", DENIAL[:1], CUT, DENIAL[:-1], DENIAL + b"x"])
def test_file_that_stays_cut_stays_aside(spool, put, data):
    put("4711.0", data)
    target = spool.corrupt.put("4711.0", is_unfinished=True)
    spool.corrupt.take_back()
    assert (spool.scan(), spool.has_work()) == ([], False)
    assert Path(target).read_bytes() == data


def test_whole_file_set_aside_for_a_fault_stays_aside(spool, put):
    put("4711.0")
    put("4712.0.unfinished")
    spool.corrupt.put("4711.0")
    spool.corrupt.put("4712.0.unfinished")
    assert spool.corrupt.completed() == []


def test_each_completed_file_comes_back_as_itself(spool, put):
    texts = [DENIAL.replace(b"sshd", b"d%d" % number) for number in range(20)]
    for number, text in enumerate(texts):
        put("4711.0", text)
        if number % 2:
            spool.corrupt.put("4711.0", is_unfinished=True)
        else:
            put("4711.0", text[:-3])
            spool.corrupt.put("4711.0", is_unfinished=True)
    spool.corrupt.take_back()
    read = {spool.maybe_read(name).content.daemon for name in spool.scan()}
    assert read == {f"d{number}" for number in range(1, 20, 2)}
    assert spool.corrupt.count() == 10


def test_files_that_come_back_at_once_are_all_kept(spool, put, monkeypatch):
    for _ in range(3):
        put("4711.0", DENIAL)
        spool.corrupt.put("4711.0", is_unfinished=True)
    monkeypatch.setattr(time, "time_ns", lambda: 42)
    spool.corrupt.take_back()
    assert (len(spool.scan()), spool.corrupt.count()) == (3, 0)


@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_what_is_no_file_never_comes_back(spool, spool_dir, monkeypatch, make):
    (spool_dir / "corrupt").mkdir()
    monkeypatch.chdir(spool_dir / "corrupt")
    make(spool_dir / "corrupt" / "4711.unfinished")
    assert spool.corrupt.completed() == []


def test_file_that_cannot_come_back_is_told(spool, put, failing):
    put("4711.0")
    target = spool.corrupt.put("4711.0", is_unfinished=True)
    with failing("rename"), pytest.raises(SpoolError, match=f"^{target}: cannot take back: Input/output error$"):
        spool.corrupt.take_back()
    assert Path(target).read_bytes() == DENIAL


def is_unfinished(data):
    try:
        decode_queue_file(data)
    except QueueFileCorrupt as error:
        return isinstance(error, QueueFileUnfinished)
    return False


@given(st.integers(0, len(DENIAL)), st.sampled_from([b"", b"x", b"end\0\n", b"\0\nend\0\n"]))
@settings(deadline=None)
def test_completed_is_what_a_reader_finds_an_end_in(tmp_path_factory, length, more):
    """Else a file would go to and fro for ever, or stay here although it is whole."""
    directory = tmp_path_factory.mktemp("corrupt")
    data = DENIAL[:length] + more
    (directory / "1.unfinished").write_bytes(data)
    assert bool(Corrupt(str(directory), "").completed()) != is_unfinished(data)


STOPPED_WRITER = """
exec 3>"$1"
kill -STOP $$
printf 'tcpwrap-alert 1 denial\\0\\nclient=203.0.113.7\\0\\ndaemon=sshd\\0\\nend\\0\\n' >&3
"""


def test_writer_stopped_before_its_write_loses_nothing(spool, spool_dir):
    path = spool_dir / "new" / "4711.0"
    writer = subprocess.Popen(["sh", "-c", STOPPED_WRITER, "sh", str(path)])
    try:
        os.waitid(os.P_PID, writer.pid, os.WSTOPPED | os.WNOWAIT)
        wait_for(path.exists, "the writer did not open its file")
        spool.corrupt.put("4711.0", is_unfinished=True)
        assert spool.corrupt.completed() == []
    finally:
        os.kill(writer.pid, signal.SIGCONT)
        assert writer.wait(30) == 0
    spool.corrupt.take_back()
    assert [spool.maybe_read(name).content.fields() for name in spool.scan()] == [FIELDS]
