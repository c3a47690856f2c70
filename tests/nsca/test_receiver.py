"""Our own receiver: what the C client's packets say there, what our client learns, and what it survives."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import threading

import pytest
from peers.nsca_daemon import wait_for
from support.results import fields_of, make_results, server_of

from tcpwrap_alert.errors import DeliveryError
from tcpwrap_alert.nsca import receiver as receiver_module
from tcpwrap_alert.nsca.client import ACCEPTED, SENT_NOT_KNOWN, send_check_results
from tcpwrap_alert.nsca.receiver import Receiver

METHODS = (0, 1, 14)
PASSWORD = "s3cret with a blank"
RECORD_END = "\x17"
RECORDS = [
    ("firestorm", "TCP Wrappers", 2, "Denied sshd-203.0.113.1 | latency=0.5s;1;2"),
    ("firestorm", "TCP Wrappers", 0, "Größe ✓"),
    ("h" * 63, "s" * 127, 3, "o" * 4095),
    ("other", "Löad", 1, "."),
]


class Running:
    """A receiver that serves in a thread, and what it reported."""

    def __init__(self, method, password=PASSWORD):
        self.results = []
        self.rejections = []
        self.receiver = Receiver(0, password.encode(), method, self.results.append, self.rejections.append)
        self.address, self.port = "127.0.0.1", self.receiver.port
        self.password, self.method = password, method
        self._thread = threading.Thread(target=self.receiver.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self):
        self.receiver.shutdown()
        self._thread.join()
        self.receiver.server_close()

    def records(self):
        return fields_of(self.results)

    def wait_for_rejections(self, count):
        wait_for(lambda: len(self.rejections) >= count, f"not {count} rejections: {self.rejections}, {self.results}")
        return self.rejections


@pytest.fixture
def start():
    """Start receivers and stop them after the test."""
    started = []
    yield lambda *args, **kwargs: started.append(Running(*args, **kwargs)) or started[-1]
    for running in started:
        running.stop()


@pytest.fixture
def quiet(capfd):
    """Nothing on stdout or stderr in this test."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def send_nsca(peer, write_config):
    """Send records with the C client."""
    program = peer("send_nsca")

    def send(running, records, *flags, method=None, password=PASSWORD):
        values = {"password": password} if password else {}
        method = running.method if method is None else method
        config = write_config(encryption_method=method, **values)
        text = RECORD_END.join("\t".join(map(str, record)) + "\n" for record in records)
        command = [program, "-H", "127.0.0.1", "-p", str(running.port), "-to", "10", "-c", str(config), *flags]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=20)

    return send


def connect(running):
    """Return a socket with the init packet read."""
    sock = socket.create_connection(("127.0.0.1", running.port), timeout=10)
    assert len(sock.recv(132, socket.MSG_WAITALL)) == 132
    return sock


