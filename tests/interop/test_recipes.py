"""examples/ansible and examples/puppet: both say what README says, and run without a change where their tools are.

The tools are too big to be installed for this: ANSIBLE_PLAYBOOK and PUPPET name their programs.
"""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from support.documents import README, ROOT

EXAMPLES = {
    "ansible": ROOT / "examples" / "ansible" / "tcpwrap-alert.yml",
    "puppet": ROOT / "examples" / "puppet" / "tcpwrap_alert.pp",
}
INVENTORY = "[wrapped]\nfirestorm ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n"
TEXTS = {name: path.read_text() for name, path in EXAMPLES.items()}


@pytest.fixture
def run_tool(tmp_path, isolated):
    """Run a program that a variable names, without its own files in /root; return its exit status and output."""

    def run(variable, *argv):
        program = os.environ.get(variable)
        if not program:
            pytest.skip(f"{variable} does not name a program")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        argv = (program, *argv)
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment, timeout=110)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("name", EXAMPLES)
def test_recipe_has_the_lines_of_readme(name):
    readme = README.read_text()
    (rule,) = re.findall(r"^ALL: ALL: spawn .*$", readme, re.MULTILINE)
    assert rule.replace("/opt/tcpwrap-alert/bin", "/usr/sbin") in TEXTS[name]
    keys = re.findall(r"^(server|password|encryption_method|host_name)=", readme, re.MULTILINE)
    assert [key for key in keys if not re.search(rf"^ +{key}=", TEXTS[name], re.MULTILINE)] == []
    allowed = re.findall(r"^ALL: (?!ALL)(.*)$", readme, re.MULTILINE)
    assert [clients for clients in allowed if clients not in TEXTS[name]] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_hosts_allow_comes_before_hosts_deny(name):
    tasks = TEXTS[name].partition("send_nsca.cfg")[2]
    assert tasks.index("/etc/hosts.allow") < tasks.index("/etc/hosts.deny")


def test_play_runs_in_check_mode(run_tool, tmp_path):
    (tmp_path / "inventory").write_text(INVENTORY)
    arguments = ("-i", str(tmp_path / "inventory"), "-e", "tcpwrap_alert_password=s3cret ansible_become=false")
    play = ("--check", "--diff", "--skip-tags", "package", str(EXAMPLES["ansible"]))
    status, text = run_tool("ANSIBLE_PLAYBOOK", *arguments, *play)
    assert status == 0, text
    assert "+ALL: 198.51.100.0/24" in text
    assert "+ALL: ALL: spawn (/usr/sbin/handle_tcp_wrapper %h %d) &: deny" in text
    assert "s3cret" not in text


def test_class_runs_in_noop_mode(run_tool):
    status, text = run_tool("PUPPET", "apply", "--noop", "--show_diff", str(EXAMPLES["puppet"]))
    assert status == 0, text
    assert "+ALL: 198.51.100.0/24" in text
    assert "+ALL: ALL: spawn (/usr/sbin/handle_tcp_wrapper %h %d) &: deny" in text
    assert "s3cret" not in text
