"""System calls on the spool's files: failures are told with operation and path, and no order to end cuts a step."""

from __future__ import annotations

import os
import signal

import pytest
from support.descriptors import leaves_no_descriptor
from support.queue_files import DENIAL

from tcpwrap_alert.errors import QueueFileCorrupt, SpoolError
from tcpwrap_alert.spool.files import (
    NamingFailure,
    Uninterrupted,
    fsync_path,
    make_directory,
    read_file,
    write_all,
    write_new,
)

ORDERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def test_failure_has_path_operation_and_reason():
    with pytest.raises(SpoolError, match=r"^/a\?b: cannot read: Input/output error$"), NamingFailure("read", "/a\x1bb"):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("operation", "hint"),
    [
        ("scan", "; run this as root or as the owner of the spool"),
        ("set aside", "; it is another user's directory: remove it"),
        ("write", "; run this as root or as the owner of the spool, or let this user add to it with setfacl"),
    ],
)
def test_missing_permission_comes_with_what_to_do(operation, hint):
    with pytest.raises(SpoolError) as caught, NamingFailure(operation, "/x"):
        raise PermissionError(13, "Permission denied")
    assert str(caught.value).startswith(f"/x: cannot {operation}: Permission denied{hint}")


@pytest.mark.parametrize("error", [QueueFileCorrupt("cut"), SpoolError("full"), KeyError("bug")])
def test_other_error_passes_as_it_is(error):
    with pytest.raises(type(error)) as caught, NamingFailure("read", "/x"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("order", ORDERS)
def test_order_to_end_waits_for_all_steps(order):
    steps = []

    def end(*_):
        steps.append("end")

    before = signal.signal(order, end)
    try:
        with Uninterrupted(2):
            signal.raise_signal(order)  # to this thread, as a process of ours has one only
            steps += ["first", "second"]
        assert steps == ["first", "second", "end"]
    finally:
        signal.signal(order, before)


def test_after_the_steps_signals_are_as_before():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(KeyError), Uninterrupted(2):
        raise KeyError
    with Uninterrupted(1):
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


@pytest.mark.parametrize(("max_bytes", "data"), [(10**6, DENIAL), (3, DENIAL[:3]), (0, b"")])
def test_file_is_read_whole_or_to_its_limit(tmp_path, max_bytes, data):
    (tmp_path / "file").write_bytes(DENIAL)
    read, status = read_file(str(tmp_path / "file"), max_bytes)
    assert (read, status.st_size) == (data, len(DENIAL))


def test_no_descriptor_stays_open_when_a_read_fails(tmp_path, failing):
    (tmp_path / "file").write_bytes(DENIAL)
    with leaves_no_descriptor(), failing("read"), pytest.raises(OSError, match="Input/output error"):
        read_file(str(tmp_path / "file"), 10)


def test_data_is_written_whole_in_short_writes(monkeypatch):
    written = []

    def write(_fd, data):
        written.append(bytes(data[:7]))
        return len(written[-1])

    monkeypatch.setattr(os, "write", write)
    write_all(1, DENIAL)
    assert b"".join(written) == DENIAL


def test_directory_that_is_there_is_left_as_it_is(tmp_path, synced):
    tmp_path.chmod(0o755)
    make_directory(str(tmp_path))
    assert (tmp_path.stat().st_mode & 0o777, synced) == (0o755, [])


def test_failed_write_leaves_no_descriptor(tmp_path, monkeypatch):
    """Not even when the directory is renamed meanwhile, so that the file cannot be removed."""
    new = tmp_path / "new"
    new.mkdir()
    monkeypatch.setattr(os, "fsync", lambda fd: new.rename(tmp_path / "old"))
    with leaves_no_descriptor(), pytest.raises(FileNotFoundError):
        write_new(str(new / "1"), DENIAL, 0o644)


def test_sync_follows_no_link_and_waits_for_nobody(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "fifo"):
        with pytest.raises(OSError, match=r"symbolic|Invalid argument"):
            fsync_path(str(tmp_path / name))