def vanish(sock):
    """Close with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# The C client


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_c_clients_records_arrive(start, send_nsca, quiet, method, count):
    running = start(method)
    done = send_nsca(running, RECORDS[:count])
    assert (done.returncode, done.stdout) == (0, f"{count} data packet(s) sent to host successfully.\n")
    wait_for(lambda: len(running.results) == count, f"{running.rejections}")
    assert running.records() == RECORDS[:count]
    assert running.rejections == []


@pytest.mark.parametrize("method", METHODS)
def test_the_c_clients_host_checks_arrive(start, send_nsca, quiet, method):
    running = start(method)
    send_nsca(running, [("firestorm", 1, "gone")])
    wait_for(lambda: running.results, f"{running.rejections}")
    assert running.records() == [("firestorm", "", 1, "gone")]


@pytest.mark.parametrize("method", METHODS)
def test_the_c_client_without_a_password(start, send_nsca, quiet, method):
    running = start(method, password="")
    send_nsca(running, RECORDS[:2], password="")
    wait_for(lambda: len(running.results) == 2, f"{running.rejections}")


@pytest.mark.parametrize("method", METHODS)
def test_the_c_client_in_2_7_mode(start, send_nsca, quiet, method):
    running = start(method)
    send_nsca(running, RECORDS[:1], "--legacy-2-7-mode")
    wait_for(lambda: running.results, f"{running.rejections}")
    assert running.records() == RECORDS[:1]


@pytest.mark.parametrize("method", [1, 14])
@pytest.mark.parametrize("count", [1, 3])
def test_c_client_with_a_wrong_password_is_rejected(start, send_nsca, quiet, method, count):
    running = start(method)
    send_nsca(running, RECORDS[:count], password="wrong")
    (rejection,) = running.wait_for_rejections(1)
    assert "version" in rejection or "checksum" in rejection
    assert running.results == []


@pytest.mark.parametrize(("theirs", "ours"), [(0, 1), (1, 0), (1, 14), (14, 1)])
def test_c_client_with_a_wrong_method_is_rejected(start, send_nsca, quiet, theirs, ours):
    running = start(ours)
    send_nsca(running, RECORDS[:1], method=theirs)
    assert len(running.wait_for_rejections(1)) == 1
    assert running.results == []


# Our client


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 3, 50])
def test_our_client_is_told_that_all_was_accepted(start, quiet, method, count):
    running = start(method)
    assert send_check_results(server_of(running), make_results(count)) == ACCEPTED
    assert [result.plugin_output for result in running.results] == [r.plugin_output for r in make_results(count)]
    assert running.rejections == []


@pytest.mark.parametrize("method", METHODS)
def test_our_client_in_2_7_mode(start, quiet, method):
    running = start(method)
    assert send_check_results(server_of(running, legacy_2_7_mode=True), make_results(1)) == SENT_NOT_KNOWN
    assert len(running.results) == 1


@pytest.mark.parametrize("method", METHODS)
def test_the_outcome_accepted_a_hundred_times(start, quiet, method):
    running = start(method)
    assert {outcome_of(server_of(running), make_results(1)) for _ in range(100)} == {ACCEPTED}
    assert len(running.results) == 100


@pytest.mark.parametrize("method", [1, 14])
@pytest.mark.parametrize("count", [1, 20])
def test_the_outcome_rejected_a_hundred_times(start, quiet, method, count):
    running = start(method)
    monitor = server_of(running, password=b"wrong")
    assert {outcome_of(monitor, make_results(count)) for _ in range(100)} == {"RejectedError"}
    assert running.results == []
    assert len(running.wait_for_rejections(100)) == 100


def outcome_of(monitor, results):
    try:
        return send_check_results(monitor, results)
    except DeliveryError as error:
        return type(error).__name__


# Clients that are no good


@pytest.mark.parametrize("sent", [0, 1, 719, 720, 721, 4303])
@pytest.mark.parametrize("leave", [socket.socket.close, vanish], ids=["closes", "vanishes"])
def test_a_client_that_leaves_early_is_survived(start, quiet, leave, sent):
    running = start(1)
    sock = connect(running)
    sock.sendall(bytes(sent))
    leave(sock)
    assert send_check_results(server_of(running), make_results(1)) == ACCEPTED
    assert len(running.results) == 1


def test_client_that_vanishes_at_once_is_survived(start, quiet):
    running = start(1)
    for _ in range(20):
        vanish(socket.create_connection(("127.0.0.1", running.port), timeout=10))
    assert send_check_results(server_of(running), make_results(1)) == ACCEPTED


def test_half_a_packet_is_reported(start, quiet):
    running = start(1)
    with connect(running) as sock:
        sock.sendall(bytes(2000))
    assert running.wait_for_rejections(1) == ["the connection ended after 2000 bytes of a packet"]


def test_a_silent_client_holds_nobody_up(start, quiet):
    running = start(1)
    with connect(running):
        assert send_check_results(server_of(running), make_results(1)) == ACCEPTED


def test_a_silent_client_is_let_go(start, quiet, monkeypatch):
    monkeypatch.setattr(receiver_module, "CLIENT_TIMEOUT_S", 0.2)
    running = start(1)
    with connect(running) as sock:
        assert sock.recv(1) == b""
    assert running.wait_for_rejections(1) == ["timed out"]
    assert send_check_results(server_of(running), make_results(1)) == ACCEPTED


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.0\r\n\r\n", bytes(5000), b"\xff" * 100000])
def test_garbage_is_rejected_with_a_reason(start, quiet, garbage):
    running = start(14)
    with connect(running) as sock:
        with contextlib.suppress(OSError):  # it may have closed already
            sock.sendall(garbage)
            sock.shutdown(socket.SHUT_WR)
        assert len(running.wait_for_rejections(1)) == 1
    assert send_check_results(server_of(running), make_results(1)) == ACCEPTED
