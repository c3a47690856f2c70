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
    "service, with empty output": (b"h\ts\t2\t", ("h", "s", 2, "")),
    "service, with blank output": (b"h\ts\t2\t \t ", ("h", "s", 2, "")),
    "host, with empty output": (b"h\t2\t", ("h", "", 2, "")),
    "host, with a delimiter at the end": (b"h\t1\tgone\t", ("h", "", 1, "gone")),
    "zeros before the state": (b"h\ts\t02\tout", ("h", "s", 2, "out")),
    "zeros behind the state": (b"h\ts\t2.0\tout", ("h", "s", 2, "out")),
    "a sign before the state": (b"h\ts\t+2\tout", ("h", "s", 2, "out")),
    "exit status of a shell": (b"h\ts\t127\tnot found", ("h", "s", 3, "(return code 127) not found")),
    "negative": (b"h\ts\t-1\tout", ("h", "s", 3, "(return code -1) out")),
    "a number and no output": (b"h\ts\t255\t", ("h", "s", 3, "(return code 255)")),
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
    data = b"h\ts\t2\ta\tb\nh\t1\tout".replace(b"\t", delimiter).replace(b"\n", end)
    assert read(data, delimiter=delimiter) == ([("h", "s", 2, f"a{shown}b"), ("h", "", 1, "out")], [])


RUNS = {
    "two": (b";;", b"h;;s;;2;;out;;more", ("h", "s", 2, ";out;;more")),  # as the C client has it
    "one of two": (b";;", b"h;s;2;out", ("h", "s", 2, "out")),
    "two, of a host": (b";;", b"h;;1;;gone", ("h", "", 1, "gone")),
    "two, and output that is one": (b";;", b"h;;s;;2;;", ("h", "s", 2, ";")),
    "two tabs": (b"\t\t", b"h\t\ts\t\t2\t\tout", ("h", "s", 2, "\tout")),
    "blanks": (b" ", b"  h   s  2    out put", ("h", "s", 2, "   out put")),
    "blanks, of a host": (b" ", b"h  1  gone  ", ("h", "", 1, "gone")),
    "blanks, and no output": (b" ", b"h  s  2  ", ("h", "s", 2, "")),
    "two blanks": (b"  ", b"h s     2 out", ("h", "s", 2, "out")),
}


@pytest.mark.parametrize("case", RUNS)
def test_runs_of_delimiters(case):
    delimiter, data, expected = RUNS[case]
    for options in ({}, {"end": b"@"}, {"end": b"\n"}, {"end": b""}):
        assert read(data, delimiter=delimiter, **options) == ([expected], []), options


@pytest.mark.parametrize("data", [b"h;;;s;;2;;out", b"h;;;;2;;out", b";;h;;s;;2;;out", b"h;;s;;;2;;out"])
def test_longer_runs_leave_an_empty_field(data):
    results, ((lineno, _),) = read(data, delimiter=b";;")
    assert (results, lineno) == ([], 1)


def test_tab_is_text_beside_another_delimiter():
    assert read(b"h;s;2;a\tb\n\tc\td\t2\te\n", delimiter=b";") == ([("h", "s", 2, "a\tb\n\tc\td\t2\te")], [])


def test_performance_data_begins_no_record():
    lines = b"h;s;0;ok | a=1;2;3;0;\nmore | b=1;2;3\nc=1;0;1;0;9\n'd e'=5;10;20;0"
    assert read(lines + b"\n", delimiter=b";") == ([("h", "s", 0, lines[6:].decode())], [])


MANY = {
    "lines": (b"a\ts\t0\tx\nb\ts\t1\ty\nb\t1\tz\n", {}),
    "lines with blank ones between": (b"\na\ts\t0\tx\n\n\nb\ts\t1\ty\n \nb\t1\tz\n\n", {}),
    "CRLF lines": (b"a\ts\t0\tx\r\nb\ts\t1\ty\r\n\r\nb\t1\tz\r\n", {}),
    "ETB": (b"a\ts\t0\tx\x17b\ts\t1\ty\x17b\t1\tz", {}),
    "ETB, as the C client's manual has it": (b"a\ts\t0\tx\n\x17b\ts\t1\ty\n\x17b\t1\tz\n", {}),
    "ETB and a line end": (b"a\ts\t0\tx\x17\nb\ts\t1\ty\x17\r\nb\t1\tz\x17\n", {}),
    "ETB twice": (b"\x17a\ts\t0\tx\x17\x17\n \x17b\ts\t1\ty\x17b\t1\tz\x17\x17", {}),
    "lines, named": (b"a\ts\t0\tx\nb\ts\t1\ty\n\nb\t1\tz\n", {"end": b"\n"}),
    "NUL, as of find -print0": (b"a\ts\t0\tx\0b\ts\t1\ty\n\0\nb\t1\tz\n\0", {"end": b"\0"}),
    "CR": (b"a\ts\t0\tx\rb\ts\t1\ty\rb\t1\tz\r", {"end": b"\r"}),
    "thousands of line ends between": (b"a\ts\t0\tx@" + b"\n" * 200_000 + b"b\ts\t1\ty@b\t1\tz", {"end": b"@"}),
    "a long line between": (b"a\ts\t0\tx\nb\ts\t1\ty\n" + b" " * 200_000 + b"\nb\t1\tz", {}),
}


