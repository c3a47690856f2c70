"""What commands say to people: on a terminal, or when asked; which monitor took what, and as what."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from peers.nrdp import Nrdp
from support.results import PASSWORD as PASSWORD_BYTES
from support.terminals import run_on_terminal

from tcpwrap_alert import __version__
from tcpwrap_alert.commands import COMMANDS, GROUPS
from tcpwrap_alert.denial import Denial

DENY = ("tcpwrap-alert", "deny")
SUBMIT = ("tcpwrap-alert", "submit")
RESULT = ("firestorm", "Backup", "0", "OK")
PASSWORD = PASSWORD_BYTES.decode()


@pytest.fixture
def daemon(start, write_config, spool_dir):
    """A server that accepts, which the test's configuration names."""
    server = start()
    write_config(server=f"127.0.0.1:{server.port}", host_name="firestorm", password=PASSWORD, encryption_method=1)
    return server


def accepted(daemon, name="firestorm;TCP Wrappers"):
    return f"accepted by 127.0.0.1:{daemon.port} as {name}\n"


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        ((*DENY, "-v", "sshd", "203.0.113.7"), "firestorm;TCP Wrappers"),
        ((*SUBMIT, "--verbose", *RESULT), "firestorm;Backup"),
        ((*SUBMIT, "-v", "firestorm", "UP", "OK"), "firestorm"),
    ],
)
def test_verbose_says_who_accepted_it_as_what(run, daemon, argv, name):
    done = run(*argv)
    assert (done.returncode, done.stdout, done.stderr) == (0, accepted(daemon, name), "")


@pytest.mark.parametrize("argv", [(*DENY, "sshd", "203.0.113.7"), (*SUBMIT, *RESULT[:1], "TCP Wrappers", *RESULT[2:])])
def test_a_terminal_is_told_without_being_asked(daemon, argv):
    assert run_on_terminal(*argv) == (0, accepted(daemon))


def test_the_scripts_say_nothing_on_a_terminal(daemon):
    assert run_on_terminal("submit_check_result", *RESULT) == (0, "")
    assert run_on_terminal("handle_tcp_wrapper", "203.0.113.7", "sshd") == (0, "")


def test_every_monitor_is_a_line(run, start, write_config, spool_dir):
    first, second = start(), start()
    path = write_config(server=f"127.0.0.1:{first.port}", host_name="firestorm", password=PASSWORD)
    path.write_text(path.read_text() + f"[second]\nserver=127.0.0.1:{second.port}\nhost_name=other\n")
    done = run(*DENY, "-v", "sshd", "203.0.113.7")
    assert done.stdout == accepted(first) + accepted(second, "other;TCP Wrappers")


def test_a_server_that_tells_nothing_is_told_so(run, start, write_config, spool_dir):
    old = start(packet_size=720)
    write_config(server=f"127.0.0.1:{old.port}", host_name="firestorm", password=PASSWORD, legacy_2_7_mode="true")
    done = run(*SUBMIT, "-v", *RESULT)
    assert done.stdout == f"sent to 127.0.0.1:{old.port}, which does not say what it accepts, as firestorm;Backup\n"


def test_what_waits_is_no_success(run, write_config, spool_dir):
    write_config(server="127.0.0.1:1")
    done = run(*DENY, "-v", "sshd", "203.0.113.7")
    assert (done.returncode, done.stdout) == (75, "")


def test_replay_says_how_many_were_accepted(run, daemon, spool):
    for client in range(3):
        spool.enqueue(Denial("sshd", f"203.0.113.{client}"))
    assert run("tcpwrap-alert", "replay", "-v").stdout == accepted(daemon).replace("\n", " (3 results)\n")
    assert run("tcpwrap-alert", "replay", "-v").stdout == "nothing to deliver now\n"
    assert run_on_terminal("tcpwrap-alert", "replay") == (0, "nothing to deliver now\n")


def test_replay_says_what_is_counted_in_a_window(run, daemon, spool, tmp_path):
    config = tmp_path / "send_nsca.cfg"
    config.write_text(config.read_text().replace("window=no", "window=5m"))
    for _ in range(2):
        spool.enqueue(Denial("sshd", "203.0.113.7"))
        done = run("tcpwrap-alert", "replay", "-v")
    assert done.stdout == "1 denial counted; the monitor is told at the end of the window\n"


