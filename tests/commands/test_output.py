"""Output that cannot be written: the promised status, and what was to be done is done."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest
from peers.fake_daemon import FakeDaemon
from support.results import PASSWORD

RESULT = ("firestorm", "Disk", "1", "90 % full")
DENY = ("tcpwrap-alert", "deny", "sshd", "203.0.113.7")
SUBMIT = ("tcpwrap-alert", "submit", *RESULT)
SCRIPT = ("submit_check_result", *RESULT)
QUEUE = ("tcpwrap-alert", "queue")
REPLAY = ("tcpwrap-alert", "replay")
BOTH = ">/dev/full 2>/dev/full"


@pytest.fixture
def status_of(spool_dir):
    """Run a command with its output redirected; return its exit status."""

    def run_redirected(argv, redirection):
        done = subprocess.run(["sh", "-c", f'exec "$@" {redirection}', "sh", *argv], check=False, timeout=60)
        return done.returncode

    return run_redirected


@pytest.mark.parametrize("redirection", ["2>/dev/full", BOTH, ">&- 2>&-"])
@pytest.mark.parametrize("command", [DENY, SUBMIT, SCRIPT], ids=" ".join)
def test_a_full_stderr_costs_no_status_and_no_result(status_of, write_config, spool_dir, command, redirection):
    write_config(server="127.0.0.1:1", password="s3cret").chmod(0o644)  # which is worth a warning
    assert status_of(command, redirection) == 75
    assert len(os.listdir(spool_dir / "new")) == 1
    assert status_of(REPLAY, redirection) == 75
    assert len(os.listdir(spool_dir / "new")) == 1


@pytest.mark.parametrize("redirection", [">/dev/full", "2>/dev/full", BOTH])
@pytest.mark.parametrize("command", [DENY, SUBMIT, SCRIPT, REPLAY], ids=" ".join)
def test_full_device_does_not_matter_if_all_is_well(status_of, write_config, spool_dir, command, redirection):
    with FakeDaemon(password=b"s3cret") as daemon:
        write_config(server=f"127.0.0.1:{daemon.port}", password="s3cret").chmod(0o644)
        (spool_dir / "new" / "link").symlink_to("nowhere")  # set aside, which replay tells
        assert status_of(command, redirection) == 0
    assert os.listdir(spool_dir / "new") == []


@pytest.mark.parametrize(("redirection", "status"), [("2>/dev/full", 0), (">/dev/full", 74), (BOTH, 74)])
def test_a_count_that_cannot_be_written_is_74(start, tmp_path, status_of, write_config, redirection, status):
    daemon = start()
    (tmp_path / "record").write_text("h\ts\t0\to\n")
    write_config(server=f"127.0.0.1:{daemon.port}", password=PASSWORD.decode())
    assert status_of(("tcpwrap-alert", "send"), f"{redirection} <{tmp_path}/record") == status
    assert len(daemon.connection().packets) == 1


@pytest.mark.parametrize("redirection", [">/dev/full", BOTH])
@pytest.mark.parametrize("command", [("check", "--deny", "/nonexistent"), ("check-spool",)], ids=" ".join)
def test_findings_that_cannot_be_written_are_74(status_of, spool_dir, command, redirection):
    assert status_of(("tcpwrap-alert", *command), redirection) == 74


@pytest.mark.parametrize("redirection", [">/dev/full", BOTH])
@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("is_waiting", [True, False])
def test_a_list_that_cannot_be_written_is_74(status_of, write_config, spool_dir, redirection, options, is_waiting):
    write_config(server="127.0.0.1:1")
    assert not is_waiting or status_of(DENY, BOTH) == 75
    assert status_of((*QUEUE, *options), redirection) == 74


def test_queue_with_a_full_stderr_is_all_right(status_of, write_config, spool_dir):
    write_config(server="127.0.0.1:1", password="s3cret").chmod(0o644)
    (spool_dir / "corrupt").mkdir()
    (spool_dir / "corrupt" / "bad").touch()
    assert status_of(QUEUE, "2>/dev/full >/dev/null") == 0


@pytest.mark.parametrize(
    ("command", "status"),
    [(DENY[:3], 64), (SUBMIT[:3], 64), (SCRIPT[:2], 64), (("submit_check_result", "h", "s", "worse", "o"), 65)],
    ids=["deny", "submit", "script", "state"],
)
def test_a_full_stderr_keeps_the_status_of_an_error(status_of, command, status):
    assert status_of(command, BOTH) == status


@pytest.mark.parametrize("command", [("tcpwrap-alert", "--help"), ("submit_check_result", "--help")], ids=" ".join)
def test_a_help_that_cannot_be_written_is_74(status_of, command):
    assert status_of(command, BOTH) == 74


@pytest.mark.parametrize("command", [QUEUE, (*QUEUE, "--json"), ("tcpwrap-alert", "--help")], ids=" ".join)
def test_output_that_nobody_reads_is_130(spool_dir, write_config, command):
    write_config(server="127.0.0.1:1")
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (130, b"")


def test_a_non_blocking_pipe_gets_all_of_a_list(spool_dir, write_config, run):
    """Whoever started us may have made it so; here it is read late."""
    write_config(server="127.0.0.1:1")
    records = "".join(f"h\ts{number}\t0\t{'o' * 1000}\n" for number in range(100))
    assert run("tcpwrap-alert", "send", "--spool", input=records).returncode == 75
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with open(write_end, "w") as output:
        process = subprocess.Popen([*QUEUE, "--json"], stdout=output)
    time.sleep(1)
    with open(read_end) as received:
        assert len(json.load(received)) == 100
    assert process.wait() == 0
