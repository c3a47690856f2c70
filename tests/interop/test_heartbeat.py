"""A host that falls silent: its heartbeat ends, and the second service turns UNKNOWN; the first one is not touched."""

from __future__ import annotations

import pytest
from peers import icinga, nagios
from peers.nsca_daemon import wait_for

ALERTING = "TCP Wrappers Alerting"
SILENT_S = 4


@pytest.fixture
def at_nagios(peer, isolated, write_config, spool_dir):
    monitor = nagios.Nagios(peer("nagios4"), silent_s=SILENT_S)
    monitor.start()
    write_config(server=nagios.COMMAND_FILE, host_name="firestorm")
    yield lambda name: monitor.service(name)["current_state"]
    monitor.stop()


@pytest.fixture
def at_icinga(peer, isolated, write_config, spool_dir):
    monitor = icinga.Icinga(peer("icinga2"), peer("openssl"), silent=f"{SILENT_S}s")
    monitor.start()
    write_config(server=icinga.COMMAND_FILE, host_name="firestorm")
    yield lambda name: str(int(monitor.service(name)["state"]))
    monitor.stop()


@pytest.mark.parametrize("monitor", ["at_nagios", "at_icinga"])
def test_silent_host_is_unknown_within_the_threshold(request, run, monitor):
    state_of = request.getfixturevalue(monitor)
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 0
    wait_for(lambda: state_of("TCP Wrappers") == "2", "not CRITICAL")
    assert run("tcpwrap-alert", "heartbeat").returncode == 0
    wait_for(lambda: state_of(ALERTING) == "0", "the heartbeat does not come")
    wait_for(lambda: state_of(ALERTING) == "3", "nobody notices", 30)
    assert state_of("TCP Wrappers") == "2"
