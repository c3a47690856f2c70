"""receiver=single: programs other than nsca, which take one packet per connection and no byte more."""

from __future__ import annotations

import contextlib
import os

import pytest
from peers.fake_daemon import FakeDaemon, resets, takes
from peers.other_receivers import RECEIVERS, alignak, nsclient

from tcpwrap_alert.nsca import SENT_NOT_KNOWN, CheckResult, Connection, RejectedError, Server, send_check_results

PASSWORD = b"s3cret"
RESULT = CheckResult("größer.example", "TCP Wräppers ✓", 2, "Denied sshd-203.0.113.7 😀")


@pytest.fixture
def start():
    """Start fake servers and stop them after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda behaviour, method=1: stack.enter_context(FakeDaemon(behaviour, password=PASSWORD, method=method))


def server_of(daemon, **changes):
    values = {"encryption_method": daemon.method, "receiver": "single", "verdict": "auto", "timeout_s": 5.0, **changes}
    return Server(daemon.address, daemon.port, PASSWORD, **values)


def texts_of(packets):
    return [(each.host_name, each.service_description, each.return_code, each.plugin_output) for each in packets]


@pytest.mark.parametrize("name", RECEIVERS)
@pytest.mark.parametrize("method", [0, 1, 14])
def test_a_result_arrives(start, name, method):
    daemon = start(RECEIVERS[name], method)
    assert send_check_results(server_of(daemon), [RESULT]) == SENT_NOT_KNOWN
    assert texts_of(daemon.connection().packets) == texts_of([RESULT])
    assert len(daemon.connection().received) == 4304


@pytest.mark.parametrize("name", RECEIVERS)
def test_each_result_has_its_connection_and_no_probe(start, name):
    daemon = start(RECEIVERS[name])
    for _ in range(2):
        with Connection(server_of(daemon)) as connection:
            connection.send([RESULT] * 3)
        assert connection.delivered == 3
    assert [len(daemon.connection(number).packets) for number in range(6)] == [1] * 6
    assert len(daemon.connections) == 6


@pytest.mark.parametrize("name", RECEIVERS)
def test_as_nsca_they_would_lose_what_comes(start, name):
    """What this setting is for: a packet with the byte, or a second one, is dropped without a word, or rejected."""
    daemon = start(RECEIVERS[name])
    with contextlib.suppress(RejectedError):
        send_check_results(server_of(daemon, receiver="stock", verdict="direct"), [RESULT] * 2)
    assert len(daemon.connection().packets) == (RECEIVERS[name] is nsclient)


def test_random_bytes_behind_a_text_would_not_be_utf8(start):
    daemon = start(alignak)
    send_check_results(server_of(daemon), [RESULT], padding=os.urandom)
    assert daemon.connection().packets == []
    send_check_results(server_of(daemon), [RESULT])
    assert len(daemon.connection(1).packets) == 1


def test_more_than_one_result_is_an_error(start):
    daemon = start(alignak)
    with pytest.raises(ValueError, match="one check result per connection"):
        send_check_results(server_of(daemon), [RESULT] * 2)
    assert daemon.connections == []


def test_a_reset_is_a_rejection(start):
    daemon = start(takes(1, resets))
    with pytest.raises(RejectedError) as caught:
        send_check_results(server_of(daemon), [RESULT])
    assert "receiver=single" not in str(caught.value)


def test_rejection_by_other_programs_names_the_setting(start):
    daemon = start(nsclient)
    with pytest.raises(RejectedError, match="a server other than nsca, which may need receiver=single"):
        send_check_results(server_of(daemon, receiver="stock", verdict="direct"), [RESULT])


@pytest.mark.parametrize("receiver", ["", "Single", "nsca", None])
def test_another_receiver_is_an_error(receiver):
    with pytest.raises(ValueError, match=f"receiver '{receiver}' is not one of stock, single"):
        Server("h", receiver=receiver)
