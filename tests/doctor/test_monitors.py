"""Monitors, against the real ones: how the way to each is, and what becomes of a result that is sent on purpose."""

from __future__ import annotations

import json
import os
import re
import shutil

import pytest
from peers.alertmanager import Alertmanager, Webhooks
from peers.fake_daemon import answers, closes, in_turn, reads, sends_init, stock
from peers.icinga_api import PASSWORD, IcingaZone
from peers.nagios import COMMAND_FILE, Nagios
from peers.nrdp import Nrdp
from peers.nsca_ng import NscaNg
from peers.relays import relay
from support.missing import skip_or_fail

SECRET = "s3cret"
SENT = "Alerts arrive: sent by tcpwrap-alert check at "
DIRECT = "the way is direct: a packet that must be rejected was, and the rejection arrived"
RELAYED = "a relay, or a slow server, hides rejections, so we look for them: two seconds for each send"


@pytest.fixture
def told(check):
    """Return what is said of the monitors, behind their names: state and text."""

    def find(*arguments):
        return [
            (state, text.partition(": ")[2]) for subject, state, text, _ in check(*arguments) if subject == "monitor"
        ]

    return find


@pytest.fixture
def nsca(host, start_nsca):
    daemon = start_nsca(method=14, password=SECRET)
    host.write_config(server=f"127.0.0.1:{daemon.port}", password=SECRET, encryption_method=14)
    return daemon


def test_a_direct_nsca_is_right(nsca, told):
    (packet, clock, way) = told()
    assert packet[1].startswith("sent an init packet after ")
    assert [state for state, _ in (packet, clock, way)] == ["ok", "ok", "ok"]
    assert (clock[1], way[1]) == ("its clock agrees with ours", DIRECT)
    assert nsca.results() == []


@pytest.mark.parametrize(
    ("verdict", "state", "text"),
    [
        ("auto", "ok", RELAYED),
        ("relay", "ok", RELAYED),
        (
            "direct",
            "fail",
            "verdict=direct, but a relay hides rejections: what the server rejects counts as accepted, and is lost",
        ),
    ],
)
def test_a_relay_is_found(host, nsca, told, peer, tmp_path, verdict, state, text):
    with relay("socat", peer, tmp_path / "relay", nsca.port) as port:
        host.write_config(server=f"127.0.0.1:{port}", password=SECRET, encryption_method=14, verdict=verdict)
        assert told()[-1] == (state, text)
    assert nsca.results() == []


def test_a_monitor_that_is_down_is_no_relay(host, start, told):
    """An nsca whose Nagios is down hangs up after its init packet."""
    daemon = start(sends_init(closes), method=14, password=SECRET.encode())
    host.write_config(server=f"127.0.0.1:{daemon.port}", password=SECRET, encryption_method=14)
    state, text = told()[-1]
    assert (state, text[:46]) == ("warn", "it did not reject a packet that every nsca rej")


def test_send_arrives_and_says_what_nsca_cannot_tell(nsca, told, host):
    found = told("--send")
    (line,) = nsca.results()
    assert line.startswith(f"firestorm;TCP Wrappers;0;{SENT}")
    assert found[-2] == ("ok", f"accepted as firestorm;TCP Wrappers: {line.partition(';0;')[2]}")
    assert found[-1][1].startswith("nsca has passed it on; whether Nagios knows firestorm;TCP Wrappers is in its log")
    assert os.listdir(host.spool / "new") == []


def test_a_wrong_password_shows_when_something_is_sent(host, nsca, told):
    host.write_config(server=f"127.0.0.1:{nsca.port}", password="wrong", encryption_method=14)
    assert {state for state, _ in told()} == {"ok"}
    state, text = told("--send")[-1]
    assert state == "fail"
    assert text.startswith("the NSCA server rejected the packets; likely causes: wrong password")
    assert nsca.results() == []


def test_an_open_nsca_is_warned_of(host, start_nsca, told):
    daemon = start_nsca(method=0)
    host.write_config(server=f"127.0.0.1:{daemon.port}", encryption_method=0)
    assert ("warn", "no password is set, so anybody may submit results") in told()
    other = start_nsca(method=1, password=SECRET, address="192.0.2.1")
    host.write_config(server=f"192.0.2.1:{other.port}", password=SECRET)
    assert ("warn", "encryption_method 1: XOR hides nothing, as its key travels with it") in told()


