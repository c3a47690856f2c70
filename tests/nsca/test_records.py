"""The standard input of `send`: what is a record, what is a fault and in which line, however the input is cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwrap_alert.nsca import records as records_module
from tcpwrap_alert.nsca.records import MAX_C_RECORD_BYTES, MAX_RECORD_BYTES, Records

ETB = b"\x17"
GOOD = b"h\ts\t0\tfine"
FINE = ("h", "s", 0, "fine")
LONG = b"x" * 200_000
SEMICOLON = {"delimiter": b";"}
BY_LINE = {"end": b"\n"}


def parse(pieces, **options):
    """Return the results and faults of an input in pieces."""
    faults = []
    parser = Records(lambda lineno, what: faults.append((lineno, what)), **options)
    results = [result for piece in pieces for result in parser.feed(piece)] + parser.finish()
    fields = [(each.host_name, each.service_description, each.return_code, each.plugin_output) for each in results]
    return fields, faults


def read(data, **options):
    """Return the results and faults of an input, which are the same however it is cut."""
    whole = parse([data], **options)
    assert parse(in_pieces(data, 1 + len(data) // 2000), **options) == whole  # a long one is dear byte by byte
    for seed in (1, 2, 3):
        assert parse(at_random(data, seed), **options) == whole
    return whole


def in_pieces(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


def at_random(data, seed):
    cuts = sorted(random.Random(seed).choices(range(len(data) + 1), k=7))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)])]


ONE = {
    "service": (b"h\ts\t2\tout\n", ("h", "s", 2, "out")),
    "host": (b"h\t1\tout\n", ("h", "", 1, "out")),
    "host, with an empty service description": (b"h\t\t1\tout\n", ("h", "", 1, "out")),
    "no line end": (b"h\ts\t2\tout", ("h", "s", 2, "out")),
    "CRLF": (b"h\ts\t2\tout\r\n", ("h", "s", 2, "out")),
    "blanks in and around the fields": (b"h\tmy s \t 2 \t out \t x\n", ("h", "my s ", 2, " out \t x")),
    "blanks and line ends at the end": (b"h\ts\t2\tout \t \r\n\n \n", ("h", "s", 2, "out")),
    "tab first in the output": (b"h\ts\t2\t\tout", ("h", "s", 2, "\tout")),
    "backslashes": (b"h\ts\t2\ta\\nb\\\\c\\", ("h", "s", 2, "a\\nb\\\\c\\")),
    "lines of output": (b"h\ts\t2\tout\n\nmore\n  indented\n", ("h", "s", 2, "out\n\nmore\n  indented")),
    "CRLF lines of output": (b"h\ts\t2\tout\r\n\r\nmore\r\n", ("h", "s", 2, "out\n\nmore")),
    "tabs in lines of output": (b"h\ts\t2\tout\na\tb\n\tc\td e\tf g\n", ("h", "s", 2, "out\na\tb\n\tc\td e\tf g")),
    "blank lines before": (b"\n\r\n\nh\ts\t2\tout", ("h", "s", 2, "out")),
    "UTF-8": ("hö\tß ✓\t3\t😀".encode(), ("hö", "ß ✓", 3, "😀")),
    "output that is not UTF-8": (b"h\ts\t2\ta\xff\xfeb", ("h", "s", 2, "a??b")),
    "control characters in the output": (b"h\ts\t2\ta\0b\x1b[31mc", ("h", "s", 2, "a?b?[31mc")),
    "blanks that the C client keeps": ("h\ts\t2\t\u00a0\v\f".encode(), ("h", "s", 2, "\xa0??")),
    "a number of the service": (b"h\t1\t2\tout", ("h", "1", 2, "out")),
    "full lengths": (
        b"h" * 63 + b"\t" + b"s" * 127 + b"\t3\t" + b"o" * 4095,
        ("h" * 63, "s" * 127, 3, "o" * 4095),
    ),
    "longer output": (b"h\ts\t2\t" + b"o" * 4096, ("h", "s", 2, "o" * 4092 + "...")),
    "far longer output": (b"h\ts\t2\t" + LONG, ("h", "s", 2, "x" * 4092 + "...")),
    "many lines of output": (
        b"h\ts\t2\tout" + b"\nmore" * 20_000,
        ("h", "s", 2, ("out" + "\nmore" * 999)[:4092] + "..."),
    ),
}


@pytest.mark.parametrize("case", ONE)
def test_one_record(case):
    data, expected = ONE[case]
    ends = (b"", b"\n", b"\r\n") if len(data) > MAX_C_RECORD_BYTES else (b"", b"\n", ETB, ETB + b"\n", b"\n" + ETB)
    assert {end: read(data + end) for end in ends} == dict.fromkeys(ends, ([expected], []))


@pytest.mark.parametrize("case", ONE)
def test_one_record_with_an_end_that_the_caller_names(case):
    data, expected = ONE[case]
    ends = (ETB, b"@", b"\xfd")
    found = {end: read(data + end + b"\n" + GOOD, end=end) for end in ends}
    assert found == dict.fromkeys(ends, ([expected, FINE], []))


@pytest.mark.parametrize("end", [b"\n", ETB])
@pytest.mark.parametrize(
    ("delimiter", "shown"), [(b";", ";"), (b",", ","), (b"|", "|"), (b"\x01", "?"), (b"\xfe", "?")]
)
def test_delimiters(delimiter, shown, end):
    data = b"h\ts\t2\ta\tb\nx\t1\tout".replace(b"\t", delimiter).replace(b"\n", end)
    assert read(data, delimiter=delimiter) == ([("h", "s", 2, f"a{shown}b"), ("x", "", 1, "out")], [])


def test_tab_is_text_beside_another_delimiter():
    assert read(b"h;s;2;a\tb\n\tc\td\t2\te\n", delimiter=b";") == ([("h", "s", 2, "a\tb\n\tc\td\t2\te")], [])


def test_performance_data_begins_no_record():
    lines = b"h;s;0;ok | a=1;2;3;0;\nmore | b=1;2;3\nc=1;0;1;0;9\n'd e'=5;10;20;0"
    assert read(lines + b"\n", delimiter=b";") == ([("h", "s", 0, lines[6:].decode())], [])


MANY = {
    "lines": (b"a\ts\t0\tx\nb\ts\t1\ty\nc\t1\tz\n", {}),
    "lines with blank ones between": (b"\na\ts\t0\tx\n\n\nb\ts\t1\ty\n \nc\t1\tz\n\n", {}),
    "CRLF lines": (b"a\ts\t0\tx\r\nb\ts\t1\ty\r\n\r\nc\t1\tz\r\n", {}),
    "ETB": (b"a\ts\t0\tx\x17b\ts\t1\ty\x17c\t1\tz", {}),
    "ETB, as the C client's manual has it": (b"a\ts\t0\tx\n\x17b\ts\t1\ty\n\x17c\t1\tz\n", {}),
    "ETB and a line end": (b"a\ts\t0\tx\x17\nb\ts\t1\ty\x17\r\nc\t1\tz\x17\n", {}),
    "ETB twice": (b"\x17a\ts\t0\tx\x17\x17\n \x17b\ts\t1\ty\x17c\t1\tz\x17\x17", {}),
    "lines, named": (b"a\ts\t0\tx\nb\ts\t1\ty\n\nc\t1\tz\n", {"end": b"\n"}),
    "NUL, as of find -print0": (b"a\ts\t0\tx\0b\ts\t1\ty\n\0\nc\t1\tz\n\0", {"end": b"\0"}),
    "CR": (b"a\ts\t0\tx\rb\ts\t1\ty\rc\t1\tz\r", {"end": b"\r"}),
    "thousands of line ends between": (b"a\ts\t0\tx@" + b"\n" * 200_000 + b"b\ts\t1\ty@c\t1\tz", {"end": b"@"}),
    "a long line between": (b"a\ts\t0\tx\nb\ts\t1\ty\n" + b" " * 200_000 + b"\nc\t1\tz", {}),
}


@pytest.mark.parametrize("case", MANY)
def test_several_records(case):
    data, options = MANY[case]
    assert read(data, **options) == ([("a", "s", 0, "x"), ("b", "s", 1, "y"), ("c", "", 1, "z")], [])


def test_line_like_a_record_is_output_with_a_named_end():
    expected = [("h", "s", 0, "fine\nh\ts\t0\tfine"), FINE]
    assert read(GOOD + b"\n" + GOOD + ETB + GOOD) == (expected, [])
    assert read(GOOD + b"\n" + GOOD + b"@" + GOOD, end=b"@") == (expected, [])


LATE_END = "0x17 in it, but not in the first 5120 bytes; name it with -ds 0x17"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (5119, ([("h", "s", 0, "o" * 4092 + "..."), FINE], [])),  # the longest that the C client takes
        (5120, ([], [(1, LATE_END)])),  # it ends with status 255
    ],
)
def test_end_byte_counts_where_the_c_client_sees_it(at, expected):
    data = b"h\ts\t0\t".ljust(at, b"o")
    assert read(data + ETB + GOOD) == expected


def test_end_byte_that_comes_later_is_a_fault():
    lines = b"\n".join(b"h\ts\t0\tnumber %d" % number for number in range(1000))
    results, faults = read(lines + b"\nh\ts\t0\ta" + ETB + b"b\n" + GOOD)
    assert (len(results), results[-1], faults) == (1001, FINE, [(1001, LATE_END)])


def test_an_endless_line_costs_no_neighbour():
    assert read(GOOD + b"\n" + LONG + b"\n" + GOOD) == (
        [("h", "s", 0, ("fine\n" + "x" * 4095)[:4092] + "..."), FINE],
        [],
    )


BAD = {
    "no output": (b"h\ts\t2\t", "the plugin output is empty"),
    "blank output": (b"h\ts\t2\t \t ", "the plugin output is empty"),
    "output and its delimiter missing": (b"h\ts\t2", "state 's' of a host is not one of 0 UP, 1 DOWN, 2 UNREACHABLE"),
    "no output of a host": (b"h\t2\t", "the plugin output is empty"),
    "empty state": (b"h\ts\t\tout", "state '' of a service is not one of"),
    "word": (b"h\ts\tCRITICAL\tout", "state 'CRITICAL' is a word; write 2"),
    "word of a host": (b"h\tdown\tout", "state 'down' is a word; write 1"),
    "unknown word": (
        b"h\ts\tCRIT\tout",
        "state 'CRIT' of a service is not one of 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN",
    ),
    "exit status of a shell": (b"h\ts\t127\tout", "state '127' of a service"),
    "negative": (b"h\ts\t-1\tout", "state '-1' of a service"),
    "sign": (b"h\ts\t+1\tout", "state '+1' of a service"),
    "3 of a host": (b"h\t3\tout", "state '3' of a host"),
    "leading delimiter": (b"\th\ts\t2\tout", "a delimiter where the host name belongs"),
    "two delimiters": (b"h\t\ta service\t2\tout", "state 'a service' of a host"),
    "long host name": (b"h" * 64 + b"\ts\t2\tout", "has 64 bytes, the limit is 63"),
    "long service description": (b"h\t" + b"s" * 128 + b"\t2\tout", "has 128 bytes, the limit is 127"),
    "semicolon": (b"h;x\ts\t2\tout", "host name 'h;x' holds a control character, a ';'"),
    "NUL in a name": (b"h\ts\0t\t2\tout", "service description 's?t' holds a control character"),
    "a name that is not UTF-8": (b"h\xff\ts\t2\tout", "host name 'h?' holds a control character, a ';' or bytes that"),
}
PROSE = {
    "prose": (
        b"there is no record here",
        "'there is no record here' is no record of host name, [service description,]",
    ),
    "two fields": (b"h\tout", "'h' is no record"),
    "prose without end": (b"x" * 70_000, f"'{'x' * 57}...' is no record"),
    "blanks without end": (b" " * 70_000 + b"x", "is no record"),
    "a delimiter far behind": (b"x" * 70_000 + b"\ts\t2\tout", f"'{'x' * 57}...' is no record"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_fault_has_its_line_and_costs_no_neighbour(case):
    bad, what = BAD[case]
    for end in (b"\n", b"\r\n", b"\n\n", ETB, ETB + b"\n", b"\r\n" + ETB):
        before = GOOD + b"\nsecond line of output" + end
        results, faults = read(before + bad + end + GOOD + end)
        assert results == [("h", "s", 0, "fine\nsecond line of output"), FINE]
        assert [(lineno, what in text) for lineno, text in faults] == [(before.count(b"\n") + 1, True)], end


@pytest.mark.parametrize("case", [*BAD, *PROSE])
def test_a_fault_may_be_all_there_is(case):
    bad, what = {**BAD, **PROSE}[case]
    for end in (b"\n", ETB, b"@"):
        results, ((lineno, text),) = read(b"\n\n" + bad + end + b"\n \n", end=end)
        assert (results, lineno) == ([], 3)
        assert what in text
        assert text.isprintable()
        assert len(text) < 200


@pytest.mark.parametrize("case", PROSE)
def test_prose_between_end_bytes_is_a_fault(case):
    prose, what = PROSE[case]
    results, faults = read(GOOD + ETB + b"\n" + prose + ETB + GOOD)
    assert results == [FINE, FINE]
    assert [(lineno, what in text) for lineno, text in faults] == [(2, True)]


def test_prose_before_the_first_record_is_one_fault():
    results, faults = read(b"\nWarning: something\nelse\n" + GOOD + b"\nmore\n")
    assert results == [("h", "s", 0, "fine\nmore")]
    assert [lineno for lineno, _ in faults] == [2]


def test_the_lines_behind_a_fault_belong_to_it():
    results, faults = read(b"h\ts\tCRIT\tout\nsecond\nthird\n" + GOOD)
    assert results == [FINE]
    assert [lineno for lineno, _ in faults] == [1]


LATE = {
    "a very long line": (GOOD + b"\n" + LONG + b"\n", {}, 3),
    "many lines of output": (GOOD + b"\nmore" * 50_000 + b"\n", {}, 50_002),
    "a very long record": (GOOD + LONG + b"\n" + LONG + b"\n@\n", {"end": b"@"}, 4),
    "a record of many lines": (GOOD + b"\nmore" * 50_000 + b"@", {"end": b"@"}, 50_001),
    "a record of many lines and one more": (GOOD + b"\nmore" * 50_000 + b"\n@\n", {"end": b"@"}, 50_003),
    "many line ends": (GOOD + b"@" + b"\n" * 200_000, {"end": b"@"}, 200_001),
    "many line ends, CRLF": (GOOD + b"@" + b"\r\n" * 200_000, {"end": b"@"}, 200_001),
    "blank lines": (GOOD + b"\n\n\r\n \n", {}, 5),
    "blank records": (GOOD + b"\n@\n@\n\n@", {"end": b"@"}, 5),
    "long lines, each a record": ((b"h\ts\t0\t" + LONG + b"\n") * 2, {"end": b"\n"}, 3),
    "CRLF": (GOOD + b"\r\n" + GOOD + b"\r\n", {}, 3),
    "CR alone": (GOOD + b"\r" + GOOD + b"\n", {}, 2),
}


@pytest.mark.parametrize("case", LATE)
def test_the_line_number_is_right_behind(case):
    data, options, expected = LATE[case]
    results, faults = read(data + b"h\ts\tCRIT\tout", **options)
    assert [lineno for lineno, _ in faults] == [expected]
    assert len(results) == data.count(GOOD[:6]) - data.count(b"\r" + GOOD[:6] + b"fine\n")


@pytest.mark.parametrize("options", [{}, {"end": ETB}, {"end": b"@"}, {"end": b"\n"}, {"delimiter": b";"}], ids=str)
def test_nothing_is_no_record_and_no_fault(options):
    end = options.get("end", ETB)
    for data in (b"", b"\n", b"\r\n\n", b" \t\n", end, b"\n" + end + end + b"\n", b"\n" * 100_000):
        assert read(data, **options) == ([], [])


@pytest.mark.parametrize(
    ("piece", "expected"),
    [(b"a\ts\t0\tx\x17", 1), (b"a\ts\t0\tx\x17b\ts\t0\ty", 1), (b"\x17" * 3, 0), (b"a\ts\t0\tx\n", 0)],
)
def test_a_record_is_there_with_its_end(piece, expected):
    assert len(Records(print).feed(piece)) == expected


def test_line_is_there_at_once_with_a_line_end_as_end():
    assert len(Records(print, end=b"\n").feed(GOOD + b"\n")) == 1


# Bounded memory

ENDLESS = {
    "a record": ({}, GOOD + ETB, b"x" * 65536),
    "lines of a record": ({}, GOOD + ETB, b"line\n" * 13107),
    "line ends": ({}, GOOD + ETB, b"\r\n" * 32768),
    "a line": ({}, b"", b"x" * 65536),
    "lines of output": ({}, GOOD + b"\n", b"line\n" * 13107),
    "long lines of output": ({}, GOOD + b"\n", b"x" * 60_000 + b"\n"),
    "blank lines": ({}, b"", b"\n" * 65536),
    "a record, by a named end": ({"end": b"@"}, b"", b"x" * 65536),
    "line ends, by a named end": ({"end": b"@"}, b"", b"\n" * 65536),
    "good records": ({}, b"", (GOOD + ETB) * 6000),
    "good lines": ({}, b"", (GOOD + b"\n") * 6000),
    "faults": ({}, b"", b"h\ts\tx\ty\n" * 7000),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_memory_is_bounded(case):
    options, first, more = ENDLESS[case]
    parser = Records(lambda _lineno, _what: None, **options)
    parser.feed(first)
    for _ in range(16):  # a MiB
        parser.feed(more)
        held = sum(len(value) for value in vars(parser).values() if isinstance(value, (bytes, bytearray)))
        assert held <= 3 * MAX_RECORD_BYTES
        assert not any(isinstance(value, (list, dict, str)) for value in vars(parser).values())


# Properties

LETTERS = [bytes([code]) for code in b"hs2\t\n\r\x17@; \0\xff"]
TOKENS = [
    *LETTERS,
    GOOD,
    GOOD + ETB,
    b"h\ts\t0\t",
    b"h\t1\t",
    b"\th",
    b"h\t\t",
    "ö".encode(),
    b"x" * 15,
    b"\n" * 15,
    b" " * 15,
]
INPUTS = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(TOKENS), min_size=4, max_size=20).map(b"".join))
OPTIONS = st.fixed_dictionaries(
    {"delimiter": st.sampled_from([b"\t", b";", b" "])},
    optional={"end": st.sampled_from([b"\x17", b"\n", b"@", b"\r"])},
)


@given(data=INPUTS, options=OPTIONS, are_limits_small=st.booleans())
@settings(deadline=None, max_examples=400)
def test_no_bytes_raise_and_no_cut_matters(data, options, are_limits_small):
    with pytest.MonkeyPatch.context() as patch:
        if are_limits_small:
            patch.setattr(records_module, "MAX_C_RECORD_BYTES", 12)
            patch.setattr(records_module, "MAX_RECORD_BYTES", 20)
        _, faults = read(data, **options)
    assert [lineno for lineno, _ in faults] == sorted(lineno for lineno, _ in faults)
    assert all(1 <= lineno <= data.count(b"\n") + 1 for lineno, _ in faults)


OUTPUT_LINES = st.lists(
    st.text("aö\\|=; .", min_size=1, max_size=8).map(lambda text: "o" + text + "."), min_size=1, max_size=3
)
GOOD_RECORDS = st.tuples(
    st.sampled_from(["h", "größer.example", "h" * 63]),
    st.sampled_from(["", "s", "my service", "2"]),
    st.integers(0, 2),
    OUTPUT_LINES,
)
BAD_RECORDS = st.sampled_from([bad for bad, _ in BAD.values()])


@given(
    items=st.lists(st.one_of(GOOD_RECORDS, BAD_RECORDS), max_size=12),
    end=st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\x17", b"\x17\n", b"\r\n\x17", b"\x17\n\n"]),
)
@settings(deadline=None, max_examples=200)
def test_each_record_is_a_result_or_a_fault(items, end):
    data, expected, faulty_lines = b"", [], []
    for item in items:
        if isinstance(item, bytes):
            faulty_lines.append(data.count(b"\n") + 1)
            data += item + end
        else:
            host, service, code, lines = item
            expected.append((host, service, code, "\n".join(lines)))
            names = [host, service] if service else [host]
            data += "\t".join([*names, str(code), "\n".join(lines)]).encode() + end
    results, faults = read(data)
    assert results == expected
    assert [lineno for lineno, _ in faults] == faulty_lines


@pytest.mark.parametrize("char", "`~!$%^&*|'\"<>?,()=")
def test_line_without_a_host_name_continues_the_output(char):
    records = Records(lambda *fault: pytest.fail(str(fault)), b";")
    line = f"/va{char}r;2;3;0"
    results = records.feed(f"fs;Disk;1;WARN\n{line}\nfs;Load;0;OK\n".encode()) + records.finish()
    assert [result.plugin_output for result in results] == [f"WARN\n{line}", "OK"]
