"""Against the real nsca daemon: what its command file holds, and that the outcome says the same."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from peers.fake_daemon import black_hole
from peers.nsca_daemon import MODES, wait_for
from support import namespaces
from support.results import lines_of, make_results, monitor_of
from support.streams import STREAMS

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.errors import OutcomeUnknown, RejectedError
from tcpwrap_alert.nsca import client
from tcpwrap_alert.nsca.cipher import METHODS
from tcpwrap_alert.nsca.client import ACCEPTED, Connection, send_check_results

PASSWORD = "s3cret with a blank"


@pytest.mark.parametrize(
    ("mode", "programs"), [("daemon", ["nsca", "nsca"]), ("single", ["nsca"]), ("inetd", ["inetd", "nsca"])]
)
def test_the_processes_of_a_mode(start_nsca, mode, programs):
    """While it talks to a client: each mode is what its name says."""
    daemon = start_nsca(mode=mode)
    with socket.create_connection((daemon.address, daemon.port), timeout=20) as client:
        assert client.recv(1)
        pids = namespaces.processes(str(daemon.config))
        assert sorted(os.path.basename(os.readlink(f"/proc/{pid}/exe")) for pid in pids) == programs
        assert len(namespaces.processes(f"--{mode} -")) == programs.count("nsca")


# test_verdicts.py has methods 1, 3 and 14 with batches of 1, 3 and 50.
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("method", "count"), [(0, 1), (0, 2), (0, 50), (14, 2)])
def test_accepted_is_what_the_command_file_received(start_nsca, method, mode, count):
    daemon = start_nsca(method=method, mode=mode, password=PASSWORD)
    assert send_check_results(monitor_of(daemon), make_results(count)) == ACCEPTED
    assert daemon.results() == lines_of(count)


def test_a_rejection_names_the_place_and_the_causes(start_nsca):
    daemon = start_nsca(method=14, password=PASSWORD)
    with pytest.raises(RejectedError, match=rf"127.0.0.1:{daemon.port}: .*wrong password.*method \(14\)"):
        send_check_results(monitor_of(daemon, password=b"wrong"), make_results(1))
    assert daemon.results() == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("ours", "theirs"), [(0, 1), (1, 0), (0, 14), (14, 0)])
def test_clear_text_and_encryption_do_not_match(start_nsca, ours, theirs, mode):
    daemon = start_nsca(method=theirs, mode=mode, password=PASSWORD)
    with pytest.raises(RejectedError):
        send_check_results(monitor_of(daemon, encryption_method=ours), make_results(1))
    assert daemon.results() == []


@pytest.mark.parametrize("mode", MODES)
def test_a_kept_connection_and_its_renewal(start_nsca, monkeypatch, mode):
    monkeypatch.setattr(client, "RENEW_AFTER_S", 0.5)
    daemon = start_nsca(method=14, mode=mode, password=PASSWORD)
    confirmed = []
    with Connection(monitor_of(daemon)) as connection:
        for result in make_results(300):
            connection.send([result])
            confirmed.append(connection.delivered)
            time.sleep(0.005)
    assert connection.delivered == 300
    assert daemon.results() == lines_of(300)
    assert len(set(confirmed)) > 1, "it was never renewed"


def test_end_after_a_silence_is_not_called_a_rejection(start_nsca):
    """Under inetd it waits ten seconds for a packet."""
    daemon = start_nsca(method=14, mode="inetd", password=PASSWORD)
    connection = Connection(monitor_of(daemon))
    connection.send(make_results(1))
    wait_for(lambda: not namespaces.processes("nsca --inetd"), "it has not closed")
    with pytest.raises(OutcomeUnknown, match="closed after a silence"):
        connection.send(make_results(1))
    assert daemon.results() == lines_of(1)


PASSWORDS = [("daemon", "secret"), ("single", "k"), ("inetd", "p" * 200), ("single", "pässwörd \xff")]


@pytest.mark.parametrize(("number", "backend"), STREAMS)
def test_every_method_reaches_the_nsca_server(start_nsca, monkeypatch, capsys, number, backend):
    """With passwords that are short, as long as the key, longer, and have bytes over 127; two packets each."""
    method = METHODS[number]
    monkeypatch.setattr(method, "backends", (backend,))
    passwords = [(mode, text * method.key_size if text == "k" else text) for mode, text in PASSWORDS]
    daemons = [start_nsca(method=number, mode=mode, password=text) for mode, text in passwords]
    with ThreadPoolExecutor(len(daemons)) as threads:
        outcomes = list(threads.map(lambda daemon: send_check_results(monitor_of(daemon), make_results(2)), daemons))
    received = [daemon.results() == lines_of(2) for daemon in daemons]
    with capsys.disabled():
        row = f"{number:2} {method.name:20} by {backend:12}"
        print(f"\n{row}: {outcomes.count(ACCEPTED)} of 4 accepted, {sum(received)} of 4 received", end=" ")
    assert outcomes == [ACCEPTED] * 4
    assert all(received)


def test_a_host_check_arrives(start_nsca):
    daemon = start_nsca()
    send_check_results(monitor_of(daemon), [CheckResult("firestorm", "", 1, "gone")])
    (line,) = daemon.lines()
    assert line.endswith("] PROCESS_HOST_CHECK_RESULT;firestorm;1;gone")


@pytest.mark.parametrize("method", [0, 1, 14])
def test_utf8_arrives_as_it_is(start_nsca, method):
    daemon = start_nsca(method=method, password="pässwörd")
    send_check_results(monitor_of(daemon), [CheckResult("fïre", "TCP Wräppers ✓", 1, "Größe 😀")])
    assert daemon.results() == ["fïre;TCP Wräppers ✓;1;Größe 😀"]


@pytest.mark.parametrize("method", [0, 1, 14])
def test_every_field_arrives_at_its_full_length(start_nsca, method):
    daemon = start_nsca(method=method, password="x" * 511)
    result = CheckResult("h" * 63, "s" * 127, 3, "o" * 4095)
    send_check_results(monitor_of(daemon), [result, result])
    assert daemon.results() == [f"{'h' * 63};{'s' * 127};3;{'o' * 4095}"] * 2


def test_one_byte_too_many_is_cut_by_character(start_nsca):
    daemon = start_nsca()
    send_check_results(monitor_of(daemon), [CheckResult("h", "s", 3, "ä" * 2048)])
    assert daemon.results() == [f"h;s;3;{'ä' * 2046}..."]


def test_2_7_layout_arrives_with_its_outcome_not_known(start_nsca):
    daemon = start_nsca(method=14, password=PASSWORD)
    monitor = monitor_of(daemon, legacy_2_7_mode=True)
    for result in make_results(3):
        assert send_check_results(monitor, [result]) == "sent, not known"
    assert len(daemon.wait_for_results(3)) == 3


@pytest.mark.parametrize("text", ["C:\\new\\table", "one\ntwo\\three", "a\\nb", "\\" * 511, "x\n" * 255 + "x"])
def test_2_7_layout_says_what_the_c_client_says(start_nsca, peer, run, write_config, text):
    """The server of 2.10.2 escapes, in this layout, too."""
    daemon = start_nsca(password="ham")
    config = str(write_config(password="ham", encryption_method=1))
    for count, command in enumerate([[peer("send_nsca")], ["tcpwrap-alert", "send"]], 1):
        command += ["-H", daemon.address, "-p", str(daemon.port), "-c", config, "--legacy-2-7-mode"]
        assert run(*command, input=f"firestorm\tDisk\t0\t{text}\x17").returncode == 0
        daemon.wait_for_results(count)
    theirs, ours = daemon.results()
    assert ours == theirs


@pytest.mark.parametrize("mode", MODES)
def test_ipv6(start_nsca, mode):
    daemon = start_nsca(address="::1", mode=mode, method=14, password=PASSWORD)
    assert send_check_results(monitor_of(daemon), make_results(3)) == ACCEPTED
    assert daemon.results() == lines_of(3)
    with pytest.raises(RejectedError, match=rf"^\[::1\]:{daemon.port}: "):
        send_check_results(monitor_of(daemon, password=b"wrong"), make_results(3))
    assert daemon.results() == lines_of(3)


# A name with several addresses


@pytest.fixture
def hosts(isolated):
    """Give the name nagios.test these addresses, in this order."""

    def bind(*addresses):
        namespaces.bind_over("/etc/hosts", "".join(f"{address} nagios.test\n" for address in addresses))
        bound.append("/etc/hosts")
        # getaddrinfo sorts; with the live address first, the dead one would never be tried.
        found = socket.getaddrinfo("nagios.test", None, type=socket.SOCK_STREAM)
        assert tuple(sockaddr[0] for *_, sockaddr in found) == addresses

    bound = []
    yield bind
    for path in bound:
        namespaces.unbind(path)


def nobody(_address, _port):
    return contextlib.nullcontext()


DEAD_ADDRESSES = {
    "refuses": ("127.0.0.2", nobody, ConnectionRefusedError),
    "does not answer": ("127.0.0.2", black_hole, socket.timeout),
    "is IPv6 and refuses": ("::1", nobody, ConnectionRefusedError),
    "is IPv6 and does not answer": ("::1", black_hole, socket.timeout),
}


@pytest.mark.parametrize(("address", "listening", "error"), DEAD_ADDRESSES.values(), ids=DEAD_ADDRESSES)
def test_it_arrives_once_if_the_first_address(start_nsca, hosts, address, listening, error):
    daemon = start_nsca(address="127.0.0.3", method=14, password=PASSWORD)
    hosts(address, daemon.address)
    with listening(address, daemon.port):
        with pytest.raises(error):
            socket.create_connection((address, daemon.port), timeout=0.2)
        assert_arrives_once(daemon)


def test_it_arrives_once_if_the_first_address_hangs(start_nsca, hosts):
    daemon = start_nsca(address="127.0.0.3", method=14, password=PASSWORD)
    hanging = start_nsca(address="127.0.0.2", port=daemon.port, method=14, password=PASSWORD)
    hosts(hanging.address, daemon.address)
    (pid,) = namespaces.processes(str(hanging.config))
    os.kill(pid, signal.SIGSTOP)  # the kernel still takes connections for it
    assert_arrives_once(daemon)
    assert hanging.results() == []


def assert_arrives_once(daemon):
    monitor = monitor_of(daemon, host="nagios.test")
    start = time.monotonic()
    assert send_check_results(monitor, make_results(3)) == ACCEPTED
    assert time.monotonic() - start < monitor.timeout_s
    assert daemon.results() == lines_of(3)
