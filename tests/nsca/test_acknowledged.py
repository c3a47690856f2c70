"""An end of file that comes before our bytes are acknowledged: the server closed before it had them."""

from __future__ import annotations

import struct
import sys
import termios

import pytest
from peers.fake_daemon import FakeDaemon

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.errors import RejectedError
from tcpwrap_alert.nsca import outcome
from tcpwrap_alert.nsca.client import ACCEPTED, send_check_results
from tcpwrap_alert.nsca.server import Server

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux counts them")


def outcome_with(unacknowledged, monkeypatch):
    """Send a result that is taken, while the kernel says how many bytes it still counts; return the outcome."""
    asked = []

    def ioctl(_sock, request, _room):
        asked.append(request)
        return struct.pack("i", unacknowledged)

    monkeypatch.setattr(outcome.fcntl, "ioctl", ioctl)
    with FakeDaemon(password=b"s3cret") as daemon:
        server = Server(daemon.address, daemon.port, password=b"s3cret", encryption_method=daemon.method)
        try:
            return send_check_results(server, [CheckResult("firestorm", "Disk", 0, "text")])
        finally:
            assert asked == [termios.TIOCOUTQ]


def test_all_acknowledged_is_accepted(monkeypatch):
    assert outcome_with(0, monkeypatch) == ACCEPTED


def test_bytes_not_acknowledged_are_a_rejection(monkeypatch):
    with pytest.raises(RejectedError):
        outcome_with(1, monkeypatch)
