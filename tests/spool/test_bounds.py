"""How much may wait: the oldest beyond the bounds are counted, in one queue file of each kind, and none is lost."""

from __future__ import annotations

import os
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.configs import NOBODY, config_of, wording_of
from support.denials import counted

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import ConfigError, ConnectError, NotDelivered, SpoolError
from tcpwrap_alert.forwarding.attempt import attempt
from tcpwrap_alert.forwarding.fold import make_parcels
from tcpwrap_alert.spool import files
from tcpwrap_alert.spool import spool as spool_module
from tcpwrap_alert.spool.bounds import keep_within_bounds
from tcpwrap_alert.spool.passes import Pass
from tcpwrap_alert.spool.spool import Spool
from tcpwrap_alert.spool.state import State

DAY_S = 86400
YEAR_1970, YEAR_2100 = 86_400 * 10**9, 4_102_444_800 * 10**9


def bound(spool, max_entries=100_000, max_age_s=7 * DAY_S, state=None):
    """Keep a spool within its bounds, by default those of the configuration."""
    keep_within_bounds(spool, state or State(), max_entries, max_age_s)


def deny(spool, *clients, age_s=100.0, **fields):
    """Let denials wait, the first of them for so long and each a second less than the one before."""
    for number, client in enumerate(clients):
        spool.enqueue(Denial("sshd", client, **fields), time.time_ns() - int((age_s - number) * 1e9))


def submit(spool, *services, age_s=100.0, return_code=0):
    for service in services:
        spool.enqueue(CheckResult("firestorm", service, return_code, "output"), time.time_ns() - int(age_s * 1e9))


def outputs(spool, **values):
    """Return what a monitor would get now."""
    one_pass = Pass(spool, State())
    parcels = make_parcels(one_pass.read(one_pass.scan()), wording_of(**values), time.time())
    assert one_pass.faults == {}
    return [parcel.result.plugin_output for parcel in parcels]


def test_what_is_within_the_bounds_stays_as_it_is(spool):
    deny(spool, "a", "b", "c")
    before = spool.scan()
    bound(spool, max_entries=3, max_age_s=1000)
    assert spool.scan() == before


def test_oldest_beyond_max_entries_are_counted_in_one(spool):
    deny(spool, "a", "b", "a", "c", "d", "e")
    newest = spool.scan()[-2:]
    bound(spool, max_entries=3)
    assert len(spool.scan()) == 3
    assert spool.scan()[1:] == newest
    tally, *rest = outputs(spool)
    span = r"\(4 times, .*\)"
    assert re.fullmatch(rf"Denied sshd-3 clients {span}\|denied=4 clients=3\n.*a: 2\n.*b: 1\n.*c: 1", tally)
    assert rest == ["Denied sshd-d", "Denied sshd-e"]


def test_what_is_older_than_max_age_is_counted_in_one(spool):
    deny(spool, *["a"] * 5, age_s=8 * DAY_S)
    deny(spool, "young")
    bound(spool)
    tally, young = outputs(spool)
    assert re.fullmatch(
        r"Denied sshd-a \(5 times, \d{4}-\d\d-\d\d .* to .*\)\|denied=5 clients=1\nDenied sshd-a: 5", tally
    )
    assert young == "Denied sshd-young"


def test_p4_unreadable_file_hinders_no_note_or_bounds(spool, monkeypatch):
    deny(spool, *["a"] * 30)
    bad = spool.scan()[-1]
    really_sync = files.fsync_path

    def sync(path):
        if path.endswith(bad):
            raise PermissionError(13, "Permission denied")
        really_sync(path)

    monkeypatch.setattr(spool_module, "fsync_path", sync)
    with pytest.raises(NotDelivered) as caught:
        attempt(spool, config_of(server=NOBODY, max_entries=10))
    assert isinstance(caught.value.why, ConnectError)
    assert "connection refused" in spool.read_state().reason
    assert len(spool.scan()) == 10


def test_broken_configuration_counts_nothing_together(spool):
    deny(spool, "a", "b", age_s=8 * DAY_S)
    before = spool.scan()
    with pytest.raises(NotDelivered) as caught:
        attempt(spool, config_of(server=NOBODY, max_age="365d", pasword="typo"))
    assert isinstance(caught.value.why, ConfigError)
    assert spool.scan() == before


def test_one_that_is_too_old_stays_as_it_is(spool):
    deny(spool, "a", age_s=8 * DAY_S)
    submit(spool, "Backup", age_s=8 * DAY_S)
    before = spool.scan()
    bound(spool)
    assert spool.scan() == before


def test_results_are_counted_by_service_and_state(spool):
    submit(spool, "Backup", "Disk", "Backup", "Backup", age_s=8 * DAY_S)
    deny(spool, "a", "b", age_s=9 * DAY_S)
    bound(spool)
    denials, results = outputs(spool)
    assert counted([denials]) == 2
    first, *top = results.split("\n")
    assert re.fullmatch(r"Check results that were .* wait \(4 times, .*\)\|check_results=4", first)
    assert top == ["firestorm;Backup;0: 3", "firestorm;Disk;0: 1"]


