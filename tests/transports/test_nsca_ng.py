"""NSCA-ng, against Debian's server: what it writes for Nagios, what it rejects, and that no other is believed."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from peers.nsca_daemon import is_listening, wait_for
from peers.nsca_ng import NscaNg
from peers.pki import Authority
from peers.programs import Program, free_port
from support.parcels import AT_S, deliver, parcel

from tcpwrap_alert.config.values import Endpoint
from tcpwrap_alert.errors import ConnectError, ConnectTimedOut, DeliveryError, OutcomeTimedOut, RejectedError
from tcpwrap_alert.transports import psk
from tcpwrap_alert.transports.nsca_ng import NscaNgTransport, open_transport

PASSWORD = b"s3cret-psk"
WAYS = ["ctypes", *(["ssl"] if getattr(ssl, "HAS_PSK", False) else [])]


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Have TLS by Python's own ssl, where that can do it, and by libssl."""
    monkeypatch.setattr(ssl, "HAS_PSK", request.param == "ssl", raising=False)
    return request.param


@pytest.fixture
def server(peer, isolated, tmp_path, way):
    server = NscaNg(peer("nsca-ng"), tmp_path / "nsca-ng")
    server.start()
    yield server
    server.stop()


def endpoint(port, user="sensor1", password=PASSWORD, timeout_s=5.0):
    return Endpoint("127.0.0.1", port, timeout_s, user=user, password=password)


def send(server, *parcels, **values):
    with open_transport(endpoint(server.port, **values), {}) as transport:
        return deliver(transport, parcels)


def received(server, count):
    wait_for(lambda: len(server.lines()) >= count, f"only {server.lines()}")
    return server.lines()


def test_result_arrives_with_its_own_time(server):
    assert send(server, parcel()) == [""]
    assert received(server, 1) == [(int(AT_S), "firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7")]


def test_lines_and_backslashes_arrive_escaped(server):
    send(server, parcel("one\ntwo\\three"))
    assert received(server, 1)[0][1] == "firestorm;TCP Wrappers;2;one\\ntwo\\\\three"


def test_one_rejected_result_holds_up_no_other(server):
    outcomes = send(server, parcel("a"), parcel("b", host_name="other"), parcel("c"))
    assert [bool(rejection) for rejection in outcomes] == [False, True, False]
    assert "not authorized" in outcomes[1]
    assert [words.split(";")[-1] for _, words in received(server, 2)] == ["a", "c"]


def test_thousand_results_arrive_in_their_order(server):
    texts = [f"result {number}" for number in range(1000)]
    assert send(server, *map(parcel, texts)) == [""] * 1000
    assert [words.split(";")[-1] for _, words in received(server, 1000)] == texts


def test_output_is_cut_to_what_the_server_takes(server):
    """What is longer than a pipe takes in one piece, the server hands to Nagios in a file."""
    assert send(server, parcel("\\" * 4095)) == [""]
    wait_for(lambda: "PROCESS_FILE;" in server.text(), server.text())
    assert server.lines() == []


@pytest.mark.parametrize("values", [{"password": b"wrong"}, {"user": "nobody"}], ids=["password", "identity"])
def test_wrong_key_is_told_without_showing_it(server, values):
    with pytest.raises(RejectedError, match="identity or password are not accepted") as caught:
        send(server, parcel(), **values)
    assert "wrong" not in str(caught.value)
    assert caught.value.exit_status == 77


