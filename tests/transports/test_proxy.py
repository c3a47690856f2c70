"""Web proxies, Debian's squid and tinyproxy, on the way to the servers of all transports that use TCP."""

from __future__ import annotations

import shutil
import time

import pytest
from peers import alertmanager as peer_alertmanager
from peers import icinga_api, web_proxies
from peers.hostile_web import HostileWeb
from peers.icinga_api import IcingaZone
from peers.nrdp import Nrdp
from peers.nsca_daemon import wait_for
from peers.nsca_ng import NscaNg
from peers.pki import Authority
from peers.programs import free_port
from support.missing import skip_or_fail
from support.parcels import deliver, parcel

from tcpwrap_alert.config.values import Endpoint, Tls
from tcpwrap_alert.errors import ConnectError, RejectedError, TimedOut
from tcpwrap_alert.nsca.server import Proxy, Server
from tcpwrap_alert.transports import alertmanager, icinga2, nrdp, nsca, nsca_ng

PASSWORD = web_proxies.PASSWORD.encode()


class Way:
    """A server, and how a result gets to it by which proxy."""

    def __init__(self, module, values, received, start_proxy, make_target=Endpoint):
        self.module = module
        self._make_target = make_target
        self.values = values
        self.received = received
        self._start_proxy = start_proxy

    @property
    def port(self):
        return self.values["port"]

    def start_proxy(self, allowed=0, wants_password=False):
        return self._start_proxy(allowed or self.port, wants_password)

    def send(self, proxy, *texts, client="", **changed):
        target = self._make_target(**{**self.values, **changed}, proxy=proxy)
        now_s = time.time()
        with self.module.open_transport(target, {}) as transport:
            return deliver(transport, [parcel(text, at_s=now_s, client=client) for text in texts])

    def told(self, proxy, **changed):
        with pytest.raises(ConnectError) as caught:
            self.send(proxy, "Denied sshd-203.0.113.7", **changed)
        place, _, reason = str(caught.value).rpartition(": ")
        assert place == f"127.0.0.1:{changed.get('port', self.port)} through proxy 127.0.0.1:{proxy.port}"
        assert "s3cret" not in str(caught.value)
        return reason


@pytest.fixture(scope="module")
def zone(tmp_path_factory):
    program = shutil.which("icinga2", path="/usr/sbin:/usr/bin")
    if program is None:
        skip_or_fail("icinga2 is not installed")
    zone = IcingaZone(program, tmp_path_factory.mktemp("icinga") / "zone", "icinga-a")
    zone.start()
    yield zone
    zone.stop()


@pytest.fixture
def nsca_ng_server(peer, tmp_path):
    server = NscaNg(peer("nsca-ng"), tmp_path / "nsca-ng")
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=web_proxies.MAKERS)
def start_proxy(request, peer, tmp_path, isolated):
    """Start a proxy that tunnels to one port, and stop it after the test."""
    proxies = []

    def start(allowed, wants_password):
        make = web_proxies.MAKERS[request.param]
        proxies.append(make(peer(request.param), tmp_path / f"proxy{len(proxies)}", allowed, wants_password))
        proxies[-1].start()
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.stop()


@pytest.fixture(params=["nsca", "nsca-ng", "icinga2"])
def way(request, start_proxy):
    values = {"host": "127.0.0.1", "timeout_s": 10.0}
    if request.param == "nsca":
        daemon = request.getfixturevalue("start_nsca")(password="s3cret", method=14)
        values.update(port=daemon.port, password=b"s3cret", encryption_method=14)
        return Way(nsca, values, lambda: "\n".join(daemon.results()), start_proxy, Server)
    if request.param == "nsca-ng":
        server = request.getfixturevalue("nsca_ng_server")
        values.update(port=server.port, user="sensor1", password=b"s3cret-psk")
        return Way(nsca_ng, values, server.text, start_proxy)
    zone = request.getfixturevalue("zone")
    node = zone.nodes["icinga-a"]
    tls = Tls(zone.ca_file, name="icinga-a")
    values.update(port=node.port, user="test", password=icinga_api.PASSWORD.encode(), tls=tls)
    return Way(icinga2, values, lambda: str(node.service()["last_check_result"]), start_proxy)


