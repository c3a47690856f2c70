"""What a hostile, sick or false web server can do: bounded time and memory, nothing taken for accepted, told why."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
import tracemalloc
from types import SimpleNamespace

import pytest
from peers.fake_daemon import black_hole
from peers.hostile_web import HostileWeb
from peers.name_server import NameServer
from peers.pki import Authority
from peers.programs import free_port
from support import namespaces
from support.parcels import parcel

from tcpwrap_alert.config.values import Endpoint, Tls
from tcpwrap_alert.errors import ConnectError, ConnectTimedOut, OutcomeTimedOut, OutcomeUnknown, ProtocolError
from tcpwrap_alert.nsca import proxy
from tcpwrap_alert.transports import alertmanager, http_way, icinga2, nrdp

TIMEOUT_S = 1.0
MARGIN_S = 2.0  # of a busy machine
MAX_MEMORY_BYTES = 8 << 20
OK = b"HTTP/1.1 200 OK\r\n"
TRANSPORTS = [icinga2, nrdp, alertmanager]
WITH_ANSWERS = [icinga2, nrdp]  # whose answers have a body that counts


@pytest.fixture
def serve():
    servers = []

    def start(act, certificate=None):
        servers.append(HostileWeb(act, certificate))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def sender(*chunks, again=b""):
    """Return what sends chunks, then one of them again and again."""

    def act(sock):
        for chunk in chunks:
            sock.sendall(chunk)
        while again:
            sock.sendall(again)

    return act


def send(module, server, host="127.0.0.1", **values):
    """Deliver one result; return what was accepted, within bounds of time and memory."""
    values.setdefault("is_in_clear", "tls" not in values)
    target = Endpoint(host, server.port, TIMEOUT_S, "/nrdp/", "u", b"s3cret", "s3cret", **values)
    tracemalloc.start()
    began = time.monotonic()
    try:
        with module.open_transport(target, {}) as transport:
            outcomes = [one for many in transport.deliver([parcel(client="203.0.113.7")]) for one in many]
        return [outcome for outcome in outcomes if outcome.is_accepted]
    finally:
        took_s, peak = time.monotonic() - began, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert took_s < TIMEOUT_S + MARGIN_S
        assert peak < MAX_MEMORY_BYTES


def told(error, module, server, **values):
    """Return what a failed delivery says."""
    with pytest.raises(error) as caught:
        send(module, server, **values)
    assert "s3cret" not in str(caught.value)
    return str(caught.value).partition(": ")[2]


@pytest.mark.parametrize("module", TRANSPORTS)
@pytest.mark.parametrize(
    ("head", "again"),
    [
        (OK + b"\r\n", b"x" * 65536),
        (OK + b"Content-Length: 99999999999999\r\n\r\n", b"x" * 65536),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    ],
)
def test_endless_answer_is_cut(serve, module, head, again):
    server = serve(sender(head, again=again))
    assert told(ProtocolError, module, server) == "answered with more than 65536 bytes"


@pytest.mark.parametrize("module", TRANSPORTS)
@pytest.mark.parametrize(
    "again",
    [b"X: y\r\n", b"x" * 65536, b"HTTP/1.1 100 Continue\r\n\r\n"],
    ids=["many headers", "a long one", "100 Continue"],
)
def test_endless_head_is_cut(serve, module, again):
    begin = b"" if again.startswith(b"HTTP") else OK
    with pytest.raises((ProtocolError, OutcomeTimedOut)):
        send(module, serve(sender(begin, again=again)))


@pytest.mark.parametrize("module", TRANSPORTS)
@pytest.mark.parametrize("head", [b"", OK, OK + b"Content-Length: 1000\r\n\r\n"], ids=["line", "head", "body"])
def test_slow_answer_ends_at_the_deadline(serve, module, head):
    def act(sock):
        sock.sendall(head)
        for _ in range(1000):
            sock.sendall(b"H")
            time.sleep(0.02)

    assert told(OutcomeTimedOut, module, serve(act)).startswith("no answer within 1 s; it may or may not have taken")


@pytest.mark.parametrize("module", TRANSPORTS)
def test_silent_server_ends_at_the_deadline(serve, module):
    server = serve(lambda sock: time.sleep(5))
    assert told(OutcomeTimedOut, module, server).startswith("no answer within 1 s")


@pytest.mark.parametrize("module", TRANSPORTS)
def test_close_without_an_answer_is_told(serve, module):
    server = serve(lambda sock: None)
    assert told(OutcomeUnknown, module, server) == "closed without an answer"
    assert server.connections == 1


@pytest.mark.parametrize("module", TRANSPORTS)
@pytest.mark.parametrize(
    "part",
    [
        OK,
        OK + b"Content-Length: 100\r\n",
        OK + b"Content-Length: 100\r\n\r\n" + b'{"results":[{"code":200,"status":"Successfully processed"}]}',
        OK + b"Transfer-Encoding: chunked\r\n\r\n100\r\nxxx",
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_close_in_mid_answer_is_told(serve, module, part):
    server = serve(sender(part))
    assert told(OutcomeUnknown, module, server) == "broke the connection in mid-answer"


@pytest.mark.parametrize("module", TRANSPORTS)
@pytest.mark.parametrize(
    "garbage", [b"<html>hello</html>\n", b"220 mail.example ESMTP\r\n", b"\0" * 1000, b"SSH-2.0\r\n"]
)
def test_what_is_not_http_is_told(serve, module, garbage):
    assert told(ProtocolError, module, serve(sender(garbage))) == "answered, but not in HTTP (BadStatusLine)"


@pytest.mark.parametrize("module", WITH_ANSWERS)
def test_gzip_bomb_is_not_unpacked(serve, module):
    bomb = gzip.compress(b"x" * 30_000_000)
    head = OK + f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    server = serve(sender(head, bomb))
    with pytest.raises(ProtocolError):
        send(module, server)
    assert b"Accept-Encoding: identity\r\n" in server.received


@pytest.mark.parametrize("module", TRANSPORTS)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(serve, module, status):
    elsewhere = serve(sender(OK + b"Content-Length: 0\r\n\r\n"))
    location = f"http://127.0.0.1:{elsewhere.port}/"
    answer = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    with pytest.raises(OSError, match=f"answered with a redirect to {location}"):
        send(module, serve(sender(answer)))
    assert elsewhere.connections == 0


@pytest.mark.parametrize("module", WITH_ANSWERS)
@pytest.mark.parametrize("body", [b"", b"null", b"[" * 60_000, b'{"results":[{"code":Infinity,"status":""}]}', b"\xff"])
def test_body_that_makes_no_sense_is_told(serve, module, body):
    head = OK + f"Content-Length: {len(body)}\r\n\r\n".encode()
    with pytest.raises(ProtocolError):
        send(module, serve(sender(head, body)))


GOOD = OK + b"Content-Length: 2\r\n\r\n{}"
HINTS = {
    "expired": "not trusted: certificate has expired; the certificate has expired; renew it at the server",
    "other name": "the certificate is for another address; set tls_name to the name in it",
    "other authority": "the certificate is of another authority; set ca_file to the server's authority",
    "self-signed": "the certificate is self-signed; set ca_file to it, or to that of its authority",
}


@pytest.mark.parametrize("module", TRANSPORTS)
@pytest.mark.parametrize("fault", HINTS)
def test_false_certificate_is_told_with_what_to_do(serve, tmp_path, module, fault):
    ours, other = Authority(tmp_path / "ours", "Ours"), Authority(tmp_path / "other", "Other")
    certificate = {
        "expired": lambda: ours.leaf("h", "127.0.0.1", expired=True),
        "other name": lambda: ours.leaf("h", "other.example"),
        "other authority": lambda: other.leaf("h", "127.0.0.1"),
        "self-signed": lambda: ours.leaf("h", "127.0.0.1", signed=False),
    }[fault]()
    server = serve(sender(GOOD), certificate)
    message = told(ConnectError, module, server, tls=Tls(str(ours.ca_file)))
    assert message.endswith(HINTS[fault])
    assert server.received == b""


def test_another_name_is_told_with_what_to_do(serve, tmp_path):
    ours = Authority(tmp_path / "ours")
    server = serve(sender(GOOD), ours.leaf("h", "127.0.0.1"))
    message = told(ConnectError, icinga2, server, tls=Tls(str(ours.ca_file), name="icinga-a"))
    assert message.endswith("the certificate is for another name; set tls_name to the name in it")


@pytest.mark.parametrize(("days", "is_told"), [(0, True), (13, True), (14, False), (None, False)])
def test_a_certificate_that_ends_soon_is_told(serve, tmp_path, monkeypatch, days, is_told):
    ours = Authority(tmp_path / "ours")
    server = serve(sender(GOOD), ours.leaf("h", "127.0.0.1"))
    monkeypatch.setattr(http_way, "days_left", lambda sock: days)
    target = Endpoint("127.0.0.1", server.port, TIMEOUT_S, "/", "u", b"s3cret", "s3cret", tls=Tls(str(ours.ca_file)))
    said = [remark.text for remark in http_way.examine_connection(target)]
    assert said[1:] == [f"its certificate ends in {days} days"] * is_told


def test_handshake_that_stops_ends_at_the_deadline(serve, tmp_path):
    ours = Authority(tmp_path / "ours")
    server = serve(lambda sock: None)  # it waits for the end of a head that never comes
    assert told(ConnectTimedOut, icinga2, server, tls=Tls(str(ours.ca_file))) == "connected, but no TLS in time"


def test_server_without_tls_sees_nothing_in_clear(tmp_path):
    ours = Authority(tmp_path / "ours")
    seen = []

    class InClear(HostileWeb):
        def _talk(self, sock):
            seen.append(sock.recv(65536))
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            sock.close()

    server = InClear(sender())
    try:
        assert told(ConnectError, icinga2, server, tls=Tls(str(ours.ca_file))).startswith("no TLS: ")
    finally:
        server.close()
    assert seen[0][:1] == b"\x16"  # a TLS record, of a handshake
    assert b"Denied" not in seen[0]


def redirect_elsewhere(sock):
    sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n")


def slow_answer(sock):
    for _ in range(1000):
        sock.sendall(b"H")
        time.sleep(0.02)


HARM = {
    "endless": (75, sender(OK + b"\r\n", again=b"x" * 65536)),
    "slow": (75, slow_answer),
    "bomb": (75, sender(OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"x" * 10_000_000))),
    "huge headers": (75, sender(OK, again=b"X: y\r\n")),
    "redirect": (77, redirect_elsewhere),
    "closes": (75, sender(OK + b"Content-Length: 100\r\n\r\n{")),
}


@pytest.mark.parametrize("harm", HARM)
def test_alert_outlives_what_a_server_does(serve, tmp_path, spool_dir, write_config, run, harm):
    """It waits in the spool, and arrives when the server is well again."""
    status, act = HARM[harm]
    authority = Authority(tmp_path / "pki")
    certificate = authority.leaf("h", "127.0.0.1")
    values = {"token": "s3cret", "ca_file": authority.ca_file, "timeout": 1, "host_name": "firestorm"}
    write_config(server=f"nrdp+https://127.0.0.1:{serve(act, certificate).port}/nrdp/", **values)
    done = run("tcpwrap-alert", "deny", "sshd", "203.0.113.7")
    assert done.returncode == status, done.stderr
    assert "s3cret" not in done.stderr
    assert len(list((spool_dir / "new").iterdir())) == 1
    body = b'{"result":{"status":0,"message":"OK","meta":{"output":"1 checks processed"}}}'
    well = serve(sender(OK + f"Content-Length: {len(body)}\r\n\r\n".encode() + body), certificate)
    write_config(server=f"nrdp+https://127.0.0.1:{well.port}/nrdp/", **values)
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert list((spool_dir / "new").iterdir()) == []


DEAD = ("127.0.0.2", "127.0.0.3", "127.0.0.4")


@pytest.fixture
def dead_addresses(isolated):
    """A port, and a name with three addresses that do not answer."""
    namespaces.bind_over("/etc/hosts", "".join(f"{address} dead.test\n" for address in DEAD))
    port = free_port()
    with contextlib.ExitStack() as stack:
        for address in DEAD:
            stack.enter_context(black_hole(address, port))
        yield SimpleNamespace(port=port)
    namespaces.unbind("/etc/hosts")


def test_dead_addresses_have_one_deadline(dead_addresses):
    assert "no answer to the connection" in told(ConnectTimedOut, alertmanager, dead_addresses, host="dead.test")


def test_silent_name_server_ends_at_the_deadline(isolated):
    with NameServer():
        told_of = told(ConnectTimedOut, alertmanager, SimpleNamespace(port=1), host="monitor.test")
    assert told_of == "the name did not resolve in time"


@pytest.mark.parametrize("dead", [1, 2])
def test_address_behind_those_that_reject_is_tried(serve, isolated, monkeypatch, dead):
    """Not by /etc/hosts, which getaddrinfo sorts."""

    def resolve(_host, port, *_):
        addresses = [*DEAD[:dead], "127.0.0.1"]
        return [found for one in addresses for found in socket.getaddrinfo(one, port, type=socket.SOCK_STREAM)]

    server = serve(sender(OK + b"Content-Length: 0\r\n\r\n"))
    monkeypatch.setattr(proxy, "resolve", resolve)
    assert len(send(alertmanager, server, host="two.test")) == 1
