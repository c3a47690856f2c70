"""The plugin for the spool: states, text and performance data, and that it never says OK of what it cannot see."""

from __future__ import annotations

import os
import re
import time

import pytest

from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.episodes import Episode, Episodes
from tcpwrap_alert.spool.episodes_file import EpisodesFile
from tcpwrap_alert.spool.spool import Spool
from tcpwrap_alert.spool.state import State


@pytest.fixture
def put(spool_dir):
    """Let denials wait, each for so many seconds."""

    def put_files(*ages_s):
        for age_s in ages_s:
            at_ns = time.time_ns() - int(age_s * 1e9)
            Spool(str(spool_dir)).enqueue(Denial("sshd", "203.0.113.7"), at_ns)

    return put_files


@pytest.fixture
def check(run):
    return lambda *arguments: run("tcpwrap-alert", "check-spool", *arguments)


def test_an_empty_spool_is_ok(check, spool_dir):
    done = check("-w", "5m", "-c", "1h")
    expected = "SPOOL OK - nothing waits | entries=0;;;0 oldest=0s;300;3600;0\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_what_waits_for_a_windows_end_is_told(check, spool_dir):
    now_ns = time.time_ns()
    episodes = Episodes()
    episodes.on["=Denied sshd-203.0.113.7"] = Episode(now_ns, now_ns + 10**11, 100, 1, now_ns)
    episodes.tally.add(("sshd", "203.0.113.7", "unknown", "unknown"), 3, now_ns, now_ns)
    EpisodesFile(Spool(str(spool_dir))).write(episodes)
    assert check().stdout.startswith(
        "SPOOL OK - nothing waits; denials that are told when a window ends: 3 | entries=0;"
    )


def test_no_spool_is_unknown(check, tmp_path):
    done = check()
    assert done.returncode == 3
    assert done.stdout.startswith(f"SPOOL UNKNOWN - {tmp_path}/spool/new: there is no such directory; ")


@pytest.mark.parametrize("status", [75, 77, 78])
def test_rejection_is_a_warning_at_once(check, put, spool_dir, status):
    put(1)
    state = State()
    state.fail("nagios.example:5667: wrong password", time.time(), status)
    Spool(str(spool_dir)).write_state(state)
    done = check()
    assert done.returncode == (0 if status == 75 else 1)
    assert "wrong password" in done.stdout


@pytest.mark.parametrize(("age_s", "state"), [(0, 0), (200, 0), (400, 1), (3500, 1), (3700, 2), (10**6, 2), (-500, 0)])
def test_the_oldest_decides(check, put, age_s, state):
    put(age_s, min(age_s, 100))
    done = check("-w", "5m", "-c", "1h")
    assert done.returncode == state
    word = ("OK", "WARNING", "CRITICAL")[state]
    pattern = (
        rf"SPOOL {word} - 2 waiting, the oldest for (\d+) s: not tried yet \| entries=2;;;0 oldest=\1s;300;3600;0\n"
    )
    (oldest_s,) = re.fullmatch(pattern, done.stdout).groups()
    assert max(age_s, 0) <= int(oldest_s) <= max(age_s, 0) + 20


def test_the_reason_is_told_without_a_bar(check, put, spool_dir):
    put(10)
    state = State()
    state.fail("nagios.example:5667: a | b\x1b", time.time())
    Spool(str(spool_dir)).write_state(state)
    assert check().stdout.startswith("SPOOL OK - 1 waiting, the oldest for 1")
    assert "nagios.example:5667: a / b? | entries=1;" in check().stdout


def test_a_spool_that_cannot_be_read_is_unknown(check, spool_dir):
    os.rmdir(spool_dir / "new")
    (spool_dir / "new").touch()
    done = check()
    assert done.returncode == 3
    assert done.stdout == f"SPOOL UNKNOWN - {spool_dir}/new: cannot scan: Not a directory\n"


@pytest.mark.parametrize("arguments", [("-w", "5"), ("-c", "0s"), ("-x",), ("too", "much")])
def test_a_usage_error_is_unknown(check, arguments):
    done = check(*arguments)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("tcpwrap-alert: ")


def test_fault_ends_when_the_inbox_is_handed_over(check, put, run, tmp_path, write_config, spool_dir):
    write_config(server="127.0.0.1:1", return_code="x")
    put(1)
    assert run("tcpwrap-alert", "replay").returncode == 78
    config = "host_name=firestorm\n"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        config += f"[{name}]\nserver={tmp_path / name}/\n"
    write_config().write_text(config)
    assert check().returncode == 1
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert check().returncode == 0
