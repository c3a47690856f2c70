"""A connection that is kept: what it sends and when, its renewal, its outcomes, and a new beginning after an error."""

from __future__ import annotations

import threading
import time

import pytest
from peers.fake_daemon import holds, reads, resets, sends_init, silent, stock
from peers.nsca_daemon import wait_for
from support.results import PASSWORD, numbered_results, server_of

from tcpwrap_alert.nsca import (
    ACCEPTED,
    SENT_NOT_KNOWN,
    CheckResult,
    ConnectError,
    Connection,
    DeliveryError,
    OutcomeUnknown,
    RejectedError,
    Server,
    client,
    conversation,
)

PACKET = 4304


def services(connection):
    return [int(packet.service_description.split()[1]) for packet in connection.packets]


def takes_turns(*behaviours):
    """Treat the first connection as the first behaviour says, and so on; the last one for all the rest."""
    left = list(behaviours)

    def behave(connection):
        (left.pop(0) if len(left) > 1 else left[0])(connection)

    return behave


@pytest.mark.parametrize("method", [0, 1, 14])
def test_many_sends_are_one_connection_and_outcome(start, method):
    daemon = start(method=method)
    with Connection(server_of(daemon)) as connection:
        for number in range(20):
            connection.send(numbered_results(number))
        assert (connection.delivered, connection.unconfirmed) == (0, 20)
    assert (connection.delivered, connection.unconfirmed) == (20, 0)
    assert len(daemon.connections) == 1
    assert services(daemon.connection()) == list(range(20))
    assert len(daemon.connection().received) == 20 * PACKET + 1


def test_without_a_result_no_connection_is_made(start):
    daemon = start()
    with Connection(server_of(daemon)) as connection:
        connection.send([])
        assert connection.confirm() is None
    assert daemon.connections == []
    assert connection.delivered == 0


def test_a_result_is_on_its_way_when_send_returns(start):
    daemon = start()
    with Connection(server_of(daemon)) as connection:
        connection.send(numbered_results(1))
        wait_for(lambda: daemon.connections and services(daemon.connections[0]) == [1], "the packet has not come")


def test_results_go_out_as_the_iterable_yields_them(start):
    daemon = start()

    def results():
        yield from numbered_results(*range(16))
        wait_for(lambda: daemon.connections and len(daemon.connections[0].packets) >= 15, "no block has come")
        yield from numbered_results(16)

    with Connection(server_of(daemon)) as connection:
        connection.send(results())
    assert services(daemon.connection()) == list(range(17))


def test_asking_for_the_outcome_ends_the_connection(start):
    daemon = start()
    with Connection(server_of(daemon)) as connection:
        connection.send(numbered_results(1, 2))
        assert connection.confirm() == ACCEPTED
        assert connection.delivered == 2
        connection.send(numbered_results(3))
    assert [services(daemon.connection(number)) for number in (0, 1)] == [[1, 2], [3]]
    assert connection.delivered == 3


def test_old_connection_is_renewed_after_its_outcome(start, monkeypatch):
    monkeypatch.setattr(client, "RENEW_AFTER_S", 0.0)
    daemon = start()
    with Connection(server_of(daemon)) as connection:
        connection.send(numbered_results(1, 2, 3))
        assert (connection.delivered, connection.unconfirmed) == (2, 1)
    assert [services(daemon.connection(number)) for number in range(3)] == [[1], [2], [3]]
    assert all(len(daemon.connection(number).received) == PACKET + 1 for number in range(3))


def test_a_young_connection_is_not_renewed():
    assert (client.RENEW_AFTER_S, client.SILENCE_S) == (20.0, 5.0)


