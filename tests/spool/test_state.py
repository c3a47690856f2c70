"""The file `state`: what was noted comes back, what nobody understands is passed over, and nothing depends on it."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.queue_files import SPECIAL_FILES, names_in

from tcpwrap_alert.check_result import clean
from tcpwrap_alert.errors import SpoolError
from tcpwrap_alert.spool.state import MAX_NOTED, State, decode_state, uptime_s

NOW_S = 1_795_176_000.0
DAY_S = 86_400

any_text = st.text(st.characters())
# What a file can be called.
names = st.binary(min_size=1, max_size=40).map(
    lambda data: os.fsdecode(data.replace(b"\0", b"\n").replace(b"/", b" ")),
)
plain_names = st.text("0123456789abcdef.-+=", min_size=1, max_size=40)
times = st.floats(0, 2e9)


def facts(state):
    rejected = {name: (noted.count, noted.until_s, noted.reason) for name, noted in state.rejected.items()}
    return state.reason, state.failed_at_s, state.transport, rejected, state.unfinished, state.seen


@st.composite
def states(draw, name=plain_names):
    state = State()
    if draw(st.booleans()):
        state.fail(draw(any_text), draw(times))
    state.transport = draw(st.dictionaries(st.text("abcdef_.", min_size=1), any_text, max_size=3))
    for rejected in draw(st.lists(name, max_size=4)):
        state.reject(rejected, draw(any_text), draw(times))
    state.unfinished = draw(st.dictionaries(name, times, max_size=4))
    state.seen = draw(st.dictionaries(name, times, max_size=4))
    return state


@given(states())
@settings(deadline=None)
def test_state_comes_back_as_it_was_noted(state):
    reason, failed_at_s, transport, rejected, *seen = facts(state)
    cleaned = {name: (count, until_s, clean(reason)) for name, (count, until_s, reason) in rejected.items()}
    expected = (
        clean(reason),
        failed_at_s if reason else 0.0,
        {key: clean(value) for key, value in transport.items()},
        cleaned,
        *seen,
    )
    assert facts(decode_state(state.encode())) == expected


@given(states(names))
@settings(deadline=None)
def test_no_name_or_text_forges_a_line(state):
    kept = decode_state(state.encode())
    assert kept.rejected.keys() <= state.rejected.keys()
    assert kept.unfinished.items() <= state.unfinished.items()
    assert kept.seen.items() <= state.seen.items()
    assert kept.transport.keys() == state.transport.keys()
    assert decode_state(kept.encode()).encode() == kept.encode()


@given(
    st.binary() | st.lists(st.sampled_from([b"seen=a ", b"rejected=", b"1", b" ", b"\n", b"inf", b"e9"])).map(b"".join)
)
@settings(deadline=None)
def test_any_bytes_are_some_state(data):
    state = decode_state(data.decode(errors="replace"))
    state.rests("a", NOW_S)
    state.reject("a", "why", NOW_S)
    assert decode_state(state.encode()).rejected["a"].reason == "why"


@pytest.mark.parametrize(
    "line",
    [
        *(
            "",
            "=",
            "reason",
            "failed_at=soon",
            "failed_at=",
            "pasword=ham",
            "# a comment",
            "rejected=",
            "rejected=4712.0",
        ),
        *("rejected=4712.0 x 1 why", "rejected=4712.0 1 x why", "rejected=4712.0 1 1", "rejected=4712.0 1e9 1 why"),
        *("unfinished=4712.0", "unfinished=4712.0 ", "unfinished=4712.0 x", "seen=4712.0", "seen=4712.0 1 2"),
        *(f"rejected=4712.0 {'9' * 5000} x why", "\x00", "\ufffd=\ufffd"),
    ],
)
def test_foreign_line_is_passed_over(line):
    lines = [
        "reason=why",
        "failed_at=7.5",
        line,
        "rejected=4711.0 2 9.0 no host",
        "unfinished=4711.0 3",
        "seen=4711.0 4",
    ]
    state = decode_state("".join(f"{text}\n" for text in lines))
    assert facts(state) == ("why", 7.5, {}, {"4711.0": (2, 9.0, "no host")}, {"4711.0": 3.0}, {"4711.0": 4.0})


def test_file_reads_as_its_docstring_says(spool, spool_dir):
    state = State()
    state.fail("nagios.example:5667: connection refused", NOW_S + 0.25)
    state.transport["batch"] = "32"
    state.reject("4711.0", "no such host", NOW_S)
    state.unfinished["4712.0"] = 81234.5
    state.seen["4713.0"] = NOW_S
    spool.write_state(state)
    assert (spool_dir / "state").read_text().splitlines() == [
        "failed_at=1795176000.25",
        "reason=nagios.example:5667: connection refused",
        "transport.batch=32",
        "rejected=4711.0 1 1795176600.0 no such host",
        "unfinished=4712.0 81234.5",
        "seen=4713.0 1795176000.0",
    ]


# Failures


def test_success_forgets_the_failure_only():
    state = State()
    state.fail("why", NOW_S)
    state.seen["4711.0"] = 1.0
    state.succeed()
    assert facts(state) == ("", 0.0, {}, {}, {}, {"4711.0": 1.0})


@pytest.mark.parametrize(
    ("reason", "read"),
    [("Größe 😀", "Größe 😀"), ("a\udcffb", "a?b"), ("x" * 100_000, "x" * 100_000), ("a\nb=1", "a b=1")],
)
def test_any_reason_can_be_noted(spool, reason, read):
    state = State()
    state.fail(reason, NOW_S)
    spool.write_state(state)
    assert facts(spool.read_state())[:2] == (read, NOW_S)


# Rejections


def test_pause_doubles_from_ten_minutes_to_a_day():
    state, pauses_s = State(), []
    for _ in range(30):
        state.reject("4711.0", "why", NOW_S)
        pauses_s.append(state.rejected["4711.0"].until_s - NOW_S)
    assert pauses_s[:10] == [600, 1200, 2400, 4800, 9600, 19_200, 38_400, 76_800, DAY_S, DAY_S]
    assert set(pauses_s[10:]) == {DAY_S}
    assert state.rejected["4711.0"].count == 30


def test_rejected_result_rests_until_its_pause_is_over():
    state = State()
    assert not state.rests("4711.0", NOW_S)
    state.reject("4711.0", "why", NOW_S)
    assert state.rests("4711.0", NOW_S)
    assert state.rests("4711.0", NOW_S + 599)
    assert not state.rests("4711.0", NOW_S + 600)
    assert not state.rests("4712.0", NOW_S)


def test_clock_that_was_set_back_ends_the_pause():
    """Else a result would rest for as long as the clock was wrong."""
    state = State()
    state.reject("4711.0", "why", NOW_S)
    assert state.rests("4711.0", NOW_S - 3600)
    assert not state.rests("4711.0", NOW_S - DAY_S)
    assert not state.rests("4711.0", 0.0)


@pytest.mark.parametrize("until", ["nan", "inf", "-inf", "1e308"])
def test_pause_without_an_end_is_none(until):
    assert not decode_state(f"rejected=4711.0 1 {until} why\n").rests("4711.0", NOW_S)


def test_of_very_many_names_the_first_are_noted():
    state = State()
    state.seen = {str(number): 1.0 for number in range(MAX_NOTED + 5)}
    assert list(decode_state(state.encode()).seen) == [str(number) for number in range(MAX_NOTED)]


# The file


def state_of(reason="why"):
    state = State()
    state.fail(reason, NOW_S)
    return state


def test_missing_file_is_an_empty_state(spool):
    assert facts(spool.read_state()) == facts(State())


def test_nothing_to_remember_leaves_no_file(spool, spool_dir):
    spool.write_state(state_of())
    assert names_in(spool_dir) == ["new", "state"]
    spool.write_state(State())
    assert names_in(spool_dir) == ["new"]
    spool.write_state(State())


def test_a_shorter_state_replaces_a_longer_one(spool):
    spool.write_state(state_of("a long reason"))
    spool.write_state(state_of("short"))
    assert spool.read_state().reason == "short"


def test_full_disk_keeps_the_old_state_and_is_no_error(spool, spool_dir, small_disk):
    small_disk(spool_dir)
    spool.write_state(state_of("old"))
    spool.write_state(state_of("x" * 100_000))
    assert spool.read_state().reason == "old"
    spool.write_state(state_of("new"))
    assert spool.read_state().reason == "new"


@pytest.mark.parametrize("function", ["open", "write", "rename"])
def test_state_that_cannot_be_written_is_no_error(spool, failing, function):
    spool.write_state(state_of("old"))
    with failing(function):
        spool.write_state(state_of("new"))
    assert spool.read_state().reason == "old"


def test_unreadable_state_is_an_error_with_its_path(spool, spool_dir, failing):
    spool.write_state(state_of())
    with failing("read"), pytest.raises(SpoolError, match=f"^{spool_dir}/state: cannot read: Input/output error$"):
        spool.read_state()


@pytest.mark.parametrize("name", ["state", "state.new"])
@pytest.mark.parametrize("make", SPECIAL_FILES.values(), ids=SPECIAL_FILES)
def test_what_is_no_file_is_no_state_and_holds_nobody(spool, spool_dir, monkeypatch, make, name):
    monkeypatch.chdir(spool_dir)
    make(spool_dir / name)
    assert facts(spool.read_state()) == facts(State())
    spool.write_state(state_of())
    assert spool.read_state().reason in ("", "why")


@pytest.mark.parametrize("name", ["state", "state.new"])
def test_state_is_not_written_through_a_link(spool, spool_dir, tmp_path, name):
    (tmp_path / "precious").write_text("precious")
    (spool_dir / name).symlink_to(tmp_path / "precious")
    spool.write_state(state_of())
    assert (tmp_path / "precious").read_text() == "precious"


def test_uptime_is_a_clock_that_runs_on():
    first = uptime_s()
    assert 0 < first <= uptime_s() < first + 60
    assert abs(first - time.monotonic()) < 10 * 365 * DAY_S