def proxy_to(program, user="", password=b""):
    return Proxy("127.0.0.1", program.port, user, password)


def test_result_arrives_through_a_proxy(way):
    assert way.send(proxy_to(way.start_proxy()), "one way") == [""]
    wait_for(lambda: "one way" in way.received(), "nothing came")


def test_result_arrives_by_user_and_password(way):
    proxy = proxy_to(way.start_proxy(wants_password=True), web_proxies.USER, PASSWORD)
    assert way.send(proxy, "with a password") == [""]
    wait_for(lambda: "with a password" in way.received(), "nothing came")


def test_missing_credentials_are_asked_for(way):
    program = way.start_proxy(wants_password=True)
    reason = "the proxy wants a user and a password, or others; see proxy and proxy_password_file"
    assert way.told(proxy_to(program)) == reason


@pytest.mark.parametrize(("user", "password"), [(web_proxies.USER, b"wrong"), ("nobody", PASSWORD)])
def test_wrong_credentials_are_told(way, user, password):
    program = way.start_proxy(wants_password=True)
    assert way.told(proxy_to(program, user, password)) in (
        "the proxy wants a user and a password, or others; see proxy and proxy_password_file",  # squid: 407
        "the proxy does not accept user and password; see proxy and proxy_password_file",  # tinyproxy: 401
    )


def test_port_that_is_not_allowed_is_told(way):
    program = way.start_proxy(allowed=free_port())
    assert way.told(proxy_to(program)) == "the proxy does not allow this host or port"


def test_server_that_is_down_is_told(way):
    port = free_port()
    program = way.start_proxy(allowed=port)
    assert way.told(proxy_to(program), port=port).startswith("the proxy could not connect to the server (status 50")


def test_proxy_that_is_down_is_told(way):
    program = way.start_proxy()
    program.stop()
    assert way.told(proxy_to(program)) == "connection refused"


@pytest.mark.parametrize("way", ["nsca-ng"], indirect=True)
def test_configuration_goes_through_the_proxy(way, tmp_path, spool_dir, write_config, run):
    program = way.start_proxy(wants_password=True)
    for name, secret in (("password", "s3cret-psk"), ("proxy-password", web_proxies.PASSWORD)):
        (tmp_path / name).write_text(f"{secret}\n")
        (tmp_path / name).chmod(0o600)
    write_config(
        server=f"nsca-ng://sensor1@127.0.0.1:{way.port}",
        password_file=tmp_path / "password",
        proxy=f"http://{web_proxies.USER}@127.0.0.1:{program.port}",
        proxy_password_file=tmp_path / "proxy-password",
        host_name="firestorm",
    )
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.99").returncode == 0
    wait_for(lambda: "Denied sshd-203.0.113.99" in way.received(), "nothing came")


only_nsca = pytest.mark.parametrize("way", ["nsca"], indirect=True)


@only_nsca
@pytest.mark.parametrize("count", [1, 3, 50])
def test_batch_arrives_whole_and_in_order(way, count):
    texts = [f"Output {number}" for number in range(count)]
    assert way.send(proxy_to(way.start_proxy()), *texts) == [""] * count
    assert [line.rpartition(";")[2] for line in way.received().splitlines()] == texts


@only_nsca
@pytest.mark.parametrize("count", [1, 3, 50])
def test_wrong_password_is_rejected_by_nsca(way, count):
    texts = [f"Output {number}" for number in range(count)]
    with pytest.raises(RejectedError, match="likely causes: wrong password"):
        way.send(proxy_to(way.start_proxy()), *texts, password=b"wrong")
    assert way.received() == ""


