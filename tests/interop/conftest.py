"""Fixtures of tests in which a daemon asks TCP wrappers: rules in force, and a machine as installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peers.daemons import DAEMONS
from peers.nsca_daemon import NscaDaemon, wait_for
from peers.running_daemon import Client, RunningDaemon
from support import namespaces
from support.documents import README, Shell
from support.installation import MONITOR, Machine, private_machine
from support.spools import wait_until_left

SPOOL = "/var/spool/tcpwrap-alert"
PASSWORD = "s3cret"
(SSHD,) = (daemon for daemon in DAEMONS if daemon.name == "sshd")


@pytest.fixture
def bin_dir() -> Path:
    """Where the tested scripts are."""
    script = shutil.which("handle_tcp_wrapper")
    assert script
    return Path(script).parent


@pytest.fixture
def hosts_deny(isolated: None, bin_dir: Path) -> Iterator[Callable[..., None]]:
    """Put rules into force for this test's processes; the example's path becomes the tested one."""
    bound = []

    def bind(rules: str, allow: str = "") -> None:
        rules = rules.replace("/opt/tcpwrap-alert/bin", str(bin_dir))
        for path, content in (("/etc/hosts.deny", rules), ("/etc/hosts.allow", allow)):
            namespaces.bind_over(path, content)
            bound.append(path)

    yield bind
    for path in bound:
        namespaces.unbind(path)


@pytest.fixture
def held_up(isolated: None, tmp_path: Path) -> Iterator[Path]:
    """Let the hook wait where it asks the kernel for a random number: the test writes it into this FIFO."""
    fifo = tmp_path / "uuid"
    os.mkfifo(fifo)
    namespaces.run("mount", "--bind", str(fifo), "/proc/sys/kernel/random/uuid")
    yield fifo
    namespaces.unbind("/proc/sys/kernel/random/uuid")


@pytest.fixture
def installed(
    isolated: None, start_nsca: Callable[..., NscaDaemon], monkeypatch: pytest.MonkeyPatch
) -> Iterator[NscaDaemon]:
    """A machine as installed: default spool, /etc/send_nsca.cfg, no variables of ours in the environment."""
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
    monkeypatch.delenv("TCPWRAP_ALERT_CONFIG")
    daemon = start_nsca(method=14, password=PASSWORD)
    namespaces.mount_tmpfs("/var/spool")
    Path(SPOOL, "new").mkdir(parents=True)
    namespaces.bind_over(
        "/etc/send_nsca.cfg",
        f"server=127.0.0.1:{daemon.port}\nencryption_method=14\npassword={PASSWORD}\nhost_name=firestorm\nverdict=direct\nwindow=no\n",
    )
    try:
        yield daemon
        wait_until_left(SPOOL)
    finally:  # what it leaves would cover /var/spool for the tests after it
        namespaces.unbind("/etc/send_nsca.cfg")
        namespaces.unbind("/var/spool")


@pytest.fixture
def machine(isolated: None) -> Iterator[Machine]:
    """A machine of this test's own, to install on."""
    with private_machine() as own:
        yield own


@pytest.fixture
def shell(machine: Machine) -> Iterator[Shell]:
    """Root's shell there, with a umask that keeps files to root."""
    with Shell(machine.environment, machine.checkout) as shell:
        shell.type("umask 077\n")
        yield shell


@pytest.fixture
def readme(shell: Shell) -> Iterator[Callable[[str], str]]:
    """Type the commands of a section of README, and return what they print."""
    yield lambda section: shell.follow(README, section)
    for words in ("sleep 600; sed", "sleep 600"):  # the fuse
        namespaces.end_processes(words)


@pytest.fixture
def nsca(machine: Machine, start_nsca: Callable[..., NscaDaemon]) -> NscaDaemon:
    """The NSCA server of README's monitor, without a Nagios."""
    return start_nsca(address=MONITOR, port=5667, method=14, password=PASSWORD)


@pytest.fixture
def sshd(peer: Callable[[str], str]) -> Iterator[Callable[[], None]]:
    """Start sshd, and stop it after the test."""
    running: list[RunningDaemon] = []

    def start_sshd() -> None:
        running.append(RunningDaemon(SSHD, peer))
        running[-1].start()

    yield start_sshd
    for daemon in running:
        daemon.stop()


@pytest.fixture
def log_in() -> Iterator[Callable[[str], bool]]:
    """Connect to sshd from an address; say whether it answers."""
    clients: list[Client] = []

    def log_in(address: str) -> bool:
        client = Client(SSHD, address)
        clients.append(client)
        wait_for(lambda: SSHD.serves in client.received or client.closed_s is not None, "neither served nor let go")
        return SSHD.serves in client.received

    yield log_in
    for client in clients:
        client.leave()
