"""What we know of the way to a server: how we find it out, what it costs, and what it changes."""

from __future__ import annotations

import time

import pytest
from peers.fake_daemon import (
    answers,
    behind_a_relay,
    closes,
    holds,
    in_turn,
    reads,
    resets,
    stock,
    takes,
)
from peers.nsca_daemon import wait_for
from support import namespaces
from support.results import make_results, server_of

from tcpwrap_alert.errors import OutcomeTimedOut, OutcomeUnknown, ProtocolError, RejectedError
from tcpwrap_alert.nsca import conversation
from tcpwrap_alert.nsca.client import ACCEPTED, SENT_NOT_KNOWN, Connection, send_check_results
from tcpwrap_alert.nsca.outcome import HOLD_S
from tcpwrap_alert.nsca.server import Proxy, Server
from tcpwrap_alert.nsca.ways import MAX_WAYS, PAUSE_S, Ways

PACKET = 4304
DIRECT_OR_NOT = {"direct": stock, "relay": behind_a_relay}


@pytest.fixture(autouse=True)
def short_hold(monkeypatch):
    """Hold our end back for less than two seconds; these servers need no time."""
    monkeypatch.setattr(conversation, "HOLD_S", 0.3)


def send(server, memory, count=1):
    return send_check_results(server, make_results(count), ways=Ways(memory))


# What is found out, and when


@pytest.mark.parametrize("way", DIRECT_OR_NOT)
@pytest.mark.parametrize("method", [0, 1, 14])
def test_the_second_acceptance_finds_out_the_way(start, way, method):
    daemon = start(DIRECT_OR_NOT[way], method=method)
    memory = {}
    assert send(server_of(daemon), memory) == ACCEPTED
    assert memory == {f"way.127.0.0.1:{daemon.port}": "seen"}
    assert len(daemon.connections) == 1
    assert send(server_of(daemon), memory) == ACCEPTED
    assert memory == {f"way.127.0.0.1:{daemon.port}": way}


@pytest.mark.parametrize("way", DIRECT_OR_NOT)
def test_a_probe_is_a_bad_packet_and_a_knock(start, way):
    daemon = start(DIRECT_OR_NOT[way])
    memory = {}
    for _ in range(5):
        send(server_of(daemon), memory)
    assert [len(daemon.connection(number).packets) for number in range(7)] == [1, 1, 0, 0, 1, 1, 1]
    probe, knock = daemon.connection(2), daemon.connection(3)
    assert len(probe.received) >= PACKET
    assert probe.received[:PACKET].isalpha()
    assert knock.received == b""
    assert knock.saw_end
    assert len(daemon.connections) == 7


def test_the_knock_comes_a_moment_after_the_probe(start):
    """A connection that comes sooner may be lost by nsca --single."""
    daemon = start()
    send(server_of(daemon), {f"way.127.0.0.1:{daemon.port}": "seen"})
    probe, knock = daemon.connection(1), daemon.connection(2)
    assert knock.accepted_at - probe.accepted_at >= PAUSE_S


def test_a_probe_ends_at_once(start):
    """A relay may wait for the end before it closes."""
    daemon = start(in_turn(stock, reads(PACKET + 2, closes), stock))
    memory = {f"way.127.0.0.1:{daemon.port}": "seen"}
    assert send(server_of(daemon, timeout_s=2), memory) == ACCEPTED
    assert memory == {f"way.127.0.0.1:{daemon.port}": "relay"}


@pytest.mark.parametrize(("lost", "known"), [(1, ["direct"]), (2, [])])
def test_a_knock_that_is_lost_is_sent_once_more(start, lost, known):
    daemon = start(in_turn(stock, stock, *[closes] * lost, stock))
    memory = {f"way.127.0.0.1:{daemon.port}": "seen"}
    send(server_of(daemon), memory)
    assert [*memory.values()] == known


def test_a_kept_connection_finds_out_the_way(start):
    daemon = start()
    memory = {}
    with Connection(server_of(daemon), ways=Ways(memory)) as connection:
        for _ in range(2):
            connection.send(make_results(3))
            assert connection.confirm() == ACCEPTED
        assert memory == {f"way.127.0.0.1:{daemon.port}": "direct"}
        connection.send(make_results(1))
    assert connection.delivered == 7
    assert [len(daemon.connection(number).packets) for number in range(5)] == [3, 3, 0, 0, 1]


