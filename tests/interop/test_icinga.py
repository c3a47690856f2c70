"""The whole way to Icinga 2: through the real nsca, or into its command pipe on the same host; read back by its API."""

from __future__ import annotations

import os
import re
import time
from functools import partial

import pytest
from peers.icinga import COMMAND_FILE, Icinga
from peers.nsca_daemon import wait_for
from support.denials import count_denials, deny

PASSWORD = "s3cret"
QUIET = "OK - no denied connection for two hours"


@pytest.fixture
def make_icinga(peer, isolated):
    """Set up Icinga 2, and stop it after the test."""
    made = []

    def make(**settings):
        made.append(Icinga(peer("icinga2"), peer("openssl"), **settings))
        return made[-1]

    yield make
    for icinga in made:
        icinga.stop()


@pytest.fixture
def by_nsca(make_icinga, start_nsca, write_config, spool_dir):
    """Icinga 2 behind the real nsca, and the configuration for it."""
    icinga = make_icinga()
    icinga.start()
    daemon = start_nsca(method=14, password=PASSWORD, pipe=COMMAND_FILE, aggregate_writes=1)
    write_config(server=f"127.0.0.1:{daemon.port}", encryption_method=14, password=PASSWORD, host_name="firestorm")
    return icinga


@pytest.fixture
def by_command_file(make_icinga, write_config, spool_dir):
    """Icinga 2 on this host, and the configuration for it."""
    icinga = make_icinga()
    icinga.start()
    write_config(server=COMMAND_FILE, host_name="firestorm")
    return icinga


@pytest.fixture(params=["by_nsca", "by_command_file"])
def icinga(request):
    """Icinga 2, on either way."""
    return request.getfixturevalue(request.param)


def problems(icinga):
    """Return the first lines of the notifications of denials."""
    return [text.split("\n")[0].rstrip() for text in icinga.notified("PROBLEM", "CRITICAL")]


def is_notified(icinga, texts):
    return sorted(problems(icinga)) == texts


def wait_for_output(icinga, start):
    wait_for(lambda: icinga.result().get("output", "").startswith(start), f"{start} does not come")


def test_example_is_right_beside_debians_configuration(make_icinga):
    said = make_icinga().verify()
    # From 2.14.6 on, the API that we enable to read back says that filters may cost much.
    assert re.findall(r"(?:warning|critical)/(?!ApiListener: Security notice).*", said) == []
    assert "Instantiated 2 Hosts." in said


@pytest.mark.parametrize(("count", "clients"), [(1, 1), (60, 1), (60, 30)])
def test_the_notifications_account_for_every_denial(icinga, count, clients):
    deny(count, clients)
    wait_for(lambda: count_denials(problems(icinga)) >= count, "not all denials were notified")
    assert count_denials(problems(icinga)) == count
    wait_for_output(icinga, "Denied sshd-")
    service = icinga.service()
    assert (service["state"], service["state_type"]) == (2, 1)


def test_next_denial_after_an_all_clear_is_notified(by_nsca, run):
    deny(1, 1)
    wait_for_output(by_nsca, "Denied sshd-203.0.113.0")
    assert run("submit_check_result", "firestorm", "TCP Wrappers", "OK", "looked into it").returncode == 0
    wait_for_output(by_nsca, "looked into it")
    assert by_nsca.service()["state"] == 0
    deny(1, 1)
    wait_for(lambda: len(problems(by_nsca)) == 2, "the second denial is not notified")
    assert problems(by_nsca) == ["Denied sshd-203.0.113.0"] * 2
    assert by_nsca.notified("RECOVERY", "OK") == ["looked into it"]


def test_result_waits_while_icinga_is_down(by_nsca, run):
    """The pipe stays; only with aggregate_writes=1 nsca looks at it before it accepts."""
    by_nsca.halt()
    assert COMMAND_FILE.is_fifo()
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode in (75, 77)
    by_nsca.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    wait_for(lambda: is_notified(by_nsca, ["Denied sshd-203.0.113.7"]), "not notified")


