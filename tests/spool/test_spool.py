"""The spool, in real directories: what its promises P1-P3 say, for good files, bad files and a sick disk."""

from __future__ import annotations

import errno
import os
import stat
import time

import pytest
from support.descriptors import leaves_no_descriptor
from support.queue_files import (
    CUT,
    CUT_MESSAGE,
    DENIAL,
    EMPTY_MESSAGE,
    FIELDS,
    SPECIAL_FILES,
    names_in,
)

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import QueueFileCorrupt, SpoolBusy, SpoolError
from tcpwrap_alert.spool.queue_file import QueueFileUnfinished
from tcpwrap_alert.spool.spool import Spool

AGES_S = (0, 55, -55, 65, -65, 86_400, 2e9)
CONTENT = Denial("sshd", "203.0.113.7")


def result_of(length):
    """Return a check result whose queue file is longer than that."""
    return CheckResult("firestorm", "Disk", 0, "x" * length)


# Enqueue


def test_what_is_enqueued_is_read_as_it_was(spool, spool_dir):
    name = spool.enqueue(CONTENT)
    entry = spool.maybe_read(name)
    assert (entry.content.kind, entry.content.fields(), entry.name) == ("denial", FIELDS, name)
    status = (spool_dir / "new" / name).stat()
    assert (entry.enqueued_at_ns, entry.size, entry.is_awaited) == (status.st_mtime_ns, status.st_size, False)
    assert abs(entry.enqueued_at_s - time.time()) < 30


@pytest.mark.parametrize("at_ns", [1, 10**18 + 1, -(10**18)])
def test_entry_can_have_an_earlier_time(spool, at_ns):
    assert spool.maybe_read(spool.enqueue(CONTENT, at_ns)).enqueued_at_ns == at_ns


def test_p1_every_entry_has_a_name_of_its_own(spool, spool_dir):
    names = {spool.enqueue(CONTENT) for _ in range(50)}
    assert len(names) == 50
    assert names_in(spool_dir / "new") == sorted(names)


def test_p1_a_name_that_is_taken_is_never_written_to(spool, put, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 42)
    path = put(f"42.{os.getpid()}", b"somebody else's")
    with pytest.raises(SpoolError, match=f"^{path}: cannot write: File exists$"):
        spool.enqueue(CONTENT)
    assert path.read_bytes() == b"somebody else's"


def test_p1_link_as_queue_file_is_not_followed(spool, spool_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 42)
    (spool_dir / "new" / f"42.{os.getpid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpoolError, match="cannot write: File exists"):
        spool.enqueue(CONTENT)
    assert not (tmp_path / "elsewhere").exists()


def test_p2_enqueued_file_and_name_are_on_disk(spool, spool_dir, synced):
    name = spool.enqueue(CONTENT)
    assert synced == [str(spool_dir / "new" / name), str(spool_dir / "new")]


def test_p2_new_spool_is_on_disk_with_its_parents(tmp_path, synced):
    Spool(str(tmp_path / "spool")).enqueue(CONTENT)
    assert {str(tmp_path), str(tmp_path / "spool"), str(tmp_path / "spool" / "new")} <= set(synced)


@pytest.mark.parametrize("write", [Spool.enqueue, Spool.submit])
def test_p2_enqueue_leaves_no_file_it_could_not_sync(spool, spool_dir, failing, write):
    with (
        leaves_no_descriptor(),
        failing("fsync"),
        pytest.raises(SpoolError, match=rf"^{spool_dir}/new/[0-9.]+: cannot write: Input/output error$"),
    ):
        write(spool, CONTENT)
    assert names_in(spool_dir / "new") == []


def test_p2_enqueue_on_a_full_disk_leaves_no_file(spool, spool_dir, small_disk):
    small_disk(spool_dir / "new")
    for _ in range(2):
        spool.enqueue(result_of(4095))  # two pages each
    before = spool.scan()
    with pytest.raises(SpoolError, match=rf"^{spool_dir}/new/[0-9.]+: cannot write: No space left on device$"):
        spool.enqueue(result_of(4095))
    assert spool.scan() == before


def test_entry_longer_than_a_queue_file_is_an_error(spool, spool_dir, monkeypatch):
    monkeypatch.setattr(CONTENT.__class__, "fields", lambda _: {"client": "x" * 1024 * 1024})
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new: an entry of 10486.. bytes is longer than a queue file"):
        spool.enqueue(CONTENT)
    assert names_in(spool_dir / "new") == []


def test_enqueue_makes_a_missing_spool_for_the_owner(tmp_path):
    spool = Spool(str(tmp_path / "made"))
    name = spool.enqueue(CONTENT)
    assert spool.maybe_read(name).content.fields() == FIELDS
    modes = [stat.S_IMODE((tmp_path / path).stat().st_mode) for path in ("made", "made/new")]
    assert modes == [0o700, 0o700]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("file", "Not a directory"), ("none/spool", "No such file or directory"), ("/proc/x", "No such")],
)
def test_impossible_spool_is_told_with_path_and_reason(tmp_path, path, reason):
    (tmp_path / "file").touch()
    where = tmp_path / path
    with pytest.raises(SpoolError, match=rf"^{where}/new/[0-9.]+: cannot write: {reason}") as caught:
        Spool(str(where)).enqueue(CONTENT)
    assert not isinstance(caught.value, QueueFileCorrupt)