def test_a_connection_that_was_silent_is_renewed(start, monkeypatch):
    monkeypatch.setattr(client, "SILENCE_S", 0.0)
    daemon = start()
    with Connection(server_of(daemon)) as connection:
        connection.send(numbered_results(1))
        connection.send(numbered_results(2))
    assert [services(daemon.connection(number)) for number in range(2)] == [[1], [2]]
    assert connection.delivered == 2


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_end_after_a_silence_is_no_rejection(start, monkeypatch, is_confirmed):
    """It may have waited long enough, and taken everything; nobody knows."""
    monkeypatch.setattr(conversation, "SILENCE_S", 0.0)
    daemon = start(reads(PACKET, then=resets))
    connection = Connection(server_of(daemon))
    connection.send(numbered_results(1))
    daemon.connection()
    with pytest.raises(OutcomeUnknown, match="closed after a silence"):
        connection.confirm() if is_confirmed else connection.send(numbered_results(2))
    assert (connection.delivered, connection.unconfirmed) == (0, 1)


def test_slow_result_does_not_wait_for_the_next(start, monkeypatch):
    monkeypatch.setattr(client, "HOLD_BACK_S", -1.0)
    daemon = start()

    def results():
        yield from numbered_results(1)
        wait_for(lambda: daemon.connections and services(daemon.connections[0]) == [1], "it waits")

    with Connection(server_of(daemon)) as connection:
        connection.send(results())


@pytest.mark.parametrize("count", [1, 15, 16, 100])
def test_a_wrong_password_is_rejected_at_the_end(start, count):
    daemon = start(password=b"other")
    connection = Connection(server_of(daemon, password=PASSWORD))
    with pytest.raises(RejectedError, match="wrong password"), connection:
        connection.send(numbered_results(*range(count)))
    assert connection.delivered == 0


def test_a_wrong_password_is_rejected_at_the_next_send(start):
    daemon = start(password=b"other")
    connection = Connection(server_of(daemon, password=PASSWORD))
    connection.send(numbered_results(1))
    daemon.connection()
    with pytest.raises(RejectedError):
        connection.send(numbered_results(2))
    assert (connection.delivered, connection.unconfirmed) == (0, 1)
    assert len(daemon.connections) == 1


def test_after_an_error_a_connection_is_not_used_again(start):
    """Its numbers would not say any more which results are delivered."""
    daemon = start(takes_turns(reads(PACKET, then=resets), stock))
    with Connection(server_of(daemon)) as connection:
        connection.send(numbered_results(1))
        daemon.connection()
        with pytest.raises(RejectedError):
            connection.send(numbered_results(2))
        assert connection.confirm() is None
        with pytest.raises(ValueError, match="make a new one"):
            connection.send(numbered_results(3))
    assert (connection.delivered, connection.unconfirmed) == (0, 1)
    assert len(daemon.connections) == 1


def test_failed_connection_may_be_tried_again(start):
    daemon = start(takes_turns(silent, stock))
    with Connection(server_of(daemon, timeout_s=0.3)) as connection:
        with pytest.raises(DeliveryError):
            connection.send(numbered_results(1))
        connection.send(numbered_results(1))
    assert connection.delivered == 1


def test_results_sent_before_an_error_stay_counted(start, monkeypatch):
    daemon = start(takes_turns(stock, reads(PACKET, then=resets)))
    connection = Connection(server_of(daemon))
    connection.send(numbered_results(1, 2))
    connection.confirm()
    connection.send(numbered_results(3))
    with pytest.raises(RejectedError):
        connection.confirm()
    assert (connection.delivered, connection.unconfirmed) == (2, 1)


@pytest.mark.parametrize(("password", "delivered"), [(PASSWORD, 1), (b"other", 0)])
def test_error_in_the_block_comes_after_the_outcome(start, password, delivered):
    daemon = start(password=password)
    connection = Connection(server_of(daemon, password=PASSWORD))

    def fail_after_a_result():
        with connection:
            connection.send(numbered_results(1))
            raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"):
        fail_after_a_result()
    assert (connection.delivered, connection.unconfirmed) == (delivered, 1 - delivered)
    assert services(daemon.connection()) == [1] * delivered