def test_utf_8_long_output_and_perfdata_are_in_api(icinga, run):
    output = "Größe 😀 3 % | größe=3%;80;90\nzweite Zeile; noch sie\ndritte Zeile"
    assert run("submit_check_result", "firestorm", "TCP Wrappers", "1", output).returncode == 0
    wait_for_output(icinga, "Größe")
    result = icinga.result()
    assert result["state"] == 1
    assert result["output"].splitlines() == ["Größe 😀 3 % ", "zweite Zeile; noch sie", "dritte Zeile"]
    assert result["performance_data"] == ["größe=3%;80;90"]


def test_hostile_names_are_one_harmless_text(icinga, run):
    client = "$(id)`;|<b>&\n[1795176000] SHUTDOWN_PROCESS;1\x1b[31m$host.name$\\n"
    assert run("tcpwrap-alert", "deny", "sshd", client).returncode == 0
    wait_for(lambda: problems(icinga), "not notified")
    expected = "Denied sshd-__id_____b____1795176000__SHUTDOWN_PROCESS_1__31m_host.name__n"
    assert problems(icinga) == [icinga.result()["output"]] == [expected]
    icinga.halt()  # its log is complete then
    assert icinga.commands() == 1


def test_after_a_quiet_period_the_service_is_ok_again(make_icinga, write_config, run, spool_dir):
    icinga = make_icinga(quiet="3s")
    icinga.start()
    write_config(server=COMMAND_FILE, host_name="firestorm")
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 0
    wait_for(lambda: is_notified(icinga, ["Denied sshd-203.0.113.7"]), "not notified")
    wait_for_output(icinga, QUIET)
    assert icinga.service()["state"] == 0
    wait_for(lambda: icinga.notified("RECOVERY", "OK") == [QUIET], "not notified of the recovery")


def test_a_denial_of_before_has_its_own_time(by_command_file, run, spool_dir):
    """What waited while Icinga 2 was down."""
    by_command_file.halt()
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 75
    (queue_file,) = (spool_dir / "new").iterdir()
    denied_at = int(queue_file.stat().st_mtime)
    by_command_file.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    wait_for_output(by_command_file, "Denied sshd-203.0.113.7")
    assert by_command_file.service()["last_check"] == denied_at
    assert by_command_file.result()["execution_end"] == denied_at


def test_late_denial_counts_after_a_quiet_service(make_icinga, write_config, run, spool_dir):
    """Icinga 2 takes nothing that is older than its last result; being quiet must not make it deaf."""
    icinga = make_icinga(quiet="1s")
    write_config(server=COMMAND_FILE, host_name="firestorm")
    for denied in (["Denied sshd-203.0.113.7"], ["Denied sshd-203.0.113.7", "Denied sshd-203.0.113.8"]):
        assert run("tcpwrap-alert", "deny", "sshd", denied[-1].partition("-")[2]).returncode == 75
        icinga.start()
        wait_for_output(icinga, QUIET)
        assert run("tcpwrap-alert", "replay").returncode == 0
        wait_for(partial(is_notified, icinga, denied), f"not {denied}")
        icinga.halt()


def test_what_was_denied_between_repeats_counts_too(by_command_file, spool_dir, run):
    """Of an outage: repeats go out as one, and what was denied after the first of them must not be older than that."""
    by_command_file.halt()
    denied = ["203.0.113.7", "203.0.113.8", "203.0.113.7"]
    for age_s, client in zip((300, 200, 100), denied):
        assert run("tcpwrap-alert", "deny", "sshd", client).returncode == 75
        newest = max((spool_dir / "new").iterdir(), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (time.time() - age_s,) * 2)
    by_command_file.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    wait_for(lambda: count_denials(problems(by_command_file)) == 3, "not all denials were notified")


def test_the_pipe_is_for_its_owner_and_its_group(by_command_file, run):
    def may_write(user, group):
        return run("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "test", "-w", COMMAND_FILE)

    assert may_write("nagios", "nagios").returncode == 0
    assert may_write("nobody", "www-data").returncode == 0
    assert may_write("nobody", "nogroup").returncode == 1
