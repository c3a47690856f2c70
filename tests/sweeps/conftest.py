"""Logs as Nagios 4 writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

NOW_S = 1_795_644_469


def denial(host: str, client: str, at_s: int = NOW_S, daemon: str = "sshd") -> bytes:
    """Return what Nagios logs of one denial: the text of the result before is in the second line."""
    text = f"Denied {daemon}-{client}"
    return (
        f"[{at_s}] EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;{host};TCP Wrappers;2;{text}\n"
        f"[{at_s}] PASSIVE SERVICE CHECK: {host};TCP Wrappers;2;Denied sshd-192.0.2.99\n"
        f"[{at_s}] SERVICE NOTIFICATION: nagiosadmin;{host};TCP Wrappers;CRITICAL;notify-service-by-email;{text}\n"
        f"[{at_s}] SERVICE ALERT: {host};TCP Wrappers;CRITICAL;HARD;1;{text}\n"
    ).encode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An empty log in a directory of its own."""
    path = tmp_path / "nagios" / "nagios.log"
    path.parent.mkdir()
    path.touch()
    return path


@pytest.fixture
def write(log: Path) -> Callable[..., None]:
    """Add denials of one client by hosts to the log."""

    def add(*hosts: str, client: str = "203.0.113.7", at_s: int = NOW_S) -> None:
        with open(log, "ab") as file:
            for host in hosts:
                file.write(denial(host, client, at_s))

    return add
