"""Forwarders that meet, stop, die and come back under the same number, and a clock that goes back: nothing is lost.

The spool is on a tmpfs here and in the crash matrix; the other tests have theirs on disk.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from crash.faults import IS_FULL, PAUSES, Monitor, Received, age
from peers.nsca_daemon import wait_for
from support import namespaces

from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.queue_file import encode_queue_file

pytestmark = pytest.mark.alone

ROUNDS = 200 if IS_FULL else 12
STOPPED_S = 60 if IS_FULL else 12  # longer than a conversation may take, and than a forwarder may take to start
DAY_S = 86_400


@pytest.fixture(autouse=True)
def tmpfs(isolated, tmp_path):
    namespaces.mount_tmpfs(str(tmp_path))
    yield
    namespaces.unbind(str(tmp_path))


@pytest.fixture
def monitor(tmpfs, start_nsca, write_config, spool_dir):
    """A daemon, and the configuration for it."""
    daemon = start_nsca("single", password="s3cret")
    server = f"127.0.0.1:{daemon.port}"
    write_config(server=server, password="s3cret", host_name="firestorm", fold="no", timeout=5)
    return Monitor(server, "s3cret", daemon.command_file)


@pytest.fixture
def received(monitor):
    """Return how often each client's denial has arrived."""
    of = Received(monitor.command_file)
    return lambda: Counter({text.partition("-")[2]: count for text, count in of.of("firestorm").items()})


def put(spool_dir, clients):
    for client in clients:
        (spool_dir / "new" / client).write_bytes(encode_queue_file(Denial("sshd", client)))


def is_done(spool_dir):
    return not os.listdir(spool_dir / "new") and not (spool_dir / "leader").exists()


@pytest.mark.parametrize("is_dropped", [True, False], ids=["leader", "no leader"])
def test_two_forwarders_at_once_deliver_all_once(received, spool_dir, is_dropped):
    """`leader` as a drop makes it, or none, as after an end that let go of it."""
    fired = []
    for number in range(ROUNDS):
        clients = [f"203.0.113.{number}.{i}" for i in range(5)]
        put(spool_dir, clients)
        if is_dropped:
            (spool_dir / "leader").touch()
        both = [subprocess.Popen(["tcpwrap-alert", "forward", str(spool_dir)]) for _ in range(2)]
        assert [each.wait(30) for each in both] == [0, 0]
        assert is_done(spool_dir)
        fired += clients
    assert received() == Counter(fired)


@pytest.fixture
def stop_forwarder(peer, tmp_path, spool_dir):
    """Start a forwarder that is stopped, as by SIGSTOP, when it first makes this system call."""
    peer("strace")
    started = []

    def start(call):
        log = tmp_path / "stopped"
        options = ["-e", f"trace={call},{PAUSES}", "-e", f"inject={PAUSES}:retval=0"]
        options += ["-e", f"inject={call}:signal=STOP:when=1", "-o", str(log)]
        started.append(subprocess.Popen(["strace", *options, "tcpwrap-alert", "forward", str(spool_dir)]))
        wait_for(lambda: log.exists() and "stopped by SIGSTOP" in log.read_text(), "it does not stop")
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    namespaces.end_processes("tcpwrap-alert forward")


def let_go_on(strace):
    (child,) = Path(f"/proc/{strace.pid}/task/{strace.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGCONT)
    return strace.wait(60)


@pytest.mark.parametrize("call", ["connect", "shutdown"] if IS_FULL else ["shutdown"])
def test_forwarder_stopped_as_it_sends_loses_nothing(run, received, spool_dir, stop_forwarder, call):
    """It keeps the lock: drops leave their files, replays say that they wait, and when it goes on it finds it all."""
    fired = [f"203.0.113.{number}" for number in range(3)]
    put(spool_dir, fired)
    (spool_dir / "leader").touch()
    forwarder = stop_forwarder(call)
    end = time.monotonic() + STOPPED_S
    while time.monotonic() < end:
        fired.append(f"198.51.100.{len(fired)}")
        assert run("handle_tcp_wrapper", fired[-1], "sshd").returncode == 0
        replay = run("tcpwrap-alert", "replay")
        assert replay.returncode == 75
        assert f"{spool_dir}: another process has been sending for 6 s" in replay.stderr
    assert len(os.listdir(spool_dir / "new")) == len(fired)
    assert let_go_on(forwarder) == 0
    assert is_done(spool_dir)
    assert set(received()) == set(fired)
    assert max(received().values()) <= 2  # what it had sent before, when nobody told the verdict in time


def test_forwarder_stopped_as_it_starts_is_replaced(run, received, spool_dir, stop_forwarder):
    fired = [f"203.0.113.{number}" for number in range(3)]
    put(spool_dir, fired)
    (spool_dir / "leader").touch()
    forwarder = stop_forwarder("setsid")  # before it takes its lock
    age(spool_dir / "leader")
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert is_done(spool_dir)
    late = ["198.51.100.1", "198.51.100.2"]
    for client in late:
        assert run("handle_tcp_wrapper", client, "sshd").returncode == 0
    assert let_go_on(forwarder) == 0
    wait_for(lambda: is_done(spool_dir), "the forwarder has not left")
    assert received() == Counter(fired + late)


def test_reused_process_ids_mix_nothing_up(run, peer, received, spool_dir):
    """Each drop is number 1 of a namespace, which ends with it and takes its forwarder along."""
    in_namespace = (peer("unshare"), "--pid", "--fork")
    clients = ["203.0.113.1", "203.0.113.2", "203.0.113.3"]
    for client in clients:
        assert run(*in_namespace, "handle_tcp_wrapper", client, "sshd").returncode == 0
    assert [name.partition(".")[0] for name in os.listdir(spool_dir / "new")] == ["1"] * 3
    age(spool_dir / "leader")
    assert run(*in_namespace, "tcpwrap-alert", "replay").returncode == 0
    assert is_done(spool_dir)
    assert received() == Counter(clients)


@pytest.mark.parametrize("is_up", [True, False], ids=["monitor up", "monitor down"])
def test_a_clock_that_was_set_back_holds_nothing_up(run, monitor, received, spool_dir, write_config, is_up):
    """All that the spool holds is from tomorrow."""
    put(spool_dir, ["203.0.113.1", "203.0.113.2"])
    (spool_dir / "leader").touch()
    (spool_dir / "state").write_text(f"failed_at={time.time() + DAY_S}\nreason=connection refused\n")
    for path in (*spool_dir.iterdir(), *(spool_dir / "new").iterdir()):
        os.utime(path, (time.time() + DAY_S, time.time() + DAY_S))
    if not is_up:
        write_config(server="127.0.0.1:1")
        assert run("tcpwrap-alert", "replay").returncode == 75
        write_config(server=monitor.server, password=monitor.password, host_name="firestorm", fold="no")
    assert run("handle_tcp_wrapper", "203.0.113.3", "sshd").returncode == 0
    assert run("tcpwrap-alert", "replay").returncode == 0
    wait_for(lambda: is_done(spool_dir), "the forwarder has not left")
    assert received() == Counter(["203.0.113.1", "203.0.113.2", "203.0.113.3"])
