"""`sweeps`: its table for people and programs, its result for the monitor, and what it says about bad logs."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import time

import pytest
from sweeps.conftest import denial

NO_LOG = "no line begins with a time stamp, so it is no log of Nagios, Naemon or Icinga 2; it is passed over"


@pytest.fixture
def now_s():
    """Some seconds ago."""
    return int(time.time()) - 60


@pytest.fixture
def log(tmp_path, now_s):
    """A log with a sweep over six hosts, and a client that only one has seen."""
    path = tmp_path / "nagios.log"
    lines = [denial(f"h{number}", "203.0.113.7", now_s + number, "sshd" if number else "vsftpd") for number in range(6)]
    path.write_bytes(b"".join([*lines, denial("h0", "198.51.100.1", now_s)]))
    return path


def test_table_has_sweeps_only(log, run):
    lines = run("tcpwrap-alert", "sweeps", str(log)).stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].split() == ["client", "hosts", "denials", "first", "last", "daemons"]
    assert lines[1].split()[:3] == ["203.0.113.7", "6", "6"]
    assert lines[1].endswith("  sshd vsftpd")


def test_json_has_all_fields(log, run, now_s):
    (row,) = json.loads(run("tcpwrap-alert", "sweeps", "--json", str(log)).stdout)
    first, last = (time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(at_s)) for at_s in (now_s, now_s + 5))
    assert row == {
        "client": "203.0.113.7",
        "hosts": 6,
        "host_names": ["h0", "h1", "h2", "h3", "h4", "h5"],
        "daemons": ["sshd", "vsftpd"],
        "denials": 6,
        "first": first,
        "last": last,
    }


def test_csv_has_a_line_of_headings(log, run):
    (row,) = csv.DictReader(io.StringIO(run("tcpwrap-alert", "sweeps", "--csv", str(log)).stdout))
    assert (row["hosts"], row["host_names"], row["daemons"]) == ("6", "h0 h1 h2 h3 h4 h5", "sshd vsftpd")


def test_archives_and_compressed_logs_are_read_too(log, run, tmp_path, now_s):
    with gzip.open(tmp_path / "old.log.gz", "wb") as file:
        file.write(denial("h7", "203.0.113.7", now_s))
    (row,) = json.loads(run("tcpwrap-alert", "sweeps", "--json", str(log), str(tmp_path / "old.log.gz")).stdout)
    assert row["hosts"] == 7


def test_log_that_is_named_twice_counts_once(log, run, tmp_path):
    (tmp_path / "link.log").symlink_to(log)
    (row,) = json.loads(run("tcpwrap-alert", "sweeps", "--json", *map(str, (log, log, tmp_path / "link.log"))).stdout)
    assert row["denials"] == 6


def test_no_sweep_is_told_with_what_was_read(log, run):
    done = run("tcpwrap-alert", "sweeps", "--hosts", "7", str(log))
    assert done.returncode == 0
    assert done.stderr == f"tcpwrap-alert: no client was denied by 7 hosts or more; read: {log}\n"


@pytest.mark.parametrize(("options", "count"), [(["--hosts", "6"], 1), (["--hosts", "7"], 0), (["--since", "1s"], 0)])
def test_threshold_and_age(log, run, options, count):
    assert len(json.loads(run("tcpwrap-alert", "sweeps", "--json", *options, str(log)).stdout)) == count


def test_quiet_clients_are_left_out(log, run, write_config):
    write_config(server="127.0.0.1:1", quiet="203.0.113.0/24")
    assert json.loads(run("tcpwrap-alert", "sweeps", "--json", str(log)).stdout) == []


def make_sparse(path):
    path.touch()
    os.truncate(path, 4 << 30)


def make_text(path):
    path.write_text("Denied sshd-203.0.113.7\n" * 1000)


BAD = {
    "binary": (lambda path: path.write_bytes(bytes(range(256)) * 1000), NO_LOG),
    "4 GB": (make_sparse, NO_LOG),
    "no time stamps": (make_text, NO_LOG),
    "missing": (lambda path: None, "cannot read the log: No such file or directory"),
    "directory": (lambda path: path.mkdir(), "cannot read the log: not a regular file"),
    "FIFO": (os.mkfifo, "cannot read the log: not a regular file"),
    "no gzip": (lambda path: path.write_text("x"), "cannot read the log: Not a gzipped file (b'x')"),
}


@pytest.mark.parametrize("submits", [[], ["--submit"]])
@pytest.mark.parametrize("bad", BAD)
def test_bad_log_costs_one_line_and_no_other_log(log, run, tmp_path, bad, submits, spool_dir, write_config):
    (tmp_path / "results").mkdir()
    write_config(server=f"{tmp_path}/results/", host_name="monitor")
    path = tmp_path / ("bad.gz" if bad == "no gzip" else "bad.log")
    make, reason = BAD[bad]
    make(path)
    started_s = time.monotonic()
    done = run("tcpwrap-alert", "sweeps", *submits, str(path), str(log))
    assert time.monotonic() - started_s < 30
    assert done.stderr == f"tcpwrap-alert: {path}: {reason}\n"
    assert done.returncode == 74
    if submits:
        assert len(list((tmp_path / "results").iterdir())) == 2
    else:
        assert "203.0.113.7" in done.stdout


@pytest.mark.parametrize("arguments", [["--hosts", "1", "x"], ["--since", "0d", "x"], ["--json", "--submit", "x"]])
def test_wrong_option_is_told(run, arguments):
    done = run("tcpwrap-alert", "sweeps", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (64, 1)


def test_sweep_waits_while_the_monitor_is_away(log, run, spool_dir, write_config, tmp_path, waiting):
    write_config(server=f"{tmp_path}/none/", host_name="monitor")
    done = run("tcpwrap-alert", "sweeps", "--submit", str(log))
    assert (done.returncode, done.stderr.count("\n")) == (75, 1)
    assert run("tcpwrap-alert", "sweeps", "--submit", str(log)).returncode == 0
    (row,) = waiting()
    assert (row["host_name"], row["service_description"], row["return_code"]) == ("monitor", "TCP Wrapper Sweeps", 2)
    assert row["plugin_output"].startswith("203.0.113.7 was denied by 6 hosts (6 times, ")


def test_absurd_counts_cost_no_run(log, run, write_config, spool_dir, now_s):
    """A host may submit what it wants."""
    write_config(server="127.0.0.1:1", host_name="monitor")
    line = (
        f"[{now_s}] EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;%s;TCP Wrappers;2;Denied sshd-x|denied={'9' * 18}\n"
    )
    log.write_text("".join(line % host for host in "abcdef" for _ in range(20)))
    done = run("tcpwrap-alert", "sweeps", "--submit", str(log))
    assert (done.returncode, done.stderr.count("\n")) == (75, 1)
    assert "hosts=6 denied=120000000000" in run("tcpwrap-alert", "queue", "--json").stdout


def test_line_made_to_be_slow_is_not(log, run, now_s):
    text = f"Denied {'a-' * 2000} x"
    log.write_text(f"[{now_s}] EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;h;TCP Wrappers;2;{text}\n" * 20)
    began_s = time.monotonic()
    run("tcpwrap-alert", "sweeps", str(log))
    assert time.monotonic() - began_s < 10
