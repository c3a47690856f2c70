"""The whole way to Nagios 4: through the real nsca, or into its command file on the same host."""

from __future__ import annotations

import re
import time

import pytest
from peers.nagios import COMMAND_FILE, ROOT, Nagios
from peers.nsca_daemon import wait_for
from support import namespaces
from support.denials import count_denials, deny
from support.spools import wait_until_left

PASSWORD = "s3cret"


@pytest.fixture
def start_nagios(peer, isolated):
    """Start Nagios, and stop it after the test."""
    running = []

    def start(**settings):
        running.append(Nagios(peer("nagios4"), **settings))
        running[-1].verify()
        running[-1].start()
        return running[-1]

    yield start
    for nagios in running:
        nagios.stop()


@pytest.fixture
def by_nsca(start_nagios, start_nsca, write_config, spool_dir):
    """Nagios behind the real nsca, and the configuration for it."""
    nagios = start_nagios()
    daemon = start_nsca(method=14, password=PASSWORD, pipe=COMMAND_FILE)
    write_config(server=f"127.0.0.1:{daemon.port}", encryption_method=14, password=PASSWORD, host_name="firestorm")
    return nagios


@pytest.fixture
def by_command_file(start_nagios, write_config, spool_dir):
    """Nagios on this host, and the configuration for it."""
    nagios = start_nagios()
    write_config(server=COMMAND_FILE, host_name="firestorm")
    return nagios


@pytest.fixture(params=["by_nsca", "by_command_file"])
def nagios(request):
    """Nagios, on either way."""
    return request.getfixturevalue(request.param)


def notified(nagios):
    """Return the texts of the notifications."""
    lines = nagios.logged("SERVICE NOTIFICATION")
    found = [re.fullmatch(r"nagiosadmin;firestorm;TCP Wrappers;CRITICAL;[^;]*;(.*)", line) for line in lines]
    return [match[1] for match in found if match]


@pytest.mark.parametrize(("count", "clients"), [(1, 1), (60, 1), (60, 30)])
def test_the_notifications_account_for_every_denial(nagios, count, clients):
    deny(count, clients)
    wait_for(lambda: count_denials(notified(nagios)) >= count, "not all denials were notified")
    assert count_denials(notified(nagios)) == count
    wait_for(lambda: nagios.service()["plugin_output"].startswith("Denied sshd-"), "not in status.dat")
    service = nagios.service()
    assert (service["current_state"], service["state_type"]) == ("2", "1")


def test_utf_8_long_output_and_perfdata_are_in_status(nagios, run):
    output = "Größe 😀 \\ 3 % | größe=3%;80;90\nzweite Zeile\ndritte \\n Zeile | mehr=1"
    assert run("submit_check_result", "firestorm", "TCP Wrappers", "1", output).returncode == 0
    wait_for(lambda: nagios.service()["current_state"] == "1", "not in status.dat")
    service = nagios.service()
    assert service["plugin_output"] == "Größe 😀 \\ 3 %"
    assert service["long_plugin_output"].startswith("zweite Zeile\\ndritte ")
    assert service["performance_data"].split()[0] == "größe=3%;80;90"


def test_hostile_names_are_one_harmless_text(nagios, run):
    client = "$(id)`;|<b>&\n[1795176000] SHUTDOWN_PROGRAM;1\x1b[31m"
    assert run("tcpwrap-alert", "deny", "sshd", client).returncode == 0
    expected = "Denied sshd-__id_____b____1795176000__SHUTDOWN_PROGRAM_1__31m"
    wait_for(lambda: nagios.service()["plugin_output"] == expected, nagios.service()["plugin_output"])
    assert notified(nagios) == [expected]
    assert len(nagios.logged("EXTERNAL COMMAND")) == 1


def test_after_a_quiet_period_the_service_is_ok_again(start_nagios, write_config, run, spool_dir):
    nagios = start_nagios(freshness_threshold_s=3)
    write_config(server=COMMAND_FILE, host_name="firestorm")
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 0
    wait_for(lambda: nagios.service()["current_state"] == "2", "not CRITICAL")
    wait_for(lambda: nagios.service()["current_state"] == "0", "not OK again", 30)
    assert nagios.service()["plugin_output"] == "OK - no denied connection for two hours"


def test_a_denial_of_before_has_its_own_time(by_command_file, run, spool_dir):
    """What waited while Nagios was down."""
    by_command_file.halt()
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 75
    (queue_file,) = (spool_dir / "new").iterdir()
    denied_at = int(queue_file.stat().st_mtime)
    by_command_file.start()
    started = int(time.time())
    assert run("tcpwrap-alert", "replay").returncode == 0
    wait_for(lambda: by_command_file.service()["current_state"] == "2", "not CRITICAL")
    assert int(by_command_file.service()["last_check"]) == denied_at <= started
    assert by_command_file.service()["plugin_output"] == "Denied sshd-203.0.113.7"


@pytest.fixture
def owned_by_nagios(start_nagios, monkeypatch):
    """The monitor itself, as README has it: nagios owns the spool and may read the configuration."""
    for variable in ("TCPWRAP_ALERT_SPOOL", "TCPWRAP_ALERT_CONFIG"):
        monkeypatch.delenv(variable)
    namespaces.mount_tmpfs("/var/spool")
    for words in ("-d -m 710 /var/spool/tcpwrap-alert", "-d -m 1730 /var/spool/tcpwrap-alert/new"):
        namespaces.run("install", "-o", "nagios", "-g", "nagios", *words.split())
    namespaces.bind_over("/etc/send_nsca.cfg", f"server={COMMAND_FILE}\nhost_name=firestorm\nwindow=no\n")
    namespaces.run("chgrp", "nagios", "/etc/send_nsca.cfg")
    namespaces.run("chmod", "640", "/etc/send_nsca.cfg")
    try:
        yield start_nagios()
        wait_until_left("/var/spool/tcpwrap-alert")
    finally:
        for path in ("/etc/send_nsca.cfg", "/var/spool"):
            namespaces.unbind(path)


def test_on_the_monitor_itself_nagios_owns_the_spool(owned_by_nagios, run):
    deny(1, 1)  # as root: the forwarder becomes nagios
    wait_for(lambda: notified(owned_by_nagios) == ["Denied sshd-203.0.113.0"], "not notified")
    owned_by_nagios.halt()
    as_nagios = {"user": "nagios", "group": "nagios", "extra_groups": []}
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7", **as_nagios).returncode == 75
    owned_by_nagios.start()
    assert run("tcpwrap-alert", "replay", **as_nagios).returncode == 0
    wait_for(lambda: "Denied sshd-203.0.113.7" in notified(owned_by_nagios)[-1], "not notified")


def test_directory_of_the_pipe_has_nothing_of_ours(by_command_file, run):
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 0
    assert sorted(path.name for path in (ROOT / "rw").iterdir()) == ["nagios.cmd", "nagios.qh"]