@pytest.mark.parametrize("known", ["", "elsewhere", "DIRECT"])
def test_unknown_text_in_the_memory_is_no_knowledge(start, known):
    daemon = start()
    memory = {f"way.127.0.0.1:{daemon.port}": known, "batch": "12"}
    assert Ways(memory).may_hide_rejections(server_of(daemon))
    send(server_of(daemon), memory)
    assert memory == {f"way.127.0.0.1:{daemon.port}": "seen", "batch": "12"}


def test_each_address_of_a_name_has_a_way_of_its_own(start, isolated):
    daemons = [start(behind_a_relay, address="127.0.0.2")]
    daemons.append(start(address="127.0.0.3", port=daemons[0].port))
    memory = {}
    for daemon in daemons:
        namespaces.bind_over("/etc/hosts", f"{daemon.address} nagios.test\n")
        for _ in range(2):
            send(server_of(daemon, host="nagios.test"), memory)
        namespaces.unbind("/etc/hosts")
    port = daemons[0].port
    assert memory == {f"way.127.0.0.2:{port}": "relay", f"way.127.0.0.3:{port}": "direct"}


def test_the_way_to_an_ipv6_address(start):
    daemon = start(address="::1")
    memory = {}
    for _ in range(2):
        send(server_of(daemon), memory)
    assert memory == {f"way.[::1]:{daemon.port}": "direct"}


def test_the_oldest_of_too_many_ways_are_forgotten():
    memory = {"other": "text"}
    ways = Ways(memory)
    for number in range(MAX_WAYS + 5):
        ways.learn(Server(f"192.0.2.{number}"), 0.0)
    assert list(memory) == ["other", *(f"way.192.0.2.{number}:5667" for number in range(5, MAX_WAYS + 5))]


@pytest.mark.parametrize("behaviour", [closes, reads(PACKET, answers)])
def test_a_probe_that_tells_nothing_is_tried_later(start, behaviour):
    """What was accepted stays accepted."""
    daemon = start(in_turn(stock, behaviour, stock))
    memory = {f"way.127.0.0.1:{daemon.port}": "seen"}
    assert send(server_of(daemon), memory) == ACCEPTED
    assert memory == {}


def test_probe_without_an_answer_keeps_the_deadline(start):
    daemon = start(in_turn(stock, holds))
    started = time.monotonic()
    assert send(server_of(daemon, timeout_s=0.5), {f"way.127.0.0.1:{daemon.port}": "seen"}) == ACCEPTED
    assert 0.5 <= time.monotonic() - started < 0.5 + 0.3 + 1


def test_a_reset_before_all_is_gone_is_no_knowledge(start):
    """The relay itself may have died: then nobody answers the knock."""
    daemon = start(in_turn(stock, reads(PACKET, resets), closes))
    memory = {f"way.127.0.0.1:{daemon.port}": "seen"}
    assert send(server_of(daemon), memory) == ACCEPTED
    assert memory == {}


def test_without_a_memory_a_process_has_its_own(start, monkeypatch):
    monkeypatch.setattr("tcpwrap_alert.nsca.client._WAYS", Ways())
    daemon = start()
    for _ in range(4):
        assert send_check_results(server_of(daemon), make_results(1)) == ACCEPTED
    assert [len(daemon.connection(number).packets) for number in range(6)] == [1, 1, 0, 0, 1, 1]


# What an end says while we do not know, or know of a relay


@pytest.mark.parametrize("verdict", ["auto", "relay"])
@pytest.mark.parametrize("behaviour", DIRECT_OR_NOT.values(), ids=DIRECT_OR_NOT)
@pytest.mark.parametrize("count", [1, 2, 15, 16, 50])
def test_a_wrong_password_is_rejected(start, verdict, behaviour, count):
    daemon = start(behaviour)
    with pytest.raises(RejectedError, match="wrong password"):
        send(server_of(daemon, password=b"wrong", verdict=verdict), {}, count)


@pytest.mark.parametrize("verdict", ["auto", "relay"])
@pytest.mark.parametrize("behaviour", DIRECT_OR_NOT.values(), ids=DIRECT_OR_NOT)
@pytest.mark.parametrize("count", [1, 2, 15, 16, 50])
def test_accepted_packets_are_all_there_with_the_byte(start, verdict, behaviour, count):
    daemon = start(behaviour)
    assert send(server_of(daemon, verdict=verdict), {}, count) == ACCEPTED
    assert len(daemon.connection().packets) == count
    assert len(daemon.connection().received) == count * PACKET + 1
    assert daemon.connection().saw_end


