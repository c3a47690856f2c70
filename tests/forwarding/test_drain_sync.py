"""After a failed delivery, what waits is on disk (P2), and what was synced before is not synced again."""

from __future__ import annotations

import os
import time

import pytest
from support.configs import config_of

from tcpwrap_alert.errors import NotDelivered
from tcpwrap_alert.forwarding.attempt import attempt
from tcpwrap_alert.spool.spool import Spool

DENIAL = b"tcpwrap-alert 1 denial\0\nclient=203.0.113.7\0\ndaemon=sshd\0\nend\0\n"


@pytest.fixture
def put(spool_dir):
    """Let a denial wait for so many seconds, and return its path."""

    def put_file(name, age_s=0.0):
        path = spool_dir / "new" / name
        path.write_bytes(DENIAL)
        changed = time.time() - age_s
        os.utime(path, (changed, changed))
        return str(path)

    return put_file


@pytest.fixture
def fail_to_deliver(spool_dir, monkeypatch):
    """Drain while nobody listens, and return the paths that were synced."""
    spool, synced = Spool(str(spool_dir)), []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))

    def fail(config=None):
        synced.clear()
        with pytest.raises(NotDelivered):
            attempt(spool, config or config_of())
        return list(synced)

    return fail


def test_p2_what_stays_is_on_disk(put, fail_to_deliver, spool_dir):
    paths = [put("4711.0", 1000), put("4712.0")]
    assert fail_to_deliver() == [*paths, str(spool_dir / "new")]


def test_p2_what_was_synced_is_not_synced_again(put, fail_to_deliver, spool_dir):
    put("4711.0", 1000)
    fail_to_deliver()
    path = put("4712.0")
    assert fail_to_deliver() == [path, str(spool_dir / "new")]


def test_p2_drop_during_a_sync_is_synced_next_time(put, fail_to_deliver, spool_dir, monkeypatch):
    put("4711.0", 1000)
    really_scan, late = Spool.scan, []

    def scan(spool):
        names = really_scan(spool)
        if len(late) < 4:
            late.append(put(f"late{len(late)}"))  # after each scan of that run, and before its end
        return names

    with monkeypatch.context() as context:
        context.setattr(Spool, "scan", scan)
        synced = fail_to_deliver()
    left = set(late) - set(synced)
    assert left
    assert left <= set(fail_to_deliver())


def test_p2_after_the_clock_was_set_back_all_is_synced(put, fail_to_deliver, spool_dir, monkeypatch):
    paths, really_time = [put("4710.0", 100)], time.time
    with monkeypatch.context() as context:
        context.setattr(time, "time", lambda: really_time() + 3600)
        fail_to_deliver()
    paths += [put("4711.0", 60), put("4712.0")]
    assert fail_to_deliver() == [*paths, str(spool_dir / "new")]


def test_p2_without_a_note_all_is_synced(put, fail_to_deliver, spool_dir):
    paths = [put("4711.0", 1000), put("4712.0")]
    fail_to_deliver()
    (spool_dir / "state").unlink()
    assert fail_to_deliver() == [*paths, str(spool_dir / "new")]


def test_p2_unusable_configuration_syncs_all_the_same(put, fail_to_deliver, spool_dir):
    path = put("4711.0")
    assert fail_to_deliver(config_of(pasword="typo")) == [path, str(spool_dir / "new")]
