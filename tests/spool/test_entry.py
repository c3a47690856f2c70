"""An entry: each kind of content comes out of its queue file as it went in, and one error says that a file is bad."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import QueueFileCorrupt
from tcpwrap_alert.spool.entry import READERS, Entry, decode_content
from tcpwrap_alert.spool.queue_file import QueueFileUnfinished, encode_queue_file
from tcpwrap_alert.spool.tally import CHECK_RESULTS, DENIALS, Tally

# What a command-line argument can be: any bytes but NUL.
arguments = st.binary().map(lambda data: os.fsdecode(data.replace(b"\0", b"\n")))


def tally_of(kind, *words):
    tally = Tally(kind)
    for number, word in enumerate(words):
        tally.add(word, number + 1, 5, 10**18 + number)
    return tally


CONTENTS = [
    Denial("sshd", "203.0.113.7"),
    Denial("sshd", "host.example", "203.0.113.7", "eve"),
    CheckResult("firestorm", "Disk", 3, "full\nvery | a=1\t"),
    CheckResult("fïre", "", 1, ""),
    tally_of(DENIALS, ("sshd", "c", "a", "u"), ("sshd", "d", "a", "u")),
    tally_of(CHECK_RESULTS, ("firestorm;Disk;2",), ("fïre;;1",)),
]
AT_NS = 10**18 + 7


def facts(content):
    return content.kind, content.fields(), sorted(content.counted(AT_NS))


def test_there_is_a_reader_for_every_kind():
    assert {content.kind for content in CONTENTS} == set(READERS)


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.kind)
def test_content_comes_out_as_it_went_in(spool, content):
    entry = spool.maybe_read(spool.enqueue(content, AT_NS))
    assert (type(entry.content), facts(entry.content)) == (type(content), facts(content))
    assert (entry.enqueued_at_ns, entry.enqueued_at_s) == (AT_NS, AT_NS / 1e9)


@given(arguments, arguments, arguments, arguments)
@settings(deadline=None)
def test_any_denial_comes_out_as_it_went_in(daemon, client, address, user):
    content = Denial(daemon, client, address, user)
    assert facts(decode_content(encode_queue_file(content))) == facts(content)


@given(st.integers(0, 3), arguments)
@settings(deadline=None)
def test_any_output_comes_out_as_it_went_in(return_code, output):
    content = CheckResult("firestorm", "Disk", return_code, output)
    assert decode_content(encode_queue_file(content)) == content


def test_every_content_is_counted_by_its_tally():
    counted = {content.tally_kind: list(content.counted(AT_NS)) for content in CONTENTS[1:3]}
    assert counted == {
        DENIALS: [(("sshd", "host.example", "203.0.113.7", "eve"), (1, AT_NS, AT_NS))],
        CHECK_RESULTS: [(("firestorm;Disk;3",), (1, AT_NS, AT_NS))],
    }
    assert [content.tally_kind for content in CONTENTS[4:]] == [DENIALS, CHECK_RESULTS]


def queue_file(kind, *lines):
    return b"\0\n".join([b"tcpwrap-alert 1 " + kind, *lines, b"end", b""])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (queue_file(b"denials_"), "^unknown kind 'denials_'$"),
        (queue_file(b""), "^unknown kind ''$"),
        (queue_file(b"de\x1bnial"), r"^unknown kind 'de\?nial'$"),
        (queue_file(b"denial", b"client=c"), "^not a denial: .*daemon"),
        (queue_file(b"denial", b"client=c", b"daemon=d", b"more=x"), "^not a denial: .*more"),
        (queue_file(b"denial", b"client=c", b"daemon=d", b"self=x"), "^not a denial: "),
        (queue_file(b"check_result", b"host_name=h"), "^not a check_result: 'return_code'$"),
        (
            queue_file(b"check_result", b"host_name=", b"service_description=s", b"return_code=0", b"plugin_output="),
            "^not a check_result: the host name is empty$",
        ),
        (
            queue_file(b"check_result", b"host_name=h", b"service_description=", b"return_code=4", b"plugin_output="),
            "^not a check_result: return code 4 is not one of",
        ),
        (
            queue_file(b"check_result", b"host_name=h", b"service_description=s", b"return_code=x", b"plugin_output="),
            "^not a check_result: ",
        ),
        (queue_file(b"denials"), "^not a denials: 'tally'$"),
        (queue_file(b"check_results", b"tally=1\t2\tx\ta"), "^not a check_results: a line without its three numbers$"),
    ],
)
def test_values_of_no_content_are_corrupt_and_why(data, message):
    with pytest.raises(QueueFileCorrupt, match=message) as caught:
        decode_content(data)
    assert not isinstance(caught.value, QueueFileUnfinished)


@pytest.mark.parametrize("key", [b"a\x1b[31mb", b"a\nb", b"x" * 10_000, "\u202e".encode()])
def test_what_is_wrong_is_told_on_one_short_line(key):
    with pytest.raises(QueueFileCorrupt) as caught:
        decode_content(queue_file(b"denial", b"client=c", b"daemon=d", key + b"=x"))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@given(st.binary() | st.lists(st.sampled_from([b"client=c", b"daemon=d", b"x", b"tally=", b"a=b"])).map(
    lambda lines: queue_file(b"denial", *lines)
))  # fmt: skip
@settings(deadline=None)
def test_any_bytes_are_a_content_or_a_bad_file(data):
    try:
        content = decode_content(data)
    except QueueFileCorrupt:
        return
    assert content.kind in READERS


def test_an_entry_is_awaited_only_if_it_says_so():
    entry = Entry("4711.0", 1, CONTENTS[0])
    assert (entry.is_awaited, entry.size) == (False, 0)
