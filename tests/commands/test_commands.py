"""What people see of the commands when all goes well, against our own receiver and, where it matters, on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import threading

import pytest
from peers.nsca_daemon import wait_for

from tcpwrap_alert.nsca.receiver import Receiver

PASSWORD = "s3cret"


@pytest.fixture
def received():
    return []


@pytest.fixture
def monitor(received, write_config):
    """A receiver on loopback that the test's configuration names."""
    with Receiver(0, PASSWORD.encode(), 14, received.append, received.append) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        write_config(
            server=f"127.0.0.1:{receiver.port}", encryption_method=14, password=PASSWORD, host_name="firestorm"
        )
        yield receiver
        receiver.shutdown()
        thread.join()


@pytest.fixture
def listen(write_config):
    """Start `tcpwrap-alert listen` and return its process and port."""
    processes = []

    def start():
        write_config(server="127.0.0.1", encryption_method=14, password=PASSWORD)
        process = subprocess.Popen(
            ["tcpwrap-alert", "listen", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process, int(process.stderr.readline().rpartition(":")[2])

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def fields(result):
    return (result.host_name, result.service_description, result.return_code, result.plugin_output)


@pytest.mark.parametrize("command", [("submit_check_result",), ("tcpwrap-alert", "submit")])
@pytest.mark.parametrize(
    ("state", "return_code"), [("0", 0), ("3", 3), ("OK", 0), ("warning", 1), ("Critical", 2), ("UNKNOWN", 3)]
)
def test_a_delivered_service_check_says_nothing(run, monitor, received, command, state, return_code):
    done = run(*command, "h", "s", state, "text")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [fields(result) for result in received] == [("h", "s", return_code, "text")]


@pytest.mark.parametrize("kind", ["link to itself", "below a file"])
def test_p8_unsearchable_spool_costs_no_result(run, monitor, received, monkeypatch, tmp_path, kind):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    path = tmp_path / "loop" if kind == "link to itself" else tmp_path / "file" / "spool"
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", str(path))
    assert run("submit_check_result", "h", "s", "0", "text").returncode == 0
    assert [fields(result) for result in received] == [("h", "s", 0, "text")]


@pytest.mark.parametrize(("state", "return_code"), [("0", 0), ("2", 2), ("UP", 0), ("down", 1), ("Unreachable", 2)])
def test_three_arguments_are_a_host_check(run, monitor, received, state, return_code):
    assert run("submit_check_result", "h", state, "text").returncode == 0
    assert [fields(result) for result in received] == [("h", "", return_code, "text")]


def test_deny_reports_a_denial(run, monitor, received):
    done = run("tcpwrap-alert", "deny", "sshd", "203.0.113.7")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [fields(result) for result in received] == [("firestorm", "TCP Wrappers", 2, "Denied sshd-203.0.113.7")]


def test_deny_takes_what_waits_along_oldest_first(run, monitor, received, write_config, tmp_path):
    config = (tmp_path / "send_nsca.cfg").read_text()
    write_config(server="127.0.0.1:1", host_name="firestorm")
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.1").returncode == 75
    (tmp_path / "send_nsca.cfg").write_text(config)
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.2").returncode == 0
    assert [result.plugin_output for result in received] == ["Denied sshd-203.0.113.1", "Denied sshd-203.0.113.2"]


def test_the_configuration_can_be_named(run, monitor, received, tmp_path):
    other = tmp_path / "other.cfg"
    other.write_text(
        (tmp_path / "send_nsca.cfg").read_text() + "output={daemon} refused {client} of {user}@{address}\n"
    )
    other.chmod(0o600)
    run("tcpwrap-alert", "deny", "--config", str(other), "sshd", "203.0.113.7")
    assert received[0].plugin_output == "sshd refused 203.0.113.7 of unknown@unknown"


def test_the_drop_takes_address_and_user(run, monitor, received, tmp_path, spool_dir):
    with open(tmp_path / "send_nsca.cfg", "a") as file:
        file.write("output={daemon} refused {client} of {user}@{address}\n")
    run("handle_tcp_wrapper", "host.example", "sshd", "203.0.113.7", "eve")
    wait_for(lambda: received, "nothing received")
    assert received[0].plugin_output == "sshd refused host.example of eve@203.0.113.7"


def test_queue_of_nothing(run, spool_dir, write_config):
    write_config(server="127.0.0.1:1")
    assert run("tcpwrap-alert", "queue").stdout == "0 waiting\n"
    assert json.loads(run("tcpwrap-alert", "queue", "--json").stdout) == []


def test_queue_shows_reason_without_control_characters(run, spool_dir, write_config):
    write_config(server="127.0.0.1:1")
    run("tcpwrap-alert", "deny", "sshd", "h")
    (spool_dir / "state").write_bytes(b"failed_at=2e9\nreason=\x1b[31mred\n")
    assert run("tcpwrap-alert", "queue").stdout.splitlines()[0] == "?[31mred"


def test_queue_shows_what_waits_since_when_and_why(run, spool_dir, write_config):
    write_config(server="127.0.0.1:1", host_name="firestorm")
    run("tcpwrap-alert", "deny", "sshd", "203.0.113.7")
    (row,) = json.loads(run("tcpwrap-alert", "queue", "--json").stdout)
    (name,) = os.listdir(spool_dir / "new")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000", row.pop("since"))
    assert row == {
        "queue_file": f"{spool_dir}/new/{name}",
        "monitor": "127.0.0.1:1",
        "host_name": "firestorm",
        "service_description": "TCP Wrappers",
        "return_code": 2,
        "plugin_output": "Denied sshd-203.0.113.7",
        "why": "127.0.0.1:1: connection refused",
    }
    lines = run("tcpwrap-alert", "queue").stdout.splitlines()
    assert lines[0] == "127.0.0.1:1: connection refused"
    assert lines[1].endswith("  firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7")
    assert lines[2] == "1 waiting"


def test_queue_into_a_closed_pipe_is_no_bug(run, spool_dir, write_config):
    write_config(server="127.0.0.1:1", host_name="firestorm")
    for number in range(3):
        run("tcpwrap-alert", "deny", "sshd", f"203.0.113.{number}")
    done = run("sh", "-c", "tcpwrap-alert queue | true")
    assert (done.stdout, done.stderr) == ("", "")


def test_replay_shows_progress_only_on_a_terminal(monitor, received, spool_dir, tmp_path):
    with open(tmp_path / "send_nsca.cfg", "a") as file:
        file.write("fold=no\n")
    for terminal in (True, False):
        for number in range(600):
            (spool_dir / "new" / str(number)).write_bytes(
                b"tcpwrap-alert 1 denial\0\nclient=c%d\0\ndaemon=d\0\nend\0\n" % number
            )
        ours, theirs = pty.openpty() if terminal else os.pipe()
        done = subprocess.run(["tcpwrap-alert", "replay"], stdout=theirs, stderr=theirs, check=True)
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:
            pass  # the end of a terminal
        os.close(ours)
        assert done.returncode == 0
        assert (b"100%" in shown) == terminal
    assert len(received) == 1200


def test_listen_prints_results_as_nagios_reads_them(run, listen, write_config):
    process, port = listen()
    write_config(server=f"127.0.0.1:{port}", encryption_method=14, password=PASSWORD)
    run("submit_check_result", "firestorm", "TCP Wrappers", "2", "Denied sshd-203.0.113.7")
    expected = r"\[\d+\] PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;Denied sshd-203\.0\.113\.7\n"
    assert re.fullmatch(expected, process.stdout.readline())
    run("submit_check_result", "firestorm", "1", "gone")
    assert re.fullmatch(r"\[\d+\] PROCESS_HOST_CHECK_RESULT;firestorm;1;gone\n", process.stdout.readline())


def test_listen_says_what_it_rejects(run, listen, write_config):
    process, port = listen()
    write_config(server=f"127.0.0.1:{port}", encryption_method=14, password="wrong")
    assert run("submit_check_result", "h", "s", "2", "text").returncode == 77
    assert "wrong password or encryption_method?" in process.stderr.readline()


def test_listen_on_a_port_in_use_is_one_line(run, listen):
    _, port = listen()
    done = run("tcpwrap-alert", "listen", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == f"tcpwrap-alert: 127.0.0.1:{port}: cannot listen: Address already in use\n"


def test_replay_of_nothing_needs_no_configuration(run, spool_dir):
    done = run("tcpwrap-alert", "replay")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_text_the_terminal_cannot_show_is_no_error(run, spool_dir, write_config):
    write_config(server="127.0.0.1:1")
    run("submit_check_result", "h", "s", "2", "Größe ✓")
    done = run("tcpwrap-alert", "queue", env={**os.environ, "PYTHONIOENCODING": "latin-1"}, encoding="latin-1")
    assert done.returncode == 0
    assert "h;s;2;Größe \\u2713" in done.stdout
