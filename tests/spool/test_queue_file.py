"""The queue file: what goes in comes out, a cut file is known as cut, and no argument forges a line."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import QueueFileCorrupt
from tcpwrap_alert.spool.queue_file import QueueFileUnfinished, decode_queue_file, encode_queue_file

# As handle_tcp_wrapper's printf writes it.
DENIAL = (
    b"tcpwrap-alert 1 denial\0\nclient=203.0.113.7\0\ndaemon=sshd\0\naddress=203.0.113.7\0\nuser=unknown\0\nend\0\n"
)
DENIAL_FIELDS = {"client": "203.0.113.7", "daemon": "sshd", "address": "203.0.113.7", "user": "unknown"}
MAX_BYTES = 1024 * 1024
CUT = "no end mark, the write was cut short"
EMPTY = "empty: the disk was full, and the alert was sent directly or is in syslog"

# What a command-line argument can be: any bytes but NUL.
arguments = st.binary().map(lambda data: os.fsdecode(data.replace(b"\0", b"\n")))


class Content:
    """What a queue file can hold."""

    def __init__(self, kind, fields):
        self.kind = kind
        self.fields = lambda: fields


def is_cut(data):
    try:
        decode_queue_file(data)
    except QueueFileUnfinished as error:
        return str(error) == (CUT if data else EMPTY)
    except QueueFileCorrupt:
        return False
    return False


def test_bytes_of_a_denial_are_what_the_shell_writes():
    assert encode_queue_file(Denial("sshd", "203.0.113.7", "203.0.113.7")) == DENIAL


def test_the_bytes_of_a_denial_are_read():
    assert decode_queue_file(DENIAL) == ("denial", DENIAL_FIELDS)


@given(fields=st.dictionaries(st.sampled_from(["client", "daemon", "plugin_output", "x"]), arguments))
@settings(deadline=None)
def test_any_arguments_come_out_as_they_went_in(fields):
    assert decode_queue_file(encode_queue_file(Content("check_result", fields))) == ("check_result", fields)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "=",
        "a=b",
        "end",
        "\n",
        "\nend\n",
        "x\nend\n\n",
        "x\nclient=127.0.0.1",
        "x\r\nclient=127.0.0.1\r\n",
        "tcpwrap-alert 1 check_result\n",
        "Größe 😀",
        os.fsdecode(b"\xff\xc3"),
        "x" * 131_072,
    ],
)
def test_no_argument_forges_a_line(value):
    fields = {"client": value, "daemon": "sshd"}
    assert decode_queue_file(encode_queue_file(Content("denial", fields))) == ("denial", fields)


def test_a_file_cut_anywhere_is_known_as_cut():
    assert [length for length in range(len(DENIAL)) if not is_cut(DENIAL[:length])] == []


@given(value=arguments, data=st.data())
@settings(deadline=None)
def test_file_cut_anywhere_is_known_as_cut(value, data):
    whole = encode_queue_file(Content("denial", {"client": value, "daemon": value}))
    assert is_cut(whole[: data.draw(st.integers(0, len(whole) - 1))])


@pytest.mark.parametrize("more", [b"x", b"\n", b"\0", b"end\0", b"client=1\0\n"])
def test_file_with_more_after_its_end_mark_is_cut(more):
    assert is_cut(DENIAL + more)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"tcpwrap-alert 2 denial\0\nend\0\n", "^does not begin with 'tcpwrap-alert 1 ', not a queue file of this"),
        (b"\0\nend\0\n", "^does not begin with"),
        (b"junk\0\nend\0\n", "^does not begin with"),
        (b"tcpwrap-alert 1 denial\0\nclient\0\nend\0\n", "^a line without '=', not a queue file$"),
        (b"tcpwrap-alert 1 denial\0\nend\0\nend\0\n", "^a line without '='"),
        (b"tcpwrap-alert 1 denial\0\n\0\nend\0\n", "^a line without '='"),
        (DENIAL.replace(b"\0", b""), "^no end mark"),
        (b"end\0\n", "^no end mark"),
        (b"", f"^{EMPTY}$"),
    ],
)
def test_file_that_is_not_ours_is_corrupt_and_why(data, message):
    with pytest.raises(QueueFileCorrupt, match=message) as caught:
        decode_queue_file(data)
    assert isinstance(caught.value, QueueFileUnfinished) == message.startswith((f"^{EMPTY}", "^no end mark"))


def test_the_longest_file_is_taken():
    rest = len(DENIAL.replace(b"sshd", b""))
    data = DENIAL.replace(b"sshd", b"s" * (MAX_BYTES - rest))
    assert len(data) == MAX_BYTES
    assert decode_queue_file(data)[1]["client"] == "203.0.113.7"


def test_a_longer_file_is_corrupt():
    rest = len(DENIAL.replace(b"sshd", b""))
    with pytest.raises(QueueFileCorrupt, match=r"^longer than 1048576 bytes, not a queue file$"):
        decode_queue_file(DENIAL.replace(b"sshd", b"s" * (MAX_BYTES - rest + 1)))


@given(st.binary() | st.binary().map(lambda data: b"tcpwrap-alert 1 " + data + b"\0\nend\0\n"))
@settings(deadline=None)
def test_any_bytes_are_fields_or_a_bad_file(data):
    try:
        kind, fields = decode_queue_file(data)
    except QueueFileCorrupt:
        return
    assert isinstance(kind, str)
    assert all(isinstance(text, str) for pair in fields.items() for text in pair)