def test_error_of_the_iterable_comes_after_delivery(start):
    daemon = start()

    def results():
        yield from numbered_results(1)
        raise OSError("the input is gone")

    connection = Connection(server_of(daemon))
    with pytest.raises(OSError, match="the input is gone"), connection:
        connection.send(results())
    assert connection.delivered == 1
    assert services(daemon.connection()) == [1]


def test_an_interrupt_does_not_wait_for_the_outcome(start):
    daemon = start(sends_init(holds))
    connection = Connection(server_of(daemon, timeout_s=30))

    def interrupt():
        with connection:
            connection.send(numbered_results(1))
            raise KeyboardInterrupt

    start_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert time.monotonic() - start_s < 10
    assert (connection.delivered, connection.unconfirmed) == (0, 1)


def test_2_7_layout_makes_a_connection_for_each_result(start):
    daemon = start(packet_size=720)
    with Connection(server_of(daemon, legacy_2_7_mode=True)) as connection:
        connection.send(numbered_results(1, 2, 3))
        assert connection.confirm() is None
        assert connection.delivered == 3
    assert [len(daemon.connection(number).received) for number in range(3)] == [720] * 3


def test_the_2_7_layout_has_its_own_outcome(start, monkeypatch):
    outcomes = []
    confirm = Connection.confirm
    monkeypatch.setattr(Connection, "confirm", lambda self: outcomes.append(confirm(self)))
    daemon = start(packet_size=720)
    Connection(server_of(daemon, legacy_2_7_mode=True)).send(numbered_results(1))
    assert outcomes == [SENT_NOT_KNOWN]


def test_escaped_newlines_are_the_monitors_choice(start):
    daemon = start()
    for escape_newlines in (False, True):
        with Connection(server_of(daemon, escape_newlines=escape_newlines)) as connection:
            connection.send([CheckResult("h", "s", 0, "a\\b\nc")])
    outputs = [daemon.connection(number).packets[0].plugin_output for number in range(2)]
    assert outputs == ["a\\b\nc", r"a\\b\nc"]


def test_a_slow_input_is_no_late_server(start):
    """The deadline is one of each step: together they may take longer."""
    daemon = start()
    slow = threading.Event()

    def results():
        for number in range(3):
            slow.wait(0.3)
            yield from numbered_results(number)
        slow.wait(0.3)

    with Connection(server_of(daemon, timeout_s=0.5)) as connection:
        connection.send(results())
    assert connection.delivered == 3


@pytest.mark.parametrize(("behaviour", "kind"), [(silent, DeliveryError), (sends_init(holds), OutcomeUnknown)])
def test_a_server_that_hangs_is_an_error_in_time(start, behaviour, kind):
    daemon = start(behaviour, receive_buffer=4096)
    connection = Connection(server_of(daemon, timeout_s=0.4))
    with pytest.raises(kind, match=r"within 0\.4 s"), connection:
        connection.send(numbered_results(*range(400)))
    assert connection.delivered == 0


def test_nobody_listens(start):
    daemon = start()
    monitor = Server("127.0.0.1", 1, timeout_s=1)
    with pytest.raises(ConnectError), Connection(monitor) as connection:
        connection.send(numbered_results(1))
    assert daemon.connections == []


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"password": "text"}, TypeError),
        ({"password": None}, TypeError),
        ({"port": 0}, ValueError),
        ({"port": 65536 + 5667}, ValueError),
        ({"timeout_s": 0}, ValueError),
        ({"timeout_s": float("nan")}, ValueError),
        ({"timeout_s": float("inf")}, ValueError),
    ],
    ids=str,
)
def test_impossible_server_is_an_error_when_it_is_made(values, kind):
    with pytest.raises(kind):
        Server("nagios.example", **values)


@pytest.mark.parametrize("method", [7, 99])
def test_impossible_method_never_connects(start, method):
    daemon = start()
    with (
        pytest.raises(ValueError, match=f"encryption_method {method}"),
        Connection(Server("127.0.0.1", daemon.port, encryption_method=method)) as connection,
    ):
        connection.send(numbered_results(1))
    assert daemon.connections == []
