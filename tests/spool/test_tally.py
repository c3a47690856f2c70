"""The tally: it counts each once, fits into a queue file, and what is no tally is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwrap_alert.spool.queue_file import MAX_QUEUE_FILE_BYTES
from tcpwrap_alert.spool.tally import CHECK_RESULTS, DENIALS, MAX_DIFFERENT, Tally, decode_tally

WORDS = "\ta\tb\tc\td"
ENORMOUS = "1" + "0" * 400


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


TIMES_NS = st.integers(-(2**63) * 10**9, 2**63 * 10**9)  # a file system may have 64 bits of seconds
COUNTED = st.tuples(st.integers(1, 1000), TIMES_NS, TIMES_NS)


@given(st.lists(st.tuples(st.sampled_from("abc"), COUNTED), min_size=1))
@settings(deadline=None)
def test_tally_comes_out_as_it_went_in(additions):
    tally = Tally(CHECK_RESULTS)
    for word, counted in additions:
        tally.add((word,), *counted)
    read = decode_tally(CHECK_RESULTS, tally.fields()["tally"])
    assert dict(read) == dict(tally)
    assert sum(count for _, (count, _, _) in read) == sum(count for _, (count, _, _) in additions)
    assert read.first_ns == min(first_ns for _, (_, first_ns, _) in additions)


def test_most_frequent_come_first():
    tally = Tally(CHECK_RESULTS)
    for word, count in (("a", 1), ("b", 3), ("c", 2)):
        tally.add((word,), count, 1, 2)
    assert [words for words, _ in tally] == [("b",), ("c",), ("a",)]
