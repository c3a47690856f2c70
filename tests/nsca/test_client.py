"""One conversation, against a fake daemon: what an accepted one looks like, and how each other one ends."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import threading
import time
import traceback

import pytest
from peers import fake_daemon
from peers.fake_daemon import (
    FakeDaemon,
    closes,
    holds,
    reads,
    reads_all,
    resets,
    resets_soon,
    sends,
    sends_init,
    sends_init_and_end,
)
from support import namespaces
from support.results import PASSWORD, fields_of, make_results, server_of

from tcpwrap_alert import debugging, sockets
from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.errors import (
    ConnectError,
    ConnectTimedOut,
    DeliveryError,
    OutcomeTimedOut,
    ProtocolError,
    ProtocolTimedOut,
    RejectedError,
    TcpwrapAlertError,
    TimedOut,
)
from tcpwrap_alert.nsca import addresses, conversation
from tcpwrap_alert.nsca.client import ACCEPTED, SENT_NOT_KNOWN, send_check_results
from tcpwrap_alert.nsca.outcome import judge_failure
from tcpwrap_alert.nsca.server import Server

pytestmark = pytest.mark.alone

METHODS = (0, 1, 14)
COUNTS = (1, 2, 15, 16, 17, 31, 200)
PACKET = 4304
TIMEOUT_S = 0.4
SOON_S = 3.0
WAITS, AT_ONCE = True, False

# A segment of 550 holds 12 bytes of timestamps and 538 of data, an eighth of a packet: the extra byte is alone in its.
SEGMENT_SIZE = 550


@pytest.fixture
def hosts(isolated):
    """Write /etc/hosts for this test."""
    yield lambda *lines: namespaces.bind_over("/etc/hosts", "".join(f"{line}\n" for line in lines))
    namespaces.unbind("/etc/hosts")


def send_in_vain(monitor, results=None, place=None):
    """Return the error of a conversation and the seconds it took, after the checks that hold for every error."""
    start = time.monotonic()
    with pytest.raises(TcpwrapAlertError) as caught:
        send_check_results(monitor, make_results(1) if results is None else results)
    took_s = time.monotonic() - start
    assert took_s < monitor.timeout_s + 1
    assert str(caught.value).startswith(f"{place or f'{monitor.host}:{monitor.port}'}: ")
    assert str(caught.value).isprintable()
    shown = "".join(traceback.format_exception(type(caught.value), caught.value, None)) + repr(caught.value)
    assert PASSWORD.decode() not in shown
    return caught.value, took_s


# Accepted


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", COUNTS)
def test_all_packets_arrive_then_one_byte_and_the_end(start, method, count):
    daemon = start(method=method)
    assert send_check_results(server_of(daemon), make_results(count)) == ACCEPTED
    connection = daemon.connection()
    assert len(connection.received) == count * PACKET + 1
    assert connection.saw_end
    expected = [("firestorm", f"Service {number}", number % 4, f"Größe {number}") for number in range(count)]
    assert fields_of(connection.packets) == expected


def test_only_one_connection_is_made(start):
    daemon = start()
    send_check_results(server_of(daemon), make_results(31))
    assert len(daemon.connections) == 1


@pytest.mark.parametrize("timestamp", [0, fake_daemon.TIMESTAMP, 2**32 - 1])
def test_the_timestamp_is_the_servers_own(start, timestamp):
    daemon = start(timestamp=timestamp)
    send_check_results(server_of(daemon), make_results(2))
    assert [packet.timestamp for packet in daemon.connection().packets] == [timestamp, timestamp]


@pytest.mark.parametrize(("begin", "end"), [(2, 4), (24, 78), (88, 206), (230, 4302), (4302, 4304)])
def test_the_padding_of_the_same_result_differs(start, begin, end):
    daemon = start()
    send_check_results(server_of(daemon), make_results(1) * 3)
    assert len({packet.clear[begin:end] for packet in daemon.connection().packets}) > 1


@pytest.mark.parametrize("method", METHODS)
def test_two_connections_of_one_vector_differ_in_bytes(start, method):
    daemon = start(method=method)
    send_check_results(server_of(daemon), make_results(1))
    send_check_results(server_of(daemon), make_results(1))
    assert daemon.connection(0).received != daemon.connection(1).received


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("password", [b"", b"x", b"x" * 32, b"x" * 511, "Größe".encode()])
def test_a_password_of_any_length(start, method, password):
    daemon = start(method=method, password=password)
    assert send_check_results(server_of(daemon), make_results(2)) == ACCEPTED
    assert len(daemon.connection().packets) == 2


@pytest.mark.parametrize("method", METHODS)
def test_fields_at_their_full_length(start, method):
    daemon = start(method=method)
    assert send_check_results(server_of(daemon), [CheckResult("h" * 63, "s" * 127, 3, "o" * 4095)]) == ACCEPTED
    assert fields_of(daemon.connection().packets) == [("h" * 63, "s" * 127, 3, "o" * 4095)]


def test_method_0_does_not_use_the_password(start):
    daemon = start(method=0)
    assert send_check_results(server_of(daemon, password=b"another"), make_results(2)) == ACCEPTED


def test_nsca_server_may_send_its_init_packet_late(start):
    def late(connection):
        connection.is_over_after(0.5)
        fake_daemon.stock(connection)

    daemon = start(late)
    assert send_check_results(server_of(daemon), make_results(1)) == ACCEPTED


def test_an_init_packet_in_small_pieces(start):
    def piecemeal(connection):
        for _ in range(fake_daemon.INIT_SIZE - 1):
            connection.send(b"x")
            connection.is_over_after(0.001)
        connection.send(b"x")
        connection.read(PACKET + 1)
        connection.read(1)

    daemon = start(piecemeal)
    assert send_check_results(server_of(daemon), make_results(1)) == ACCEPTED


def test_an_nsca_server_that_closes_late(start):
    daemon = start(reads_all(lambda connection: connection.is_over_after(0.3)))
    assert send_check_results(server_of(daemon), make_results(1)) == ACCEPTED


@pytest.mark.parametrize("count", [1, 17, 200])
def test_an_nsca_server_with_little_room(start, count):
    daemon = start(receive_buffer=4096, segment_size=SEGMENT_SIZE)
    assert send_check_results(server_of(daemon), make_results(count)) == ACCEPTED
    assert len(daemon.connection().packets) == count


# Rejected


@pytest.mark.parametrize("method", [1, 14])
@pytest.mark.parametrize("count", COUNTS)
def test_a_wrong_password_is_rejected(start, method, count):
    daemon = start(method=method)
    error, took_s = send_in_vain(server_of(daemon, password=b"wrong"), make_results(count))
    assert type(error) is RejectedError
    assert "wrong password" in str(error)
    assert took_s < SOON_S
    assert daemon.connection().packets == []


@pytest.mark.parametrize(("ours", "theirs"), [(0, 1), (1, 0), (1, 14), (14, 1), (0, 14), (14, 0)])
@pytest.mark.parametrize("count", [1, 31])
def test_a_wrong_method_is_rejected(start, ours, theirs, count):
    daemon = start(method=theirs)
    error, _ = send_in_vain(server_of(daemon, encryption_method=ours), make_results(count))
    assert type(error) is RejectedError
    assert f"wrong encryption_method ({ours})" in str(error)
    assert daemon.connection().packets == []


@pytest.mark.parametrize("count", [1, 2, 31])
def test_a_2_7_server_rejects_the_large_packets(start, count):
    daemon = start(packet_size=fake_daemon.OLD_PACKET_SIZE)
    error, _ = send_in_vain(server_of(daemon), make_results(count))
    assert type(error) is RejectedError
    assert "legacy_2_7_mode" in str(error)


@pytest.mark.parametrize("password", [b" s3cret-Wort", b"s3cret-Wort ", b"\ts3cret-Wort"])
def test_blanks_around_the_password_are_told(start, password):
    daemon = start()
    error, _ = send_in_vain(server_of(daemon, password=password))
    assert "blanks around the password" in str(error)


@pytest.mark.parametrize("end", [resets, closes])
@pytest.mark.parametrize("count", [1, 2, 17, 31, 200])
@pytest.mark.parametrize("read", [1, 720, PACKET - 1, PACKET])
def test_an_end_with_bytes_unread_is_a_rejection(start, end, count, read):
    daemon = start(reads(read, then=end))
    error, took_s = send_in_vain(server_of(daemon), make_results(count))
    assert type(error) is RejectedError
    assert took_s < SOON_S


def test_reset_after_all_was_read_is_a_rejection(start):
    daemon = start(reads_all(resets))
    assert type(send_in_vain(server_of(daemon))[0]) is RejectedError


# Neither: each misbehaviour has one error


MISBEHAVIOURS = {
    "silence": (fake_daemon.silent, TimedOut, "connected, but no init packet within", WAITS),
    "a close instead of an init packet": (closes, ProtocolError, "closed after 0 of the 132 bytes", AT_ONCE),
    "a reset instead of an init packet": (resets_soon, DeliveryError, "reset after 0 of the 132", AT_ONCE),
    "1 byte of it": (sends(b"x", then=holds), ProtocolTimedOut, "only 1 of the 132 bytes of an init", WAITS),
    "131 bytes of it": (sends(b"x" * 131, then=holds), ProtocolTimedOut, "only 131 of the 132 bytes", WAITS),
    "50 and a close": (sends(b"x" * 50, then=closes), ProtocolError, "closed after 50 of the 132", AT_ONCE),
    "131 and a close": (sends(b"x" * 131, then=closes), ProtocolError, "closed after 131 of the 132", AT_ONCE),
    "50 and a reset": (sends(b"x" * 50, then=resets_soon), DeliveryError, "reset after 50 of the 132", AT_ONCE),
    "131 and a reset": (sends(b"x" * 131, then=resets_soon), DeliveryError, "reset after 131 of the 132", AT_ONCE),
    "a byte per second": (fake_daemon.byte_per_second, ProtocolTimedOut, "only 1 of the 132 bytes of an init", WAITS),
    "an SSH daemon": (sends(fake_daemon.SSH_BANNER, then=holds), ProtocolTimedOut, "is this an NSCA server", WAITS),
    "an HTTP daemon": (sends(fake_daemon.HTTP_ANSWER, then=closes), ProtocolError, "is this an NSCA", AT_ONCE),
    "a TLS daemon": (sends(fake_daemon.TLS_ALERT, then=closes), ProtocolError, "is this an NSCA server", AT_ONCE),
    "a long page": (sends(fake_daemon.HTTP_ANSWER * 9, then=holds), ProtocolError, "more than an init", AT_ONCE),
    "a long page and a close": (sends(bytes(1000), then=closes), ProtocolError, "more than an init", AT_ONCE),
    "endless data": (fake_daemon.sends_endlessly, ProtocolError, "more than an init", AT_ONCE),
    "a byte too many": (sends_init(more=b"x", then=holds), ProtocolError, "more than an init", AT_ONCE),
    "too early": (sends_init(more=bytes(9999), then=resets_soon), ProtocolError, "more than an init", AT_ONCE),
    "init packet and a close": (sends_init_and_end, DeliveryError, "closed after the init packet", AT_ONCE),
    "packets not read": (reads(0, then=holds), OutcomeTimedOut, "no outcome within", WAITS),
    "packets read, not closed": (reads_all(holds), OutcomeTimedOut, "no outcome within", WAITS),
    "an answer": (reads_all(fake_daemon.answers), ProtocolError, "answered the packets", AT_ONCE),
    "an answer and a close": (reads_all(sends(b"x", then=closes)), ProtocolError, "answered the packets", AT_ONCE),
    "an answer, packets unread": (reads(1, sends(b"x", then=holds)), ProtocolError, "answered the packets", AT_ONCE),
    "an endless answer": (reads_all(fake_daemon.sends_endlessly), ProtocolError, "answered the packets", AT_ONCE),
}


@pytest.mark.parametrize(("behaviour", "kind", "message", "waits"), MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
def test_a_misbehaviour_is_one_error_in_time(start, behaviour, kind, message, waits):
    daemon = start(behaviour)
    error, took_s = send_in_vain(server_of(daemon, timeout_s=TIMEOUT_S))
    assert type(error) is kind
    assert message in str(error)
    assert (took_s >= TIMEOUT_S) is waits


@pytest.mark.parametrize("timeout_s", [0.1, 0.6])
def test_error_after_the_deadline_names_the_deadline(start, timeout_s):
    daemon = start(fake_daemon.silent)
    error, _ = send_in_vain(server_of(daemon, timeout_s=timeout_s))
    assert f"within {timeout_s} s" in str(error)


def test_the_deadline_is_one_for_all_phases(start):
    """Each phase alone would be in time: the init packet after 0.4 s, the outcome after 0.4 s more."""

    def slow(connection):
        connection.is_over_after(0.4)
        fake_daemon.stock(connection)
        connection.is_over_after(0.4)

    daemon = start(slow)
    error, took_s = send_in_vain(server_of(daemon, timeout_s=0.6))
    assert type(error) is OutcomeTimedOut
    assert 0.6 <= took_s < 0.8


def test_an_nsca_server_that_never_reads_a_large_batch(start):
    daemon = start(reads(0, then=holds), receive_buffer=4096)
    monitor = server_of(daemon, encryption_method=0, timeout_s=0.8)
    error, took_s = send_in_vain(monitor, make_results(1) * 2000)
    assert type(error) is OutcomeTimedOut
    assert "no outcome within 0.8 s" in str(error)
    assert took_s >= 0.8


# What the daemon does between two steps of ours


def test_reset_right_after_the_init_packet_is_an_error(start, monkeypatch):
    daemon = start(sends_init(then=resets_soon))
    make_encryptor = conversation.make_encryptor

    def make_encryptor_late(*args):
        daemon.connection()
        return make_encryptor(*args)

    monkeypatch.setattr(conversation, "make_encryptor", make_encryptor_late)
    error, _ = send_in_vain(server_of(daemon))
    assert type(error) is DeliveryError
    assert "connection reset after the init packet" in str(error)


def test_a_reset_before_a_packet_was_sent_is_not_known(start):
    sending = threading.Event()

    def behave(connection):
        connection.send_init_packet()
        sending.wait(TIMEOUT_S)
        connection.reset()

    def late_results():
        sending.set()
        daemon.connection()
        yield from make_results(2)

    daemon = start(behave)
    error, _ = send_in_vain(server_of(daemon), late_results())
    assert type(error) is DeliveryError
    assert "connection reset before a packet was sent" in str(error)


@pytest.mark.parametrize("end", [closes, resets])
@pytest.mark.parametrize("packets_read", [1, 15])
def test_end_while_packets_wait_is_a_rejection(start, end, packets_read):
    def late_results():
        yield from make_results(16)
        daemon.connection()
        yield from make_results(1)

    daemon = start(reads(packets_read * PACKET, then=end), segment_size=SEGMENT_SIZE)
    error, _ = send_in_vain(server_of(daemon), late_results())
    assert type(error) is RejectedError


@pytest.mark.parametrize("end", [closes, resets])
def test_end_before_the_extra_byte_is_a_rejection(start, end, monkeypatch):
    """Nothing was unread when the daemon closed, as after a bad packet whose extra byte is still on its way."""

    def flush_and_let_it_close(self):
        flush(self)
        daemon.connection()

    flush = conversation.Conversation.flush
    monkeypatch.setattr(conversation.Conversation, "flush", flush_and_let_it_close)
    daemon = start(reads(PACKET, then=end), segment_size=SEGMENT_SIZE)
    error, took_s = send_in_vain(server_of(daemon))
    assert len(daemon.connection().received) == PACKET
    assert type(error) is RejectedError
    assert took_s < SOON_S


# The 2.7 layout


@pytest.mark.parametrize("method", METHODS)
def test_the_2_7_layout_is_720_bytes_and_the_end(start, method):
    daemon = start(method=method)
    assert send_check_results(server_of(daemon, legacy_2_7_mode=True), make_results(1)) == SENT_NOT_KNOWN
    connection = daemon.connection()
    assert len(connection.received) == 720
    assert connection.saw_end
    assert fields_of(connection.packets) == [("firestorm", "Service 0", 0, "Größe 0")]


def test_the_2_7_layout_at_a_2_7_server(start):
    daemon = start(packet_size=720)
    assert send_check_results(server_of(daemon, legacy_2_7_mode=True), make_results(1)) == SENT_NOT_KNOWN
    assert len(daemon.connection().packets) == 1


def test_the_2_7_layout_cuts_the_output_with_a_mark(start):
    daemon = start()
    send_check_results(server_of(daemon, legacy_2_7_mode=True), [CheckResult("h", "s", 1, "o" * 512)])
    assert daemon.connection().packets[0].plugin_output == "o" * 508 + "..."


def test_the_2_7_layout_takes_one_result_only(start):
    daemon = start()
    with pytest.raises(ValueError, match="one check result per connection"):
        send_check_results(server_of(daemon, legacy_2_7_mode=True), make_results(2))
    assert daemon.connections == []


def test_2_7_layout_with_wrong_password_claims_nothing(start):
    daemon = start()
    monitor = server_of(daemon, legacy_2_7_mode=True, password=b"wrong")
    assert send_check_results(monitor, make_results(1)) == SENT_NOT_KNOWN
    assert daemon.connection().packets == []


@pytest.mark.parametrize("read", [1, 719, 720])
def test_a_reset_in_the_2_7_layout_is_a_rejection(start, read):
    daemon = start(reads(read, then=resets))
    error, _ = send_in_vain(server_of(daemon, legacy_2_7_mode=True))
    assert type(error) is RejectedError
    assert "older than 2.9" not in str(error)


@pytest.mark.parametrize("name", ["packets not read", "packets read, not closed", "an answer", "an endless answer"])
def test_misbehaviour_after_a_2_7_packet_is_an_error(start, name):
    behaviour, kind, message, _ = MISBEHAVIOURS[name]
    daemon = start(behaviour)
    error, _ = send_in_vain(server_of(daemon, legacy_2_7_mode=True, timeout_s=TIMEOUT_S))
    assert type(error) is kind
    assert message in str(error)


# Names, addresses, ports


@pytest.mark.parametrize(
    "host",
    [
        "no-such-host.test",
        "a..b",
        ".",
        "a" * 300,
        ".".join(["a" * 60] * 5),
        "ü" * 64,
        "\udcff",
        "two words",
        "256.1.1.1",
    ],
)
def test_a_name_that_does_not_resolve(isolated, host):
    start = time.monotonic()
    with pytest.raises(ConnectError) as caught:
        send_check_results(Server(host, 5667, PASSWORD, timeout_s=TIMEOUT_S), make_results(1))
    assert type(caught.value) is ConnectError
    assert str(caught.value).startswith(f"{host}:5667: the name does not resolve: ")
    assert time.monotonic() - start < TIMEOUT_S + 1


def test_a_look_up_that_hangs_ends_at_the_deadline(monkeypatch):
    over = threading.Event()

    def hanging_getaddrinfo(*_args, flags=0, **_kwargs):
        if not flags & socket.AI_NUMERICHOST:
            over.wait(fake_daemon.DEADLINE_S)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(sockets.socket, "getaddrinfo", hanging_getaddrinfo)
    error, took_s = send_in_vain(Server("slow.test", 5667, PASSWORD, timeout_s=TIMEOUT_S))
    over.set()
    assert type(error) is ConnectTimedOut
    assert "the name did not resolve within 0.4 s" in str(error)
    assert took_s >= TIMEOUT_S


def test_a_port_nobody_listens_on():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        error, took_s = send_in_vain(Server("127.0.0.1", port, PASSWORD))
    assert type(error) is ConnectError
    assert str(error) == f"127.0.0.1:{port}: connection refused"
    assert took_s < SOON_S


def test_an_address_without_a_route(isolated):
    error, _ = send_in_vain(Server("203.0.113.1", 5667, PASSWORD))
    assert type(error) is ConnectError
    assert "network is unreachable" in str(error)


def test_an_address_that_does_not_answer(isolated):
    with fake_daemon.black_hole("127.0.0.2", 5667):
        error, took_s = send_in_vain(Server("127.0.0.2", 5667, PASSWORD, timeout_s=TIMEOUT_S))
    assert type(error) is ConnectTimedOut
    assert "no answer to the connection attempt within 0.4 s" in str(error)
    assert took_s >= TIMEOUT_S


def test_an_ipv6_address_is_shown_in_brackets(start):
    daemon = start(fake_daemon.silent, address="::1")
    error, _ = send_in_vain(server_of(daemon, timeout_s=TIMEOUT_S), place=f"[::1]:{daemon.port}")
    assert type(error) is TimedOut


def test_ipv6(start):
    daemon = start(address="::1")
    assert send_check_results(server_of(daemon), make_results(2)) == ACCEPTED
    assert len(daemon.connection().packets) == 2


def test_a_name_of_the_hosts_file(start, hosts):
    daemon = start()
    hosts("127.0.0.1 nagios.test")
    assert send_check_results(server_of(daemon, host="nagios.test"), make_results(1)) == ACCEPTED


# Several addresses


@contextlib.contextmanager
def refusing(port):
    yield port


@contextlib.contextmanager
def black_hole(port):
    with fake_daemon.black_hole("127.0.0.2", port):
        yield port


def misbehaving(behaviour):
    @contextlib.contextmanager
    def listening(port):
        with FakeDaemon(behaviour, address="127.0.0.2", port=port):
            yield port

    return listening


FIRST_ADDRESSES = {
    "refuses": refusing,
    "is a black hole": black_hole,
    "is silent": misbehaving(fake_daemon.silent),
    "closes": misbehaving(closes),
    "resets": misbehaving(resets),
    "is an SSH daemon": misbehaving(sends(fake_daemon.SSH_BANNER, then=holds)),
    "sends too slowly": misbehaving(fake_daemon.byte_per_second),
}


@pytest.mark.parametrize("first", FIRST_ADDRESSES.values(), ids=FIRST_ADDRESSES)
def test_the_second_address_takes_over_when_the_first(start, hosts, monkeypatch, first):
    monkeypatch.setattr(addresses, "MIN_ADDRESS_SHARE_S", 0.2)
    hosts("127.0.0.2 nagios.test", "127.0.0.3 nagios.test")
    daemon = start(address="127.0.0.3")
    with first(daemon.port):
        assert send_check_results(server_of(daemon, host="nagios.test", timeout_s=0.6), make_results(2)) == ACCEPTED
    assert len(daemon.connection().packets) == 2


def test_ipv4_takes_over_if_the_ipv6_address_refuses(start, hosts):
    hosts("::1 nagios.test", "127.0.0.1 nagios.test")
    daemon = start()
    assert send_check_results(server_of(daemon, host="nagios.test"), make_results(1)) == ACCEPTED


def test_address_of_a_missing_family_is_passed_over(start, monkeypatch):
    """As with ipv6.disable=1 and a name that has an IPv6 address, too."""
    daemon = start()
    lacking = (socket.AF_APPLETALK, socket.SOCK_STREAM, 6, "", ("::1", daemon.port, 0, 0))
    present = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", daemon.port))
    monkeypatch.setattr(sockets.socket, "getaddrinfo", lambda *_args, **_kwargs: [lacking, present])
    assert send_check_results(server_of(daemon, host="nagios.test"), make_results(1)) == ACCEPTED


def test_only_address_of_a_missing_family_is_one_error(monkeypatch):
    lacking = (socket.AF_APPLETALK, socket.SOCK_STREAM, 6, "", ("::1", 5667, 0, 0))
    monkeypatch.setattr(sockets.socket, "getaddrinfo", lambda *_args, **_kwargs: [lacking])
    error, _ = send_in_vain(Server("nagios.test", 5667, PASSWORD))
    assert type(error) is ConnectError


def test_rejection_is_not_tried_at_the_second_address(start, hosts):
    hosts("127.0.0.2 nagios.test", "127.0.0.3 nagios.test")
    second = start(address="127.0.0.3")
    first = start(address="127.0.0.2", port=second.port)
    error, _ = send_in_vain(server_of(first, host="nagios.test", password=b"wrong"))
    assert type(error) is RejectedError
    assert second.connections == []


LAST_ADDRESSES = {
    "a refused connection": (None, ConnectError, "connection refused"),
    "a close": (closes, ProtocolError, "closed after 0 of the 132 bytes"),
    "a reset": (resets_soon, DeliveryError, "connection reset after 0 of the 132 bytes"),
    "silence": (fake_daemon.silent, TimedOut, "no init packet within"),
}


@pytest.mark.parametrize(("behaviour", "kind", "message"), LAST_ADDRESSES.values(), ids=LAST_ADDRESSES)
def test_last_error_is_shown_when_all_addresses_fail(start, hosts, monkeypatch, behaviour, kind, message):
    monkeypatch.setattr(addresses, "MIN_ADDRESS_SHARE_S", 0.2)
    hosts("127.0.0.2 nagios.test", "127.0.0.3 nagios.test")
    first = start(sends(fake_daemon.SSH_BANNER, then=holds), address="127.0.0.2")
    if behaviour:
        start(behaviour, address="127.0.0.3", port=first.port)
    error, _ = send_in_vain(server_of(first, host="nagios.test", timeout_s=0.6))
    assert type(error) is kind
    assert re.search(rf"{re.escape(message)}.*127\.0\.0\.3", str(error))


def test_address_that_takes_all_time_is_not_the_last(start, hosts):
    """The share of an address is 3 s at least: with less than that, the second is not tried."""
    hosts("127.0.0.2 nagios.test", "127.0.0.3 nagios.test")
    first = start(fake_daemon.silent, address="127.0.0.2")
    error, _ = send_in_vain(server_of(first, host="nagios.test", timeout_s=TIMEOUT_S))
    assert "127.0.0.2" in str(error)
    assert "the last of 2 addresses: 127.0.0.2" not in str(error)


@pytest.mark.parametrize(
    ("error", "text"),
    [(OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host"), (OSError("it is odd"), "it is odd")],
)
def test_failure_of_a_socket_is_told_in_words(error, text):
    assert str(judge_failure(error, Server("monitor"), 0, was_silent=False)) == f"monitor:5667: {text}"


def test_outcome_is_said_with_debug(start, monkeypatch):
    said = []
    monkeypatch.setattr(debugging, "_listeners", [said.append])
    daemon = start()
    send_check_results(server_of(daemon), make_results(1))
    assert said[-1] == f"127.0.0.1:{daemon.port}: accepted after 4305 bytes"
