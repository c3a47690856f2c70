"""Arguments as values: check results, states as numbers and words, texts and numbers of any kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwrap_alert.arguments import (
    as_bytes,
    as_number,
    as_text,
    parse_check_result,
    parse_return_code,
    parse_state,
    whole_number,
)
from tcpwrap_alert.errors import CheckResultError, UsageError

any_text = st.text(st.characters())


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        (["h", "svc", "CRITICAL", "text"], ("h", "svc", 2, "text")),
        (["h", "svc", "3", ""], ("h", "svc", 3, "")),
        (["h", "svc", "127", ""], ("h", "svc", 3, "(return code 127)")),
        (("h", "DOWN", "text"), ("h", "", 1, "text")),
        (["h", "2", "text"], ("h", "", 2, "text")),
        (["h", "2", ""], ("h", "", 2, "")),
        (["h", "svc", "OK", "text", "a=1 b=2"], ("h", "svc", 0, "text|a=1 b=2")),
        (["h", "svc", "OK", "text", ""], ("h", "svc", 0, "text")),
        (["h", "svc", "OK", "", "a=1"], ("h", "svc", 0, "|a=1")),
        (["h", "svc", "OK", "", ""], ("h", "svc", 0, "")),
        (["h", "svc", "-1", "text", "a=1"], ("h", "svc", 3, "(return code -1) text|a=1")),
    ],
)
def test_number_of_arguments_says_what_they_are(arguments, fields):
    result = parse_check_result(arguments)
    assert (result.host_name, result.service_description, result.return_code, result.plugin_output) == fields


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ([], "0 arguments"),
        (["h"], "1 argument"),
        (["h", "OK"], "2 arguments"),
        (["h", "s", "0", *"opq"], "6 arguments"),
    ],
)
def test_other_number_of_arguments_is_a_usage_error(arguments, count):
    message = rf"^{count} instead of HOST SERVICE STATE OUTPUT \[PERFDATA\] or HOST STATE OUTPUT$"
    with pytest.raises(UsageError, match=message):
        parse_check_result(arguments)


@pytest.mark.parametrize("performance_data", [[], [""], ["a=1"]])
def test_empty_service_description_is_no_host_check(performance_data):
    with pytest.raises(UsageError, match="service description is empty; a host check has three arguments"):
        parse_check_result(["h", "", "OK", "text", *performance_data])


@pytest.mark.parametrize(
    "arguments",
    [["", "s", "OK", "t"], ["", "UP", "t"], ["h;1", "s", "OK", "t"], ["h", "s\n", "OK", "t"], ["\udcff", "UP", "t"]],
)
def test_arguments_of_no_check_result_are_an_error(arguments):
    with pytest.raises(CheckResultError):
        parse_check_result(arguments)


@pytest.mark.parametrize(
    ("words", "is_host_check", "return_code"),
    [
        (["0", "OK", "ok", "Ok"], False, 0),
        (["1", "WARNING", "warning", "Warning"], False, 1),
        (["2", "02", "2.0", "+2", " 2\n", "CRITICAL", "critical", "Critical"], False, 2),
        (["3", "UNKNOWN", "unknown", "Unknown"], False, 3),
        (["0", "UP", "up", "Up"], True, 0),
        (["1", "01", "1.0", "DOWN", "down", "Down"], True, 1),
        (["2", "UNREACHABLE", "unreachable", "Unreachable"], True, 2),
    ],
)
def test_a_state_is_its_number_or_its_word(words, is_host_check, return_code):
    assert {parse_return_code(word, is_host_check=is_host_check) for word in words} == {return_code}

    assert {parse_state(word, is_host_check=is_host_check) for word in words} == {return_code}


NO_STATES = ["", "CRIT", "CRITICAL!", "OK\n", "O\u212a", "two", "\uff12", "\u0662", "\u00b2", "9" * 19]
NO_STATES += ["2.5", "0x2", "2e0", "1_0", "--1", "+", ".", ".0", "2 0"]


@pytest.mark.parametrize("word", [*NO_STATES, "DOWN", "UP"])
@pytest.mark.parametrize("parse", [parse_return_code, parse_state])
def test_state_of_a_service_is_not_guessed(parse, word):
    with pytest.raises(CheckResultError, match=r"^state '.*' of a service is not one of 0 OK, 1 WARNING, 2 CRIT"):
        parse(word, is_host_check=False)


@pytest.mark.parametrize("word", [*NO_STATES, "3", "03", "-1", "OK", "CRITICAL", "UNKNOWN", " UP"])
@pytest.mark.parametrize("parse", [parse_return_code, parse_state])
def test_state_of_a_host_is_not_guessed(parse, word):
    with pytest.raises(CheckResultError, match=r"^state '.*' of a host is not one of 0 UP, 1 DOWN, 2 UNREACHABLE$"):
        parse(word, is_host_check=True)


@pytest.mark.parametrize(("word", "number"), [("4", 4), ("-1", -1), ("127", 127), ("0255", 255), ("130.00", 130)])
def test_other_number_is_a_services_state(word, number):
    assert parse_state(word, is_host_check=False) == number
    with pytest.raises(CheckResultError, match=f"^state '{word}' of a service is not one of 0 OK"):
        parse_return_code(word, is_host_check=False)


@given(st.integers(1 - 10**18, 10**18 - 1), st.sampled_from(["", " ", "\t"]), st.sampled_from(["", ".", ".0", ".00"]))
def test_any_number_is_read_back(number, blank, fraction):
    assert whole_number(f"{blank}{number}{fraction}{blank}") == number


@given(any_text)
def test_any_text_is_a_number_as_int_has_it_or_none(text):
    number = whole_number(text)
    assert number is None or number == float(text)


@given(st.binary())
def test_text_is_the_same_as_its_bytes(data):
    text = data.decode(errors="surrogateescape")
    assert as_text(data) == as_text(text) == text
    assert as_bytes(data) == as_bytes(text) == data


def test_no_password_is_an_empty_one():
    assert as_bytes(None) == b""


@pytest.mark.parametrize("value", [5667, "5667", b"5667", " 5667\n", "05667.0"])
def test_number_may_be_a_number_or_its_text(value):
    assert as_number("port", value) == 5667


@pytest.mark.parametrize(
    ("value", "shown_as"), [("nsca", "'nsca'"), (b"", "''"), (b"\xff", "'[?]'"), ("1" * 19, "'1+'")]
)
def test_text_that_is_no_number_is_an_error(value, shown_as):
    with pytest.raises(ValueError, match=f"^port {shown_as} is not a number$"):
        as_number("port", value)