def test_replay_says_what_went_before_it_failed(run, daemon, spool, tmp_path):
    path = tmp_path / "send_nsca.cfg"
    path.write_text(path.read_text() + "[second]\nserver=127.0.0.1:1\n")
    spool.enqueue(Denial("sshd", "203.0.113.7"))
    done = run("tcpwrap-alert", "replay", "-v")
    assert (done.returncode, done.stdout) == (75, accepted(daemon))
    assert "127.0.0.1:1: connection refused" in done.stderr


def test_debug_says_names_addresses_and_sizes(run, daemon):
    done = run("tcpwrap-alert", "deny", "--debug", "sshd", "203.0.113.7")
    assert (done.returncode, done.stdout) == (0, "")
    told = [line.partition("tcpwrap-alert: debug: ")[2] for line in done.stderr.splitlines()]
    for expected in (
        f"configuration: {os.environ['TCPWRAP_ALERT_CONFIG']}",
        f"spool {os.environ['TCPWRAP_ALERT_SPOOL']} for 127.0.0.1:{daemon.port}, by nsca",
        f"127.0.0.1:{daemon.port} has the addresses 127.0.0.1",
        f"connected to 127.0.0.1 port {daemon.port}",
        "data packet of 4304 bytes for firestorm;TCP Wrappers",
        f"127.0.0.1:{daemon.port}: accepted after 4305 bytes",
        f"127.0.0.1:{daemon.port}: firestorm;TCP Wrappers accepted",
    ):
        assert expected in told
    assert any(re.fullmatch(r"init packet of 132 bytes; the server's clock is [+-]\d+ s from ours", it) for it in told)


SERVERS = {
    "nsca": "127.0.0.1:{port}",
    "nsca, password wrong": "127.0.0.1:{port}",
    "nsca-ng": "nsca-ng://firestorm@127.0.0.1:{port}",
    "nrdp": "nrdp+http://127.0.0.1:{port}/nrdp/",
    "icinga2": "icinga2://firestorm@127.0.0.1:{port}",
    "alertmanager": "alertmanager+http://firestorm@127.0.0.1:{port}",
}


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("argv", [(*DENY, "--debug", "sshd", "h"), (*SUBMIT, "--debug", *RESULT[:3], "words")])
def test_debug_tells_no_secret_and_no_text(run, start, write_config, spool_dir, kind, argv):
    server = start(password=b"another" if "wrong" in kind else PASSWORD_BYTES)
    keys = {"token": PASSWORD} if kind == "nrdp" else {"password": PASSWORD}
    if kind in ("nrdp", "alertmanager"):
        keys["allow_cleartext"] = "true"
    write_config(server=SERVERS[kind].format(port=server.port), timeout=2, **keys)
    done = run(*argv)
    assert f"127.0.0.1:{server.port}" in done.stderr
    assert [word for word in (PASSWORD, "words", "Denied") if word in done.stdout + done.stderr] == []


def test_debug_shows_what_send_does(run, daemon):
    done = run("tcpwrap-alert", "send", "--debug", input="firestorm\tBackup\t0\tOK\n")
    assert "debug: data packet of 4304 bytes for firestorm;Backup" in done.stderr
    assert PASSWORD not in done.stderr


@pytest.mark.parametrize("option", ["-V", "--version"])
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_command_says_its_version(run, name, option):
    done = run("tcpwrap-alert", *([name] if name else []), option)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"tcpwrap-alert, version {__version__}\n", "")


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_every_script_says_its_version(run, option):
    assert run("submit_check_result", option).stdout == f"submit_check_result, version {__version__}\n"
    assert run_on_terminal("handle_tcp_wrapper", option) == (0, f"tcpwrap-alert, version {__version__}\n")


def test_hook_says_its_version_by_way_of_a_link(tmp_path):
    (tmp_path / "hook").symlink_to(subprocess.check_output(["which", "handle_tcp_wrapper"], text=True).strip())
    assert run_on_terminal(str(tmp_path / "hook"), "-V") == (0, f"tcpwrap-alert, version {__version__}\n")


@pytest.mark.parametrize("option", ["-V", "--version", "--help"])
def test_client_that_asks_for_the_version_gets_none(run, option):
    """A rule without %d hands over one argument, which the client may have chosen."""
    done = run("handle_tcp_wrapper", option)
    assert (done.returncode, done.stdout, done.stderr) == (64, "", "")