# Scan


def test_scan_has_the_order_of_enqueueing(spool):
    names = [spool.enqueue(CONTENT) for _ in range(100)]
    assert spool.scan() == names


def test_scan_is_by_age_then_length_of_name_then_name(spool, put):
    now = time.time()
    ages = {"a": 1, "b": 1e6, "c": -1e6, "9.1": 30, "9.0": 30, "10.0": 30}
    for name in ages:
        put(name)
        os.utime(spool.new + "/" + name, (now, now - ages[name]))
    assert spool.scan() == ["b", "9.0", "9.1", "10.0", "a", "c"]


def test_a_nanosecond_is_enough_for_the_order(spool, put):
    for name, ns in (("a", 2), ("b", 1), ("c", 3)):
        os.utime(put(name), ns=(10**18, 10**18 + ns))
    assert spool.scan() == ["b", "a", "c"]


def test_scan_finds_any_file_and_follows_no_link(spool, spool_dir, put):
    put("file", b"")
    (spool_dir / "new" / "link").symlink_to("nowhere")
    (spool_dir / "new" / "directory").mkdir()
    os.mkfifo(spool_dir / "new" / ".fifo")
    assert sorted(spool.scan()) == [".fifo", "directory", "file", "link"]


def test_a_missing_spool_is_an_empty_one(tmp_path):
    spool = Spool(str(tmp_path / "none"))
    assert spool.scan() == []
    assert spool.is_empty()
    assert spool.is_idle()
    assert spool.maybe_read("4711.0") is None
    assert spool.corrupt.count() == 0
    assert spool.corrupt.completed() == []
    assert spool.read_state().encode() == ""
    spool.check_removable()
    spool.remove("4711.0")
    spool.write_state(spool.read_state())
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("ask", [Spool.scan, Spool.is_empty, Spool.is_idle, Spool.has_work])
def test_spool_that_cannot_be_scanned_is_not_empty(tmp_path, ask):
    (tmp_path / "new").touch()
    with pytest.raises(SpoolError, match=f"^{tmp_path}/new: cannot scan: Not a directory$"):
        ask(Spool(str(tmp_path)))


def test_a_spool_where_something_waits_is_not_empty(spool, put):
    assert spool.is_empty()
    put("4711.0", b"")
    assert not spool.is_empty()
    assert not spool.is_idle()
    assert spool.has_work()


def test_a_spool_that_somebody_leads_is_not_idle(spool, spool_dir):
    (spool_dir / "leader").touch()
    assert spool.is_empty()
    assert not spool.has_work()
    assert not spool.is_idle()


# Read


@pytest.mark.parametrize("age_s", AGES_S)
def test_p1_a_whole_file_is_read_at_any_age(spool, put, age_s):
    path = put("4711.0", age_s=age_s)
    entry = spool.maybe_read("4711.0")
    assert (entry.content.fields(), entry.enqueued_at_ns) == (FIELDS, path.stat().st_mtime_ns)


@pytest.mark.parametrize("age_s", AGES_S)
@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", EMPTY_MESSAGE), (DENIAL[:1], CUT_MESSAGE), (CUT, CUT_MESSAGE), (DENIAL[:-1], CUT_MESSAGE)],
)
def test_p1_file_without_end_mark_is_unfinished(spool, put, data, message, age_s):
    path = put("4711.0", data, age_s)
    with pytest.raises(QueueFileUnfinished, match=rf"^new/4711\.0: {message}$"):
        spool.maybe_read("4711.0")
    assert path.read_bytes() == data


