"""The spool cannot be written: syslog is told of each denial, one at a time is sent, and nobody is held (P7, P8).

The monitor is the real nsca, or a listener that never answers where a sender has to stay for a look at it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from peers.fake_daemon import FakeDaemon, stock
from peers.nsca_daemon import wait_for
from support import namespaces
from support.denials import count_denials
from support.hooks import RANDOM, each_shell, hook, hook_beside, leaves_open

SPOOL = Path("/var/spool/tcpwrap-alert")
CLIENT = "203.0.113.7"
NOBODY = 65534
TOLD = re.compile(r"handle_tcp_wrapper(?:\[\d+\])?: cannot write to (\S+), (.*): sshd-(\S+)$")


@pytest.fixture(autouse=True)
def private(isolated):
    """Every test has namespaces of its own."""


@pytest.fixture
def log():
    """Return the lines that syslog has got during the test."""
    start = len(namespaces.log)
    return lambda: namespaces.log[start:]


@pytest.fixture
def told(log):
    """Return what the hook has told of each client, by client."""

    def find():
        found = [match for match in map(TOLD.search, log()) if match]
        return {match[3]: match[2] for match in found}

    return find


@pytest.fixture
def no_spool(monkeypatch):
    """A spool that nobody can make."""
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "/proc/no-spool")


@pytest.fixture
def mute(write_config):
    """A monitor that takes connections and says nothing, so that whoever sends stays."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        listener.settimeout(20)
        write_config(server=f"127.0.0.1:{listener.getsockname()[1]}", host_name="firestorm", timeout=60)
        yield listener


@pytest.fixture
def daemon(start_nsca, write_config):
    """The real daemon, and the configuration for it."""
    daemon = start_nsca("single", password="s3cret")
    write_config(server=f"127.0.0.1:{daemon.port}", password="s3cret", host_name="firestorm")
    return daemon


def deny(client=CLIENT, **kwargs):
    return subprocess.Popen([hook(), client, "sshd"], **kwargs)


def senders():
    return namespaces.processes("tcpwrap-alert forward")


def is_over():
    return not namespaces.processes("handle_tcp_wrapper") and not senders()  # in this order: the one becomes the other


def denied(*clients):
    return [f"firestorm;TCP Wrappers;2;Denied sshd-{client}" for client in clients]


@pytest.mark.parametrize("number", [0, 2, 3, 9, 10, 300])
def test_slow_path_holds_no_client(mute, no_spool, number):
    """P7: whatever number the client's connection has."""
    client, theirs = socket.socketpair()
    with client:
        with theirs:
            process = deny(preexec_fn=leaves_open(theirs.fileno(), number), close_fds=False)
        assert process.wait(20) == 75
        with mute.accept()[0]:
            client.settimeout(5)
            assert client.recv(1) == b""
            assert len(senders()) == 1


@pytest.mark.parametrize("number", [0, 2, 3, 9])
def test_hook_that_is_held_up_holds_no_client(spool_dir, held_up, number):
    """P7: as on a disk that hangs."""
    client, theirs = socket.socketpair()
    (spool_dir / "leader").mkdir()
    with client:
        with theirs:
            process = deny(preexec_fn=leaves_open(theirs.fileno(), number), close_fds=False)
        client.settimeout(5)
        assert client.recv(1) == b""
        assert process.poll() is None
        held_up.write_text(RANDOM)
        assert process.wait(20) == 0


@pytest.fixture
def deaf_syslog(tmp_path, monkeypatch):
    """A syslog that reads nothing, and whose queue is full."""
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as us,
    ):
        log.bind("log")
        us.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while us.sendto(b"full", "log"):
                pass
        namespaces.run("mount", "--bind", str(tmp_path / "log"), "/dev/log")
        yield
        namespaces.unbind("/dev/log")


def test_deaf_syslog_holds_up_nothing(daemon, no_spool, deaf_syslog):
    """The line of the hook waits for it, for ten seconds, without the client and without the lock for sending."""
    client, theirs = socket.socketpair()
    with client:
        with theirs:
            for name in ("203.0.113.1", "203.0.113.2"):
                process = deny(name, preexec_fn=leaves_open(theirs.fileno(), 3), close_fds=False)
                assert process.wait(20) == 75
                assert denied(name)[0] in daemon.wait_for_results(int(name[-1]))
                wait_for(lambda: not senders(), "the sender does not end", 3)
        assert len(namespaces.processes("logger -p daemon.err")) >= 2
        client.settimeout(5)
        assert client.recv(1) == b""
    wait_for(lambda: not namespaces.processes("logger -p daemon.err"), "the line waits for ever")


def test_fifo_as_configuration_holds_nothing_up(told, log, no_spool, tmp_path):
    os.mkfifo(tmp_path / "send_nsca.cfg")
    assert deny().wait(20) == 75
    wait_for(lambda: any(f"lost: denial client='{CLIENT}'" in line for line in log()), "it is not told")
    assert CLIENT in told()