def test_new_tally_takes_in_the_old_and_logs_once(spool, told):
    for number in range(5):
        deny(spool, "a", f"b{number}", age_s=8 * DAY_S)
        bound(spool)
    assert len(spool.scan()) == 1
    (text,) = outputs(spool)
    assert text.startswith("Denied sshd-6 clients (10 times, ")
    assert "denied=10 clients=6\nDenied sshd-a: 5\n" in text
    assert len(told(f"{spool.path}: too many entries wait, or for too long (max_entries, max_age)")) == 1


def test_a_tally_alone_is_left_in_peace(spool):
    deny(spool, "a", "b", age_s=8 * DAY_S)
    bound(spool)
    before = spool.scan()
    bound(spool, max_entries=1)
    assert spool.scan() == before


def test_a_tally_waits_since_the_first_that_it_counts(spool, spool_dir):
    deny(spool, "a", "b", age_s=8 * DAY_S)
    first_ns = (spool_dir / "new" / spool.scan()[0]).stat().st_mtime_ns
    bound(spool)
    (name,) = spool.scan()
    assert (spool_dir / "new" / name).stat().st_mtime_ns == first_ns


def test_nothing_is_counted_while_somebody_sends(spool):
    deny(spool, "a", "b", age_s=8 * DAY_S)
    before = spool.scan()
    with spool.lock(0), pytest.raises(NotDelivered, match="another process has been sending for"):
        attempt(spool, config_of(server=NOBODY, timeout=0.1))
    assert spool.scan() == before


def test_p3_tally_is_there_before_anything_is_removed(spool, monkeypatch):
    """What a crash leaves is counted twice at most."""
    deny(spool, "a", "b", "c", age_s=8 * DAY_S)

    def crash(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(spool, "remove", crash)
    with pytest.raises(KeyboardInterrupt):
        bound(spool)
    assert len(spool.scan()) == 4
    assert counted(outputs(spool)) == 6


def test_p3_without_a_tally_nothing_is_removed(spool, monkeypatch):
    deny(spool, "a", "b", "c", age_s=8 * DAY_S)
    before = spool.scan()

    def fail(*_):
        raise SpoolError("no room")

    monkeypatch.setattr(spool, "enqueue", fail)
    with pytest.raises(SpoolError, match="no room"):
        bound(spool)
    assert spool.scan() == before


def test_p4_a_bad_file_among_the_oldest_is_set_aside(spool, spool_dir):
    (spool_dir / "new" / "bad").write_bytes(b"tcpwrap-alert 1 denials\0\ntally=1\t2\0\nend\0\n")
    os.utime(spool_dir / "new" / "bad", (1, 1))
    deny(spool, "a", "b", age_s=8 * DAY_S)
    bound(spool)
    assert len(os.listdir(spool_dir / "corrupt")) == 1
    assert counted(outputs(spool)) == 2


# Times that cannot be right


@pytest.mark.parametrize("at_ns", [YEAR_1970, -YEAR_1970, YEAR_2100])
def test_file_of_an_absurd_time_waits_as_any_other(spool, monkeypatch, at_ns):
    """Its age counts from when this host first saw it, and a state that was written and read again knows that."""
    state, now_s = State(), time.time()
    for text in ("first", "second"):
        spool.enqueue(CheckResult("firestorm", "Disk", 0, text), at_ns)
    before = spool.scan()
    for days in (0, 1, 6.9):
        monkeypatch.setattr(time, "time", lambda days=days: now_s + days * DAY_S)
        bound(spool, state=state)
        spool.write_state(state)
        state = spool.read_state()
        assert spool.scan() == before
    monkeypatch.setattr(time, "time", lambda: now_s + 7.1 * DAY_S)
    bound(spool, state=state)
    assert len(spool.scan()) == 1
    assert counted(outputs(spool), "check_results") == 2


@pytest.mark.parametrize("at_ns", [YEAR_1970, YEAR_2100])
def test_absurd_time_does_not_hide_what_is_too_old(spool, at_ns):
    spool.enqueue(Denial("sshd", "absurd"), at_ns)
    deny(spool, *["a"] * 5, age_s=8 * DAY_S)
    deny(spool, "young")
    bound(spool)
    assert sorted(text.split(" (")[0] for text in outputs(spool, fold=0)) == [
        *("Denied sshd-a", "Denied sshd-absurd", "Denied sshd-young"),
    ]


def test_clock_set_back_by_an_hour_counts_nothing(spool):
    deny(spool, "a", "b", age_s=-3600)
    before = spool.scan()
    bound(spool)
    assert spool.scan() == before


def test_what_is_too_much_is_counted_whatever_its_time(spool):
    for at_ns in (YEAR_1970, YEAR_2100):
        for _ in range(3):
            spool.enqueue(Denial("sshd", "a"), at_ns)
    bound(spool, max_entries=3)
    assert len(spool.scan()) == 3
    assert counted(outputs(spool, fold=0)) == 6


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
        bound(spool, max_entries=max_entries)
        assert len(spool.scan()) <= max_entries + 1  # a tally of each kind
    texts = outputs(spool, fold=0)
    of_results = [text for text in texts if "check_results=" in text or text.startswith("output")]
    assert counted(of_results, "check_results") == results
    assert counted([text for text in texts if text not in of_results]) == denials


@pytest.mark.parametrize("age_s", [60, 3600, DAY_S + 60, 29 * DAY_S])
def test_usual_time_is_believed_at_once(spool, age_s):
    deny(spool, "a", "b", age_s=age_s)
    bound(spool, max_age_s=50)
    assert len(spool.scan()) == 1
