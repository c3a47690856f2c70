"""Fixtures for all tests: private namespaces, a spool and a configuration per test, the installed scripts, peers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peers.fake_daemon import FakeDaemon
from peers.nsca_daemon import NscaDaemon
from support import namespaces
from support.missing import skip_or_fail
from support.results import PASSWORD

from tcpwrap_alert.nsca import client
from tcpwrap_alert.nsca.server import AUTO, Server
from tcpwrap_alert.nsca.ways import Ways
from tcpwrap_alert.spool.spool import Spool

BIN_DIR = Path(sys.executable).parent


def pytest_configure(config: pytest.Config) -> None:
    """Move this process into namespaces of its own: no test can reach the machine's network, files or syslog."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # we run in the background; what we test would inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        namespaces.enter(has_own_pids=hasattr(config, "workerinput"))  # a worker is in those of its parent
    except OSError as error:
        pytest.exit(f"{namespaces.NEEDED}: {error}", pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point every script of a test at the test's own spool and configuration, and leave no process behind."""
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", str(tmp_path / "send_nsca.cfg"))
    monkeypatch.setenv("PATH", f"{BIN_DIR}:{os.environ['PATH']}:/usr/sbin:/sbin")
    # Python as it is by default: what stays in a buffer is written at the end, and a failure there exits 120.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    namespaces.end_processes("tcpwrap-alert forward")  # they have become our children: see namespaces.enter


class NoRelays(Ways):
    """Knows of every way that it is direct."""

    def may_hide_rejections(self, server: Server) -> bool:
        return server.verdict != AUTO and super().may_hide_rejections(server)

    def learn(self, server: Server, deadline: float) -> None:
        pass


@pytest.fixture(autouse=True)
def direct_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody in this process ask whether a relay is on the way: that takes two seconds for each server."""
    monkeypatch.setattr(client, "_WAYS", NoRelays())


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    """An empty spool, as an installation leaves it."""
    (tmp_path / "spool" / "new").mkdir(parents=True)
    return tmp_path / "spool"


@pytest.fixture
def spool(spool_dir: Path) -> Spool:
    """The same, to ask and to fill."""
    return Spool(str(spool_dir))


@pytest.fixture
def waiting(run: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[[], list[dict[str, object]]]:
    """Return what waits in the test's spool: the rows of `queue --json`."""
    return lambda: json.loads(run("tcpwrap-alert", "queue", "--json").stdout)


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Write the test's send_nsca.cfg from keyword arguments."""

    def write(**values: object) -> Path:
        path = tmp_path / "send_nsca.cfg"
        if "server" in values:
            values.setdefault("verdict", "direct")  # to find it out takes two seconds for each server
            values.setdefault("window", "no")  # a forwarder would stay, and equal denials wait, for five minutes
        path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run an installed script to its end and return its status and output."""

    def run_script(*argv: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, **kwargs)

    return run_script


@pytest.fixture
def peer() -> Callable[[str], str]:
    """Return the path of a program from another package; without it skip, but fail in CI."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            skip_or_fail(f"{name} is not installed")
        return path

    return find


@pytest.fixture
def isolated() -> None:
    """For tests that mount, use fixed ports or change users: they need the namespaces, and fail without in CI."""
    if not namespaces.entered:
        skip_or_fail(namespaces.NEEDED)


@pytest.fixture
def start() -> Iterator[Callable[..., FakeDaemon]]:
    """Start fake NSCA servers and stop them after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(FakeDaemon(*args, **{"password": PASSWORD, **kwargs}))


@pytest.fixture
def default_spool(isolated: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The default spool, empty and the test's own; no variable says that it is elsewhere."""
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
    namespaces.mount_tmpfs("/var/spool")
    new = Path("/var/spool/tcpwrap-alert/new")
    new.mkdir(parents=True)
    yield new.parent
    namespaces.end_processes("tcpwrap-alert forward")
    namespaces.unbind("/var/spool")


@pytest.fixture
def start_nsca(peer: Callable[[str], str], isolated: None, tmp_path: Path) -> Iterator[Callable[..., NscaDaemon]]:
    """Start real nsca daemons and stop them after the test."""
    path = peer("nsca")
    daemons: list[NscaDaemon] = []

    def start(mode: str = "daemon", **kwargs: object) -> NscaDaemon:
        inetd = peer("inetd") if mode == "inetd" else ""
        daemons.append(NscaDaemon(path, tmp_path / f"nsca{len(daemons)}", mode=mode, inetd=inetd, **kwargs))
        daemons[-1].start()
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.stop()