@each_shell
def test_slow_path_sends_and_tells(daemon, told, no_spool, shell):
    for client in ("203.0.113.1", "203.0.113.2"):
        assert subprocess.run([*shell, hook(), client, "sshd"], check=False).returncode == 75
        wait_for(is_over, "the sender does not end")
    assert daemon.results() == denied("203.0.113.1", "203.0.113.2")
    assert told() == dict.fromkeys(("203.0.113.1", "203.0.113.2"), "so this denial is sent directly")


@each_shell
def test_of_100_denials_one_is_sent_the_rest_told(mute, told, no_spool, shell):
    """A hundred Pythons would take the machine's memory, and the monitor's connections."""
    clients = [f"203.0.113.{number}" for number in range(100)]
    before = namespaces.connections_accepted()
    hooks = [subprocess.Popen([*shell, hook(), client, "sshd"]) for client in clients]
    assert [process.wait(60) for process in hooks] == [75] * 100
    wait_for(lambda: len(told()) == 100, "not all are told")
    with mute.accept()[0]:
        wait_for(lambda: not namespaces.processes("handle_tcp_wrapper"), "the shells do not end")
        assert len(senders()) == 1
        assert namespaces.connections_accepted() - before == 1
    assert sorted(told()) == sorted(clients)
    whys = sorted(told().values())
    assert whys == ["and another denial is being sent; this line is all that tells of the denial"] * 99 + [
        "so this denial is sent directly"
    ]


def test_without_flock_one_is_sent_at_a_time(mute, log, no_spool, tmp_path, monkeypatch):
    """The forwarder itself takes the lock that the shell could not."""
    path = hook()
    (tmp_path / "bin").mkdir()
    for name in ("env", "tr", "logger", "readlink"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    before = namespaces.connections_accepted()
    assert subprocess.run([path, "203.0.113.1", "sshd"], check=False).returncode == 75
    with mute.accept()[0]:
        assert subprocess.run([path, "203.0.113.2", "sshd"], check=False).returncode == 75
        line = "another denial is being sent, so syslog alone has this one: denial client='203.0.113.2'"
        wait_for(lambda: any(line in text for text in log()), "it is not told")
        assert namespaces.connections_accepted() - before == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_order_to_end_does_not_end_a_drop(daemon, spool_dir, held_up, number):
    process = deny(start_new_session=True)
    with held_up.open("w") as fifo:
        os.killpg(process.pid, number)
        fifo.write(RANDOM)
    assert process.wait(20) == 0
    assert daemon.wait_for_results(1) == denied(CLIENT)


def order_to_end():
    """Tell every process of ours to end, as systemd does when a service stops."""
    pids = {*namespaces.processes("handle_tcp_wrapper"), *senders()}
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGTERM)


# Python's start, which takes a while, waits for the test.
PROGRAM = """#!/bin/sh
read -r go <{0}/go
exec {1} "$@"
"""


def test_order_to_end_does_not_end_a_slow_start(daemon, no_spool, tmp_path):
    os.mkfifo(tmp_path / "go")
    path = hook_beside(tmp_path / "bin", PROGRAM.format(tmp_path, shutil.which("tcpwrap-alert")))
    assert subprocess.run([path, CLIENT, "sshd"], check=False).returncode == 75
    with (tmp_path / "go").open("w") as go:
        order_to_end()
        go.write("go\n")
    assert daemon.wait_for_results(1) == denied(CLIENT)


def test_order_to_end_does_not_end_a_direct_sending(no_spool, write_config):
    def behaviour(connection):
        order_to_end()
        stock(connection)

    with FakeDaemon(behaviour) as monitor:
        write_config(server=f"127.0.0.1:{monitor.port}", host_name="firestorm")
        assert deny().wait(20) == 75
        assert [packet.plugin_output for packet in monitor.connection().packets] == [f"Denied sshd-{CLIENT}"]
        wait_for(is_over, "the sender does not end")


def test_order_to_end_ends_a_forwarder_orderly(mute, spool_dir):
    """Once the alert is safe."""
    assert deny().wait(20) == 0
    with mute.accept()[0]:
        (pid,) = senders()
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not (spool_dir / "leader").exists(), "the leader is not gone")
    assert len(os.listdir(spool_dir / "new")) == 1


def test_killed_slow_path_has_told_syslog(mute, told, no_spool):
    deny().wait(20)
    with mute.accept()[0]:
        for pid in {*namespaces.processes("handle_tcp_wrapper"), *senders()}:
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: CLIENT in told(), "the alert is gone without a trace", 2)


# A /dev that holds a syslog only.
WITHOUT_DEV_NULL = """
mount -t tmpfs tmpfs "$1" && touch "$1/log" && mount --bind /dev/log "$1/log" && mount --move "$1" /dev &&
shift && exec "$@"
"""