def test_p1_a_file_cut_anywhere_is_never_read_as_whole(spool, put):
    for length in range(len(DENIAL)):
        put(str(length), DENIAL[:length])
    for name in spool.scan():
        with pytest.raises(QueueFileUnfinished):
            spool.maybe_read(name)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x7fELF\0\nend\0\n", "does not begin with"),
        (DENIAL.replace(b"alert 1", b"alert 2"), "does not begin with 'tcpwrap-alert 1 '"),
        (DENIAL.replace(b"client=", b"client "), "a line without '='"),
        (DENIAL.replace(b"sshd", b"s" * 1024 * 1024), "longer than 1048576 bytes"),
        (DENIAL.replace(b"denial", b"denials"), "not a denials: "),
        (DENIAL.replace(b"denial", b"de\x1b[31mnial"), r"unknown kind 'de\?\[31mnial'$"),
    ],
)
def test_file_of_another_format_is_corrupt_and_why(spool, put, data, message):
    put("4711.0", data)
    with pytest.raises(QueueFileCorrupt, match=rf"^new/4711\.0: {message}") as caught:
        spool.maybe_read("4711.0")
    assert not isinstance(caught.value, QueueFileUnfinished)


def test_file_name_is_told_without_control_characters(spool, spool_dir, put):
    put("a\x1b[31mb", CUT)
    with pytest.raises(QueueFileCorrupt, match=r"^new/a\?\[31mb: no end mark"):
        spool.maybe_read("a\x1b[31mb")
    (spool_dir / "new" / "\x1bc").symlink_to("nowhere")
    with pytest.raises(QueueFileCorrupt, match=r"^new/\?c: not a regular file$"):
        spool.maybe_read("\x1bc")


@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_what_is_no_regular_file_is_corrupt_at_once(spool, spool_dir, monkeypatch, make):
    monkeypatch.chdir(spool_dir / "new")
    make(spool_dir / "new" / "4711.0")
    with pytest.raises(QueueFileCorrupt, match=r"^new/4711\.0: not a regular file$") as caught:
        spool.maybe_read("4711.0")
    assert not isinstance(caught.value, QueueFileUnfinished)


def test_a_file_that_is_gone_is_none(spool):
    assert spool.maybe_read("4711.0") is None


def test_p4_read_error_is_no_fault_of_the_file(tmp_path):
    (tmp_path / "new").touch()
    with pytest.raises(SpoolError, match=r"/new/4711\.0: cannot read: Not a directory$") as caught:
        Spool(str(tmp_path)).maybe_read("4711.0")
    assert not isinstance(caught.value, QueueFileCorrupt)


def test_p4_a_disk_error_is_no_fault_of_the_file(spool, put, failing):
    put("4711.0")
    with failing("read"), pytest.raises(SpoolError, match=r"cannot read: Input/output error$") as caught:
        spool.maybe_read("4711.0")
    assert not isinstance(caught.value, QueueFileCorrupt)


# Remove


@pytest.mark.parametrize("remove", [Spool.remove, lambda spool, name: spool.accept(name, False)])
def test_p3_only_what_was_named_is_removed(spool, put, spool_dir, remove):
    for name in ("1", "2", "3"):
        put(name)
    remove(spool, "2")
    assert names_in(spool_dir / "new") == ["1", "3"]


@pytest.mark.parametrize("is_awaited", [False, True])
def test_p3_what_somebody_else_removed_is_no_error(spool, put, spool_dir, is_awaited):
    put("2")
    spool.remove("1")
    spool.accept("1", is_awaited)
    assert names_in(spool_dir / "new") == ["2"]


def test_p3_failed_removal_is_told_with_its_path(spool, spool_dir):
    (spool_dir / "new" / "1").mkdir()
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new/1: cannot remove: Is a directory$"):
        spool.remove("1")


def test_p3_read_only_disk_is_known_before_removal(spool, spool_dir, put, read_only):
    put("1")
    read_only(spool_dir / "new")
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new: cannot be written, so nothing is sent from it"):
        spool.check_removable()
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new/1: cannot remove: Read-only file system"):
        spool.remove("1")


# Sync


def test_p2_what_waits_is_synced_with_its_directory(spool, spool_dir, put, synced):
    paths = [str(put("4711.0", age_s=1000)), str(put("4712.0", CUT))]
    assert spool.sync(0.0) == 2
    assert synced == [*paths, str(spool_dir / "new")]


