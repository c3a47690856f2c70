"""Against the real nsca daemon: what its command file holds, and that the verdict says the same."""

from __future__ import annotations

import pytest
from streams import STREAMS

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.errors import RefusedError
from tcpwrap_alert.nsca.cipher import METHODS
from tcpwrap_alert.nsca.client import ACCEPTED, send_check_results
from tcpwrap_alert.nsca.monitor import Monitor

MODES = ("daemon", "single")
PASSWORD = "s3cret with a blank"


def monitor_of(daemon, **changes):
    values = {"password": daemon.password.encode(), "encryption_method": daemon.method, **changes}
    return Monitor(daemon.address, daemon.port, **values)


def make_results(count):
    return [CheckResult("firestorm", "TCP Wrappers", 2, f"Denied sshd-203.0.113.{number}") for number in range(count)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", [0, 1, 14])
@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_accepted_is_what_the_command_file_received(start_nsca, method, mode, count):
    daemon = start_nsca(method=method, mode=mode, password=PASSWORD)
    assert send_check_results(monitor_of(daemon), make_results(count)) == ACCEPTED
    expected = [f"firestorm;TCP Wrappers;2;Denied sshd-203.0.113.{number}" for number in range(count)]
    assert daemon.results() == expected


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", [1, 14])
@pytest.mark.parametrize("count", [1, 50])
def test_a_wrong_password_is_refused_and_nothing_arrives(start_nsca, method, mode, count):
    daemon = start_nsca(method=method, mode=mode, password=PASSWORD)
    with pytest.raises(RefusedError, match=rf"127.0.0.1:{daemon.port}: .*wrong password.*method"):
        send_check_results(monitor_of(daemon, password=b"wrong"), make_results(count))
    assert daemon.results() == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("ours", "theirs"), [(0, 1), (1, 0), (1, 14), (14, 1), (0, 14), (14, 0)])
@pytest.mark.parametrize("count", [1, 50])
def test_a_wrong_method_is_refused_and_nothing_arrives(start_nsca, ours, theirs, mode, count):
    daemon = start_nsca(method=theirs, mode=mode, password=PASSWORD)
    with pytest.raises(RefusedError):
        send_check_results(monitor_of(daemon, encryption_method=ours), make_results(count))
    assert daemon.results() == []


PASSWORDS = {
    "short": "secret",
    "exactly the key": "k",
    "longer than the key": "p" * 200,
    "bytes over 127": "pässwörd \xff",
}


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(("number", "backend"), STREAMS)
def test_every_method_reaches_the_daemon(start_nsca, monkeypatch, number, backend, password):
    method = METHODS[number]
    monkeypatch.setattr(method, "backends", (backend,))
    text = PASSWORDS[password] * (method.key_size if password == "exactly the key" else 1)
    daemon = start_nsca(method=number, mode="single", password=text)
    assert send_check_results(monitor_of(daemon), make_results(2)) == ACCEPTED
    assert len(daemon.results()) == 2


def test_a_host_check_arrives(start_nsca):
    daemon = start_nsca()
    send_check_results(monitor_of(daemon), [CheckResult("firestorm", "", 1, "gone")])
    (line,) = daemon.lines()
    assert line.endswith("] PROCESS_HOST_CHECK_RESULT;firestorm;1;gone")


@pytest.mark.parametrize("method", [0, 1, 14])
def test_utf8_arrives_as_it_is(start_nsca, method):
    daemon = start_nsca(method=method, password="pässwörd")
    send_check_results(monitor_of(daemon), [CheckResult("fïre", "TCP Wräppers ✓", 1, "Größe 😀")])
    assert daemon.results() == ["fïre;TCP Wräppers ✓;1;Größe 😀"]


@pytest.mark.parametrize("method", [0, 1, 14])
def test_every_field_arrives_at_its_full_length(start_nsca, method):
    daemon = start_nsca(method=method, password="x" * 511)
    result = CheckResult("h" * 63, "s" * 127, 3, "o" * 4095)
    send_check_results(monitor_of(daemon), [result, result])
    assert daemon.results() == [f"{'h' * 63};{'s' * 127};3;{'o' * 4095}"] * 2


def test_one_byte_too_many_is_cut_on_a_character_and_marked(start_nsca):
    daemon = start_nsca()
    send_check_results(monitor_of(daemon), [CheckResult("h", "s", 3, "ä" * 2048)])
    assert daemon.results() == [f"h;s;3;{'ä' * 2046}..."]


def test_the_2_7_layout_arrives_and_its_verdict_claims_nothing(start_nsca):
    daemon = start_nsca(method=14, password=PASSWORD)
    monitor = monitor_of(daemon, legacy_2_7_mode=True)
    for result in make_results(3):
        assert send_check_results(monitor, [result]) == "sent, not known"
    assert len(daemon.wait_for_results(3)) == 3


def test_ipv6(start_nsca):
    daemon = start_nsca(address="::1", password=PASSWORD)
    assert send_check_results(monitor_of(daemon), make_results(1)) == ACCEPTED
    assert len(daemon.results()) == 1
