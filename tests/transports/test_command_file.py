"""Delivery to a command file on this host: what a reader of the pipe gets, and that nobody is waited for."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time

import pytest
from support.configs import monitor_of

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.config.values import CommandFile
from tcpwrap_alert.errors import ConnectError
from tcpwrap_alert.transports import Parcel, open_transport
from tcpwrap_alert.transports.command_file import encode_command

RESULT = CheckResult("firestorm", "TCP Wrappers", 2, "Denied sshd-203.0.113.7")
AT_S = 1795176000.9


class Pipe:
    """A command file and, from `open` on, its reader, which reads what it is asked for."""

    def __init__(self, path):
        self.path = str(path)
        self._fd = -1
        os.mkfifo(path)

    def open(self):
        self._fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def fill(self):
        fd = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(fd, b"x" * 4095 + b"\n")
        os.close(fd)

    def read(self):
        with contextlib.suppress(BlockingIOError):
            return os.read(self._fd, 1 << 20)
        return b""

    def close(self):
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@pytest.fixture
def pipe(tmp_path):
    pipe = Pipe(tmp_path / "nagios.cmd")
    yield pipe
    pipe.close()


def deliver(path, *results, timeout_s=5.0):
    """Deliver pairs of a result and its time; return the pairs whose outcome is accepted."""
    parcels = [Parcel(result, at_s) for result, at_s in results]
    with open_transport(monitor_of(CommandFile(str(path), timeout_s)), {}) as transport:
        outcomes = [outcome for known in transport.deliver(parcels) for outcome in known]
    return [(outcome.parcel.result, outcome.parcel.at_s) for outcome in outcomes if outcome.is_accepted]


def test_each_result_is_one_line_with_its_own_time(pipe):
    pipe.open()
    results = [(RESULT, AT_S), (CheckResult("h", "", 1, "down"), AT_S + 1)]
    assert deliver(pipe.path, *results) == results
    first, second = pipe.read().decode().splitlines()
    assert first == "[1795176000] PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7"
    assert second == "[1795176001] PROCESS_HOST_CHECK_RESULT;h;1;down"


def test_each_is_accepted_as_soon_as_it_is_in_the_pipe(pipe):
    """Its file goes then; what comes after the failure stays."""
    pipe.open()
    parcels = [Parcel(RESULT, AT_S), Parcel(RESULT, AT_S + 1)]
    with open_transport(monitor_of(CommandFile(pipe.path, 5.0)), {}) as transport:
        outcomes = transport.deliver(parcels)
        (outcome,) = next(outcomes)
        assert (outcome.parcel, outcome.is_accepted) == (parcels[0], True)
        assert pipe.read().startswith(b"[1795176000] ")
        pipe.close()
        with pytest.raises(ConnectError, match=f"^{pipe.path}: Broken pipe; does the monitor run?"):
            next(outcomes)


def test_without_parcels_the_pipe_is_not_opened(tmp_path):
    assert deliver(tmp_path / "none") == []


@pytest.mark.parametrize("at_s", [-1.0, 2e10])
def test_a_time_that_cannot_be_is_now(at_s):
    assert encode_command(RESULT, at_s, 1795176000.0).startswith(b"[1795176000] ")


@pytest.mark.parametrize("output", ["x" * 4095, "\\" * 4095, "a\n" * 2000, "ä" * 2047, "x" * 4000 + "\\" * 95])
def test_long_output_is_cut_to_one_piece_for_the_pipe(pipe, output):
    pipe.open()
    deliver(pipe.path, (CheckResult("h" * 63, "s" * 127, 3, output), AT_S))
    line = pipe.read()
    assert select.PIPE_BUF - 8 < len(line) <= select.PIPE_BUF
    assert line.endswith(b"...\n")
    assert line.count(b"\n") == 1
    line.decode()


def test_what_is_not_too_long_is_whole(pipe):
    pipe.open()
    deliver(pipe.path, (CheckResult("h", "s", 0, "first | a=1\nsecond \\ line"), AT_S))
    assert pipe.read() == b"[1795176000] PROCESS_SERVICE_CHECK_RESULT;h;s;0;first | a=1\\nsecond \\\\ line\n"


def test_without_a_reader_nothing_is_written_or_held(pipe):
    with pytest.raises(ConnectError, match=f"^{pipe.path}: nobody reads it; does the monitor run?"):
        deliver(pipe.path, (RESULT, AT_S))
    pipe.open()
    assert pipe.read() == b""


def test_a_missing_pipe_is_not_made(tmp_path):
    path = tmp_path / "nagios.cmd"
    with pytest.raises(ConnectError, match=f"^{path}: cannot open: No such file or directory; does the monitor run?"):
        deliver(path, (RESULT, AT_S))
    assert not path.exists()


def test_a_file_in_the_place_of_the_pipe_is_left_alone(tmp_path):
    path = tmp_path / "nagios.cmd"
    path.write_text("not ours")
    with pytest.raises(ConnectError, match=f"^{path}: not a pipe, so not the monitor's command file; nothing was writ"):
        deliver(path, (RESULT, AT_S))
    assert path.read_text() == "not ours"


@pytest.mark.alone
def test_full_pipe_is_waited_for_until_the_deadline(pipe):
    pipe.open()
    pipe.fill()
    started = time.monotonic()
    with pytest.raises(ConnectError, match=rf"^{pipe.path}: full for 0\.3 s; does the monitor run?"):
        deliver(pipe.path, (RESULT, AT_S), timeout_s=0.3)
    assert 0.3 <= time.monotonic() - started < 1.3
    assert b"PROCESS" not in pipe.read()


def test_a_pipe_that_is_read_again_takes_it(pipe):
    pipe.open()
    pipe.fill()
    received = []
    thread = threading.Timer(0.2, lambda: received.append(pipe.read()))
    thread.start()
    deliver(pipe.path, (RESULT, AT_S))
    thread.join()
    assert b"".join([*received, pipe.read()]).endswith(b"Denied sshd-203.0.113.7\n")


def test_the_scheme_chooses_the_transport():
    assert type(open_transport(monitor_of(CommandFile("/x", 5.0)), {})).__name__ == "CommandFileTransport"
    assert type(open_transport(monitor_of(), {})).__name__ == "NscaTransport"
