"""`tcpwrap-alert send` at the real nsca daemon: what its command file holds, and what an attacker cannot put there."""

from __future__ import annotations

import pytest

PASSWORD = "s3cret"
ETB = "\x17"


@pytest.fixture
def send(run, start_nsca, write_config):
    """Send an input to a daemon; return the daemon."""

    def send_to_daemon(data, *flags, method=14):
        daemon = start_nsca(method=method, password=PASSWORD)
        write_config(password=PASSWORD, encryption_method=method)
        done = run("tcpwrap-alert", "send", "-H", daemon.address, "-p", str(daemon.port), "--quiet", *flags, input=data)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return daemon

    return send_to_daemon


@pytest.mark.parametrize(("method", "end"), [(0, "\n"), (1, f"\n{ETB}"), (14, f"{ETB}\n")])
def test_several_records(send, method, end):
    records = [f"firestorm\tService {number}\t{number % 4}\tGröße {number}" for number in range(20)]
    daemon = send(end.join([*records, "firestorm\t1\tgone"]) + end, method=method)
    *services, host = daemon.results()
    assert services == [f"firestorm;Service {number};{number % 4};Größe {number}" for number in range(20)]
    assert host == "firestorm;1;gone"
    assert "] PROCESS_HOST_CHECK_RESULT;firestorm;1;gone" in daemon.lines()[-1]


@pytest.mark.parametrize("end", ["\n", ETB])
def test_lines_and_backslashes_are_escaped_once(send, end):
    daemon = send(f"h\ts\t1\tC:\\new\\ is full \\\n\n\\\\server\\n\n  last{end}h\ts\t0\tfine")
    first, second = daemon.results()
    assert first == r"h;s;1;C:\\new\\ is full \\\n\n\\\\server\\n\n  last"
    assert second == "h;s;0;fine"


def test_the_2_7_layout(send):
    daemon = send("h\ts\t0\ta\\b\nc\nh\t1\tdown\n", "--legacy-2-7-mode")
    assert daemon.wait_for_results(2)[1] == "h;1;down"


COMMAND = "[1700000000] SHUTDOWN_PROGRAM"
ATTEMPTS = [
    f"x\n{COMMAND}",
    f"x\n{COMMAND}\n",
    f"x\r{COMMAND}",
    f"x\r\n{COMMAND};1\n",
    f"x\\n{COMMAND}",
    f"x\\\n{COMMAND}",
    f"x\0\n{COMMAND}",
    f"x\v{COMMAND}\u2028{COMMAND}\u0085{COMMAND}",
    f"x\n{COMMAND}\n{'y' * 5000}",
]


@pytest.mark.parametrize("end", ["\n", "@"])
def test_an_attempted_command_is_part_of_one_line(send, end):
    daemon = send("".join(f"h\ts\t2\t{text}{end}" for text in ATTEMPTS), *(("-ds", "@") if end == "@" else ()))
    *lines, last = daemon.command_file.read_bytes().split(b"\n")
    assert (len(lines), last) == (len(ATTEMPTS), b"")
    for line in lines:
        assert line.startswith(b"[")
        assert b"] PROCESS_SERVICE_CHECK_RESULT;h;s;2;x" in line
        assert b"SHUTDOWN_PROGRAM" in line
        assert b"\r" not in line
