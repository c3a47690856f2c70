"""The line to syslog: on one line, as a datagram or in a stream, waited for a little and never for long."""

from __future__ import annotations

import os
import re
import socket
import time

import pytest

from tcpwrap_alert import system_log
from tcpwrap_alert.system_log import SystemLog


@pytest.fixture(autouse=True)
def sockets(tmp_path, monkeypatch):
    """A syslog of the test's own is looked for under its directory, whose path is short enough for a socket."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(system_log, "SOCKETS", ("none", "log"))


@pytest.fixture
def log(sockets):
    """A syslog that takes datagrams; nobody reads it but the test."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("log")
        sock.settimeout(10)
        yield sock


@pytest.fixture
def stream(sockets):
    """A syslog that takes connections, as syslog-ng does when its source is a unix-stream."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind("log")
        sock.listen(0)  # one connection waits, the next is told to come again
        sock.settimeout(10)
        yield sock


def read_connection(stream):
    """Take a connection and read it to its end."""
    with stream.accept()[0] as connection:
        connection.settimeout(10)
        received = b""
        while data := connection.recv(65536):
            received += data
    return received


def line(text):
    return re.compile(rf"<28>\w{{3}} [ \d]\d [\d:]{{8}} tcpwrap-alert\[{os.getpid()}\]: {re.escape(text)}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain", "plain"),
        ("Größe 😀", "Größe 😀"),
        ("a\x1b[31mb\x07", "a?[31mb?"),
        ("a\n<0>forged\ttab", "a <0>forged tab"),
        ("a\u202eb", "a?b"),
        ("a\udcffb", "a?b"),
    ],
)
def test_text_is_told_on_one_line_without_controls(log, text, told):
    SystemLog().tell(text)
    assert line(told).fullmatch(log.recv(65536).decode())


def test_text_is_told_as_far_as_a_datagram_goes(log):
    SystemLog().tell("ä" * 1_000_000)
    assert log.recv(65536).decode().endswith("ääää...")


def test_stream_gets_line_that_ends_in_nul(stream):
    SystemLog().tell("plain")
    received = read_connection(stream).decode()
    assert line("plain\0").fullmatch(received)


def read_datagram(log):
    return log.recv(65536)


@pytest.mark.parametrize(("kind", "read"), [("log", read_datagram), ("stream", read_connection)])
def test_slow_syslog_gets_every_line(request, monkeypatch, kind, read):
    """Its queue is shorter than what a process may have to tell; it takes a line whenever somebody waits for that."""
    sock = request.getfixturevalue(kind)
    taken = []
    monkeypatch.setattr(time, "sleep", lambda _: taken.append(read(sock)))
    log = SystemLog()
    for number in range(60):
        log.tell(f"lost: {number}")
    assert 40 < len(taken) < 60
    taken += [read(sock) for _ in range(60 - len(taken))]
    assert [text.decode().rstrip("\0").rpartition(": ")[2] for text in taken] == [str(number) for number in range(60)]


@pytest.mark.parametrize("kind", ["log", "stream"])
def test_syslog_that_reads_nothing_is_left_in_time(request, kind):
    """However many lines there are: the patience is for all of them together."""
    request.getfixturevalue(kind)
    log = SystemLog(patience_s=0.3)
    started = time.monotonic()
    for _ in range(1000):
        log.tell("text")
    assert 0.25 < time.monotonic() - started < 5


def test_line_that_does_not_wait_costs_no_patience(log, monkeypatch):
    monkeypatch.setattr(time, "sleep", None)
    for _ in range(1000):
        SystemLog().tell("text", waits=False)


def test_next_syslog_is_told_when_one_is_dead(log, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind("dead")
    monkeypatch.setattr(system_log, "SOCKETS", ("dead", "log"))
    SystemLog().tell("plain")
    assert line("plain").fullmatch(log.recv(65536).decode())


def test_without_a_syslog_nothing_happens(monkeypatch, tmp_path):
    monkeypatch.setattr(system_log, "SOCKETS", (str(tmp_path / "none"),))
    SystemLog().tell("text")