def test_help_begins_with_where_to_start(run):
    shown = run("tcpwrap-alert", "--help").stdout
    headings = re.findall(r"^(\w.*):(?: |$)", shown.partition("Options:")[2], re.MULTILINE)
    assert shown.split("\n\n")[2].lstrip().startswith("Start here: 'tcpwrap-alert demo'")
    assert headings == list(GROUPS)
    assert re.search(r"^ +1 +'check' found something", shown, re.MULTILINE)
    assert "RIJNDAEL" not in shown


def test_every_command_is_in_one_group():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("repaly", "did you mean replay?"), ("Queue", "did you mean queue?"), ("check-spol", "did you mean check-spool?")],
)
def test_a_misspelt_command_is_corrected(run, typed, hint):
    done = run("tcpwrap-alert", typed)
    assert (done.returncode, done.stderr) == (64, f"tcpwrap-alert: there is no command '{typed}'; {hint}\n")


def test_a_command_like_no_other_leads_to_the_help(run):
    assert run("tcpwrap-alert", "x\x1b[31m").stderr.endswith("no command 'x?[31m'; see tcpwrap-alert --help\n")


def test_a_misspelt_daemon_is_corrected(peer, daemon):
    peer("sshd")
    status, shown = run_on_terminal(*DENY, "sshdd", "203.0.113.7")
    assert (status, shown.splitlines()[0]) == (0, accepted(daemon).strip())
    assert shown.endswith(": no daemon here asks TCP wrappers by the name 'sshdd'; did you mean sshd?\n")


def test_daemon_and_client_in_the_wrong_order_are_told(daemon):
    status, shown = run_on_terminal(*DENY, "203.0.113.7", "sshd")
    assert (status, shown.splitlines()[0]) == (0, accepted(daemon).strip())
    assert shown.endswith("an address; the daemon comes first: tcpwrap-alert deny sshd 203.0.113.7\n")


@pytest.mark.parametrize("name", ["sshd", "test", "my-own-daemon"])
def test_any_other_daemon_is_taken_as_it_is(daemon, name):
    assert run_on_terminal(*DENY, name, "203.0.113.7") == (0, accepted(daemon))


@pytest.mark.parametrize(("command", "minutes"), [("replay", "*"), ("heartbeat", "*/5")])
def test_line_for_cron_works_as_shown(run, start, default_spool, monkeypatch, command, minutes):
    """With the spool's owner, this program's path, and no more environment than cron has."""
    monkeypatch.setenv("COLUMNS", "200")
    os.chown(default_spool, 65534, 65534)
    os.chown(default_spool / "new", 65534, 65534)
    (line,) = re.findall(r"^ *(\S+ \* \* \* \* .*)$", run("tcpwrap-alert", command, "--help").stdout, re.MULTILINE)
    when, user, argv = re.fullmatch(r"(\S+ \* \* \* \*) (\S+) (.*)", line).groups()
    assert (when, user) == (f"{minutes} * * * *", "nobody")
    daemon = start()
    config = Path("/var/spool/send_nsca.cfg")
    config.write_text(f"server=127.0.0.1:{daemon.port}\nverdict=direct\npassword={PASSWORD}\nwindow=no\n")
    config.chmod(0o600)
    os.chown(config, 65534, 65534)
    run("handle_tcp_wrapper", "203.0.113.7", "sshd", env={**os.environ, "TCPWRAP_ALERT_CONFIG": "/nowhere"})
    environment = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "TCPWRAP_ALERT_CONFIG": str(config)}
    done = run("/bin/sh", "-c", argv, env=environment, user=user, group="nogroup", extra_groups=[], cwd="/")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert daemon.connection().packets


def test_debug_of_nrdp_tells_the_answer_and_no_token(run, write_config, spool_dir):
    server = Nrdp()
    path = f"nrdp+http://127.0.0.1:{server.port}{server.path}"
    write_config(server=path, token=server.token, allow_cleartext="true", host_name="firestorm")
    try:
        done = run(*DENY, "-v", "--debug", "sshd", "203.0.113.7")
    finally:
        server.close()
    assert done.stdout == f"accepted by 127.0.0.1:{server.port} as firestorm;TCP Wrappers\n"
    assert re.search(rf"127.0.0.1:{server.port}: POST of \d+ bytes", done.stderr)
    assert re.search(rf"127.0.0.1:{server.port}: status 200, \d+ bytes", done.stderr)
    assert [word for word in (server.token, "203.0.113.7") if word in done.stderr] == []
    assert len(server.results) == 1
