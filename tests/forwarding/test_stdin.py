"""How `send` holds its connection while the input is silent, and its memory while the input is endless."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from peers.fake_daemon import INIT_VECTOR, TIMESTAMP
from peers.nsca_daemon import wait_for

from tcpwrap_alert.forwarding import stdin as send_module
from tcpwrap_alert.nsca.client import Connection
from tcpwrap_alert.nsca.records import Records
from tcpwrap_alert.nsca.server import Server

RECORD = b"h\ts\t0\tfine\n\x17"
SILENCE_S = 0.3


@pytest.fixture
def daemon(start):
    return start(password=b"")


@pytest.fixture
def sending(daemon, monkeypatch):
    """`send_input` in a thread, on a pipe that the test writes to; a short silence ends its connection."""
    monkeypatch.setattr(send_module, "SILENCE_S", SILENCE_S)
    connection = Connection(Server(daemon.address, daemon.port))
    faults = []
    ours, theirs = os.pipe()
    records = Records(lambda *fault: faults.append(fault))
    thread = threading.Thread(target=send_module.send_input, args=(ours, records, connection))
    thread.start()
    yield connection, theirs
    with contextlib.suppress(OSError):
        os.close(theirs)
    thread.join(20)
    os.close(ours)
    assert not thread.is_alive()
    assert faults == []


def test_silent_input_does_not_hold_the_connection(daemon, sending):
    connection, pipe = sending
    os.write(pipe, RECORD)
    assert len(daemon.connection(0).packets) == 1  # and closed
    wait_for(lambda: connection.delivered == 1, "no verdict")
    os.write(pipe, RECORD * 2)
    assert len(daemon.connection(1).packets) == 2
    wait_for(lambda: connection.delivered == 3, "no verdict")


def test_endless_record_does_not_hold_the_connection(daemon, sending):
    _, pipe = sending
    os.write(pipe, RECORD + b"h\ts\t0\t")
    wait_for(lambda: daemon.connections, "not sent")
    deadline = time.monotonic() + 20
    while not daemon.connections[0].closed.wait(SILENCE_S / 10):
        os.write(pipe, b".")
        assert time.monotonic() < deadline
    assert len(daemon.connections[0].packets) == 1


def test_input_in_time_keeps_it(daemon, sending, monkeypatch):
    monkeypatch.setattr(send_module, "SILENCE_S", 60)
    _, pipe = sending
    for number in range(5):
        os.write(pipe, RECORD)
        wait_for(lambda number=number: daemon.connections and len(daemon.connections[0].packets) > number, "not sent")
    os.close(pipe)
    assert len(daemon.connection(0).packets) == 5
    assert len(daemon.connections) == 1


# Bounded memory

MIB = 1 << 20
# A child's peak begins with the size of the process that started it; so a small one starts it, and says how it ended.
MEASURE = """
import os, sys
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.WEXITSTATUS(status))
"""
LONG_RECORD = b"h\ts\t0\t" + b"o" * 4090
SHAPES = {
    "records": (b"", (LONG_RECORD + b"\x17") * 16),
    "lines": (b"", (LONG_RECORD + b"\n") * 16),
    "lines of one record": (
        LONG_RECORD + b"\n",
        b"more of the output, as long as a line of text usually is, or so one might think\n" * 820,
    ),
    "a record without end": (LONG_RECORD + b"\x17" + b"h\ts\t0\t", b"x" * 65536),
}


@pytest.fixture(scope="module")
def sink():
    """A daemon that takes all bytes and looks at none; return its port."""
    stopping = threading.Event()

    def serve():
        while True:
            connection, _ = listener.accept()
            with connection:
                if stopping.is_set():
                    return
                connection.sendall(INIT_VECTOR + struct.pack(">I", TIMESTAMP))
                while connection.recv_into(buffer):
                    pass

    buffer = bytearray(MIB)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        stopping.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join(20)


def peak_kib(port, config, shape, count_mib):
    """Send so much; return the child's peak memory, and what it said."""
    first, more = SHAPES[shape]
    command = ["tcpwrap-alert", "send", "127.0.0.1", "-p", str(port), "-c", str(config)]
    with subprocess.Popen(
        [sys.executable, "-S", "-c", MEASURE, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        child.stdin.write(first)
        for _ in range(count_mib * MIB // len(more)):
            child.stdin.write(more)
        stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == 0, stderr
    return int(stderr), stdout


@pytest.mark.parametrize("shape", SHAPES)
def test_an_endless_input_needs_no_more_memory(sink, write_config, shape):
    config = write_config(encryption_method=0)
    little, _ = peak_kib(sink, config, shape, 1)
    much, said = peak_kib(sink, config, shape, 100)
    assert much - little < 3 * 1024
    first, more = SHAPES[shape]
    count = first.count(b"\x17") + 1 if first else 100 * MIB // len(more) * 16
    assert said == b"%d data packet(s) sent to host successfully.\n" % count