def test_p2_only_what_is_younger_is_synced(spool, spool_dir, put, synced):
    put("4711.0", age_s=1000)
    path = put("4712.0", age_s=800)
    assert spool.sync(time.time() - 900) == 2
    assert synced == [str(path), str(spool_dir / "new")]


@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_p4_what_is_no_file_lets_the_rest_be_synced(spool, spool_dir, put, synced, monkeypatch, make):
    monkeypatch.chdir(spool_dir / "new")
    make(spool_dir / "new" / "4711.0")
    path = put("4712.0", age_s=-1)
    assert spool.sync(0.0) == 2
    assert synced == [str(path), str(spool_dir / "new")]


def test_p4_unsyncable_file_keeps_no_other_from_it(spool, spool_dir, put, monkeypatch):
    bad, good = put("4711.0", age_s=2), put("4712.0", age_s=1)
    synced = []

    def fsync(fd):
        path = os.readlink(f"/proc/self/fd/{fd}")
        if path == str(bad):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        synced.append(path)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(SpoolError, match=f"^{bad}: cannot sync: Input/output error$"):
        spool.sync(0.0)
    assert synced == [str(good), str(spool_dir / "new")]


# Boxes


def entries_in(spool):
    return [spool.maybe_read(name) for name in spool.scan()]


def facts(entries):
    return [(entry.name, entry.enqueued_at_ns, entry.content.fields()) for entry in entries]


def test_copies_have_name_time_and_content(spool):
    for number in range(3):
        spool.enqueue(result_of(number), 10**18 + number)
    box = spool.box("backup")
    spool.make_boxes()
    box.enqueue_copies(entries_in(spool))
    assert facts(entries_in(box)) == facts(entries_in(spool))
    assert len(facts(entries_in(box))) == 3
    assert [one.name for one in spool.boxes()] == ["backup"]


def test_copies_are_awaited_by_nobody(spool):
    spool.submit(CONTENT).close()
    box = spool.box("backup")
    spool.make_boxes()
    box.enqueue_copies(entries_in(spool))
    assert [entry.is_awaited for entry in entries_in(spool) + entries_in(box)] == [True, False]


def test_p3_copies_are_on_disk_before_their_names(spool, synced, monkeypatch):
    spool.enqueue(CONTENT)
    box = spool.box("backup")
    spool.make_boxes()
    really_rename = os.rename
    monkeypatch.setattr(os, "rename", lambda *paths: (synced.append("renamed"), really_rename(*paths)))
    synced.clear()
    box.enqueue_copies(entries_in(spool))
    assert synced[-3:] == [f"{box.path}/copy", "renamed", box.new]


@pytest.mark.parametrize("data", [b"", CUT, DENIAL])
def test_copy_that_a_crash_has_left_is_replaced(spool, data):
    name = spool.enqueue(CONTENT, 7)
    box = spool.box("backup")
    os.makedirs(box.new)
    for path in (f"{box.new}/{name}", f"{box.path}/copy"):
        with open(path, "wb") as file:
            file.write(data)
    box.enqueue_copies(entries_in(spool))
    assert facts(entries_in(box)) == facts(entries_in(spool))
    assert os.listdir(box.path) == ["new"]


@pytest.mark.parametrize("part", ["copy", "new"])
def test_p10_copy_is_not_written_through_a_link(spool, tmp_path, part):
    spool.enqueue(CONTENT)
    box = spool.box("backup")
    os.makedirs(box.path)
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", f"{box.path}/{part}")
    with pytest.raises(SpoolError):
        box.enqueue_copies(entries_in(spool))
    assert names_in(tmp_path / "elsewhere") == []


def test_spool_has_work_while_a_box_has(spool):
    name = spool.enqueue(CONTENT)
    box = spool.box("backup")
    spool.make_boxes()
    box.enqueue_copies(entries_in(spool))
    spool.remove(name)
    assert (spool.is_empty(), spool.has_work()) == (True, True)
    box.remove(name)
    assert (spool.has_work(), spool.boxes()[0].path) == (False, box.path)


def test_what_is_no_directory_has_no_boxes(spool, spool_dir):
    assert spool.boxes() == []
    (spool_dir / "for").touch()
    assert spool.boxes() == []
    assert not spool.has_work()


# Lock


def test_p5_only_one_sends(spool):
    with spool.lock(0), pytest.raises(SpoolBusy, match=f"^{spool.path}: another process"), spool.lock(0):
        pass
