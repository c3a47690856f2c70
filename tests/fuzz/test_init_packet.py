"""A server that sends any bytes, in any pieces, then anything: a verdict or a DeliveryError, in time."""

from __future__ import annotations

import time

import pytest
from fuzz.hostile import examples, no_hang
from hypothesis import given
from hypothesis import strategies as st
from peers.fake_daemon import FakeDaemon, closes, holds, resets

from tcpwrap_alert.errors import DeliveryError, ProtocolError
from tcpwrap_alert.nsca import CheckResult, Server, send_check_results

pytestmark = pytest.mark.alone

TIMEOUT_S = 0.3
PAUSE_S = 0.003  # so that pieces arrive as pieces
RESULT = CheckResult("h", "s", 2, "o")


def reads_on(connection):
    while connection.read_packet():
        pass


SENT = st.one_of(
    st.binary(max_size=140),
    st.integers(0, 20_000).map(bytes),
    st.builds(lambda data, more: data + more, st.binary(min_size=132, max_size=132), st.sampled_from([b"", b"\0"])),
)


@given(
    data=SENT,
    cuts=st.lists(st.integers(0, 140), max_size=4),
    then=st.sampled_from([closes, resets, reads_on, reads_on, holds]),
)
@examples(40, shrink=False)
def test_any_server_bytes_have_an_outcome_in_time(data, cuts, then):
    def behave(connection):
        start = 0
        for end in [*sorted(cuts), len(data)]:
            connection.send(data[start:end])
            connection.is_over_after(PAUSE_S)
            start = max(start, end)
        then(connection)

    taken, refused = False, None
    with FakeDaemon(behave, method=0) as daemon:
        started = time.monotonic()
        try:
            with no_hang():
                send_check_results(Server("127.0.0.1", daemon.port, b"", 0, timeout_s=TIMEOUT_S), [RESULT])
            taken = True
        except DeliveryError as error:
            refused = error
        assert time.monotonic() - started < TIMEOUT_S + 1
    if then is reads_on:
        assert taken == (len(data) == 132)
        assert len(data) <= 132 or isinstance(refused, ProtocolError)
    assert taken or str(refused).startswith(f"127.0.0.1:{daemon.port}: ")
    if taken:
        (packet,) = daemon.connections[0].packets
        assert packet[1:] == (int.from_bytes(data[128:132], "big"), 2, "h", "s", "o")
