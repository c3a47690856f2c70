"""The check result: its limits at, below and above, its cleaning, its states, and its time in the output."""

from __future__ import annotations

import os
import time
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tcpwrap_alert.check_result import (
    OUTPUT_BLANKS,
    CheckResult,
    clean,
    cut,
    format_time,
    shown,
)
from tcpwrap_alert.errors import CheckResultError

# Not a character of text for a monitor: controls, line ends, a reordering mark, and bytes that are not UTF-8.
UNPRINTABLE = ["\n", "\r", "\0", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\ud800", os.fsdecode(b"\xc3")]

EPOCH_STAMP = " (at 1970-01-01 00:00:00 +0000)"

any_text = st.text(st.characters())


def make(host_name="firestorm", service_description="TCP Wrappers", return_code=2, plugin_output="Denied"):
    return CheckResult(host_name, service_description, return_code, plugin_output)


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("host_name", "h"),
        ("host_name", "h" * 62),
        ("host_name", "h" * 63),
        ("host_name", "ä" * 31 + "h"),
        ("host_name", "fire storm.example"),
        ("service_description", "s"),
        ("service_description", "s" * 126),
        ("service_description", "s" * 127),
        ("service_description", "€" * 42 + "s"),
        ("service_description", "TCP Wräppers ✓ 😀 |<>&'\"`$\\"),
    ],
)
def test_a_name_that_fits_is_kept_as_it_is(field, name):
    assert getattr(make(**{field: name}), field) == name


@pytest.mark.parametrize(
    ("field", "name", "message"),
    [
        ("host_name", "h" * 64, "host name '.*' has 64 bytes, the limit is 63"),
        ("host_name", "ä" * 32, "host name '.*' has 64 bytes, the limit is 63"),
        ("host_name", "h" * 100_000, "host name '.*' has 100000 bytes, the limit is 63"),
        ("service_description", "s" * 128, "service description '.*' has 128 bytes, the limit is 127"),
        ("service_description", "€" * 43, "service description '.*' has 129 bytes, the limit is 127"),
    ],
)
def test_name_that_is_too_long_is_an_error_and_not_cut(field, name, message):
    with pytest.raises(CheckResultError, match=f"^{message}$") as caught:
        make(**{field: name})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("field", ["host_name", "service_description"])
@pytest.mark.parametrize("name", ["{}", "{}b", "a{}b", "a{}"])
@pytest.mark.parametrize("char", [*UNPRINTABLE, ";"])
def test_name_with_a_harmful_character_is_an_error(field, name, char):
    what = field.replace("_", " ")
    with pytest.raises(CheckResultError, match=rf"^{what} '.*' holds a control character, a ';' or bytes") as caught:
        make(**{field: name.format(char)})
    assert str(caught.value).isprintable()


def test_an_empty_host_name_is_an_error():
    with pytest.raises(CheckResultError, match=r"^the host name is empty$"):
        make(host_name="")


@pytest.mark.parametrize(("service_description", "return_codes"), [("TCP Wrappers", range(4)), ("", range(3))])
def test_each_return_code_of_service_and_host_is_taken(service_description, return_codes):
    results = [make(service_description=service_description, return_code=code) for code in return_codes]
    assert [result.return_code for result in results] == list(return_codes)


@pytest.mark.parametrize("return_code", [-1, 4, 127, 255, 256, 10**18 - 1, 1 - 10**18])
@pytest.mark.parametrize("output", ["", "sh: 1: check_disk: not found", "full | a=1", "|a=1", "one\ntwo | a=1"])
def test_other_return_code_is_unknown_and_told(return_code, output):
    result = make(return_code=return_code, plugin_output=output)
    assert result.return_code == 3
    assert result.plugin_output == f"(return code {return_code}) {output}".rstrip(" ")


