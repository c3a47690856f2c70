"""Sweeps in the logs of a real Nagios 4 and a real Icinga 2, which got the denials of forty hosts by their spools."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from peers import icinga, nagios
from peers.nsca_daemon import wait_for

HOSTS = 40
CLIENT = "203.0.113.7"
NAGIOS_HOST = """
define host {{
    use generic-host
    host_name {name}
    address 192.0.2.10
    check_command check_none!UP
    active_checks_enabled 0
    max_check_attempts 1
}}
define service {{
    use generic-service
    host_name {name}
    service_description {service}
    check_command check_none!OK
    active_checks_enabled 0
    max_check_attempts 1
    is_volatile 1
    notification_interval 0
    contact_groups admins
}}
"""
ICINGA_HOST = """
object Host "{name}" {{
  check_command = "dummy"
  vars.tcp_wrappers = true
}}
"""
SWEEPS = nagios.EXAMPLE.with_name("tcp-wrapper-sweeps.cfg")
NAMES = [f"host{number:02}" for number in range(HOSTS)]


@pytest.fixture
def deny_everywhere(tmp_path, bin_dir):
    """Let each of the hosts deny the client twice, from a spool of its own; return when the first did, and the last."""

    def deny(command_file):
        times = []
        for name in NAMES:
            place = tmp_path / name
            (place / "new").mkdir(parents=True)
            config = place / "cfg"
            config.write_text(f"server={command_file}\nhost_name={name}\nwindow=no\n")
            own = {"TCPWRAP_ALERT_SPOOL": str(place), "TCPWRAP_ALERT_CONFIG": str(config)}
            for _ in range(2):
                subprocess.run([bin_dir / "handle_tcp_wrapper", CLIENT, "sshd"], check=True, env={**os.environ, **own})
                times.append(time.time())
        for name in NAMES:
            wait_for(lambda name=name: not (tmp_path / name / "leader").exists(), f"{name} still sends", 60)
        return int(times[0]), int(times[-1]) + 1

    return deny


@pytest.fixture
def monitor_config(write_config, spool_dir):
    """Let `sweeps` submit into the command file of a monitor on this host."""
    return lambda command_file: write_config(server=command_file, host_name="firestorm")


@pytest.fixture
def nagios_of_many(peer, isolated):
    """Nagios 4 with forty hosts, and the service of the sweeps."""
    one = nagios.Nagios(peer("nagios4"))
    objects = nagios.ROOT / "objects" / "tcp-wrappers.cfg"
    hosts = [NAGIOS_HOST.format(name=name, service="TCP Wrappers") for name in NAMES]
    sweeps = SWEEPS.read_text()
    objects.write_text("\n".join([objects.read_text(), *hosts, sweeps]))
    one.verify()
    one.start()
    yield one
    one.stop()


def sweeps_notified(monitor):
    lines = monitor.logged("SERVICE NOTIFICATION")
    found = [re.fullmatch(r"nagiosadmin;firestorm;TCP Wrapper Sweeps;CRITICAL;[^;]*;(.*)", line) for line in lines]
    return [match[1] for match in found if match]


def timestamps(text):
    found = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000", text)
    return [int(time.mktime(time.strptime(one, "%Y-%m-%d %H:%M:%S +0000"))) for one in found]


def test_forty_hosts_are_one_result_at_nagios(nagios_of_many, deny_everywhere, monitor_config, run):
    first_s, last_s = deny_everywhere(nagios.COMMAND_FILE)
    log = nagios.ROOT / "nagios.log"
    wait_for(lambda: len(re.findall(r"SERVICE ALERT: host\d\d;TCP", log.read_text())) >= HOSTS, "not all logged", 60)
    (row,) = json.loads(run("tcpwrap-alert", "sweeps", "--json", str(log)).stdout)
    assert (row["client"], row["hosts"], row["host_names"], row["daemons"]) == (CLIENT, HOSTS, NAMES, ["sshd"])
    assert row["denials"] == 2 * HOSTS
    monitor_config(nagios.COMMAND_FILE)
    for _ in range(3):
        assert run("tcpwrap-alert", "sweeps", "--submit", str(log)).returncode == 0
    wait_for(lambda: sweeps_notified(nagios_of_many), "no notification")
    (text,) = sweeps_notified(nagios_of_many)
    assert text.startswith(f"{CLIENT} was denied by {HOSTS} hosts ({row['denials']} times, ")
    told_first_s, told_last_s = timestamps(text)
    assert first_s <= told_first_s <= first_s + 2
    assert last_s - 2 <= told_last_s <= last_s + 5


@pytest.fixture
def icinga_of_many(peer, isolated):
    """Icinga 2 with forty hosts, and the log that is made for Nagios's readers."""
    one = icinga.Icinga(peer("icinga2"), peer("openssl"))
    one.write_compat_log()
    hosts = "".join(ICINGA_HOST.format(name=name) for name in NAMES)
    (icinga.ETC / "conf.d" / "many.conf").write_text(hosts)
    one.start()
    yield one
    one.stop()


def test_forty_hosts_are_a_sweep_at_icinga(icinga_of_many, deny_everywhere, run):
    deny_everywhere(icinga.COMMAND_FILE)
    text = r"Executing external command: \[\d+\] PROCESS_SERVICE_CHECK_RESULT;host\d\d;"
    wait_for(lambda: len(re.findall(text, Path(icinga.LOG).read_text())) >= HOSTS, "not all logged", 60)
    wait_for(lambda: icinga.COMPAT_LOG.read_text().count("EXTERNAL COMMAND: PROCESS_SERVICE") >= HOSTS, "not all", 60)
    for log in (icinga.LOG, icinga.COMPAT_LOG):
        (row,) = json.loads(run("tcpwrap-alert", "sweeps", "--json", str(log)).stdout)
        assert (row["client"], row["hosts"], row["host_names"], row["daemons"]) == (CLIENT, HOSTS, NAMES, ["sshd"])
        assert row["denials"] == 2 * HOSTS
