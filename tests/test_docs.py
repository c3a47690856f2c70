"""README, examples and send_nsca.cfg.example say what the program does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import daemon_table
import pytest
from peers.daemons import CASES
from support import namespaces

from tcpwrap_alert import __version__
from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.nsca.cipher import METHODS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLE = (ROOT / "send_nsca.cfg.example").read_text()


def blocks(text, language=""):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for its_language, block in found if its_language == language]


@pytest.fixture
def nagios_example(start_nsca):
    """A real daemon under the name, port, method and password of the README."""
    daemon = start_nsca(port=5667, method=14, password="s3cret")
    namespaces.bind_over("/etc/hosts", "127.0.0.1 nagios.example\n")
    yield daemon
    namespaces.unbind("/etc/hosts")


def commands_of(run):
    listed = run("tcpwrap-alert", "--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  (\w+) ", listed, re.MULTILINE)


def test_every_encryption_method_is_in_the_help(run):
    text = " ".join(run("tcpwrap-alert", "--help").stdout.split())
    assert [number for number, method in METHODS.items() if f" {number} {method.name}" not in text] == []


def test_every_encryption_method_is_in_the_readme():
    table = README.partition("## Encryption methods")[2].partition("##")[0]
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| [^|]* \| ([^|]+) \|$", table, re.MULTILINE)
    expected = {number: (method.name, " or ".join(method.backends)) for number, method in METHODS.items()}
    assert {int(number): (name, by) for number, name, by in rows} == expected


def test_every_command_is_in_the_readme(run):
    commands = commands_of(run)
    assert len(commands) == 8
    assert [name for name in commands if f"| `tcpwrap-alert {name}" not in README] == []


def test_the_help_of_every_command_has_an_example(run):
    for command in commands_of(run):
        assert "Example" in run("tcpwrap-alert", command, "--help").stdout


def test_readme_python_runs_and_its_results_arrive(nagios_example):
    for block in blocks(README, "python"):
        exec(block, {})
    disks = [f"firestorm;Disk {number};0;OK" for number in range(20)]
    assert nagios_example.results() == [*disks, *disks, "firestorm;Backup;0;OK - 12 GiB"]


def test_readme_send_command_does_what_is_written(nagios_example, write_config):
    config = write_config(encryption_method=14, password="s3cret")
    (command,) = [block for block in blocks(README) if "| tcpwrap-alert send" in block]
    command = command.replace("/etc/send_nsca.cfg", str(config))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, timeout=60)
    assert f"`{done.stdout.strip()}`" in README
    assert nagios_example.results() == ["firestorm;Backup;0;OK - 12 GiB | time=81s"]


def test_the_example_configuration_is_valid_as_it_is(tmp_path):
    server = read_config(str(ROOT / "send_nsca.cfg.example")).monitors[0].targets[0]
    assert (server.host, server.password) == ("nagios.example", b"change me")


def test_example_configuration_has_keys_and_defaults(tmp_path, run, write_config):
    keys = re.findall(r"^#?([a-z_0-9]+)=", EXAMPLE, re.MULTILINE)
    write_config(nonsense="")
    known = re.search(r"known keys: ([\w, ]+)", run("submit_check_result", "h", "s", "0", "o").stderr)[1].split(", ")
    assert sorted(keys) == sorted(known)
    (tmp_path / "empty.cfg").write_text("server=nagios.example")
    (tmp_path / "all.cfg").write_text(re.sub(r"^#([a-z_0-9]+=)", r"\1", EXAMPLE, flags=re.MULTILINE))
    default, example = (read_config(str(tmp_path / name)).monitors[0] for name in ("empty.cfg", "all.cfg"))
    for key in ("service_description", "return_code", "output", "fold"):
        assert getattr(default.wording, key) == getattr(example.wording, key)
    for key in ("port", "timeout_s", "legacy_2_7_mode", "escape_newlines"):
        assert getattr(default.targets[0], key) == getattr(example.targets[0], key)
    for key in ("max_entries", "max_age_s"):
        assert getattr(default, key) == getattr(example, key)


def test_the_example_rule_is_the_readme_rule():
    rules = [line for line in (ROOT / "examples" / "hosts.deny").read_text().splitlines() if line[:1] not in ("#", "")]
    assert [f"{rule}\n" for rule in rules] == [block for block in blocks(README) if block.startswith("ALL: ALL")]


def test_what_the_readme_makes_is_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?:^|`)make ([\w-]+)", README, re.MULTILINE))
    assert targets >= {"demo", "test", "test-all"}
    for target in targets:
        assert re.search(rf"^(.* )?{target}( .*)?:", makefile, re.MULTILINE)


def test_the_changelog_has_this_version():
    assert f"## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_demo_loses_nothing(run):
    demo = run("tcpwrap-alert", "demo")
    assert demo.returncode == 0
    assert demo.stdout.endswith("The denied clients received 0 bytes.\nfired 8, delivered 8, lost 0\n")


@pytest.mark.parametrize("script", ["bin/handle_tcp_wrapper", ".ci/run"])
def test_the_shell_scripts_parse(script):
    shell = "dash" if script.startswith("bin") else "bash"
    subprocess.run([shell, "-n", str(ROOT / script)], check=True)


def test_document_has_each_daemon_and_rule_and_no_loss():
    document = (ROOT / "docs" / "daemons.md").read_text()
    lines = document.partition(daemon_table.BEGIN)[2].partition(daemon_table.END)[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][1:]
    shown = [(row[0].partition(" (")[0], *row[1:6], row[7].partition(" ")[0], row[9]) for row in rows]
    assert shown == [
        (
            daemon.name,
            f"`{rule}`",
            daemon.named,
            daemon.handed(client),
            daemon.runs_hook_as,
            f"Denied {daemon.named}-{client}",
            "0",
            "0",
        )
        for daemon, rule, client in CASES
    ]