def test_no_byte_is_sent_while_the_end_is_held_back(start):
    """nsca --single would wait for the rest of a packet, and for nothing else."""
    waited = []

    def behave(connection):
        connection.send_init_packet()
        connection.read(PACKET)
        started = time.monotonic()
        connection.read(1)
        waited.append(time.monotonic() - started)
        connection.read(1)

    daemon = start(behave)
    assert send(server_of(daemon), {}) == ACCEPTED
    assert waited[0] > 0.2


@pytest.mark.parametrize("verdict", ["auto", "relay"])
def test_an_answer_while_the_end_is_held_back(start, verdict):
    daemon = start(takes(1, answers))
    with pytest.raises(ProtocolError, match="answered the packets"):
        send(server_of(daemon, verdict=verdict), {})


def test_the_end_after_the_wait_must_come_too(start):
    """A server that stands still has not accepted anything."""
    daemon = start(takes(1, holds))
    started = time.monotonic()
    with pytest.raises(OutcomeTimedOut):
        send(server_of(daemon, timeout_s=0.5), {})
    assert 0.8 <= time.monotonic() - started < 0.8 + 1


def test_end_after_a_silence_is_no_rejection_either(start, monkeypatch):
    daemon = start(takes(1, closes))
    connection = Connection(server_of(daemon), ways=Ways())
    connection.send(make_results(1))
    daemon.connection()
    monkeypatch.setattr(conversation, "SILENCE_S", 0.0)
    with pytest.raises(OutcomeUnknown, match="closed after a silence"):
        connection.confirm()


def test_time_since_the_last_packet_counts(start, monkeypatch):
    """A server closes after ten seconds without a word, so a kept connection has no time to lose."""
    monkeypatch.setattr(conversation, "HOLD_S", 4.0)
    monkeypatch.setattr(conversation.Conversation, "silence_s", lambda self: 4.5)
    daemon = start()
    connection = Connection(server_of(daemon), ways=Ways())
    connection.send(make_results(1))
    started = time.monotonic()
    assert connection.confirm() == ACCEPTED
    assert time.monotonic() - started < 2.0
    assert len(daemon.connection().packets) == 1


def test_two_seconds_are_enough_for_a_server_to_reject():
    """It looks at its sockets once a second."""
    assert HOLD_S == 2.0


# What needs no knowledge


@pytest.mark.parametrize("known", [{}, "relay"])
def test_a_verdict_from_the_configuration_counts(start, known):
    daemon = start(behind_a_relay)
    memory = {f"way.127.0.0.1:{daemon.port}": known} if known else {}
    before = dict(memory)
    server = server_of(daemon, password=b"wrong", verdict="direct")
    assert send(server, memory) == ACCEPTED  # as it looks; whoever says "direct" must know it
    with pytest.raises(RejectedError):
        send(server.replace(verdict="relay"), memory)
    assert memory == before


@pytest.mark.parametrize("verdict", ["direct", "relay"])
def test_no_probe_if_the_configuration_knows(start, verdict):
    daemon = start()
    memory = {}
    for _ in range(3):
        assert send(server_of(daemon, verdict=verdict), memory) == ACCEPTED
    assert memory == {}
    assert len(daemon.connections) == 3


@pytest.mark.parametrize("verdict", ["auto", "relay"])
def test_the_2_7_layout_waits_for_nothing(start, monkeypatch, verdict):
    monkeypatch.setattr(conversation, "HOLD_S", 60.0)
    daemon = start(packet_size=720)
    memory = {}
    for _ in range(3):
        assert send(server_of(daemon, legacy_2_7_mode=True, verdict=verdict), memory) == SENT_NOT_KNOWN
    assert memory == {}
    wait_for(lambda: len(daemon.connections) == 3, "not three connections")


@pytest.mark.parametrize("verdict", ["", "Direct", "maybe", None])
def test_another_verdict_is_an_error(verdict):
    with pytest.raises(ValueError, match=f"verdict '{verdict}' is not one of auto, direct, relay"):
        Server("h", verdict=verdict)


def test_web_proxy_is_a_relay_and_is_not_probed():
    server, memory = Server("h", proxy=Proxy("p", 3128)), {}
    knowledge = Ways(memory)
    for _ in range(3):
        assert knowledge.may_hide_rejections(server)
        knowledge.learn(server, time.monotonic() + 1)
    assert memory == {}
    assert not knowledge.may_hide_rejections(server.replace(receiver="single"))


def test_direct_way_of_the_same_server_changes_nothing():
    """What is known of the way without the proxy says nothing about the way through it."""
    server = Server("127.0.0.1")
    knowledge = Ways({f"way.{server}": "direct"})
    assert not knowledge.may_hide_rejections(server)
    assert knowledge.may_hide_rejections(server.replace(proxy=Proxy("p", 3128)))