@pytest.mark.parametrize(
    ("server", "start"),
    [
        ("127.0.0.1:1", "connection refused"),
        ("nagios.invalid", "the name does not resolve"),
        ("/var/spool/none.cmd", "cannot open: No such file or directory; does the monitor run?"),
        ("/var/spool/none/", "there is no such directory; see check_result_path in nagios.cfg"),
        ("exec:/var/spool/none", "there is no such program"),
        ("exec:/var/spool/send_nsca.cfg", "cannot be run; "),
        ("icinga2://u@127.0.0.1:1", "connection refused"),
        ("nrdp+https://127.0.0.1:1/nrdp/", "connection refused"),
        ("alertmanager+https://127.0.0.1:1", "connection refused"),
        ("nsca-ng://u@127.0.0.1:1", "connection refused"),
    ],
)
def test_a_dead_monitor_is_a_failure(host, told, server, start):
    host.write_config(server=server, password="x")
    ((state, text),) = told()
    assert state == "fail"
    assert text.startswith(start)


def test_the_clock_of_the_monitor_is_compared(host, told, start):
    daemon = start()  # which lives in 2001
    host.write_config(server=f"127.0.0.1:{daemon.port}", password=SECRET)
    assert any(re.fullmatch(r"its clock is \d+ s behind ours, so times .*", text) for _, text in told())


def test_a_server_that_does_not_reject_is_told(host, told, start):
    daemon = start(in_turn(stock, reads(4304, answers), stock))
    host.write_config(server=f"127.0.0.1:{daemon.port}", password=SECRET)
    state, text = told()[-1]
    assert state == "warn"
    assert text.startswith("it did not reject a packet that every nsca rejects")


def test_another_receiver_gets_no_probe(host, told, start):
    daemon = start()
    host.write_config(server=f"127.0.0.1:{daemon.port}", password=SECRET, receiver="single")
    assert told()[-1] == ("ok", "such a server does not tell whether it took a result, so no probe was sent")
    assert len(daemon.connections) == 1


def test_a_monitor_among_the_quiet_is_hinted_at(host, check, nsca):
    host.write_config(server=f"127.0.0.1:{nsca.port}", password=SECRET, encryption_method=14, quiet="127.0.0.0/8")
    (row,) = [row for row in check() if "quiet has" in row[2]]
    assert row[1:] == (
        "warn",
        "quiet has 127.0.0.1, which is this monitor's own: what it is denied, you hear of once a day",
        "Let it in instead: add 'ALL: 127.0.0.1' to /etc/hosts.allow.",
    )


def test_each_section_is_told_by_its_name(host, nsca, check):
    host.write_config(
        "[local]\nserver=/var/spool/nagios.cmd\n[far]\nserver=127.0.0.1:1;127.0.0.1:2\n",
        server=f"127.0.0.1:{nsca.port}",
        password=SECRET,
        encryption_method=14,
    )
    rows = [row for row in check("--send") if row[0] == "monitor"]
    names = dict.fromkeys(text.split(": ")[0] for _, _, text, _ in rows)
    assert list(names) == [
        f"[default] 127.0.0.1:{nsca.port}", "[local] /var/spool/nagios.cmd", "[far] 127.0.0.1:1", "[far] 127.0.0.1:2",
        "[far] 127.0.0.1:1;127.0.0.1:2",
    ]  # fmt: skip
    assert host.commands().count("PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;0;") == 1
    assert len(nsca.results()) == 1


@pytest.fixture
def nagios(host, peer):
    nagios = Nagios(peer("nagios4"))
    nagios.start()
    for path in (host.spool, host.spool / "new"):
        shutil.chown(path, "nagios", "nagios")
    host.write_config(server=COMMAND_FILE)
    shutil.chown(host.config, "root", "nagios")
    yield nagios
    nagios.stop()


def test_status_dat_is_read_back(host, nagios, told):
    assert told() == [("ok", "the monitor reads its command file, and we may write to it")]
    last = told("--send")[-1]
    output = nagios.service()["plugin_output"]
    assert output.startswith(SENT)
    assert last == ("ok", f"read back: /var/lib/nagios4/status.dat has '{output}' for firestorm;TCP Wrappers")


def test_a_host_that_nagios_does_not_know_is_told(host, nagios, told):
    host.write_config(server=COMMAND_FILE, host_name="Firestorm")
    shutil.chown(host.config, "root", "nagios")
    state, text = told("--send")[-1]
    assert (state, text) == ("warn", "/var/lib/nagios4/status.dat does not know Firestorm;TCP Wrappers")


def test_check_result_folder_is_read_back(host, nagios, told):
    host.write_config(server="/var/lib/nagios4/spool/checkresults/")
    shutil.chown(host.config, "root", "nagios")
    assert told() == [("ok", "we may write to the check result folder")]
    assert told("--send")[-1][1].startswith("read back: /var/lib/nagios4/status.dat has")


