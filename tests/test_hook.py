"""The hook by itself: what its forwarder inherits, how it names its files, and that every shell runs it."""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces
from support.hooks import each_shell, hook, hook_beside, leaves_open

CLIENT = "203.0.113.7"
FILE = "tcpwrap-alert 1 denial\0\nclient={}\0\ndaemon=sshd\0\naddress={}\0\nuser={}\0\nend\0\n"


@pytest.fixture
def mute(write_config):
    """A monitor that takes connections and says nothing, so that the forwarder stays."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        write_config(server=f"127.0.0.1:{listener.getsockname()[1]}", host_name="firestorm", timeout=60)
        yield listener


@each_shell
def test_every_shell_writes_the_same_queue_file(spool_dir, shell):
    (spool_dir / "leader").mkdir()
    argv = [*shell, hook(), CLIENT, "sshd", "192.0.2.1", "root"]
    done = subprocess.run(argv, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (path,) = (spool_dir / "new").iterdir()
    assert path.read_text() == FILE.format(CLIENT, "192.0.2.1", "root")
    assert re.fullmatch(r"\d+\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", path.name)


@each_shell
def test_every_shell_starts_the_forwarder(spool_dir, mute, shell):
    assert subprocess.run([*shell, hook(), CLIENT, "sshd"], check=False).returncode == 0
    with mute.accept()[0]:
        assert (spool_dir / "leader").is_dir()


def test_drop_beside_a_leader_starts_no_process(spool_dir, peer, tmp_path):
    (spool_dir / "leader").mkdir()
    log = tmp_path / "calls"
    subprocess.run([peer("strace"), "-f", "-e", "trace=process", "-o", log, hook(), CLIENT, "sshd"], check=True)
    assert re.findall(r"\b(execve|fork|vfork|clone3?)\(", log.read_text()) == ["execve"]


@pytest.mark.parametrize("has_spool", [True, False], ids=["spool", "no spool"])
def test_relative_paths_mean_what_they_say(spool_dir, mute, tmp_path, monkeypatch, has_spool):
    if not has_spool:
        (spool_dir / "new").rmdir()
        (spool_dir / "new").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "spool")
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", "send_nsca.cfg")
    (tmp_path / "elsewhere" / "spool" / "new").mkdir(parents=True)
    monkeypatch.setenv("CDPATH", "elsewhere")
    argv = [os.path.relpath(hook()), CLIENT, "sshd"]
    assert subprocess.run(argv, check=False).returncode == (0 if has_spool else 75)
    mute.accept()[0].close()
    assert os.listdir(tmp_path / "elsewhere" / "spool" / "new") == []


@pytest.mark.parametrize("name", ["-L", "-", "-P", "--"])
def test_spool_named_like_an_option_is_a_directory(tmp_path, mute, monkeypatch, name):
    (tmp_path / "home").mkdir()
    (tmp_path / "work" / name / "new").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", name)
    assert subprocess.run([hook(), CLIENT, "sshd"], cwd=tmp_path / "work", check=False).returncode == 0
    mute.accept()[0].close()
    assert os.listdir(tmp_path / "home") == []
    assert len(list((tmp_path / "work" / name / "new").iterdir())) == 1


def test_variables_of_the_daemon_mean_nothing(spool_dir, tmp_path):
    """What the hook calls its own is not taken from the environment."""
    path = hook_beside(tmp_path / "apart")
    names = ("is_dropped", "random", "file", "program", "why", "limit", "lock", "started_in", "spool")
    environment = {**os.environ, **dict.fromkeys(names, "x")}
    (spool_dir / "new").rmdir()
    (spool_dir / "new").touch()
    (spool_dir / "leader").mkdir()
    assert subprocess.run([path, CLIENT, "sshd"], env=environment, check=False).returncode == 75


# Of a daemon that brings Python modules, libraries and settings of its own.
OF_DAEMON = {
    "PYTHONHOME": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONINSPECT": "1",
    "OPENSSL_CONF": "/nowhere",
    "HOME": "/nowhere",
}


@pytest.mark.parametrize("has_spool", [True, False], ids=["spool", "no spool"])
def test_forwarder_has_an_environment_of_its_own(spool_dir, tmp_path, mute, has_spool):
    for library in ("libselinux.so.1", "libpcre2-8.so.0"):  # which mkdir loads
        (tmp_path / library).touch()
    if not has_spool:
        (spool_dir / "new").rmdir()
        (spool_dir / "new").touch()
    environment = {**os.environ, **OF_DAEMON, "LD_LIBRARY_PATH": str(tmp_path)}
    assert subprocess.run([hook(), CLIENT, "sshd"], env=environment, check=False).returncode == (0 if has_spool else 75)
    with mute.accept()[0]:
        (pid,) = namespaces.processes("tcpwrap-alert forward")
        found = Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0")
    assert sorted(line.partition("=")[0] for line in found) == [
        "PATH",
        "TCPWRAP_ALERT_CONFIG",
        "TCPWRAP_ALERT_SPOOL",
        "TZ",
    ]


WITHOUT_PROC = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /proc && exec "$@"', "sh")
HIGH = 5000


@pytest.mark.parametrize("has_spool", [True, False], ids=["spool", "no spool"])
def test_without_proc_no_descriptor_stays_open(isolated, spool_dir, mute, has_spool):
    """P7: a client whose connection has a high number is let go of, and the names of files cannot be foreseen."""
    if not has_spool:
        (spool_dir / "new").rmdir()
        (spool_dir / "new").touch()
    client, theirs = socket.socketpair()

    def leave():
        resource.setrlimit(resource.RLIMIT_NOFILE, (HIGH + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        leaves_open(theirs.fileno(), 10, 300, HIGH)()

    with client:
        with theirs:
            process = subprocess.Popen([*WITHOUT_PROC, hook(), CLIENT, "sshd"], preexec_fn=leave, close_fds=False)
        assert process.wait(20) == (0 if has_spool else 75)
        with mute.accept()[0]:
            client.settimeout(5)
            assert client.recv(1) == b""
    if has_spool:
        (name,) = os.listdir(spool_dir / "new")
        assert re.fullmatch(r"\d+\.[0-9a-f]{16}", name)


def test_hook_without_program_leaves_no_leader(spool_dir, tmp_path):
    """Which would keep the next hook, of an installation that is whole, from starting the forwarder."""
    path = hook_beside(tmp_path / "apart")
    assert subprocess.run([path, CLIENT, "sshd"], check=False).returncode == 0
    assert os.listdir(spool_dir) == ["new"]


def test_too_few_arguments_are_told(isolated):
    start = len(namespaces.log)
    assert subprocess.run([hook(), CLIENT], check=False).returncode == 64
    wait_for(
        lambda: any(
            "arguments: 1; hosts.deny must give the client and the daemon" in line for line in namespaces.log[start:]
        ),
        "nothing is told",
    )
