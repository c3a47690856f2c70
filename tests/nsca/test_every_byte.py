"""A connection that ends at each byte at which it can end: never acceptance, always in time. Many at a time."""

from __future__ import annotations

import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from peers import fake_daemon
from peers.fake_daemon import (
    INIT_SIZE,
    INIT_VECTOR,
    closes,
    reads,
    reads_in_drips,
    resets,
    resets_soon,
    sends,
    sends_init,
)
from support.results import make_results, server_of

from tcpwrap_alert.errors import ConnectError, DeliveryError, OutcomeTimedOut, ProtocolError, RejectedError
from tcpwrap_alert.nsca.client import send_check_results

pytestmark = pytest.mark.alone

PACKET = 4304
TIMEOUT_S = 0.8
ALLOWED_S = 1.0  # beside the deadline
LONG_S = 3.0


def errors_of(daemons, count, timeout_s=LONG_S):
    """Send `count` results to each daemon; return the errors, after the checks that hold for all of them."""
    results = make_results(count)

    def send(daemon):
        started = time.monotonic()
        with pytest.raises(DeliveryError) as caught:
            send_check_results(server_of(daemon, timeout_s=timeout_s), results)
        assert time.monotonic() - started < timeout_s + ALLOWED_S
        assert str(caught.value).startswith(f"127.0.0.1:{daemon.port}: ")
        return caught.value

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(send, daemons))


@pytest.mark.parametrize(
    ("end", "kind", "message"),
    [(resets_soon, DeliveryError, "connection reset after"), (closes, ProtocolError, "closed after")],
    ids=["reset", "close"],
)
def test_an_end_at_each_byte_of_the_init_packet(start, end, kind, message):
    init_packet = INIT_VECTOR + struct.pack(">I", fake_daemon.TIMESTAMP)
    errors = errors_of([start(sends(init_packet[:count], then=end)) for count in range(INIT_SIZE)], 1)
    assert {type(error) for error in errors} == {kind}
    for count, error in enumerate(errors):
        assert f": {message} {count} of the 132 bytes of an init packet" in str(error)


BOUNDARIES = {number * PACKET + offset for number in range(4) for offset in (-2, -1, 0, 1, 2)}
OFFSETS = sorted(offset for offset in BOUNDARIES | {*range(32), *range(0, 3 * PACKET, 97)} if 0 < offset <= 3 * PACKET)


@pytest.mark.parametrize("end", [resets, closes])
def test_end_after_any_packet_byte_is_no_acceptance(start, end):
    errors = errors_of([start(reads(offset, then=end)) for offset in OFFSETS], 3)
    assert {type(error) for error in errors} == {RejectedError}


@pytest.mark.parametrize("end", [resets, closes])
def test_end_before_any_packet_byte_is_no_acceptance(start, end):
    """It meets any step of ours, from the connection attempt on."""
    errors = errors_of([start(sends_init(end)) for _ in range(40)], 3)
    assert {type(error) for error in errors} <= {ConnectError, DeliveryError, RejectedError}


def test_server_that_reads_in_drips_keeps_the_deadline(start):
    """Each write of ours succeeds in time for itself: the batch would take ten seconds."""
    daemon = start(reads_in_drips(65536, every_s=TIMEOUT_S / 10), receive_buffer=4096)
    (error,) = errors_of([daemon], 2000, timeout_s=TIMEOUT_S)
    assert type(error) is OutcomeTimedOut
    assert f"no outcome within {TIMEOUT_S} s" in str(error)
