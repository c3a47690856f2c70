"""How much may wait: the oldest beyond the bounds are counted, in one queue file of each kind, and none is lost."""

from __future__ import annotations

import os
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peers.nsca_daemon import wait_for
from support import namespaces
from support.configs import config_of
from support.denials import counted

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import ConfigError, ConnectError, SpoolError
from tcpwrap_alert.forwarding.drain import drain
from tcpwrap_alert.forwarding.fold import make_parcels
from tcpwrap_alert.spool import files
from tcpwrap_alert.spool import spool as spool_module
from tcpwrap_alert.spool.bounds import keep_within_bounds
from tcpwrap_alert.spool.entries import check_result_entry, denial_entry, read_waiting
from tcpwrap_alert.spool.queue_file import MAX_QUEUE_FILE_BYTES
from tcpwrap_alert.spool.spool import Spool
from tcpwrap_alert.spool.tally import DENIALS, MAX_DIFFERENT, Tally, decode_tally

DAY_S = 86400


def deny(spool, *clients, age_s=100.0, **fields):
    """Let denials wait, the first of them for so long and each a second less than the one before."""
    for number, client in enumerate(clients):
        entry = denial_entry(Denial("sshd", client, **fields))
        entry.enqueued_at_ns = time.time_ns() - int((age_s - number) * 1e9)
        spool.enqueue(entry)


def submit(spool, *services, age_s=100.0, return_code=0):
    for service in services:
        entry = check_result_entry(CheckResult("firestorm", service, return_code, "output"))
        entry.enqueued_at_ns = time.time_ns() - int(age_s * 1e9)
        spool.enqueue(entry)


def outputs(spool, **values):
    """Return what a monitor would get now."""
    faults = {}
    parcels = make_parcels(read_waiting(spool, spool.scan(), faults), config_of(**values), time.time())
    assert faults == {}
    return [parcel.result.plugin_output for parcel in parcels]


def told(what):
    return [line for line in namespaces.log if what in line]


def test_what_is_within_the_bounds_stays_as_it_is(spool):
    deny(spool, "a", "b", "c")
    before = spool.scan()
    keep_within_bounds(spool, config_of(max_entries=3, max_age_s=1000))
    assert spool.scan() == before


def test_oldest_beyond_max_entries_are_counted_in_one(spool):
    deny(spool, "a", "b", "a", "c", "d", "e")
    newest = spool.scan()[-2:]
    keep_within_bounds(spool, config_of(max_entries=3))
    assert len(spool.scan()) == 3
    assert spool.scan()[1:] == newest
    tally, *rest = outputs(spool)
    span = r"\(4 times, .*\)"
    assert re.fullmatch(rf"Denied sshd-3 clients {span}\|denied=4 clients=3\n.*a: 2\n.*b: 1\n.*c: 1", tally)
    assert rest == ["Denied sshd-d", "Denied sshd-e"]


def test_what_is_older_than_max_age_is_counted_in_one(spool):
    deny(spool, *["a"] * 5, age_s=8 * DAY_S)
    deny(spool, "young")
    keep_within_bounds(spool, config_of())
    tally, young = outputs(spool)
    assert re.fullmatch(
        r"Denied sshd-a \(5 times, \d{4}-\d\d-\d\d .* to .*\)\|denied=5 clients=1\nDenied sshd-a: 5", tally
    )
    assert young == "Denied sshd-young"


def test_p4_unreadable_file_hinders_no_note_or_bounds(spool, monkeypatch, write_config):
    deny(spool, *["a"] * 30)
    bad = spool.scan()[-1]
    really_sync = files.fsync_path

    def sync(path):
        if path.endswith(bad):
            raise PermissionError(13, "Permission denied")
        really_sync(path)

    monkeypatch.setattr(spool_module, "fsync_path", sync)
    config_path = write_config(server="127.0.0.1:1", max_entries=10)
    with pytest.raises(ConnectError):
        drain(spool, str(config_path))
    assert "connection refused" in spool.last_error().reason
    assert len(spool.scan()) == 10


def test_broken_configuration_counts_nothing_together(spool, write_config):
    deny(spool, "a", "b", age_s=8 * DAY_S)
    before = spool.scan()
    with pytest.raises(ConfigError):
        drain(spool, str(write_config(server="127.0.0.1:1", max_age="365d", pasword="typo")))
    assert spool.scan() == before


def test_one_that_is_too_old_stays_as_it_is(spool):
    deny(spool, "a", age_s=8 * DAY_S)
    submit(spool, "Backup", age_s=8 * DAY_S)
    before = spool.scan()
    keep_within_bounds(spool, config_of())
    assert spool.scan() == before


def test_results_are_counted_by_service_and_state(spool):
    submit(spool, "Backup", "Disk", "Backup", "Backup", age_s=8 * DAY_S)
    deny(spool, "a", "b", age_s=9 * DAY_S)
    keep_within_bounds(spool, config_of())
    denials, results = outputs(spool)
    assert counted([denials]) == 2
    first, *top = results.split("\n")
    assert re.fullmatch(r"Check results that were .* wait \(4 times, .*\)\|check_results=4", first)
    assert top == ["firestorm;Backup;0: 3", "firestorm;Disk;0: 1"]


def test_new_tally_takes_in_the_old_and_logs_once(spool):
    for number in range(5):
        deny(spool, "a", f"b{number}", age_s=8 * DAY_S)
        keep_within_bounds(spool, config_of())
    assert len(spool.scan()) == 1
    (text,) = outputs(spool)
    assert text.startswith("Denied sshd-6 clients (10 times, ")
    assert "denied=10 clients=6\nDenied sshd-a: 5\n" in text
    wait_for(lambda: told(spool.path), "syslog was not told")
    spool.enqueue(denial_entry(Denial("sshd", "last")))  # the log is in order: what came before this line is in it
    assert len(told(f"{spool.path}: too many entries wait, or for too long (max_entries, max_age)")) == 1


