"""Any bytes into `send`, in any pieces: the good records around them arrive, once, whatever stands between them."""

from __future__ import annotations

import contextlib
import os
import threading

import pytest
from fuzz.hostile import NASTY, call, examples, monitored_place
from hypothesis import given
from hypothesis import strategies as st

GARBAGE = st.one_of(
    st.binary(max_size=100),
    st.sampled_from(NASTY),
    st.lists(st.sampled_from([b"\t", b"h", b"s", b"0", b"2", b"OK", b"o", b"\n", b"\r", b"\0", b"\xff", b"-1"])).map(
        b"".join
    ),
    st.integers(0, 200_000).map(lambda length: b"\n" * (length % 7) + b"y" * length),
)
ENDS = st.sampled_from([(b"\x17", ()), (b"\x17", ("-ds", "0x17")), (b"\n", ("-ds", "0x0a")), (b"@", ("-ds", "@"))])


def feed(fd, data, piece):
    """Write `data` in pieces, also to a reader that has gone."""
    with contextlib.suppress(BrokenPipeError):
        for start in range(0, len(data), piece):
            os.write(fd, data[start : start + piece])
    os.close(fd)


@contextlib.contextmanager
def standard_input(data, piece):
    """Let the standard input of `send` be `data`, which comes in pieces."""
    reading, writing = os.pipe()
    thread = threading.Thread(target=feed, args=(writing, data, max(piece, len(data) // 2000)))
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tcpwrap_alert.commands.send.STDIN", reading)
        try:
            yield
        finally:
            os.close(reading)
            thread.join()


@given(
    garbage=st.lists(GARBAGE, min_size=1, max_size=6),
    end_and_flags=ENDS,
    delimiter=st.sampled_from([b"\t", b";", b" "]),
    piece=st.sampled_from([1, 7, 4096, 65536]),
    is_spooled=st.booleans(),
)
@examples(120)
def test_good_records_around_any_garbage_arrive_once(garbage, end_and_flags, delimiter, piece, is_spooled):
    end, flags = end_and_flags
    goods = [delimiter.join([b"neighbour%d" % number, b"s", b"1", b"fine"]) for number in range(len(garbage))]
    parts = [part for good, bad in zip(goods, garbage) for part in (good, bad.replace(end, b""))]
    data = end.join(parts) + end
    with monitored_place() as (place, packets):
        with standard_input(data, piece):
            done = call("tcpwrap-alert", "send", *flags, "-d", delimiter.decode(), *["--spool"] * is_spooled)
        assert place.waiting() == []
    faults = done.stderr.splitlines()
    assert all(line.isprintable() and line.endswith("; not sent") for line in faults)
    assert done.status == (3 if faults else 0)
    assert done.stdout == f"{len(packets)} data packet(s) sent to host successfully.\n"
    arrived = sorted(packet.host_name for packet in packets if packet.host_name.startswith("neighbour"))
    assert arrived == [f"neighbour{number}" for number in range(len(garbage))]


@given(data=st.lists(GARBAGE, max_size=4).map(b"".join), piece=st.sampled_from([1, 13, 65536]))
@examples(60)
def test_any_bytes_are_sent_or_told(data, piece):
    with monitored_place() as (_, packets), standard_input(data, piece):
        done = call("tcpwrap-alert", "send")
    assert all(line.isprintable() for line in done.stderr.splitlines())
    assert done.status == (3 if done.stderr else 0 if packets else 2)