def test_nobody_listens(way, isolated):
    with (
        pytest.raises(ConnectError, match="connection refused"),
        open_transport(endpoint(free_port()), {}) as transport,
    ):
        deliver(transport, [parcel()])


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_rogue_server_with_certificate_is_not_believed(peer, isolated, tmp_path, way, version):
    """It ignores the key; in TLS 1.3 a client that verifies nothing would talk to it."""
    crt, key = Authority(tmp_path / "pki").leaf("rogue", "localhost")
    port = free_port()
    argv = (peer("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-cert", crt, "-key", key, version, "-quiet")
    rogue = Program(argv, port, tmp_path / "rogue.log")
    rogue.start()
    try:
        with pytest.raises(RejectedError, match="not the one"), open_transport(endpoint(port), {}) as transport:
            deliver(transport, [parcel("secret alert")])
    finally:
        rogue.stop()
    assert "MOIN" not in (tmp_path / "rogue.log").read_text()
    assert "secret" not in (tmp_path / "rogue.log").read_text()


def test_silent_server_is_given_up_at_the_deadline(way, isolated, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started_s = time.monotonic()
        target = endpoint(listener.getsockname()[1], timeout_s=0.5)
        with pytest.raises(ConnectTimedOut), open_transport(target, {}) as transport:
            deliver(transport, [parcel()])
    assert time.monotonic() - started_s < 3


@contextmanager
def hostile(act):
    """Serve one connection by `act`, and yield the port."""

    def serve():
        with listener.accept()[0] as sock:
            act(sock)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_handshake_in_drips_ends_at_the_deadline(way, isolated):
    """A record that is announced as long comes byte by byte."""
    with hostile(drip) as port:
        started_s = time.monotonic()
        with pytest.raises(ConnectTimedOut), open_transport(endpoint(port, timeout_s=1.0), {}) as transport:
            deliver(transport, [parcel()])
        assert time.monotonic() - started_s < 3


def drip(sock):
    with suppress(OSError):
        sock.sendall(b"\x16\x03\x03\x40\x00")
        for _ in range(50):
            sock.sendall(b"x")
            time.sleep(0.1)


@pytest.mark.parametrize(
    "act",
    [lambda sock: None, lambda sock: sock.recv(10), lambda sock: sock.sendall(b"220 mail.example ESMTP\r\n")],
    ids=["closes", "resets", "another server"],
)
def test_server_that_is_none_is_no_rejection(way, isolated, act):
    with (
        hostile(act) as port,
        pytest.raises(ConnectError, match="look whether an NSCA-ng server runs there"),
        open_transport(endpoint(port), {}) as transport,
    ):
        deliver(transport, [parcel()])


def test_slow_answer_is_given_up_at_the_deadline(peer, isolated, way):
    """The server knows the key, and a byte of its answer comes each 20 ms, for ever."""
    port = free_port()
    key = ("-psk_identity", "sensor1", "-psk", PASSWORD.hex(), "-nocert", "-quiet")
    argv = [peer("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", *key]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as server:
        wait_for(lambda: is_listening("127.0.0.1", port), "no server")
        threading.Thread(target=dribble, args=(server.stdin,), daemon=True).start()
        started_s = time.monotonic()
        try:
            with pytest.raises(OutcomeTimedOut), open_transport(endpoint(port, timeout_s=1.0), {}) as transport:
                deliver(transport, [parcel()])
        finally:
            server.kill()
    assert time.monotonic() - started_s < 4


def dribble(stream):
    with suppress(OSError, ValueError):
        while True:
            stream.write(b"M")
            stream.flush()
            time.sleep(0.02)


def test_server_that_dies_leaves_no_false_success(server):
    with open_transport(endpoint(server.port), {}) as transport:
        assert deliver(transport, [parcel("a")]) == [""]
        server.stop()
        with pytest.raises(DeliveryError):
            deliver(transport, [parcel("b")])


def test_rejected_push_is_a_rejection(server, monkeypatch):
    """The server takes the length of a result or rejects it before it has the text."""
    really = NscaNgTransport._ask

    def ask(transport, line):
        return "FAIL Command too long" if line.startswith("PUSH") else really(transport, line)

    monkeypatch.setattr(NscaNgTransport, "_ask", ask)
    assert send(server, parcel()) == ["Command too long"]
    assert server.lines() == []


def test_session_ends_by_quit(server, monkeypatch):
    """Else the server logs a broken connection for each."""
    asked = []
    really = NscaNgTransport._ask

    def ask(transport, line):
        asked.append((line.split()[0], really(transport, line)))
        return asked[-1][1]

    monkeypatch.setattr(NscaNgTransport, "_ask", ask)
    send(server, parcel())
    assert [command for command, _ in asked] == ["MOIN", "PUSH", "QUIT"]
    assert asked[-1][1].startswith("OKAY")


def test_without_libssl_it_is_said_what_is_missing(monkeypatch, isolated, peer, tmp_path):
    monkeypatch.setattr(ssl, "HAS_PSK", False, raising=False)
    monkeypatch.setattr(psk.ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(name)))
    server = NscaNg(peer("nsca-ng"), tmp_path / "nsca-ng")
    server.start()
    try:
        with pytest.raises(ConnectError, match="needs libssl"):
            send(server, parcel())
    finally:
        server.stop()


def test_configuration_delivers_through_the_spool(server, spool_dir, write_config, run):
    write_config(server=f"nsca-ng://sensor1@127.0.0.1:{server.port}", password="s3cret-psk", host_name="firestorm")
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 0
    assert received(server, 1)[0][1] == "firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7"


def test_debians_own_client_says_the_same(server, peer, tmp_path):
    """The same result by ours and by nsca-ng's own client is the same command but for the time."""
    config = tmp_path / "send.cfg"
    config.write_text(f'identity = "sensor1"\npassword = "s3cret-psk"\nserver = "127.0.0.1"\nport = "{server.port}"\n')
    client = peer("send_nsca-ng")
    record = "firestorm\tTCP Wrappers\t2\tone|a=1"
    subprocess.run([client, "-c", str(config)], input=record, text=True, check=True, timeout=20)
    send(server, parcel("one|a=1"))
    first, second = received(server, 2)
    assert first[1] == second[1]
