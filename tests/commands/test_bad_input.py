"""What is wrong gets one clear line and its exit status; no traceback, and nothing is lost."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time

import pytest
from support.messages import one_line

DENIAL = ("firestorm", "TCP Wrappers", "2", "Denied sshd-203.0.113.7")


@pytest.fixture(params=[("submit_check_result",), ("tcpwrap-alert", "submit")], ids=["script", "command"])
def command(request):
    return request.param


@pytest.fixture
def server():
    """Serve one connection after another with a function of its socket; return host:port."""
    listeners, connections, threads = [], [], []

    def start(behave):
        listener = socket.create_server(("127.0.0.1", 0))

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # shut down
                connections.append(connection)
                behave(connection)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        listeners.append(listener)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
    for thread in threads:
        thread.join()
    for each in (*listeners, *connections):
        each.close()


@pytest.mark.parametrize("state", ["CRIT", "", "2.5", "critical!", "UP", "9" * 19])
def test_unknown_state_is_an_error_and_not_enqueued(run, command, spool_dir, state):
    done = run(*command, "firestorm", "TCP Wrappers", state, "text")
    assert done.returncode == 65
    assert f"state '{state}' of a service is not one of 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN" in one_line(done.stderr)
    assert os.listdir(spool_dir / "new") == []


@pytest.mark.parametrize("state", ["3", "UNKNOWN", "OK"])
def test_a_state_of_a_service_is_none_of_a_host(run, command, state):
    done = run(*command, "firestorm", state, "text")
    assert done.returncode == 65
    assert "of a host is not one of 0 UP, 1 DOWN, 2 UNREACHABLE" in one_line(done.stderr)


@pytest.mark.parametrize(
    ("host_name", "service_description", "message"),
    [
        ("", "s", "the host name is empty"),
        ("h" * 64, "s", "has 64 bytes, the limit is 63"),
        ("ä" * 32, "s", "has 64 bytes, the limit is 63"),
        ("h", "s" * 128, "has 128 bytes, the limit is 127"),
        ("a;b", "s", "host name 'a;b' holds a control character, a ';'"),
        ("h", "a;b", "service description 'a;b' holds a control character, a ';'"),
        ("a\nb", "s", "holds a control character"),
        ("h", "a\x1b[31mb", "holds a control character"),
        ("h\udcff", "s", "bytes that are not UTF-8"),
    ],
)
def test_a_name_that_does_not_fit_is_an_error(run, command, host_name, service_description, message):
    done = run(*command, host_name, service_description, "2", "text")
    assert done.returncode == 65
    assert message in one_line(done.stderr)


@pytest.mark.parametrize(
    "arguments", [(), ("h",), ("h", "s"), ("h", "s", "2", "o", "a=1", "more"), ("h", "", "2", "o")]
)
def test_a_wrong_number_of_arguments_is_a_usage_error(run, command, arguments):
    done = run(*command, *arguments)
    assert done.returncode == 64
    one_line(done.stderr)


def test_an_unknown_option_is_a_usage_error(run):
    done = run("tcpwrap-alert", "replay", "--wait")
    assert done.returncode == 64
    assert "--wait" in done.stderr


@pytest.mark.parametrize(
    ("output", "arrives"),
    [
        ("a\nb", "a\nb"),
        ("a\tb\r\nc", "a\tb\nc"),
        ("\x1b[31mred\x07", "?[31mred?"),
        ("[1] DISABLE_NOTIFICATIONS\n[2] SHUTDOWN_PROGRAM", "[1] DISABLE_NOTIFICATIONS\n[2] SHUTDOWN_PROGRAM"),
        ("caf\udce9", "caf?"),
        ("", ""),
        ("--flag", "--flag"),
    ],
)
def test_output_is_cleaned_and_never_an_error(run, command, write_config, spool_dir, waiting, output, arrives):
    write_config(server="127.0.0.1:1")
    assert run(*command, "h", "s", "2", output).returncode == 75
    assert waiting()[0]["plugin_output"] == arrives


@pytest.mark.parametrize(
    ("arguments", "arrives"),
    [
        (("127", "sh: 1: check_disk: not found"), (3, "(return code 127) sh: 1: check_disk: not found")),
        (("-1", "text"), (3, "(return code -1) text")),
        (("02", "text"), (2, "text")),
        (("2.0", ""), (2, "")),
        (("0", "text", "a=1;2 b=3"), (0, "text|a=1;2 b=3")),
        (("255", "text", "a=1"), (3, "(return code 255) text|a=1")),
        (("0", "text", ""), (0, "text")),
    ],
)
def test_service_state_may_be_any_number(run, command, write_config, spool_dir, waiting, arguments, arrives):
    write_config(server="127.0.0.1:1")
    assert run(*command, "h", "s", *arguments).returncode == 75
    (row,) = waiting()
    assert (row["host_name"], row["service_description"]) == ("h", "s")
    assert (row["return_code"], row["plugin_output"]) == arrives


@pytest.mark.parametrize(
    "text", ["-4 degrees, too cold for his host", "--help", "-h", "--config=/nowhere", "--version"]
)
def test_a_text_that_looks_like_an_option_is_a_text(run, command, write_config, spool_dir, waiting, text):
    write_config(server="127.0.0.1:1")
    assert run(*command, "h", "s", "2", text).returncode == 75
    assert waiting()[0]["plugin_output"] == text


@pytest.mark.parametrize("client", ["--help", "-h", "--config=/nowhere", "--version"])
def test_client_that_looks_like_an_option_is_a_client(run, write_config, spool_dir, waiting, client):
    write_config(server="127.0.0.1:1")
    assert run("tcpwrap-alert", "deny", "sshd", client).returncode == 75
    assert waiting()[0]["plugin_output"] == f"Denied sshd-{client}"


def test_a_missing_configuration_keeps_the_result(run, command, spool_dir, tmp_path, waiting):
    done = run(*command, *DENIAL)
    assert done.returncode == 78
    path = tmp_path / "send_nsca.cfg"
    assert f"{path}: cannot read the configuration: No such file or directory; kept" in one_line(done.stderr)
    assert [row["plugin_output"] for row in waiting()] == [DENIAL[3]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("pasword=x", "unknown key 'pasword'; did you mean password?"),
        ("encryption_method=99", "encryption_method 99 does not exist; known: 0 none, 1 XOR, 2 DES, "),
        ("encryption_method=AES", "encryption_method 'AES' is not a whole number"),
        ("password=" + "x" * 512, "the password has 512 bytes, the limit is 511"),
        ("server", "not of the form key=value"),
        ("port=0", "port 0 is not between 1 and 65535"),
    ],
)
def test_wrong_configuration_line_keeps_the_result(run, command, write_config, waiting, line, message):
    path = write_config(server="127.0.0.1:1")
    path.write_text(path.read_text() + f"# a comment\n{line}\n")
    done = run(*command, *DENIAL)
    assert done.returncode == 78
    assert f"send_nsca.cfg:5: {message}" in one_line(done.stderr)
    assert "xxxx" not in done.stderr
    assert len(waiting()) == 1


def test_an_unreadable_configuration_keeps_the_result(run, command, tmp_path, waiting):
    (tmp_path / "send_nsca.cfg").mkdir()
    done = run(*command, *DENIAL)
    assert done.returncode == 78
    assert "cannot read the configuration: not a regular file" in one_line(done.stderr)
    assert len(waiting()) == 1


def test_configuration_without_monitor_keeps_result(run, command, write_config, waiting):
    write_config(password="s3cret", encryption_method=14)
    done = run(*command, *DENIAL)
    assert done.returncode == 78
    assert "no monitor to send to; add a line like server=nagios.example" in one_line(done.stderr)
    assert len(waiting()) == 1


def test_a_name_that_does_not_resolve_keeps_the_result(run, command, write_config, waiting):
    write_config(server="monitor.invalid", timeout=5)
    done = run(*command, *DENIAL)
    assert done.returncode == 75
    assert "monitor.invalid:5667: the name d" in one_line(done.stderr)
    assert len(waiting()) == 1


def silent(connection):
    pass


def half_an_init_packet(connection):
    connection.sendall(bytes(66))


def half_an_init_packet_and_close(connection):
    connection.sendall(bytes(66))
    connection.close()


def close_at_once(connection):
    connection.close()


def ssh(connection):
    connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")


def endless(connection):
    try:
        while True:
            connection.sendall(bytes(65536))
    except OSError:
        pass


def init_packet_and_silence(connection):
    connection.sendall(bytes(132))


@pytest.mark.alone
@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (silent, "connected, but no init packet within 1 s; the server hangs, or does not speak NSCA"),
        (half_an_init_packet, "sent only 66 of the 132 bytes of an init packet within 1 s; is this an NSCA server?"),
        (half_an_init_packet_and_close, "closed after 66 of the 132 bytes of an init packet"),
        (close_at_once, "closed after 0 of the 132 bytes of an init packet"),
        (ssh, "sent only 32 of the 132 bytes of an init packet within 1 s; is this an NSCA server?"),
        (endless, "sent more than an init packet; is this an NSCA server?"),
        (init_packet_and_silence, "no outcome within 1 s; it may or may not have taken the packets"),
    ],
)
def test_server_that_is_not_nsca_keeps_the_result(run, command, write_config, waiting, server, behave, message):
    address = server(behave)
    write_config(server=address, timeout=1)
    started = time.monotonic()
    done = run(*command, *DENIAL)
    assert time.monotonic() - started < 1 + 1
    assert done.returncode == 75
    assert f"{address}: {message}" in one_line(done.stderr)
    assert done.stderr.endswith("; kept in the spool; the next replay tries again\n")
    assert len(waiting()) == 1
    assert len(os.listdir(os.environ["TCPWRAP_ALERT_SPOOL"] + "/new")) == 1


@pytest.mark.parametrize("arguments", [(), ("203.0.113.7",)])
def test_drop_without_arguments_is_silent_usage_error(run, arguments):
    done = run("handle_tcp_wrapper", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (64, "", "")


def test_drop_of_hostile_arguments_is_a_harmless_line(run, spool_dir, write_config, waiting):
    write_config(server="127.0.0.1:1", timeout=1)
    (spool_dir / "leader").touch()
    hostile = ["-rf.example", "$(id)`id`;|<>&'\"%s%n\\", "a\nend\nb", "x" * 4096, "\udcff\udcfe", "", "end"]
    for client in hostile:
        done = run("handle_tcp_wrapper", client, "sshd")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [row["plugin_output"].removeprefix("Denied sshd-") for row in waiting()] == [
        "-rf.example",
        "__id__id________%s%n_",
        "a_end_b",
        "x" * 252 + "...",
        "__",
        "unknown",
        "end",
    ]


def test_world_writable_configuration_keeps_the_result(run, command, write_config, waiting):
    path = write_config(server="127.0.0.1:1")
    path.chmod(0o602)
    refused = run(*command, *DENIAL)
    assert refused.returncode == 78
    assert f"{path}: everybody may write to it, so it is not used; run chmod o-w {path}; kept in" in refused.stderr
    assert len(waiting()) == 1


@pytest.mark.parametrize("arguments", [("tcpwrap-alert", "queue"), ("submit_check_result", *DENIAL)])
def test_world_readable_configuration_is_warned_of(run, write_config, arguments):
    path = write_config(server="127.0.0.1:1", password="s3cret")
    path.chmod(0o644)
    warning = run(*arguments).stderr.splitlines()[0]
    assert warning == f"{arguments[0]}: warning: {path}: everybody may read the password; run chmod o-r {path}"


@pytest.mark.parametrize("stderr", ["/dev/full", "closed"])
def test_a_stderr_that_nobody_can_read_costs_no_alert(command, write_config, spool_dir, stderr):
    write_config(server="127.0.0.1:1", password="s3cret").chmod(0o644)  # which is worth a warning
    redirection = "2>&-" if stderr == "closed" else f"2>{stderr}"
    script = f'exec "$@" {redirection}'
    done = subprocess.run(["sh", "-c", script, "sh", *command, *DENIAL], check=False, timeout=60)
    assert done.returncode == 75
    assert len(os.listdir(spool_dir / "new")) == 1


def test_no_command_shows_the_commands(run):
    done = run("tcpwrap-alert")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^  replay +Deliver all that waits", done.stdout, re.MULTILINE)
