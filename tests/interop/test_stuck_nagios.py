"""The real nsca daemon when Nagios does not read its command pipe; Nagios's side of the pipe is ours.

Older daemons wait for room, so that a client sees no init packet or no verdict: test_sick_monitors.py has both. nsca
2.10.2 of Debian opens the pipe with O_NONBLOCK, and throws away what does not fit without a word: README, "Limits".
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import threading
import time

import pytest
from peers.nsca_daemon import LINE, MODES, wait_for

from tcpwrap_alert.check_result import CheckResult

pytestmark = pytest.mark.alone

PASSWORD = "s3cret"
TIMEOUT_S = 3.0
ALLOWED_S = 1.0  # beside the deadline
PIPE_SIZE = 4096  # the smallest that there is
F_SETPIPE_SZ = 1031  # linux/fcntl.h; the module has it from Python 3.10 on
OTHER_COMMAND = b"[1700000000] SAVE_STATE_INFORMATION\n"


class Nagios:
    """The reader of a command pipe, which opens it at once and reads when it is asked what it received."""

    def __init__(self, path):
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # as Nagios does
        fcntl.fcntl(self._fd, F_SETPIPE_SZ, PIPE_SIZE)

    def fill(self):
        """Fill the pipe, as other commands do."""
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self._fd, OTHER_COMMAND)

    def received(self):
        """Return the numbers of the check results in the pipe; once the daemon has closed, that is all of them."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                data += os.read(self._fd, PIPE_SIZE)
        found = [LINE.fullmatch(line) for line in data.replace(OTHER_COMMAND, b"").decode().splitlines()]
        assert all(found), data
        return [int(match[2].split(";")[1].split()[1]) for match in found]

    def close(self):
        os.close(self._fd)


@pytest.fixture
def open_pipe():
    """Be Nagios for a daemon's pipe, until the end of the test."""
    with contextlib.ExitStack() as stack:

        def open_pipe_of(daemon):
            nagios = Nagios(daemon.command_file)
            stack.callback(nagios.close)
            return nagios

        yield open_pipe_of


@pytest.fixture
def start(start_nsca, write_config):
    """Start a daemon with a pipe, and write the configuration for it."""

    def start_with_pipe(mode, **settings):
        daemon = start_nsca(mode, is_pipe=True, password=PASSWORD, **settings)
        write_config(server=f"127.0.0.1:{daemon.port}", timeout=TIMEOUT_S, password=PASSWORD)
        return daemon

    return start_with_pipe


@pytest.fixture
def replay(run):
    """Run `replay` and return its status and what it says: at most a line, and in time."""

    def replay_in_time():
        started = time.monotonic()
        done = run("tcpwrap-alert", "replay")
        assert time.monotonic() - started < TIMEOUT_S + ALLOWED_S
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        assert done.stderr.count("\n") == (1 if done.returncode else 0)
        return done.returncode, done.stderr

    return replay_in_time


def enqueue(spool, count, text="text"):
    for number in range(count):
        spool.enqueue(CheckResult("firestorm", f"Service {number}", 2, text))


@pytest.mark.parametrize("mode", MODES)
def test_what_fits_into_the_pipe_waits_for_nagios(start, open_pipe, replay, spool, mode):
    nagios = open_pipe(start(mode))
    enqueue(spool, 50)
    assert replay() == (0, "")
    assert spool.scan() == []
    assert nagios.received() == list(range(50))


@pytest.mark.parametrize("mode", MODES)
def test_pipe_per_connection_rejects_without_nagios(start, open_pipe, replay, spool, mode):
    daemon = start(mode, aggregate_writes=1)
    enqueue(spool, 3)
    status, message = replay()
    assert status in (75, 77)  # the daemon closes after the init packet, while our packets are on their way
    assert f"127.0.0.1:{daemon.port}: " in message
    assert "; 3 check results kept in the spool" in message
    assert len(spool.scan()) == 3
    nagios = open_pipe(daemon)
    assert replay() == (0, "")
    assert spool.scan() == []
    assert nagios.received() == [0, 1, 2]


def test_connection_carries_what_busy_nagios_takes(start, replay, spool):
    daemon = start("daemon")
    reader = os.open(daemon.command_file, os.O_RDWR | os.O_NONBLOCK)
    received, is_over = [], threading.Event()

    def read_now_and_then():
        while not is_over.wait(0.2):
            with contextlib.suppress(BlockingIOError):
                received.append(os.read(reader, 1 << 20))

    thread = threading.Thread(target=read_now_and_then)
    thread.start()
    try:
        enqueue(spool, 30, "long " * 790)
        assert replay() == (0, "")
        wait_for(lambda: b"".join(received).count(b"\n") == 30, "not 30 results")
    finally:
        is_over.set()
        thread.join()
        os.close(reader)
    assert re.findall(rb";Service (\d+);", b"".join(received)) == [b"%d" % number for number in range(30)]


@pytest.mark.parametrize("is_open", [True, False], ids=["full", "not open"])
def test_what_nsca_throws_away_looks_accepted(start, open_pipe, replay, spool, is_open):
    """Nothing on the wire tells. When a newer nsca does better, this fails, and the README has to change."""
    daemon = start("daemon")
    if is_open:
        nagios = open_pipe(daemon)
        nagios.fill()
    enqueue(spool, 3)
    assert replay() == (0, "")
    assert spool.scan() == []
    if not is_open:
        nagios = open_pipe(daemon)
    assert nagios.received() == []
