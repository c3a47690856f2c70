"""The spool, in real directories: what its promises P1-P4 and P10 say, for good files, bad files and a sick disk."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import CheckResultError, QueueFileCorrupt, SpoolBusy, SpoolError
from tcpwrap_alert.spool.entries import check_result_entry, denial_entry, open_entry, read_waiting
from tcpwrap_alert.spool.queue_file import Entry
from tcpwrap_alert.spool.spool import Spool

DENIAL = b"tcpwrap-alert 1 denial\0\nclient=203.0.113.7\0\ndaemon=sshd\0\nend\0\n"
CUT = DENIAL[:-6]
CUT_MESSAGE = "no end mark, the write was cut short"
EMPTY_MESSAGE = "empty: the disk was full, and the alert was sent directly or is in syslog"
FIELDS = {"client": "203.0.113.7", "daemon": "sshd"}

# Around the minute that a file without its end mark is left to its writer, in either direction of the clock.
YOUNG_S = (0, 55, -55)
OLD_S = (65, -65, 86_400, 2e9)


@pytest.fixture
def put(spool_dir):
    """Put a queue file into new/, last changed so many seconds ago, and return its path."""

    def put_file(name, data=DENIAL, age_s=0):
        path = spool_dir / "new" / name
        path.write_bytes(data)
        changed = time.time() - age_s
        os.utime(path, (changed, changed))
        return path

    return put_file


@pytest.fixture
def synced(monkeypatch):
    """Record the path of everything that is synced."""
    paths = []
    really_fsync = os.fsync

    def fsync(fd):
        really_fsync(fd)
        paths.append(os.readlink(f"/proc/self/fd/{fd}"))

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


@pytest.fixture
def small_disk(isolated, spool_dir):
    """Let new/ be a disk of four pages."""
    new = str(spool_dir / "new")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=16k", "tmpfs", new], check=True)
    yield
    subprocess.run(["umount", new], check=True)


@pytest.fixture
def read_only(isolated, spool_dir):
    """Let new/, with one queue file, be a disk that cannot be written."""
    new = str(spool_dir / "new")
    (spool_dir / "new" / "1").write_bytes(DENIAL)
    subprocess.run(["mount", "--bind", new, new], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", new], check=True)
    yield
    subprocess.run(["umount", new], check=True)


def entry(**fields):
    return Entry("denial", fields or FIELDS)


def noted(spool):
    last_error = spool.last_error()
    return last_error.reason, last_error.at_s, last_error.first_batch


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


# Enqueue


def test_what_is_enqueued_is_read_as_it_was(spool, spool_dir):
    name = spool.enqueue(entry())
    read = spool.maybe_read(name)
    assert (read.kind, read.fields, read.name) == ("denial", FIELDS, name)
    assert read.enqueued_at_ns == (spool_dir / "new" / name).stat().st_mtime_ns
    assert abs(read.enqueued_at_ns / 1e9 - time.time()) < 30


def test_p1_every_entry_has_a_name_of_its_own(spool, spool_dir):
    names = {spool.enqueue(entry()) for _ in range(50)}
    assert len(names) == 50
    assert names_in(spool_dir / "new") == sorted(names)


def test_p1_a_name_that_is_taken_is_never_written_to(spool, put, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 42)
    path = put(f"42.{os.getpid()}", b"somebody else's")
    with pytest.raises(SpoolError, match=f"^{path}: cannot write: File exists$"):
        spool.enqueue(entry())
    assert path.read_bytes() == b"somebody else's"


def test_p1_link_as_queue_file_is_not_followed(spool, spool_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 42)
    (spool_dir / "new" / f"42.{os.getpid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpoolError, match="cannot write: File exists"):
        spool.enqueue(entry())
    assert not (tmp_path / "elsewhere").exists()


def test_p2_enqueued_file_and_name_are_on_disk(spool, spool_dir, synced):
    name = spool.enqueue(entry())
    assert synced == [str(spool_dir / "new" / name), str(spool_dir / "new")]


def test_p2_new_spool_is_on_disk_with_its_parents(tmp_path, synced):
    Spool(str(tmp_path / "spool")).enqueue(entry())
    assert {str(tmp_path), str(tmp_path / "spool"), str(tmp_path / "spool" / "new")} <= set(synced)


def test_p2_enqueue_leaves_no_file_it_could_not_sync(spool, spool_dir, monkeypatch):
    def fail(fd):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SpoolError, match=rf"^{spool_dir}/new/[0-9.]+: cannot write: Input/output error$"):
        spool.enqueue(entry())
    assert names_in(spool_dir / "new") == []


def test_p2_enqueue_on_a_full_disk_leaves_no_file(spool, spool_dir, small_disk):
    with pytest.raises(SpoolError, match=rf"^{spool_dir}/new/[0-9.]+: cannot write: No space left on device$"):
        spool.enqueue(entry(client="x" * 100_000))
    assert names_in(spool_dir / "new") == []


def test_enqueue_makes_a_missing_spool_for_the_owner(tmp_path):
    spool = Spool(str(tmp_path / "made"))
    name = spool.enqueue(entry())
    assert spool.maybe_read(name).fields == FIELDS
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
        Spool(str(where)).enqueue(entry())
    assert not isinstance(caught.value, QueueFileCorrupt)


# Scan


def test_scan_has_the_order_of_enqueueing(spool):
    names = [spool.enqueue(entry()) for _ in range(100)]
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
    assert not spool.is_waiting("4711.0")
    assert spool.count_set_aside() == 0
    assert noted(spool) == ("", 0.0, 0)
    spool.check_removable()
    spool.remove("4711.0")
    spool.forget_last_error()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("ask", [Spool.scan, Spool.is_empty, Spool.is_idle])
def test_spool_that_cannot_be_scanned_is_not_empty(tmp_path, ask):
    (tmp_path / "new").touch()
    with pytest.raises(SpoolError, match=f"^{tmp_path}/new: cannot scan: Not a directory$"):
        ask(Spool(str(tmp_path)))


def test_a_spool_where_something_waits_is_not_empty(spool, put):
    assert spool.is_empty()
    put("4711.0", b"")
    assert not spool.is_empty()
    assert not spool.is_idle()
    assert spool.is_waiting("4711.0")


def test_p2_file_that_cannot_be_looked_for_is_waiting(tmp_path):
    """Else `submit` would call it delivered."""
    (tmp_path / "file").touch()
    assert Spool(str(tmp_path / "file")).is_waiting("4711.0")


def test_a_spool_that_somebody_leads_is_not_idle(spool, spool_dir):
    (spool_dir / "leader").touch()
    assert spool.is_empty()
    assert not spool.is_idle()


# Read


@pytest.mark.parametrize("age_s", [*YOUNG_S, *OLD_S])
def test_p1_a_whole_file_is_read_at_any_age(spool, put, age_s):
    put("4711.0", age_s=age_s)
    assert spool.maybe_read("4711.0").fields == FIELDS


@pytest.mark.parametrize("age_s", YOUNG_S)
@pytest.mark.parametrize("data", [b"", DENIAL[:1], CUT, DENIAL[:-1]])
def test_p1_young_file_without_end_mark_is_left_alone(spool, put, data, age_s):
    path = put("4711.0", data, age_s)
    assert spool.maybe_read("4711.0") is None
    assert path.read_bytes() == data


@pytest.mark.parametrize("age_s", OLD_S)
@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", EMPTY_MESSAGE), (DENIAL[:1], CUT_MESSAGE), (CUT, CUT_MESSAGE), (DENIAL[:-1], CUT_MESSAGE)],
)
def test_p1_old_file_without_end_mark_is_corrupt(spool, put, data, message, age_s):
    path = put("4711.0", data, age_s)
    with pytest.raises(QueueFileCorrupt, match=rf"^new/4711\.0: {message}$"):
        spool.maybe_read("4711.0")
    assert path.read_bytes() == data


def test_p1_a_file_cut_anywhere_is_never_read_as_whole(spool, put):
    for length in range(len(DENIAL)):
        put(str(length), DENIAL[:length])
    assert [name for name in spool.scan() if spool.maybe_read(name) is not None] == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x7fELF" * 100, "no end mark"),
        (DENIAL.replace(b"alert 1", b"alert 2"), "does not begin with 'tcpwrap-alert 1 '"),
        (DENIAL.replace(b"client=", b"client "), "a line without '='"),
        (DENIAL.replace(b"sshd", b"s" * 1024 * 1024), "longer than 1048576 bytes"),
    ],
)
def test_file_of_another_format_is_corrupt_and_why(spool, put, data, message):
    put("4711.0", data, age_s=65)
    with pytest.raises(QueueFileCorrupt, match=rf"^new/4711\.0: {message}"):
        spool.maybe_read("4711.0")


def test_file_name_is_told_without_control_characters(spool, spool_dir, put):
    put("a\x1b[31mb", CUT, age_s=65)
    with pytest.raises(QueueFileCorrupt, match=r"^new/a\?\[31mb: no end mark"):
        spool.maybe_read("a\x1b[31mb")
    (spool_dir / "new" / "\x1bc").symlink_to("nowhere")
    with pytest.raises(QueueFileCorrupt, match=r"^new/\?c: not a regular file$"):
        spool.maybe_read("\x1bc")


def test_kind_is_told_without_control_characters(spool, put):
    put("4711.\x1b", DENIAL.replace(b"denial", b"de\x1b[31mnial"))
    with pytest.raises(CheckResultError, match=r"^new/4711\.\?: unknown kind 'de\?\[31mnial'$"):
        open_entry(spool.maybe_read("4711.\x1b"))


def make_link(path):
    whole = path.parent.parent / "whole"
    whole.write_bytes(DENIAL)
    path.symlink_to(whole)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path.name)


SPECIAL_FILES = {
    "link": make_link,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "FIFO": os.mkfifo,
    "directory": os.mkdir,
    "socket": make_socket,
}


@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_what_is_no_regular_file_is_corrupt_at_once(spool, spool_dir, monkeypatch, make):
    monkeypatch.chdir(spool_dir / "new")  # the path of a socket must be short
    make(spool_dir / "new" / "4711.0")
    with pytest.raises(QueueFileCorrupt, match=r"^new/4711\.0: not a regular file$"):
        spool.maybe_read("4711.0")


def test_a_file_that_is_gone_is_none(spool):
    assert spool.maybe_read("4711.0") is None


def test_p4_read_error_is_no_fault_of_the_file(tmp_path):
    (tmp_path / "new").touch()
    with pytest.raises(SpoolError, match=r"/new/4711\.0: cannot read: Not a directory$") as caught:
        Spool(str(tmp_path)).maybe_read("4711.0")
    assert not isinstance(caught.value, QueueFileCorrupt)


def test_p4_a_disk_error_is_no_fault_of_the_file(spool, put, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    put("4711.0", age_s=65)
    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(SpoolError, match=r"cannot read: Input/output error$") as caught:
        spool.maybe_read("4711.0")
    assert not isinstance(caught.value, QueueFileCorrupt)


# Remove and set aside


def test_p3_only_what_was_named_is_removed(spool, put, spool_dir):
    for name in ("1", "2", "3"):
        put(name)
    spool.remove("2")
    assert names_in(spool_dir / "new") == ["1", "3"]


def test_p3_what_somebody_else_removed_is_no_error(spool, put, spool_dir):
    put("2")
    spool.remove("1")
    assert names_in(spool_dir / "new") == ["2"]


def test_p3_failed_removal_is_told_with_its_path(spool, spool_dir):
    (spool_dir / "new" / "1").mkdir()
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new/1: cannot remove: Is a directory$"):
        spool.remove("1")


def test_p3_read_only_disk_is_known_before_removal(spool, spool_dir, read_only):
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new: cannot be written, so nothing is sent from it"):
        spool.check_removable()
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new/1: cannot remove: Read-only file system"):
        spool.remove("1")


def test_p3_missing_permission_is_known_before_removal(spool, spool_dir, monkeypatch):
    spool.check_removable()
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (spool.new, os.W_OK))
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new: cannot be written"):
        spool.check_removable()
    (spool_dir / "new").rmdir()
    spool.check_removable()


def test_p4_file_set_aside_is_unchanged_and_rest_stay(spool, spool_dir, put):
    put("4711.0", CUT, age_s=65)
    put("4712.0")
    target = spool.set_aside("4711.0")
    assert os.path.dirname(target) == str(spool_dir / "corrupt")
    assert (spool_dir / "corrupt" / os.path.basename(target)).read_bytes() == CUT
    assert names_in(spool_dir / "new") == ["4712.0"]
    assert stat.S_IMODE((spool_dir / "corrupt").stat().st_mode) == 0o700


def test_p4_second_file_of_a_name_does_not_replace_it(spool, put):
    paths = []
    for data in (b"first", b"second"):
        put("4711.0", data)
        paths.append(spool.set_aside("4711.0"))
    assert [Path(path).read_bytes() for path in paths] == [b"first", b"second"]
    assert spool.count_set_aside() == 2


@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_p4_any_kind_of_file_can_be_set_aside(spool, spool_dir, monkeypatch, make):
    monkeypatch.chdir(spool_dir / "new")
    make(spool_dir / "new" / "4711.0")
    assert os.path.lexists(spool.set_aside("4711.0"))
    assert spool.scan() == []


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "\udcff" * 255])
def test_p4_file_of_the_longest_name_can_be_set_aside(spool, spool_dir, name):
    for _ in range(2):
        (spool_dir / "new" / name).touch()
        assert os.path.basename(spool.set_aside(name)).startswith(name[:100])
    assert spool.count_set_aside() == 2
    assert spool.scan() == []


def test_p4_link_set_aside_leaves_its_target_alone(spool, spool_dir):
    make_link(spool_dir / "new" / "4711.0")
    spool.set_aside("4711.0")
    assert (spool_dir / "whole").read_bytes() == DENIAL


def test_p4_file_that_cannot_be_set_aside_stays(spool, spool_dir, put):
    put("4711.0", CUT)
    (spool_dir / "corrupt").touch()
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new/4711.0: cannot set aside: Not a directory$"):
        spool.set_aside("4711.0")
    assert names_in(spool_dir / "new") == ["4711.0"]


def test_unlistable_files_set_aside_count_as_none(spool, spool_dir):
    (spool_dir / "corrupt").touch()
    assert spool.count_set_aside() == 0


def test_p4_a_file_that_is_gone_cannot_be_set_aside(spool):
    with pytest.raises(SpoolError, match=r"cannot set aside: No such file or directory$"):
        spool.set_aside("4711.0")


# Defer


def test_defer_leaves_every_file_and_notes_the_reason(spool, spool_dir, put):
    put("4711.0")
    put("4712.0", CUT)
    assert spool.defer("nagios.example:5667: connection refused", 7) == 2
    reason, at_s, first_batch = noted(spool)
    assert (reason, first_batch) == ("nagios.example:5667: connection refused", 7)
    assert abs(at_s - time.time()) < 30
    assert (spool_dir / "last_error").read_text() == "nagios.example:5667: connection refused\n7\n"
    assert names_in(spool_dir / "new") == ["4711.0", "4712.0"]


@pytest.mark.parametrize(
    ("reason", "read"), [("Größe 😀", "Größe 😀"), ("a\udcffb", "a?b"), ("", ""), ("x" * 100_000, "x" * 100_000)]
)
def test_any_reason_can_be_noted(spool, reason, read):
    assert spool.defer(reason) == 0
    assert spool.last_error().reason == read
    assert spool.last_error().first_batch == 0


@pytest.mark.parametrize(
    ("note", "read"),
    [
        ("", ("", 0)),
        ("reason", ("reason", 0)),
        ("reason\n", ("reason", 0)),
        ("reason\n12", ("reason", 12)),
        ("reason\n-1\n", ("reason", 0)),
        ("reason\nx\n", ("reason", 0)),
        ("reason\n" + "9" * 5000, ("reason", 0)),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_foreign_note_is_read_as_far_as_it_goes(spool, spool_dir, note, read):
    (spool_dir / "last_error").write_text(note)
    assert (spool.last_error().reason, spool.last_error().first_batch) == read


def test_a_shorter_reason_replaces_a_longer_one(spool):
    spool.defer("a long reason")
    spool.defer("short")
    assert spool.last_error().reason == "short"


def test_a_success_forgets_the_reason(spool):
    spool.defer("reason")
    spool.forget_last_error()
    assert noted(spool) == ("", 0.0, 0)
    spool.forget_last_error()


def test_p2_what_is_deferred_is_on_disk(spool, spool_dir, put, synced):
    paths = [str(put("4711.0", age_s=1000)), str(put("4712.0"))]
    spool.defer("reason")
    assert synced == [*paths, str(spool_dir / "new")]


def test_p2_file_deferred_before_is_not_synced_again(spool, spool_dir, put, synced):
    put("4711.0", age_s=1000)
    spool.defer("reason")
    synced.clear()
    path = put("4712.0")
    spool.defer("reason")
    assert synced == [str(path), str(spool_dir / "new")]


def test_p2_drop_during_a_sync_is_synced_next_time(spool, put, monkeypatch):
    scanned_at, synced = time.time() - 100, []

    def fsync(fd):
        if not synced:
            put("4712.0", age_s=-50)  # half-way between the scan of that run and its note, which is written now
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))

    put("4711.0", age_s=1000)
    monkeypatch.setattr(time, "time", lambda: scanned_at)
    monkeypatch.setattr(os, "fsync", fsync)
    spool.defer("reason")
    spool.defer("reason")
    assert f"{spool.new}/4712.0" in synced


def test_p2_after_the_clock_was_set_back_all_is_synced(spool, spool_dir, put, synced):
    spool.defer("reason")
    os.utime(spool_dir / "last_error", (time.time() + 3600, time.time() + 3600))
    synced.clear()
    path = put("4711.0")
    spool.defer("reason")
    assert synced == [str(path), str(spool_dir / "new")]


@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_p4_what_is_no_file_lets_the_rest_be_deferred(spool, spool_dir, put, synced, monkeypatch, make):
    monkeypatch.chdir(spool_dir / "new")
    make(spool_dir / "new" / "4711.0")
    path = put("4712.0", age_s=-1)
    spool.defer("reason")
    assert str(path) in synced
    assert spool.last_error().reason == "reason"


def test_unwritable_note_does_not_hide_the_reason(spool, spool_dir):
    (spool_dir / "last_error").mkdir()
    spool.defer("reason")
    assert spool.last_error().reason == ""


def test_a_fifo_in_the_place_of_the_note_holds_nobody(spool, spool_dir, put):
    put("4711.0")
    os.mkfifo(spool_dir / "last_error")
    assert spool.defer("reason") == 1
    assert spool.last_error().reason == ""
    spool.forget_last_error()
    assert not (spool_dir / "last_error").exists()


@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_what_is_no_file_is_no_note(spool, spool_dir, monkeypatch, make):
    monkeypatch.chdir(spool_dir)
    make(spool_dir / "last_error")
    assert (spool.last_error().reason, spool.last_error().first_batch) == ("", 0)


@pytest.mark.parametrize("is_there_before", [True, False])
def test_link_in_the_place_of_the_note_is_not_followed(spool, spool_dir, tmp_path, monkeypatch, is_there_before):
    (tmp_path / "precious").write_text("precious")
    link = spool_dir / "last_error"
    if is_there_before:
        link.symlink_to(tmp_path / "precious")
    monkeypatch.setattr(os, "fsync", lambda fd: link.symlink_to(tmp_path / "precious"))
    with contextlib.suppress(SpoolError):
        spool.defer("reason")
    assert (tmp_path / "precious").read_text() == "precious"


# Lock and owner


def test_p5_only_one_sends(spool):
    with spool.lock(0), pytest.raises(SpoolBusy, match=f"^{spool.path}: another process"), spool.lock(0):
        pass


DROP_ROOT = """
import os
from tcpwrap_alert.spool.queue_file import Entry
from tcpwrap_alert.spool.spool import Spool
spool = Spool(".")
spool.drop_root()
print(*os.getresuid(), *os.getresgid(), *os.getgroups())
spool.enqueue(Entry("denial", {}))
"""


def test_p10_root_becomes_the_spools_owner_for_good(isolated, spool_dir, run):
    for path in (spool_dir, spool_dir / "new"):
        os.chown(path, 65534, 65533)
    done = run(sys.executable, "-c", DROP_ROOT, cwd=spool_dir, extra_groups=[0, 4])
    assert (done.stdout, done.stderr) == ("65534 65534 65534 65533 65533 65533\n", "")
    assert [path.stat().st_uid for path in (spool_dir / "new").iterdir()] == [65534]


def test_p10_root_stays_root_in_a_spool_of_its_own(isolated, spool_dir, run):
    done = run(sys.executable, "-c", DROP_ROOT, cwd=spool_dir)
    assert (done.stdout.split()[:6], done.stderr) == (["0"] * 6, "")


@pytest.mark.parametrize("part", ["", "new", "corrupt"])
@pytest.mark.parametrize("mode", [0o702, 0o1777])
def test_p10_world_writable_spool_is_not_used(spool, spool_dir, part, mode):
    spool.enqueue(entry())
    (spool_dir / "corrupt").mkdir()
    path = (spool_dir / part).resolve()
    path.chmod(mode)
    for use in (spool.scan, lambda: spool.enqueue(entry()), lambda: spool.defer("reason")):
        with pytest.raises(SpoolError) as caught:
            use()
        assert str(caught.value) == f"{path}: everybody may write to it, so it is not used; run chmod o-w {path}"
    path.chmod(0o700)
    assert len(spool.scan()) == 1


@pytest.mark.parametrize("part", ["new", "corrupt"])
def test_p10_link_as_directory_is_not_followed(spool, spool_dir, tmp_path, part):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(DENIAL)
    if part == "new":
        (spool_dir / "new").rmdir()
    (spool_dir / part).symlink_to(tmp_path / "elsewhere")
    for use in (spool.scan, lambda: spool.enqueue(entry())):
        with pytest.raises(SpoolError, match=f"^{spool_dir}/{part}: a link, which is not followed; make it a dir"):
            use()
    assert names_in(tmp_path / "elsewhere") == ["file"]


@pytest.fixture
def become(monkeypatch):
    """Let us be root in a spool of user 1000, where one of the calls that change users fails; return the calls."""

    def set_up(failing, error):
        calls = []

        def call(name, value):
            calls.append((name, value))
            if name == failing:
                raise OSError(error, os.strerror(error))

        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(os, "stat", lambda path: SimpleNamespace(st_uid=1000, st_gid=1001))
        monkeypatch.setattr(os, "setgroups", lambda groups: call("setgroups", groups))
        monkeypatch.setattr(os, "setgid", lambda gid: call("setgid", gid))
        monkeypatch.setattr(os, "setuid", lambda uid: call("setuid", uid))
        return calls

    yield set_up
    monkeypatch.undo()


STEPS = [("setgroups", []), ("setgid", 1001), ("setuid", 1000)]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_p10_root_that_may_not_change_stays_root(spool, become, failing):
    calls = become(STEPS[failing][0], errno.EPERM)
    spool.drop_root()
    assert calls == STEPS[: failing + 1]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_p10_other_failure_to_become_the_owner_is_told(spool, become, failing):
    become(STEPS[failing][0], errno.EAGAIN)
    with pytest.raises(SpoolError, match=f"^{spool.path}: cannot become the owner of: Resource temporarily"):
        spool.drop_root()


def test_p10_a_missing_spool_has_no_owner_to_become(tmp_path):
    Spool(str(tmp_path / "none")).drop_root()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("uid", [0, 4711, 4712])
def test_p10_who_is_not_the_owner_reports_denials_only(spool, spool_dir, isolated, uid):
    """What else lies there of somebody else is not sent, and stays."""
    os.chown(spool_dir, 4711, 4711)
    denial = spool.enqueue(denial_entry(Denial("sshd", "203.0.113.7")))
    result = spool.enqueue(check_result_entry(CheckResult("firestorm", "Backup", 0, "OK")))
    for name in (denial, result):
        os.chown(spool_dir / "new" / name, uid, uid)
    faults = {}
    names = [entry.name for entry, _ in read_waiting(spool, spool.scan(), faults)]
    if uid == 4712:
        assert (names, list(faults)) == ([denial], [result])
        what = "is no denial, and of user 4712, who does not own the spool, so it is not sent; chown or remove it"
        assert str(faults[result]) == f"new/{result}: {what}"
    else:
        assert (sorted(names), faults) == (sorted([denial, result]), {})
    assert (spool_dir / "new" / result).exists()
