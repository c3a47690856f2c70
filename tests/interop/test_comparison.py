"""docs/comparison.md: what it says of other programs, measured with them where they are there."""

from __future__ import annotations

import re
import subprocess

import pynsca
import pytest
from peers.nsca_daemon import wait_for
from peers.nsca_ng import NscaNg
from peers.programs import free_port
from support.documents import ROOT

PAGE = (ROOT / "docs" / "comparison.md").read_text()
RESULT = "firestorm\tTCP Wrappers\t2\tDenied sshd-203.0.113.7\n"


@pytest.fixture
def c_client(peer, tmp_path):
    """Run C send_nsca; return its exit status and what it printed."""

    def run(port, password, record=RESULT):
        config = tmp_path / "c.cfg"
        config.write_text(f"password={password}\nencryption_method=14\n")
        argv = [peer("send_nsca"), "-H", "127.0.0.1", "-p", str(port), "-c", config]
        done = subprocess.run(argv, input=record, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def ng_client(peer, tmp_path):
    """Run nsca-ng's send_nsca; return its exit status."""

    def run(port, password="s3cret-psk", record=RESULT):
        config = tmp_path / "ng.cfg"
        config.write_text(f'identity = "sensor1"\npassword = "{password}"\nserver = "127.0.0.1"\nport = "{port}"\n')
        argv = [peer("send_nsca-ng"), "-c", config]
        return subprocess.run(argv, input=record, capture_output=True, text=True, check=False, timeout=60).returncode

    return run


@pytest.fixture
def ng_server(peer, tmp_path, isolated):
    server = NscaNg(peer("nsca-ng"), tmp_path / "nsca-ng")
    server.start()
    yield server
    server.stop()


def test_c_client_keeps_nothing_in_an_outage(c_client, start_nsca):
    server = start_nsca(method=14, password="s3cret")
    server.stop()
    assert c_client(server.port, "s3cret")[0] == 2
    server.start()
    assert server.results() == []


def test_c_client_calls_a_wrong_password_success(c_client, start_nsca):
    server = start_nsca(method=14, password="s3cret")
    assert c_client(server.port, "wrong") == (0, "1 data packet(s) sent to host successfully.\n")
    assert server.results() == []


def test_ng_client_tells_outage_and_rejections(ng_client, ng_server):
    assert ng_client(ng_server.port) == 0
    assert ng_client(ng_server.port, "wrong") != 0
    assert ng_client(ng_server.port, record=RESULT.replace("TCP Wrappers", "Another")) != 0
    assert ng_client(free_port()) != 0
    wait_for(ng_server.lines, "the first did not arrive")
    assert len(ng_server.lines()) == 1


def test_ng_client_sends_a_word_as_state(ng_client, ng_server):
    assert ng_client(ng_server.port, record=RESULT.replace("\t2\t", "\tCRITICAL\t")) == 0
    wait_for(lambda: "TCP Wrappers;CRITICAL;" in ng_server.text(), "the word did not arrive")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves its socket open
def test_pynsca_needs_python_2(start_nsca):
    server = start_nsca(method=1, password="s3cret")
    with pytest.raises((AttributeError, TypeError)):
        pynsca.NSCANotifier("127.0.0.1", server.port, 1, "s3cret").svc_result("firestorm", "TCP Wrappers", 2, "out")


def test_fail2ban_reads_what_sshd_logs(peer):
    line = "Nov 25 21:00:00 firestorm sshd[4711]: refused connect from 203.0.113.7 (203.0.113.7)"
    argv = [peer("fail2ban-regex"), line, "sshd"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "1 matched" in shown


def test_every_test_that_is_named_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 10
    assert [name for path, name in named if f"def {name}(" not in (ROOT / path).read_text()] == []


def test_every_note_is_used_and_explained():
    notes = set(re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE))
    assert {number for found in re.findall(r"\[([\d, ]+)\]", PAGE) for number in found.split(", ")} == notes