@each_shell
@pytest.mark.parametrize("has_spool", [True, False], ids=["spool", "no spool"])
def test_without_dev_null_the_alert_is_sent(daemon, told, spool_dir, tmp_path, monkeypatch, shell, has_spool):
    if not has_spool:
        monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "/proc/no-spool")
    (tmp_path / "dev").mkdir()
    argv = ["unshare", "--mount", "sh", "-c", WITHOUT_DEV_NULL, "sh", str(tmp_path / "dev"), *shell]
    done = subprocess.run([*argv, hook(), CLIENT, "sshd"], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0 if has_spool else 75, b"", b"")
    assert daemon.wait_for_results(1) == denied(CLIENT)
    wait_for(is_over, "the forwarder does not end")
    assert list(told()) == [CLIENT] * (not has_spool)


@pytest.fixture
def full_spool(spool_dir):
    """A spool with room for names, and none for content."""
    namespaces.mount_tmpfs(str(spool_dir), "size=16k")
    (spool_dir / "new").mkdir()
    with pytest.raises(OSError, match="No space left"):
        (spool_dir / "ballast").write_bytes(bytes(65536))
    yield spool_dir
    namespaces.unbind(str(spool_dir))


@each_shell
def test_full_disk_is_left_without_a_file(full_spool, write_config, told, shell):
    write_config(server="127.0.0.1:1", host_name="firestorm")
    clients = [f"203.0.113.{number}" for number in range(20)]
    hooks = [subprocess.Popen([*shell, hook(), client, "sshd"]) for client in clients]
    assert [process.wait(60) for process in hooks] == [75] * 20
    wait_for(is_over, "they do not end")
    assert sorted(told()) == sorted(clients)
    assert os.listdir(full_spool / "new") == []
    assert sorted(os.listdir(full_spool)) == ["ballast", "new"]


@each_shell
@pytest.mark.parametrize("owner", [NOBODY, None], ids=["new", "spool"])
def test_what_is_missing_is_made_for_the_owner(installed, shell, owner):
    """Those that come at the same time find it: not one takes the slow path."""
    (SPOOL / "new").rmdir()
    if owner:
        os.chown(SPOOL, owner, 1)
    else:
        SPOOL.rmdir()
    clients = [f"203.0.113.{number}" for number in range(20)]
    hooks = [subprocess.Popen([*shell, hook(), client, "sshd"]) for client in clients]
    assert [process.wait(60) for process in hooks] == [0] * 20
    status = (SPOOL / "new").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == ((owner, 1, 0o700) if owner else (0, 0, 0o700))
    wait_for(lambda: not os.listdir(SPOOL / "new"), "they wait for ever")
    wait_for(is_over, "the forwarder does not end")
    assert count_denials([result.rpartition(";")[2] for result in installed.results()]) == 20


HOSTILE = "x\n<0>forged\t\x1b[31m\u202eelbon\x07\x9b;"


def test_syslog_gets_no_byte_that_a_log_may_obey(log, no_spool, tmp_path):
    path = hook_beside(tmp_path / "apart")
    assert subprocess.run([path, os.fsencode(HOSTILE) * 20, "sshd"], check=False).returncode == 75
    wait_for(lambda: any("tells of the denial" in line for line in log()), "nothing is told")
    (line,) = [line for line in log() if "tells of the denial" in line]
    assert "this line is all that tells of the denial: sshd-x??0?forged??" in line
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 1000


WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-setuid,-setgid")


def test_root_that_cannot_be_dropped_sends_nothing(installed, peer, log):
    """P10: the alert stays in the spool, and syslog says why."""
    peer("setpriv")
    os.chown(SPOOL, NOBODY, NOBODY)
    assert subprocess.run([*WITHOUT_RIGHTS, hook(), CLIENT, "sshd"], check=False).returncode == 0
    wait_for(lambda: any("root may not become its owner, user 65534, so nothing" in line for line in log()), "silence")
    wait_for(is_over, "the forwarder does not end")
    assert installed.results() == []
    assert len(os.listdir(SPOOL / "new")) == 1
    os.chown(SPOOL / "new", NOBODY, NOBODY)
    os.utime(SPOOL / "leader", (1, 1))
    subprocess.run(["tcpwrap-alert", "replay"], check=True)


def test_root_that_cannot_be_dropped_tells_the_denial(installed, peer, log, told):
    """P10: nothing is sent directly, either."""
    peer("setpriv")
    os.chown(SPOOL, NOBODY, NOBODY)
    (SPOOL / "new").rmdir()
    (SPOOL / "new").touch()
    assert subprocess.run([*WITHOUT_RIGHTS, hook(), CLIENT, "sshd"], check=False).returncode == 75
    wait_for(lambda: any(f"lost: denial client='{CLIENT}'" in line for line in log()), "it is not told")
    wait_for(is_over, "the sender does not end")
    assert installed.results() == []
    assert CLIENT in told()
