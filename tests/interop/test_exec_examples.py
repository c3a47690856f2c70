"""The programs of examples/exec, as the configuration starts them: with the real logger, and with the real Redis."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from peers.programs import Program as Server
from peers.programs import free_port
from support import namespaces
from support.parcels import AT_S, deliver, parcel

from tcpwrap_alert.config.values import Program
from tcpwrap_alert.errors import DeliveryError
from tcpwrap_alert.transports.program import open_transport

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "exec"


def send(path, *parcels):
    with open_transport(Program(str(path), 20.0), {}) as transport:
        return deliver(transport, parcels)


class Redis:
    """A Redis on a port of its own, and examples/exec/to-redis for it."""

    def __init__(self, peer, directory):
        self._client = peer("redis-cli")
        self.port = free_port()
        argv = (peer("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "")
        self.server = Server(argv, self.port, directory / "redis.log", directory)
        self.program = directory / "to-redis"
        self.program.write_text((EXAMPLES / "to-redis").read_text().replace('"6379"', f'"{self.port}"'))
        self.program.chmod(0o755)

    def ask(self, *words):
        argv = [self._client, "-p", str(self.port), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout.splitlines()


@pytest.fixture
def redis(peer, tmp_path, isolated):
    redis = Redis(peer, tmp_path)
    redis.server.start()
    yield redis
    redis.server.stop()


def test_redis_has_each_field_in_the_order_sent(redis):
    assert send(redis.program, parcel("one\ntwo größer"), parcel('"; \\ $x')) == ["", ""]
    assert redis.ask("XLEN", "check-results") == ["2"]
    words = redis.ask("--no-raw", "XRANGE", "check-results", "-", "+")
    first = "".join(words).partition('"; ')[0]
    for field in ("id", "time", "host_name", "firestorm", "TCP Wrappers", str(AT_S), "return_code", "one\\ntwo"):
        assert field in first
    assert '\\"; \\\\ $x' in words[-1]


def test_redis_drops_what_comes_again(redis):
    for _ in range(2):
        assert send(redis.program, parcel("one"), parcel("two")) == ["", ""]
    assert redis.ask("XLEN", "check-results") == ["2"]


def test_spool_keeps_what_redis_cannot_take(redis, spool_dir, write_config, run):
    write_config(server=f"exec:{redis.program}", host_name="firestorm")
    redis.server.stop()
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 75
    redis.server.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    words = redis.ask("XRANGE", "check-results", "-", "+")
    assert "Denied sshd-203.0.113.7" in " ".join(words)
    assert list((spool_dir / "new").iterdir()) == []


def test_redis_that_takes_no_more_is_told_later(redis):
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(DeliveryError, match="ended with 75; offered again later"):
        send(redis.program, parcel())


def test_syslog_has_each_field_by_its_name(peer, isolated):
    peer("logger")
    assert send(EXAMPLES / "to-syslog", parcel('Denied "x] \\', host_name="fire]storm"), parcel("one\ntwo")) == ["", ""]

    def lines():
        return [line for line in namespaces.log if "tcpwrap-alert@32473" in line]

    wait_for(lambda: len(lines()) >= 2, str(namespaces.log))
    first, second = lines()[-2:]
    assert first.startswith("<82>1 ")  # authpriv.crit, version 1 of RFC 5424
    assert f'time="{AT_S}" host_name="fire\\]storm" service_description="TCP Wrappers" return_code="2"] Denied' in first
    assert first.endswith('Denied "x] \\')
    assert second.endswith("one / two")