def test_a_tally_alone_is_left_in_peace(spool):
    deny(spool, "a", "b", age_s=8 * DAY_S)
    keep_within_bounds(spool, config_of())
    before = spool.scan()
    keep_within_bounds(spool, config_of(max_entries=1))
    assert spool.scan() == before


def test_a_tally_waits_since_the_first_that_it_counts(spool, spool_dir):
    deny(spool, "a", "b", age_s=8 * DAY_S)
    first_ns = (spool_dir / "new" / spool.scan()[0]).stat().st_mtime_ns
    keep_within_bounds(spool, config_of())
    (name,) = spool.scan()
    assert (spool_dir / "new" / name).stat().st_mtime_ns == first_ns


def test_nothing_is_counted_while_somebody_sends(spool):
    deny(spool, "a", "b", age_s=8 * DAY_S)
    before = spool.scan()
    with spool.lock(0):
        keep_within_bounds(spool, config_of())
    assert spool.scan() == before


def test_p3_tally_is_there_before_anything_is_removed(spool, monkeypatch):
    """What a crash leaves is counted twice at most."""
    deny(spool, "a", "b", "c", age_s=8 * DAY_S)

    def crash(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(spool, "remove", crash)
    with pytest.raises(KeyboardInterrupt):
        keep_within_bounds(spool, config_of())
    assert len(spool.scan()) == 4
    assert counted(outputs(spool)) == 6


def test_p3_without_a_tally_nothing_is_removed(spool, monkeypatch):
    deny(spool, "a", "b", "c", age_s=8 * DAY_S)
    before = spool.scan()

    def fail(_):
        raise SpoolError("no room")

    monkeypatch.setattr(spool, "enqueue", fail)
    with pytest.raises(SpoolError, match="no room"):
        keep_within_bounds(spool, config_of())
    assert spool.scan() == before


def test_p4_a_bad_file_among_the_oldest_is_set_aside(spool, spool_dir):
    (spool_dir / "new" / "bad").write_bytes(b"tcpwrap-alert 1 denials\0\ntally=1\t2\0\nend\0\n")
    os.utime(spool_dir / "new" / "bad", (1, 1))
    deny(spool, "a", "b", age_s=8 * DAY_S)
    keep_within_bounds(spool, config_of())
    assert len(os.listdir(spool_dir / "corrupt")) == 1
    assert counted(outputs(spool)) == 2


@pytest.mark.parametrize("filler", ["x", "\u8fd9"])
@pytest.mark.parametrize(("different", "width", "kept"), [(5000, 10, 5000), (25_000, 10, 5000), (5000, 255, 200)])
def test_tally_of_any_clients_fits_in_a_queue_file(different, width, kept, filler):
    tally = Tally(DENIALS)
    tally.add(("sshd", "often", "a", "u"), 7, 3, 4)
    for number in range(different):
        tally.add(("sshd", *(f"{number}{word}".ljust(width, filler) for word in "cau")), 1, 1, 2**62)
    text = tally.encode()
    assert len(text.encode()) < MAX_QUEUE_FILE_BYTES - 100
    counts = dict(decode_tally(DENIALS, text))
    assert sum(count for count, _, _ in counts.values()) == different + 7
    assert kept <= len(counts) <= MAX_DIFFERENT
    assert counts["sshd", "often", "a", "u"] == (7, 3, 4)
    assert (("sshd", "others", "others", "others") in counts) == (different > kept)


WORDS = "\ta\tb\tc\td"
ENORMOUS = "1" + "0" * 400


@pytest.mark.parametrize(
    "text",
    [
        *("", "1\t2\t3", "1\t2\t3\ta", f"x\t2\t3{WORDS}", f"0\t2\t3{WORDS}", f"-1\t2\t3{WORDS}", f"1\t2\t3{WORDS}\n"),
        *(f"{ENORMOUS}\t2\t3{WORDS}", f"1\t{ENORMOUS}\t3{WORDS}", f"1\t2\t-{ENORMOUS}{WORDS}", f"1\t2\t\u0663{WORDS}"),
        *(f"1\t2\t3{WORDS}{'x' * 256}", f"1\t2\t3\x1b{WORDS}", "1\t2\t3\ta\tb\tc\td\x07", "1\t2\t3\ta\tb\tc\t\udcff"),
    ],
)
def test_a_text_that_is_no_tally_is_none(text):
    with pytest.raises(ValueError, match=r"."):
        decode_tally(DENIALS, text)


WAITING = st.lists(
    st.tuples(st.booleans(), st.integers(0, 12), st.sampled_from([1, 5, 8 * DAY_S, 9 * DAY_S])), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WAITING, st.integers(1, 30)), min_size=1, max_size=4))
def test_every_denial_and_check_result_is_counted_once(tmp_path_factory, rounds):
    spool = Spool(str(tmp_path_factory.mktemp("spool")))
    denials = results = 0
    for waiting, max_entries in rounds:
        for is_denial, number, age_s in waiting:
            (deny if is_denial else submit)(spool, f"n{number}", age_s=age_s)
            denials += is_denial
            results += not is_denial
        keep_within_bounds(spool, config_of(max_entries=max_entries))
        assert len(spool.scan()) <= max_entries + 1  # a tally of each kind
    texts = outputs(spool, fold=0)
    of_results = [text for text in texts if "check_results=" in text or text.startswith("output")]
    assert counted(of_results, "check_results") == results
    assert counted([text for text in texts if text not in of_results]) == denials
