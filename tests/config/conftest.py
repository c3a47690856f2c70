"""A configuration of the test's own, written and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tcpwrap_alert.config.read import Config, read_config


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes | str], str]:
    """Write the test's configuration, for its owner only, and return its path."""

    def write_bytes(content: bytes | str) -> str:
        path = tmp_path / "send_nsca.cfg"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)
        return str(path)

    return write_bytes


@pytest.fixture
def read(write: Callable[[bytes | str], str]) -> Callable[[bytes | str], Config]:
    """Write a configuration and read it."""
    return lambda content: read_config(write(content))