@pytest.fixture(scope="module")
def zone(tmp_path_factory):
    program = shutil.which("icinga2", path="/usr/sbin:/usr/bin")
    if program is None:
        skip_or_fail("icinga2 is not installed")
    zone = IcingaZone(program, tmp_path_factory.mktemp("icinga") / "zone", "icinga-a")
    zone.start()
    yield zone
    zone.stop()


@pytest.fixture
def icinga(host, zone):
    """Let the configuration name the API, for a user and with changes."""
    shutil.copy(zone.ca_file, "/var/spool/ca.crt")
    os.chmod("/var/spool/ca.crt", 0o644)
    node = zone.nodes["icinga-a"]

    def write(user="test", **values):
        values = {"ca_file": "/var/spool/ca.crt", "tls_name": "icinga-a", "password": PASSWORD, **values}
        host.write_config(server=f"icinga2://{user}@127.0.0.1:{node.port}", **values)
        return node

    return write


def test_icinga_knows_us_and_is_read_back(icinga, told):
    node = icinga()
    found = told()
    assert found[0][1].startswith("TLSv1.")
    assert found[-1][1].startswith("Icinga ")
    assert found[-1][1].endswith(" knows us as test")
    state, text = told("--send")[-1]
    output = node.service()["last_check_result"]["output"]
    assert output.startswith(SENT)
    assert (state, text) == ("ok", f"read back: firestorm;TCP Wrappers shows '{output}'")


def test_icinga_without_the_right_to_read_is_no_fault(icinga, told):
    icinga("least")
    state, text = told("--send")[-1]
    assert state == "ok"
    assert text.endswith("cannot be read back: objects/query/Service is not permitted")


@pytest.mark.parametrize(
    ("values", "start"),
    [
        ({"password": "wrong"}, "user and password, or the certificate, are not accepted"),
        ({"tls_name": "icinga-b"}, "not trusted: "),
        ({"ca_file": "/etc/ssl/certs/ca-certificates.crt"}, "not trusted: "),
    ],
)
def test_icinga_that_does_not_know_us_is_told(icinga, told, values, start):
    icinga(**values)
    state, text = told()[-1]
    assert state == "fail"
    assert text.startswith(start)


def test_nsca_ng_is_asked_for_a_session(host, told, peer, tmp_path):
    server = NscaNg(peer("nsca-ng"), tmp_path / "nsca-ng")
    server.start()
    try:
        host.write_config(server=f"nsca-ng://sensor1@127.0.0.1:{server.port}", password="s3cret-psk")
        assert told() == [("ok", "an NSCA-ng server accepts sensor1 and the password")]
        assert server.text() == ""
        assert told("--send")[-1][1].startswith("accepted as firestorm;TCP Wrappers: ")
        host.write_config(server=f"nsca-ng://sensor1@127.0.0.1:{server.port}", password="wrong")
        ((state, text),) = told()
        assert (state, text.split(",")[0]) == ("fail", "identity or password are not accepted")
    finally:
        server.stop()


def test_nrdp_is_asked_without_a_result(host, told):
    server = Nrdp()
    try:
        values = {"server": f"nrdp+http://127.0.0.1:{server.port}/nrdp/", "allow_cleartext": "true"}
        host.write_config(**values, token="s3cret-token")
        found = told()
        assert found[-1] == ("ok", "NRDP accepts our token")
        assert ("ok", "its clock agrees with ours") in found
        assert server.results == []
        host.write_config(**values, token="wrong")
        assert told()[-1][1].startswith("said 'BAD TOKEN'")
    finally:
        server.close()


def test_alertmanager_takes_denials_only(host, told, peer, tmp_path):
    webhooks = Webhooks()
    node = Alertmanager(peer("prometheus-alertmanager"), tmp_path / "node", webhooks.port)
    node.start()
    try:
        host.write_config(server=f"alertmanager+http://127.0.0.1:{node.port}", allow_cleartext="true")
        assert told()[-1] == ("ok", "an Alertmanager answers")
        assert told("--send")[-1] == ("ok", "takes denials only, so nothing was sent")
    finally:
        node.stop()
        webhooks.close()


def test_a_program_is_not_started_but_to_send(host, told):
    program = "/var/spool/to-the-bus"
    with open(program, "w") as file:
        file.write("#!/bin/sh\ncat >/var/spool/taken/it\n")
    os.chmod(program, 0o755)
    os.mkdir("/var/spool/taken")
    shutil.chown("/var/spool/taken", "daemon")
    host.write_config(server=f"exec:{program}")
    assert told() == [("ok", "the program is there, and we may run it")]
    assert os.listdir("/var/spool/taken") == []
    told("--send")
    with open("/var/spool/taken/it") as file:
        assert json.loads(file.read())["plugin_output"].startswith(SENT)