@only_nsca
def test_configuration_takes_nsca_through_the_proxy(way, tmp_path, spool_dir, write_config, run):
    program = way.start_proxy(wants_password=True)
    (tmp_path / "proxy-password").write_text(web_proxies.PASSWORD)
    (tmp_path / "proxy-password").chmod(0o600)
    values = {
        "server": f"127.0.0.1:{way.port}",
        "encryption_method": 14,
        "verdict": "auto",
        "proxy": f"http://{web_proxies.USER}@127.0.0.1:{program.port}",
        "proxy_password_file": tmp_path / "proxy-password",
        "host_name": "firestorm",
    }
    write_config(**values, password="wrong")
    done = run("tcpwrap-alert", "deny", "sshd", "203.0.113.99")
    assert (done.returncode, way.received()) == (77, ""), done.stderr
    write_config(**values, password="s3cret")
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert "Denied sshd-203.0.113.99" in way.received()


def test_nrdp_goes_through_a_proxy(start_proxy, tmp_path):
    authority = Authority(tmp_path / "pki")
    server = Nrdp(authority.leaf("h", "127.0.0.1"))
    values = {"host": "127.0.0.1", "port": server.port, "timeout_s": 10.0, "path": "/nrdp/", "token": server.token}
    way = Way(nrdp, {**values, "tls": Tls(str(authority.ca_file))}, None, start_proxy)
    try:
        assert way.send(proxy_to(way.start_proxy()), "one way") == [""]
    finally:
        server.close()
    assert [result["output"] for result in server.results] == ["one way"]


def test_alertmanager_goes_through_a_proxy(start_proxy, peer, tmp_path):
    authority = Authority(tmp_path / "pki")
    web = peer_alertmanager.write_web_config(tmp_path, authority.leaf("h", "127.0.0.1"))
    node = peer_alertmanager.Alertmanager(peer("prometheus-alertmanager"), tmp_path / "node", web=web)
    tls = Tls(str(authority.ca_file))
    values = {"host": "127.0.0.1", "port": node.port, "timeout_s": 10.0, "user": peer_alertmanager.USER}
    values["password"] = peer_alertmanager.PASSWORD.encode()
    node.start()
    try:
        proxy = proxy_to(start_proxy(node.port, wants_password=False))
        way = Way(alertmanager, {**values, "tls": tls}, None, start_proxy)
        assert way.send(proxy, "one way", client="203.0.113.7") == [""]
        assert len(node.alerts(tls.ca_file)) == 1
    finally:
        node.stop()


def send_again_and_again(data):
    def act(sock):
        while True:
            sock.sendall(data)

    return act


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (send_again_and_again(b"HTTP/1.1 200 OK\r\nX: y\r\n"), "its answer has no end; is this a web proxy?"),
        (send_again_and_again(b"x" * 65536), "what answers there is no web proxy"),
        (lambda sock: sock.sendall(b"220 mail.example ESMTP\r\n"), "what answers there is no web proxy"),
        (lambda sock: sock.sendall(b"HTTP/1.1 200 OK\r\n"), "its answer has no end; is this a web proxy?"),
        (lambda sock: sock.sendall(b"HTTP/1.1 yes\r\n\r\n"), "what answers there is no web proxy"),
        (lambda sock: None, "what answers there is no web proxy"),
        (lambda sock: time.sleep(5), "no answer from the proxy in time"),
    ],
    ids=["endless head", "endless line", "another server", "half a head", "no status", "nothing", "silent"],
)
def test_proxy_that_means_harm_is_told(act, told):
    web = HostileWeb(act)
    server = Server("127.0.0.1", free_port(), b"s3cret", 1, timeout_s=1.0, proxy=Proxy("127.0.0.1", web.port))
    way = Way(nsca, {"port": server.port}, None, None, lambda **_: server)
    began_s = time.monotonic()
    try:
        assert way.told(server.proxy).startswith(told)
    finally:
        web.close()
    assert time.monotonic() - began_s < 4


def test_proxy_that_stalls_after_its_answer_is_told():
    web = HostileWeb(lambda sock: (sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n"), time.sleep(5)))
    proxy = Proxy("127.0.0.1", web.port)
    server = Server("127.0.0.1", free_port(), b"s3cret", 1, timeout_s=1.0, proxy=proxy)
    try:
        with pytest.raises(TimedOut, match=rf"{server} through {proxy}: connected, but no init packet within 1 s"):
            Way(nsca, {}, None, None, lambda **_: server).send(proxy, "one")
    finally:
        web.close()
