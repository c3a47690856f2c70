"""What somebody who listens on the wire can read: nothing of ours where there is TLS, and all of it where there is not.

A relay between us and each real server (NRDP: the stand-in) records what passes. The same recorder finds alert and
token on a way without TLS, so that it would find them on the others.
"""

from __future__ import annotations

import base64
import time

import pytest
from peers import alertmanager as peer_alertmanager
from peers import icinga_api
from peers.icinga_api import IcingaZone
from peers.nrdp import Nrdp
from peers.nsca_ng import NscaNg
from peers.pki import Authority
from peers.recorder import Recorder
from support.parcels import deliver, parcel

from tcpwrap_alert.config.values import Endpoint, Tls
from tcpwrap_alert.transports import alertmanager, icinga2, nrdp, nsca_ng

TEXT = "Denied sshd-203.0.113.77"
CLIENT = "203.0.113.77"


@pytest.fixture
def record(isolated):
    recorders = []

    def start(port):
        recorders.append(Recorder(port))
        return recorders[-1]

    yield start
    for recorder in recorders:
        recorder.close()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "pki")


@pytest.fixture
def start_nrdp(authority):
    servers = []

    def start(has_tls):
        servers.append(Nrdp(authority.leaf("h", "127.0.0.1") if has_tls else None))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def send(module, recorder, **values):
    target = Endpoint("127.0.0.1", recorder.port, 10.0, **values)
    with module.open_transport(target, {}) as transport:
        assert deliver(transport, [parcel(TEXT, at_s=time.time(), client=CLIENT)]) == [""]


def basic(user, password):
    """Return what the header of Basic authentication has."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def assert_is_secret(heard, *secrets):
    assert len(heard) > 500  # a handshake and more has passed
    for word in ("Denied", CLIENT, "firestorm", "TCP Wrappers", *secrets):
        assert word.encode() not in heard


def test_nsca_ng_hides_alert_and_password(record, peer, tmp_path):
    server = NscaNg(peer("nsca-ng"), tmp_path / "nsca-ng")
    server.start()
    recorder = record(server.port)
    try:
        send(nsca_ng, recorder, user="sensor1", password=b"s3cret-psk")
    finally:
        server.stop()
    assert_is_secret(recorder.heard, "s3cret-psk")


def test_icinga_hides_alert_and_password(record, peer, tmp_path):
    zone = IcingaZone(peer("icinga2"), tmp_path / "zone", "icinga-a")
    zone.start()
    recorder = record(zone.nodes["icinga-a"].port)
    try:
        tls = Tls(zone.ca_file, name="icinga-a")
        send(icinga2, recorder, user="test", password=icinga_api.PASSWORD.encode(), tls=tls)
    finally:
        zone.stop()
    assert_is_secret(recorder.heard, icinga_api.PASSWORD, basic("test", icinga_api.PASSWORD))


def test_nrdp_hides_alert_and_token(record, start_nrdp, authority):
    server = start_nrdp(has_tls=True)
    recorder = record(server.port)
    values = {"user": "web", "password": b"s3cret-web", "tls": Tls(str(authority.ca_file))}
    send(nrdp, recorder, path="/nrdp/", token=server.token, **values)
    assert_is_secret(recorder.heard, server.token, "s3cret-web", basic("web", "s3cret-web"))


def test_alertmanager_hides_alert_and_password(record, peer, tmp_path, authority):
    web = peer_alertmanager.write_web_config(tmp_path, authority.leaf("h", "127.0.0.1"))
    node = peer_alertmanager.Alertmanager(peer("prometheus-alertmanager"), tmp_path / "node", web=web)
    node.start()
    recorder = record(node.port)
    password = peer_alertmanager.PASSWORD
    try:
        tls = Tls(str(authority.ca_file))
        send(alertmanager, recorder, user=peer_alertmanager.USER, password=password.encode(), tls=tls)
    finally:
        node.stop()
    assert_is_secret(recorder.heard, password, basic(peer_alertmanager.USER, password))


def test_recorder_finds_all_where_there_is_no_tls(record, start_nrdp):
    server = start_nrdp(has_tls=False)
    recorder = record(server.port)
    send(nrdp, recorder, path="/nrdp/", token=server.token, user="web", password=b"s3cret-web", is_in_clear=True)
    for word in ("Denied", CLIENT, "firestorm", server.token, basic("web", "s3cret-web")):
        assert word.encode() in recorder.heard
