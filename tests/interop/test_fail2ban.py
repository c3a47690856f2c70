"""The example's action in the real fail2ban: a ban is an alert, and a monitor that is down or hangs delays no ban."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "fail2ban" / "action.d" / "tcpwrap-alert.conf"
PASSWORD = "s3cret"
SETTINGS = """\
[Definition]
loglevel = INFO
logtarget = {0}/log
syslogsocket = auto
socket = {0}/socket
pidfile = {0}/pid
dbfile = None
"""
JAIL = """\
[DEFAULT]
backend = polling
[sshd]
enabled = true
logpath = {0}/auth.log
action = tcpwrap-alert[command={1}]
"""


@pytest.fixture
def ban(peer, isolated, tmp_path):
    """Start fail2ban with the example's action alone, and return what bans an address."""
    directory = tmp_path / "fail2ban"
    shutil.copytree("/etc/fail2ban", directory, ignore=lambda *_: {"jail.d"})
    shutil.copy(EXAMPLE, directory / "action.d")
    (directory / "auth.log").touch()
    (directory / "fail2ban.local").write_text(SETTINGS.format(directory))
    (directory / "jail.local").write_text(JAIL.format(directory, peer("handle_tcp_wrapper")))
    options = ["-c", str(directory), "-s", str(directory / "socket")]
    server = subprocess.Popen([peer("fail2ban-server"), "-f", *options, "start"], stdout=subprocess.DEVNULL)

    def client(*words):
        done = subprocess.run([peer("fail2ban-client"), *options, *words], capture_output=True, text=True, check=False)
        return done.returncode == 0

    wait_for(lambda: client("status", "sshd"), "fail2ban does not start")

    def ban_address(address):
        assert client("set", "sshd", "banip", address)
        text = f"[sshd] Ban {address}"
        wait_for(lambda: text in (directory / "log").read_text(), f"not banned: {address}")
        return (directory / "log").read_text()

    yield ban_address
    server.terminate()
    server.wait()


def test_a_ban_is_an_alert(ban, start_nsca, write_config, spool_dir, run):
    daemon = start_nsca(method=14, password=PASSWORD)
    write_config(server=f"127.0.0.1:{daemon.port}", encryption_method=14, password=PASSWORD, host_name="firestorm")
    ban("203.0.113.7")
    assert daemon.wait_for_results(1) == ["firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7"]
    daemon.stop()
    log = ban("2001:db8::7")
    wait_for(lambda: len(list((spool_dir / "new").iterdir())) == 1, "not in the spool")
    assert " ERROR " not in log
    daemon.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert "Denied sshd-2001:db8::7" in daemon.wait_for_results(2)[1]


def test_no_ban_waits_for_a_monitor_that_hangs(ban, start_nsca, write_config, spool_dir):
    """fail2ban makes one ban after the other."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        write_config(server=f"127.0.0.1:{mute.getsockname()[1]}", timeout=60, host_name="firestorm")
        for number in range(5):
            ban(f"203.0.113.{number}")
        assert len(list((spool_dir / "new").iterdir())) == 5