@pytest.mark.parametrize("case", MANY)
def test_several_records(case):
    data, options = MANY[case]
    assert read(data, **options) == ([("a", "s", 0, "x"), ("b", "s", 1, "y"), ("b", "", 1, "z")], [])


# Output by line that looks like host checks. The table is one of `df`, with tabs.
TABLE = b"/dev/sda1\t81\t/\n/dev/sdb1\t2\t/home\nup\tok\t1\n"


@pytest.mark.parametrize("first", [GOOD, b"\n" + GOOD, b"a\t0\tup\n" + GOOD, b"some prose\n" + GOOD])
def test_output_of_three_fields_is_no_host_check(first):
    results, _ = read(first + b"\n" + TABLE + GOOD + b"\n")
    assert results[-2:] == [("h", "s", 0, ("fine\n" + TABLE.decode()).rstrip()), FINE]
    assert len(results) == (3 if first.startswith(b"a") else 2)


SEEN = {
    "in its own record": (b"h\ts\t0\tfine\nh\t1\tdown\n", [FINE, ("h", "", 1, "down")]),
    "blanks around": (b"h\ts\t0\tfine\n h \t1\tdown\n", [FINE, (" h ", "", 1, "down")]),
    "in an earlier one": (
        b"b\t0\tup\nc\ts\t0\tfine\nh\ts\t0\tfine\nb\t1\ty\nc\t1\tz\n",
        [("b", "", 0, "up"), ("c", "s", 0, "fine"), FINE, ("b", "", 1, "y"), ("c", "", 1, "z")],
    ),
    "not needed at the beginning": (
        b"b\t0\tx\nc\t1\ty\nh\t2\tz",
        [("b", "", 0, "x"), ("c", "", 1, "y"), ("h", "", 2, "z")],
    ),
    "not by output": (
        b"h\ts\t0\tfine\nb\tx\ty z\tz\nb\t1\tz\nb\t1\tz",
        [("h", "s", 0, "fine\nb\tx\ty z\tz\nb\t1\tz\nb\t1\tz")],
    ),
    "with ;": (
        b"h;s;0;fine\nb;1;y\nh;1;down\nb;1;y",
        [("h", "s", 0, "fine\nb;1;y"), ("h", "", 1, "down"), ("b", "", 1, "y")],
    ),
}


@pytest.mark.parametrize("case", SEEN)
def test_three_fields_are_a_record_of_a_seen_host(case):
    data, expected = SEEN[case]
    assert read(data, delimiter=b";" if ";" in case else b"\t") == (expected, [])


def test_a_fault_is_followed_by_no_host_check_either():
    results, faults = read(b"h\ts\tCRIT\tout\nx\t1\ty\n" + GOOD)
    assert (results, len(faults)) == ([FINE], 1)


@given(st.lists(st.sampled_from(["h", "b", "c", "h\ts", "b\ts"]), max_size=12))
def test_host_checks_begin_where_the_rule_has_it(kinds):
    """Each kind is a record's beginning; the model keeps the hosts that had one."""
    expected, seen, is_service = [], set(), False
    for number, kind in enumerate(kinds):
        host, _, service = kind.partition("\t")
        if service or not is_service or host in seen:
            expected.append((host, service, 0, f"n{number}"))
            seen.add(host)
            is_service = bool(service)
        else:
            expected[-1] = (*expected[-1][:3], f"{expected[-1][3]}\n{kind}\t0\tn{number}")
    data = "".join(f"{kind}\t0\tn{number}\n" for number, kind in enumerate(kinds))
    assert read(data.encode()) == (expected, [])


def test_the_hosts_of_the_last_records_are_remembered(monkeypatch):
    monkeypatch.setattr(records_module, "MAX_HOSTS", 3)
    services = b"".join(b"%d\ts\t0\tx\n" % number for number in range(10))
    results, _ = read(services + b"7\t1\ty\n0\ts\t1\tz\n1\t1\tz\n")
    assert results[10:] == [("7", "", 1, "y"), ("0", "s", 1, "z\n1\t1\tz")]


