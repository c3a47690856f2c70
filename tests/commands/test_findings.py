"""How findings are shown: on a terminal, in a file, as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
from tcpwrap_alert.commands.findings import print_findings
from tcpwrap_alert.doctor.finding import Finding
found = [Finding("spool", "ok", "writable"), Finding("rules", "warn", "sshd\\x1b[2J", "look")]
found.append(Finding("a", "fail", "b"))
raise SystemExit(print_findings(found[:COUNT], **OPTIONS))
"""


def program(count, **options):
    code = PROGRAM.replace("COUNT", str(count)).replace("OPTIONS", repr(options))
    return [sys.executable, "-c", code]


@pytest.fixture
def on_terminal():
    """Run a program on a terminal; return what it shows there."""

    def run_there(argv, **environment):
        ours, its = os.openpty()
        values = {"PYTHONIOENCODING": "utf-8", **{key: os.environ[key] for key in os.environ if key != "NO_COLOR"}}
        subprocess.run(argv, stdout=its, stderr=its, check=False, env={**values, **environment}, timeout=60)
        os.close(its)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:
            pass  # the end
        os.close(ours)
        return shown.decode().replace("\r\n", "\n")

    return run_there


def test_a_file_has_words(run):
    done = run(*program(3))
    assert done.stdout == "ok   spool: writable\nwarn rules: sshd?[2J\n     look\nfail a: b\n"
    assert done.returncode == 1


def test_a_terminal_has_ticks_in_colour(on_terminal):
    shown = on_terminal(program(3))
    assert shown.splitlines()[0] == "\x1b[32m   ✓\x1b[0m spool: writable"
    assert "\x1b[33m   !\x1b[0m rules: sshd?[2J" in shown
    assert "\x1b[31m   ✗\x1b[0m a: b" in shown


def test_no_color_is_obeyed(on_terminal):
    assert on_terminal(program(1), NO_COLOR="1") == "   ✓ spool: writable\n"


def test_a_terminal_without_ticks_has_words(on_terminal):
    assert on_terminal(program(1), PYTHONIOENCODING="ascii") == "ok   spool: writable\n"


def test_json_has_all_fields(run):
    done = run(*program(2, as_json=True))
    assert json.loads(done.stdout) == [
        {"subject": "spool", "state": "ok", "text": "writable", "todo": ""},
        {"subject": "rules", "state": "warn", "text": "sshd\x1b[2J", "todo": "look"},
    ]
    assert done.returncode == 1


def test_quiet_leaves_out_what_is_right(run):
    done = run(*program(1, is_quiet=True))
    assert (done.stdout, done.returncode) == ("", 0)
    assert run(*program(2, is_quiet=True)).stdout.startswith("warn rules")
