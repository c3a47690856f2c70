"""`--dry-run` of deny and submit: what it prints is what then arrives, and nothing is sent or stored."""

from __future__ import annotations

import ast
import json
import os
import re

import pytest
from peers.nrdp import Nrdp
from support.results import PASSWORD

FIELD = re.compile(r"  (\w+) \((\d+) bytes?\): (.*)")
RESULTS = {
    "plain": ("firestorm", "Disk", "1", "90 % full"),
    "host": ("firestorm", "1", "down"),
    "long": ("firestorm", "Disk", "2", "é" * 3000),
    "odd": ("firestorm", "Disk é", "2", "a\\b\nc | x=1"),
    "command": ("firestorm", "Disk", "2", "a\n[1] DISABLE_NOTIFICATIONS;\nb"),
}


@pytest.fixture
def dry_run(run):
    """Return the fields as bytes, of the one monitor; what is printed must say how many bytes they have."""

    def run_dry(command, *arguments):
        done = run("tcpwrap-alert", command, "--dry-run", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("nothing was sent or stored\n")
        found = {}
        for name, count, text in FIELD.findall(done.stdout):
            found[name] = ast.literal_eval(f'"{text}"'.replace('"', "'''", 1)[:-1] + "'''").encode()
            assert len(found[name]) == int(count)
        return found

    return run_dry


@pytest.mark.parametrize("escapes", ["true", "false"])
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_fields_are_those_of_the_packet(start, write_config, run, dry_run, spool_dir, result, escapes):
    daemon = start()
    write_config(server=f"127.0.0.1:{daemon.port}", password=PASSWORD.decode(), escape_newlines=escapes)
    told = dry_run("submit", *result)
    assert daemon.connections == []
    assert os.listdir(spool_dir) == ["new"]
    assert run("tcpwrap-alert", "submit", *result).returncode == 0
    (packet,) = daemon.connection().packets
    arrived = (packet.host_name, packet.service_description, str(packet.return_code), packet.plugin_output)
    assert tuple(text.encode() for text in arrived) == tuple(told.values())


def test_a_denial_is_shown_as_it_arrives(start, write_config, run, dry_run, spool_dir):
    daemon = start()
    write_config(
        server=f"127.0.0.1:{daemon.port}", password=PASSWORD.decode(), output="{client} was denied by {daemon}"
    )
    told = dry_run("deny", "sshd", "203.0.113.7")
    assert told["plugin_output"] == b"203.0.113.7 was denied by sshd"
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 0
    assert daemon.connection().packets[0].plugin_output.encode() == told["plugin_output"]


def test_the_line_is_that_of_the_command_file(write_config, run, dry_run, spool_dir, tmp_path):
    os.mkfifo(tmp_path / "cmd")
    reader = os.open(tmp_path / "cmd", os.O_RDWR | os.O_NONBLOCK)
    write_config(server=tmp_path / "cmd")
    told = dry_run("submit", *RESULTS["odd"])["command"]
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    assert run("tcpwrap-alert", "submit", *RESULTS["odd"]).returncode == 0
    arrived = os.read(reader, 65536)
    os.close(reader)
    assert arrived.partition(b"]")[2] == told.partition(b"]")[2]


def test_the_object_is_that_of_nrdp(write_config, run, dry_run, spool_dir):
    server = Nrdp()
    try:
        url = f"nrdp+http://127.0.0.1:{server.port}/nrdp/"
        write_config(server=url, token="s3cret-token", allow_cleartext="true")
        told = json.loads(dry_run("submit", *RESULTS["odd"])["json"])
        assert server.requests == 0
        assert run("tcpwrap-alert", "submit", *RESULTS["odd"]).returncode == 0
        assert server.results == [told]
    finally:
        server.close()


def test_each_monitor_is_named(write_config, run, spool_dir):
    path = write_config(server="nagios.example", password="s3cret")
    with path.open("a") as file:
        file.write("[a]\nserver=alertmanager+https://alerts.example\n[e]\nserver=exec:/bin/to-the-bus\n")
    done = run("tcpwrap-alert", "submit", "--dry-run", *RESULTS["plain"])
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("to ")] == [
        "to [default] nagios.example:5667 (nsca):",
        "to [a] alerts.example:9093 (alertmanager+https):",
        "to [e] exec:/bin/to-the-bus (exec):",
    ]
    assert "  nothing, as it takes denials only" in lines
    assert "s3cret" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("submit", "--dry-run", "h", "CRIT", "x"), 65), (("deny", "--dry-run", "sshd"), 64)],
)
def test_bad_input_is_told_as_without_it(write_config, run, spool_dir, arguments, status):
    write_config(server="nagios.example", password="s3cret")
    assert run("tcpwrap-alert", *arguments).returncode == status


def test_a_wrong_configuration_is_told(write_config, run, spool_dir):
    write_config(pasword="s3cret")
    done = run("tcpwrap-alert", "deny", "--dry-run", "sshd", "203.0.113.7")
    assert (done.returncode, done.stdout) == (78, "")
    assert os.listdir(spool_dir / "new") == []


@pytest.mark.parametrize("option", ["--dry-run", "-v", "--help"])
def test_option_behind_the_text_is_no_performance_data(run, spool_dir, option):
    """Whoever wants to see only must not send."""
    done = run("tcpwrap-alert", "submit", "firestorm", "Disk", "OK", "fine", option)
    assert done.returncode == 64
    assert f"{option} is no performance data; write options before HOST" in done.stderr
    assert list((spool_dir / "new").iterdir()) == []