SINGLE = [GOOD + b"\n" + GOOD + b"\nh\t1\tdown", GOOD + ETB + GOOD, b"\r\n\n" + GOOD, GOOD + b"\n" * 70_000 + b"@"]


@pytest.mark.parametrize("data", SINGLE, ids=["lines", "ETB", "blank lines", "long"])
def test_all_input_is_one_result_where_asked(data):
    results, faults = read(data + b"\n", end=b"")
    assert faults == []
    assert [result[:3] for result in results] == [("h", "s", 0)]
    assert results[0][3] == data[data.index(b"fine") :][:4096].rstrip().decode().replace("\x17", "?")


@given(st.binary(max_size=300))
def test_all_input_is_one_result_whatever_it_is(output):
    results, faults = read(b"h\ts\t0\t>" + output, end=b"")
    (expected,), _ = read(b"h\ts\t0\t>" + output.replace(b"\xfd", b"?") + b"\xfd", end=b"\xfd")
    assert (results, faults) == ([expected], [])


def test_a_fault_of_all_input_has_its_line():
    results, ((lineno, what),) = read(b"\n\nprose\n" + GOOD, end=b"")
    assert (results, lineno) == ([], 3)
    assert "host name 'prose h' holds a control character" in what


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
    "output and its delimiter missing": (b"h\ts\t2", "state 's' of a host is not one of 0 UP, 1 DOWN, 2 UNREACHABLE"),
    "empty state": (b"h\ts\t\tout", "state '' of a service is not one of"),
    "word": (b"h\ts\tCRITICAL\tout", "state 'CRITICAL' is a word; write 2"),
    "word of a host": (b"h\tdown\tout", "state 'down' is a word; write 1"),
    "unknown word": (
        b"h\ts\tCRIT\tout",
        "state 'CRIT' of a service is not one of 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN",
    ),
    "exit status of a shell, of a host": (b"h\t127\tout", "state '127' of a host"),
    "negative of a host": (b"h\t-1\tout", "state '-1' of a host"),
    "3 of a host": (b"h\t3\tout", "state '3' of a host"),
    "leading delimiter": (b"\th\ts\t2\tout", "a delimiter where the host name belongs"),
    "empty service description": (b"h\t\t2\tout", "the service description is empty; a host check has three fields"),
    "two delimiters": (b"h\t\ta service\t2\tout", "the service description is empty"),
    "nothing but delimiters": (b"h\t\t\t", "the service description is empty"),
    "long host name": (b"h" * 64 + b"\ts\t2\tout", "has 64 bytes, the limit is 63"),
    "long service description": (b"h\t" + b"s" * 128 + b"\t2\tout", "has 128 bytes, the limit is 127"),
    "semicolon": (b"h;x\ts\t2\tout", "host name 'h;x' holds a control character, a ';'"),
    "NUL in a name": (b"h\ts\0t\t2\tout", "service description 's?t' holds a control character"),
    "a name that is not UTF-8": (b"h\xff\ts\t2\tout", "host name 'h?' holds a control character, a ';' or bytes that"),
}
PROSE = {
    "no whole number": (b"h\ts\t2.5\tout", "state '2.5' of a service is not one of 0 OK"),
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
    "all input": ({"end": b""}, GOOD, b"line\n" * 13107),
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


def test_memory_is_bounded_with_any_number_of_hosts():
    parser = Records(lambda _lineno, _what: None)
    for number in range(0, 60_000, 1000):
        parser.feed(b"".join(b"host%d\ts\t0\tx\n" % (number + each) for each in range(1000)))
        parser.feed(b"h" * 1000 + b"%d\ts\t0\tx\n" % number)
    names = [name for value in vars(parser).values() if isinstance(value, set) for name in value]
    assert records_module.MAX_HOSTS <= len(names) <= 2 * records_module.MAX_HOSTS
    assert max(map(len, names)) <= 63


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
    b"x\t2\to\n",
    b";;",
]
INPUTS = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(TOKENS), min_size=4, max_size=20).map(b"".join))
OPTIONS = st.fixed_dictionaries(
    {"delimiter": st.sampled_from([b"\t", b";", b";;", b" "])},
    optional={"end": st.sampled_from([b"", b"\x17", b"\n", b"@", b"\r", b"\0"])},
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
    hosts = ["h", "größer.example", "h" * 63]  # which have had a record, so that they may have three fields
    data = "".join(f"{host}\t0\tup{end.decode()}" for host in hosts).encode()
    expected, faulty_lines = [(host, "", 0, "up") for host in hosts], []
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
