"""End to end: real inetd and tcpd, the rule in hosts.deny, a client that is denied, the real nsca daemon."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest
from peers.inetd import start_inetd
from peers.nsca_daemon import is_listening, wait_for
from support import namespaces
from support.spools import reason_of

pytestmark = pytest.mark.alone

EXAMPLE = Path(__file__).parents[2] / "examples" / "hosts.deny"
PORT = 2323


@contextlib.contextmanager
def run_inetd(peer, tmp_path, user):
    """inetd on port 2323, with tcpd before /bin/cat, for `user`."""
    command = f"{peer('tcpd')} /bin/cat"
    process = start_inetd(peer("inetd"), tmp_path / "inetd.conf", "127.0.0.1", PORT, user, command)
    try:
        wait_for(lambda: is_listening("127.0.0.1", PORT), "inetd does not listen")
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def inetd(peer, installed, tmp_path):
    with run_inetd(peer, tmp_path, "root"):
        yield


def denied_client(deadline_s=20):
    """Connect, and return what the client received until its connection closed, and after how many seconds."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", PORT), timeout=deadline_s) as client:
        received = b""
        try:
            while chunk := client.recv(4096):
                received += chunk
        except ConnectionResetError:
            pass
    return received, time.monotonic() - started


CLASSIC = "ALL: ALL: RFC931: twist (/opt/tcpwrap-alert/bin/handle_tcp_wrapper %h %d) &\n"
TWIST = "ALL: ALL: twist (/opt/tcpwrap-alert/bin/handle_tcp_wrapper %h %d) &\n"


@pytest.mark.parametrize("rules", [CLASSIC, TWIST, EXAMPLE.read_text()], ids=["classic", "twist", "example"])
def test_denied_connection_is_alert_unseen_by_client(hosts_deny, installed, inetd, rules):
    hosts_deny(rules)
    received, _ = denied_client()
    assert received == b""
    installed.wait_for_results(1)
    wait_for(lambda: not os.listdir("/var/spool/tcpwrap-alert/new"), "the queue file stays")
    assert installed.results() == ["firestorm;TCP Wrappers;2;Denied cat-127.0.0.1"]


def test_an_allowed_connection_is_no_alert(hosts_deny, installed, inetd):
    hosts_deny(EXAMPLE.read_text().replace("ALL: ALL:", "ALL: 127.9.9.9:"))
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as client:
        client.sendall(b"hello\n")
        assert client.recv(100) == b"hello\n"
    assert installed.results() == []
    assert os.listdir("/var/spool/tcpwrap-alert/new") == []


def test_hanging_monitor_does_not_hold_twisted_client(hosts_deny, installed, inetd):
    """P7: the forwarder works on, without the client's socket."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        namespaces.bind_over(
            "/etc/send_nsca.cfg", f"server=127.0.0.1:{mute.getsockname()[1]}\ntimeout=3\nhost_name=firestorm\n"
        )
        hosts_deny(TWIST)
        received, seconds = denied_client()
        wait_for(lambda: os.path.exists("/var/spool/tcpwrap-alert/leader"), "nobody forwards")
    namespaces.unbind("/etc/send_nsca.cfg")
    assert received == b""
    assert seconds < 2
    subprocess.run(["tcpwrap-alert", "replay"], check=True, env={"PATH": os.environ["PATH"]})
    assert installed.results() == ["firestorm;TCP Wrappers;2;Denied cat-127.0.0.1"]


def test_spawn_without_ampersand_holds_no_daemon(hosts_deny, installed, inetd):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        namespaces.bind_over(
            "/etc/send_nsca.cfg", f"server=127.0.0.1:{mute.getsockname()[1]}\ntimeout=3\nhost_name=firestorm\n"
        )
        hosts_deny("ALL: ALL: spawn (/opt/tcpwrap-alert/bin/handle_tcp_wrapper %h %d): twist /bin/true\n")
        received, seconds = denied_client()
    namespaces.unbind("/etc/send_nsca.cfg")
    assert received == b""
    assert seconds < 2
    subprocess.run(["tcpwrap-alert", "replay"], check=True, env={"PATH": os.environ["PATH"]})
    assert installed.results() == ["firestorm;TCP Wrappers;2;Denied cat-127.0.0.1"]


def test_the_forwarder_of_a_root_daemon_is_not_root(hosts_deny, installed, inetd):
    """P10: it runs as the owner of the spool directory, without supplementary groups."""
    installed.stop()
    namespaces.bind_over("/etc/send_nsca.cfg", f"server=127.0.0.1:{installed.port}\nhost_name=firestorm\n")
    for path in ("/var/spool/tcpwrap-alert", "/var/spool/tcpwrap-alert/new"):
        os.chown(path, 65534, 65534)
    hosts_deny(EXAMPLE.read_text())
    denied_client()
    wait_for(lambda: reason_of("/var/spool/tcpwrap-alert"), "no attempt was made")
    (pid,) = namespaces.processes("tcpwrap-alert forward")
    status = Path(f"/proc/{pid}/status").read_text()
    descriptors = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    namespaces.unbind("/etc/send_nsca.cfg")
    assert "Uid:\t65534\t65534\t65534\t65534" in status
    assert "Gid:\t65534\t65534\t65534\t65534" in status
    assert re.search(r"^Groups:\s*$", status, re.MULTILINE)
    assert descriptors == {"/dev/null", "/var/spool/tcpwrap-alert/new"}
    for path in ("/var/spool/tcpwrap-alert/new/" + name for name in os.listdir("/var/spool/tcpwrap-alert/new")):
        os.unlink(path)


def test_daemon_of_another_user_enqueues_by_its_group(hosts_deny, installed, peer, tmp_path):
    """P10: as README installs it: the group may add to new/, and no more."""
    for path, mode in (("/var/spool/tcpwrap-alert", 0o710), ("/var/spool/tcpwrap-alert/new", 0o1730)):
        os.chown(path, 1, 65534)
        os.chmod(path, mode)
    hosts_deny(EXAMPLE.read_text())
    with run_inetd(peer, tmp_path, "nobody"):
        assert denied_client()[0] == b""
    (name,) = os.listdir("/var/spool/tcpwrap-alert/new")
    assert os.stat(f"/var/spool/tcpwrap-alert/new/{name}").st_uid == 65534
    assert not os.path.exists("/var/spool/tcpwrap-alert/leader")
    subprocess.run(["tcpwrap-alert", "replay"], check=True)
    assert installed.results() == ["firestorm;TCP Wrappers;2;Denied cat-127.0.0.1"]
    assert os.listdir("/var/spool/tcpwrap-alert/new") == []
