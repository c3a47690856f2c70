"""A denial: whatever the client chose becomes harmless, and the template is filled and nothing more."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.denial import Denial, fill, harmless

# tcp_wrappers 7.6, percent_x.c: ok_chars.
OK_CHARS = "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

TEMPLATE = "Denied {daemon}-{client}"


def test_the_characters_that_libwrap_lets_through_stay():
    assert harmless(OK_CHARS) == OK_CHARS


def test_every_other_byte_becomes_an_underscore():
    others = [char for char in map(chr, range(256)) if char not in OK_CHARS]
    assert {harmless(f"a{char}b") for char in others} == {"a_b"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "unknown"),
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        (" ", "_"),
        ("a;b|c<d>&e`$(f)'\"\\", "a_b_c_d__e___f____"),
        ("evil\nname\r\t\x1b[0m\0", "evil_name____0m_"),
        ("...", "..."),
        (os.fsdecode(b"\xff\xfe"), "__"),
        ("\ud800", "_"),
        ("{daemon}", "_daemon_"),
    ],
)
def test_what_the_client_chose_becomes_harmless(text, expected):
    assert harmless(text) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [(254, "x" * 254), (255, "x" * 255), (256, "x" * 252 + "..."), (100_000, "x" * 252 + "...")],
)
def test_field_above_255_bytes_is_cut_and_no_error(length, expected):
    assert harmless("x" * length) == expected


@given(st.text(st.characters()))
@settings(deadline=None)
def test_any_text_becomes_some_harmless_characters(text):
    safe = harmless(text * 20)
    assert 0 < len(safe) <= 255
    assert set(safe) <= set(OK_CHARS)


@pytest.mark.parametrize("field", ["daemon", "client", "address", "user"])
def test_every_field_of_a_denial_is_made_harmless(field):
    values = {"daemon": "sshd", "client": "203.0.113.7", "address": "203.0.113.7", "user": "root"}
    denial = Denial(**{**values, field: "evil;\n{user}"})
    assert {name: getattr(denial, name) for name in values} == {**values, field: "evil___user_"}


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:203.0.113.7", "203.0.113.7"),
        ("::ffff:2001:db8", "::ffff:2001:db8"),
        ("::ffff:203.0.113", "::ffff:203.0.113"),
        ("::ffff:a.b.c.d", "::ffff:a.b.c.d"),
        ("64:ff9b::203.0.113.7", "64:ff9b::203.0.113.7"),
        ("::1", "::1"),
    ],
)
def test_ipv4_client_of_ipv6_socket_is_shown_as_ipv4(client, expected):
    denial = Denial("vsftpd", client, client)
    assert (denial.client, denial.address) == (expected, expected)


def test_what_libwrap_did_not_tell_is_unknown():
    denial = Denial("", "")
    assert (denial.daemon, denial.client, denial.address, denial.user) == ("unknown",) * 4


@pytest.mark.parametrize(
    ("template", "output"),
    [
        (TEMPLATE, "Denied sshd-host.example"),
        ("{user}@{client} ({address}) at {daemon}, {daemon}", "root@host.example (203.0.113.7) at sshd, sshd"),
        ("nothing to fill in", "nothing to fill in"),
        ("", ""),
    ],
)
def test_the_output_of_a_denial_is_the_filled_template(template, output):
    denial = Denial("sshd", "host.example", "203.0.113.7", "root")
    assert denial.text(template) == output


def test_no_denial_is_too_long_for_a_check_result():
    denial = Denial(*["x" * 100_000] * 4)
    output = CheckResult("h", "s", 2, denial.text("{daemon} {client} {address} {user}")).plugin_output
    assert output == " ".join(["x" * 252 + "..."] * 4)


@pytest.mark.parametrize(
    ("template", "field"),
    [
        ("{host}", "host"),
        ("{}", ""),
        ("{ daemon }", " daemon "),
        ("{daemon", "daemon"),
        ("{", ""),
        ("{{daemon}}", ""),
        ("{daemon.__class__}", "daemon.__class__"),
        ("{daemon!r}", "daemon!r"),
        ("{daemon:>99999999}", "daemon:>99999999"),
        ("{0}", "0"),
    ],
)
def test_a_template_with_any_other_field_is_an_error(template, field):
    with pytest.raises(ValueError, match=r"is not one of {daemon}, {client}$") as caught:
        fill(template, {"daemon": "d", "client": "c"})
    assert str(caught.value).startswith(f"'{{{field}")


@pytest.mark.parametrize("template", ["}", "a } b", "{daemon}}", "Denied daemon}"])
def test_closing_brace_without_its_partner_is_an_error(template):
    with pytest.raises(ValueError, match="}"):
        fill(template, {"daemon": "sshd"})


def test_a_value_is_not_a_template():
    assert fill("{daemon} {client}", {"daemon": "{client}", "client": "{daemon}"}) == "{client} {daemon}"
