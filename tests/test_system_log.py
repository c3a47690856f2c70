"""The line to syslog: one datagram, on one line, never waited for."""

from __future__ import annotations

import os
import re
import socket

import pytest

from tcpwrap_alert import system_log


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A syslog of the test's own, which is bound and read by nobody else."""
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    monkeypatch.setattr(system_log, "SOCKETS", ("none", "log"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("log")
        sock.settimeout(10)
        yield sock


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain", "plain"),
        ("Größe 😀", "Größe 😀"),
        ("a\x1b[31mb\x07", "a?[31mb?"),
        ("a\n<0>forged\ttab", "a <0>forged tab"),
        ("a\udcffb", "a?b"),
    ],
)
def test_text_is_told_on_one_line_without_controls(log, text, told):
    system_log.tell(text)
    line = log.recv(65536).decode()
    assert re.fullmatch(rf"<28>\w{{3}} [ \d]\d [\d:]{{8}} tcpwrap-alert\[{os.getpid()}\]: {re.escape(told)}", line)


def test_text_is_told_as_far_as_a_datagram_goes(log):
    system_log.tell("ä" * 1_000_000)
    assert log.recv(65536).decode().endswith("ääää...")


def test_a_syslog_that_nobody_reads_is_not_waited_for(log):
    for _ in range(1000):
        system_log.tell("text")


def test_without_a_syslog_nothing_happens(monkeypatch, tmp_path):
    monkeypatch.setattr(system_log, "SOCKETS", (str(tmp_path / "none"),))
    system_log.tell("text")