@given(return_code=st.integers(), output=any_text, at_s=st.none() | st.integers(0, 2**32), repeat=st.integers(1, 600))
@settings(deadline=None)
def test_no_cut_takes_the_return_code(return_code, output, at_s, repeat):
    assume(return_code not in range(4) and abs(return_code) < 10**18)
    result = make(return_code=return_code, plugin_output=output * repeat)
    cut_again = make(return_code=3, plugin_output=cut(result.plugin_output, 511))
    for each in (result, result.dated(at_s or 0), cut_again, cut_again.dated(at_s or 0)):
        assert each.return_code == 3
        assert each.plugin_output.startswith(f"(return code {return_code})")


def test_performance_data_does_not_push_the_code_out():
    result = make(return_code=127, plugin_output="x|" + "p" * 4060).dated(0)
    assert result.plugin_output == f"(return code 127) x{EPOCH_STAMP}"


@pytest.mark.parametrize("return_code", [-1, 3, 127])
def test_other_return_code_of_a_host_is_an_error(return_code):
    message = f"^return code {return_code} is not one of 0 UP, 1 DOWN, 2 UNREACHABLE$"
    with pytest.raises(CheckResultError, match=message):
        make(service_description="", return_code=return_code)


@pytest.mark.parametrize("service_description", ["TCP Wrappers", ""])
@pytest.mark.parametrize("return_code", [10**18, -(10**18), pytest.param(10**5000, id="very long")])
def test_endless_return_code_is_an_error(service_description, return_code):
    with pytest.raises(CheckResultError, match=r"^a return code of more than 18 digits is not one of 0 "):
        make(service_description=service_description, return_code=return_code)


@pytest.mark.parametrize(
    ("return_code", "given"),
    [("2", "'2' of type str"), (None, "None of type NoneType"), (2.0, "2.0 of type float")]
    + [(value, f"{value} of type bool") for value in (True, False)],
)
def test_return_code_of_another_type_is_an_error(return_code, given):
    for service_description in ("TCP Wrappers", ""):
        with pytest.raises(CheckResultError, match=f"^a return code is a whole number, not {given}$"):
            make(service_description=service_description, return_code=return_code)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("Denied sshd-203.0.113.7", "Denied sshd-203.0.113.7"),
        ("Größe ✓ 😀; a|b=1", "Größe ✓ 😀; a|b=1"),
        ("a\tb", "a b"),
        ("a\nb", "a b"),
        ("a\r\nb", "a b"),
        ("a\rb\x0bc\x0cd\x85e\u2028f\u2029g", "a b c d e f g"),
        ("a\n", "a"),
        ("a\n\nb", "a  b"),
        ("\n", ""),
        ("a\0b", "a?b"),
        ("\x1b[31mred\x7f", "?[31mred?"),
        ("left\u202eright", "left?right"),
        (os.fsdecode(b"Gr\xf6\xdfe"), "Gr??e"),
        ("\ud800", "?"),
    ],
)
def test_a_text_is_cleaned_onto_one_line(text, cleaned):
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("", ""),
        ("Größe ✓ 😀; a|b=1", "Größe ✓ 😀; a|b=1"),
        ("a\tb\\n", "a\tb\\n"),
        ("a\nb\n\nc", "a\nb\n\nc"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\x0bb\x0cc\x85d\u2028e", "a?b?c?d?e"),
        ("12\xa0% 1\u202f000 \u2003\u3000", "12\xa0% 1\u202f000 \u2003\u3000"),
        ("a\n\r\n\n", "a"),
        ("\n", ""),
        ("\na", "\na"),
        ("a\0b", "a?b"),
        ("\x1b[31mred\x7f\n", "?[31mred?"),
        (os.fsdecode(b"Gr\xf6\xdfe\n."), "Gr??e\n."),
    ],
)
def test_output_keeps_only_lines_tabs_and_printables(text, output):
    assert make(plugin_output=text).plugin_output == output


def test_the_blanks_that_stay_are_all_of_unicode():
    blanks = {char for char in map(chr, range(0x110000)) if unicodedata.category(char) == "Zs"}
    assert blanks - {" "} | {"\n", "\t"} == OUTPUT_BLANKS


@pytest.mark.parametrize("length", [0, 1, 4094, 4095])
def test_output_up_to_its_limit_is_not_cut(length):
    assert make(plugin_output="o" * length).plugin_output == "o" * length


