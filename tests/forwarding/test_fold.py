"""Folding: what becomes one check result, what it says, and that every denial is counted once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import denials
from support.configs import entry_of, wording_of

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.forwarding.fold import make_parcels

NOON_S = 1795176000  # 2026-11-20 12:00:00 UTC; the tests run in UTC
STAMP = r"2026-11-20 \d\d:\d\d:\d\d \+0000"


def denied(*clients, daemon="sshd", at_s=NOON_S, **fields):
    """Return one denial per client, a second apart."""
    denials = [Denial(daemon, client, **fields) for client in clients]
    return [entry_of(denial, at_s + i, f"{at_s + i}.{daemon}") for i, denial in enumerate(denials)]


def outputs(waiting, now_s=NOON_S + 60, **values):
    return [parcel.result.plugin_output for parcel in make_parcels(waiting, wording_of(**values), now_s)]


def counted(parcels):
    """Return how many denials the monitor would count."""
    return denials.counted(parcel.result.plugin_output for parcel in parcels)


def test_one_denial_is_as_it_was():
    assert outputs(denied("203.0.113.7"), NOON_S + 1) == ["Denied sshd-203.0.113.7"]


def test_only_what_was_folded_tells_its_times_itself():
    waiting = denied("203.0.113.7") + denied("203.0.113.8", "203.0.113.8")
    assert [parcel.tells_time for parcel in make_parcels(waiting, wording_of(), NOON_S)] == [False, True]


def test_denial_after_an_all_clear_is_sent_after_it():
    all_clear = entry_of(CheckResult("firestorm", "TCP Wrappers", 0, "ok"), NOON_S + 10, "ack")
    other = entry_of(CheckResult("firestorm", "Disk", 0, "full"), NOON_S + 21, "other")
    waiting = [*denied("c", "c"), all_clear, *denied("c", at_s=NOON_S + 20), other, *denied("c", at_s=NOON_S + 22)]
    assert [text.split(" (")[0] for text in outputs(waiting)] == ["Denied sshd-c", "ok", "Denied sshd-c", "full"]
    assert counted(make_parcels(waiting, wording_of(), NOON_S)) == 4 + 2  # a check result counts as one


def test_equal_denials_are_one_with_number_and_span():
    expected = "Denied sshd-203.0.113.7 (57 times, 12:00:00 to 12:00:56)|denied=57 clients=1"
    assert outputs(denied(*["203.0.113.7"] * 57)) == [expected]


def test_a_span_of_another_day_has_its_dates():
    expected = "Denied sshd-c (2 times, 2026-11-20 12:00:00 +0000 to 2026-11-20 12:00:01 +0000)|denied=2 clients=1"
    assert outputs(denied("c", "c"), NOON_S + 86400) == [expected]


def test_denials_of_equal_text_are_one():
    waiting = denied("c", user="a") + denied("c", user="b", at_s=NOON_S + 1)
    assert outputs(waiting) == ["Denied sshd-c (2 times, 12:00:00 to 12:00:01)|denied=2 clients=1"]
    shown = outputs(waiting, NOON_S + 2, output="{client} {user}")
    assert shown == ["c a", "c b"]


def test_performance_data_of_the_template_stays():
    waiting = denied("c", "c")
    assert outputs(waiting, output="Denied {client} | x=1") == [
        "Denied c (2 times, 12:00:00 to 12:00:01)|x=1 denied=2 clients=1"
    ]


@pytest.mark.parametrize(("count", "results"), [(20, 20), (21, 1)])
def test_more_than_fold_different_ones_are_one(count, results):
    assert len(outputs(denied(*[f"203.0.113.{i}" for i in range(count)]))) == results


def test_summary_keeps_form_and_lists_most_frequent():
    clients = ["203.0.113.1"] * 3 + ["203.0.113.2"] + ["203.0.113.3"] * 2
    first, *lines = outputs(denied(*clients), fold=2)[0].split("\n")
    assert first == "Denied sshd-3 clients (6 times, 12:00:00 to 12:00:05)|denied=6 clients=3"
    assert lines == ["Denied sshd-203.0.113.1: 3", "Denied sshd-203.0.113.3: 2", "Denied sshd-203.0.113.2: 1"]


def test_the_summary_of_several_daemons_numbers_them():
    waiting = denied("a", "b") + denied("a", daemon="vsftpd", at_s=NOON_S + 2)
    assert outputs(waiting, fold=1)[0].startswith("Denied 2 daemons-2 clients (3 times, 12:00:00 to 12:00:02)|")


def test_the_summary_lists_twenty_and_how_many_more():
    lines = outputs(denied(*[f"198.51.100.{i}" for i in range(200)]))[0].split("\n")
    assert len(lines) == 22
    assert lines[-1] == "and 180 more"


def test_summary_of_long_names_fits_and_counts_rest():
    (output,) = outputs(denied(*[f"{i:03}" + "x" * 252 for i in range(100)]))
    *lines, last = output.split("\n")
    assert len(output.encode()) <= 4095
    assert last == f"and {100 - len(lines) + 1} more"


def test_long_template_loses_its_end_not_the_numbers():
    (output,) = outputs(denied("c", "c"), output="{client} " + "x" * 5000)
    assert len(output) == 4095
    assert output.endswith("x... (2 times, 12:00:00 to 12:00:01)|denied=2 clients=1")


def test_summary_of_a_long_template_keeps_the_numbers():
    (output,) = outputs(denied(*"abc"), output="{client} " + "x" * 5000, fold=2)
    first, last = output.split("\n")
    assert first.endswith("x... (3 times, 12:00:00 to 12:00:02)|denied=3 clients=3")
    assert last == "and 3 more"
    assert len(output) <= 4095


@pytest.mark.parametrize("fold", [1, 20])
@pytest.mark.parametrize("at_s", [2**62, -(2**62)])
def test_a_time_that_no_calendar_has_holds_nothing_up(at_s, fold):
    waiting = [entry_of(Denial("sshd", client), at_s, str(number)) for number, client in enumerate("aabb")]
    parcels = make_parcels(waiting, wording_of(fold=fold), NOON_S)
    assert counted(parcels) == 4
    assert "times, a time out of range to a time out of range)" in parcels[0].result.plugin_output


def test_without_fold_each_is_sent():
    clients = ["c"] * 30 + [str(i) for i in range(30)]
    sent = [output.partition(" (at ")[0] for output in outputs(denied(*clients), fold=0)]
    assert sent == [f"Denied sshd-{client}" for client in clients]


def test_check_results_are_never_folded():
    results = [entry_of(CheckResult("h", "s", 2, "o"), NOON_S, str(i)) for i in range(30)]
    assert outputs(results, NOON_S) == ["o"] * 30


def test_the_first_of_each_gives_the_order():
    result = entry_of(CheckResult("h", "s", 2, "o"), NOON_S + 1, "r")
    waiting = [*denied("a"), result, *denied("b", "a", at_s=NOON_S + 2)]
    assert [output.split(" (")[0] for output in outputs(waiting)] == ["Denied sshd-a", "o", "Denied sshd-b"]


@given(
    clients=st.lists(st.sampled_from("abcdefgh"), max_size=60),
    fold=st.integers(0, 10),
    output=st.sampled_from(["Denied {daemon}-{client}", "{client}|x=1", "same text", "{client}\n"]),
)
@settings(deadline=None)
def test_each_denial_and_its_file_are_counted_once(clients, fold, output):
    waiting = denied(*clients)
    parcels = make_parcels(waiting, wording_of(fold=fold, output=output), NOON_S)
    assert counted(parcels) == len(clients)
    assert Counter(entry.name for parcel in parcels for entry in parcel.entries) == Counter(e.name for e in waiting)
    for parcel in parcels:
        assert ("denied=" in parcel.result.plugin_output) == (len(parcel.entries) > 1)