@pytest.mark.parametrize("length", [4096, 4097, 100_000])
def test_output_above_its_limit_is_cut_and_marked(length):
    assert make(plugin_output="o" * length).plugin_output == "o" * 4092 + "..."


@pytest.mark.parametrize("char", ["ä", "€", "😀"])
@pytest.mark.parametrize("shift", range(4))
def test_output_is_cut_between_characters(char, shift):
    fitting = (4092 - shift) // len(char.encode())
    output = make(plugin_output="x" * shift + char * 4096).plugin_output
    assert output == "x" * shift + char * fitting + "..."


@pytest.mark.parametrize(
    ("text", "max_bytes", "expected"),
    [
        ("abcd", 4, "abcd"),
        ("abcde", 4, "a..."),
        ("abcd", 3, "..."),
        ("ää", 4, "ää"),
        ("äää", 4, "..."),
        ("äää", 5, "ä..."),
    ],
)
def test_a_cut_keeps_to_its_limit(text, max_bytes, expected):
    assert cut(text, max_bytes) == expected


@given(any_text)
@settings(deadline=None)
def test_any_output_becomes_printable_within_the_limit(text):
    output = make(plugin_output=text * 50).plugin_output
    assert all(char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs" for char in output)
    assert len(output.encode()) <= 4095
    assert make(plugin_output=output).plugin_output == output


@given(host_name=any_text, service_description=any_text)
@settings(deadline=None)
def test_any_name_is_either_kept_or_an_error(host_name, service_description):
    try:
        result = make(host_name, service_description)
    except CheckResultError:
        return
    assert (result.host_name, result.service_description) == (host_name, service_description)
    assert result.external_command(0).count(";") == (4 if service_description else 3)


@pytest.mark.parametrize(
    ("output", "dated"),
    [
        ("Denied", f"Denied{EPOCH_STAMP}"),
        ("Denied ", f"Denied{EPOCH_STAMP}"),
        ("OK|a=1", f"OK{EPOCH_STAMP} |a=1"),
        ("OK - fine | a=1;2;3 b=2|c", f"OK - fine{EPOCH_STAMP} | a=1;2;3 b=2|c"),
        ("x|" + "p" * 4093, f"x{EPOCH_STAMP}"),
        ("OK\nall | of\nit", f"OK{EPOCH_STAMP}\nall | of\nit"),
        ("OK | a=1\nlong | b=2", f"OK{EPOCH_STAMP} | a=1\nlong | b=2"),
        ("OK\n" + "l" * 4092, f"OK{EPOCH_STAMP}\n" + "l" * (4092 - 3 - len(EPOCH_STAMP)) + "..."),
        ("o" * (4090 - len(EPOCH_STAMP)) + "\n1234", "o" * (4090 - len(EPOCH_STAMP)) + EPOCH_STAMP + "\n1234"),
        ("o" * (4091 - len(EPOCH_STAMP)) + "\n1234", "o" * (4091 - len(EPOCH_STAMP)) + EPOCH_STAMP + "\n..."),
        ("o" * (4092 - len(EPOCH_STAMP)) + "\n12", "o" * (4092 - len(EPOCH_STAMP)) + EPOCH_STAMP),
    ],
)
def test_time_of_a_late_result_is_before_perfdata(output, dated):
    assert make(plugin_output=output).dated(0.9).plugin_output == dated


def test_time_of_a_late_result_is_local_with_offset(monkeypatch):
    monkeypatch.setenv("TZ", "XYZ-5:30")
    time.tzset()
    assert make().dated(86_400).plugin_output == "Denied (at 1970-01-02 05:30:00 +0530)"


def test_a_time_is_shown_as_local_time_with_its_offset():
    assert format_time(0.9) == "1970-01-01 00:00:00 +0000"


@pytest.mark.parametrize("at_s", [2**62, -(2**62)])
def test_a_time_that_no_calendar_has_is_told_as_such(at_s):
    assert format_time(at_s) == "a time out of range"
    assert make(plugin_output="OK|a=1").dated(at_s).plugin_output == "OK (at a time out of range) |a=1"


@pytest.mark.parametrize("too_many", [-1, 0])
def test_output_that_has_room_for_its_time_is_not_cut(too_many):
    output = "o" * (4095 - len(EPOCH_STAMP) + too_many)
    assert make(plugin_output=output).dated(0).plugin_output == output + EPOCH_STAMP


@pytest.mark.parametrize("length", [4095 - len(EPOCH_STAMP) + 1, 4094, 4095, 9999])
def test_output_without_room_for_its_time_is_cut(length):
    dated = make(plugin_output="o" * length).dated(0).plugin_output
    assert dated.endswith("o..." + EPOCH_STAMP)
    assert 4094 <= len(dated) <= 4095


@pytest.mark.parametrize("performance_data", ["|a=1", "| a=1", "|" + "p" * 4000, "|" + "ä" * 1000])
def test_cut_before_the_time_leaves_perfdata_whole(performance_data):
    output = "o" * (4095 - len(performance_data.encode())) + performance_data
    dated = make(plugin_output=output).dated(0).plugin_output
    assert dated.endswith("..." + EPOCH_STAMP + " " + performance_data)
    assert len(dated.encode()) == 4095


@pytest.mark.parametrize("text", ["o", "o" * 40, "o" * 41, "o" * 4000])
@pytest.mark.parametrize("room", [-1, 0, 3, 39, 40, 41])
def test_performance_data_goes_before_the_text_does(room, text):
    performance_data = "|" + "p" * (4095 - len(EPOCH_STAMP) - len(" |") - room)
    result = make()
    result.plugin_output = text + performance_data  # more than the 4095 bytes that CheckResult leaves
    dated = result.dated(0).plugin_output
    kept, _, rest = dated.partition(EPOCH_STAMP)
    assert rest == (f" {performance_data}" if room >= min(40, len(text)) else "")
    assert kept == cut(text, room if rest else 4095 - len(EPOCH_STAMP))


@given(output=any_text, performance_data=st.none() | any_text, repeat=st.sampled_from([1, 20, 600]))
@settings(deadline=None)
def test_any_dated_output_has_time_within_the_limit(output, performance_data, repeat):
    bar = "" if performance_data is None else "|" + performance_data
    dated = make(plugin_output=output * repeat + bar).dated(0).plugin_output
    assert EPOCH_STAMP in dated.split("\n")[0]
    assert len(dated.encode()) <= 4095


@pytest.mark.parametrize("service_description", ["TCP Wrappers", ""])
def test_dated_changes_only_the_output_of_a_copy(service_description):
    result = make(service_description=service_description, return_code=1)
    dated = result.dated(0)
    assert (dated.host_name, dated.service_description, dated.return_code) == ("firestorm", service_description, 1)
    assert result.plugin_output == "Denied"


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (make(), "[1700000000] PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;Denied"),
        (make(service_description="", return_code=1), "[1700000000] PROCESS_HOST_CHECK_RESULT;firestorm;1;Denied"),
        (
            make(plugin_output="a;b\n[1] DISABLE_NOTIFICATIONS"),
            r"[1700000000] PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;a;b\n[1] DISABLE_NOTIFICATIONS",
        ),
        (
            make(plugin_output="C:\\new\n\\"),
            r"[1700000000] PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;C:\\new\n\\",
        ),
    ],
)
def test_external_command_is_one_line_for_nagios(result, line):
    assert result.external_command(1_700_000_000.9) == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "''"), ("a\n\x1b", "'a ?'"), ("x" * 60, f"'{'x' * 60}'"), ("x" * 61, f"'{'x' * 57}...'")],
)
def test_text_in_a_message_is_quoted_on_one_short_line(text, expected):
    assert shown(text) == expected


def test_check_results_show_and_compare_their_fields():
    assert make() == make()
    assert len({make(), make(), make(return_code=1)}) == 2
    assert make() != ("firestorm", "TCP Wrappers", 2, "Denied")
    assert repr(make()) == "CheckResult('firestorm', 'TCP Wrappers', 2, 'Denied')"
