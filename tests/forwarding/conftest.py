"""A configuration whose monitor is down, and a scripted transport in the place of the configured one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.scripted import ScriptedTransport

from tcpwrap_alert.config.read import Config, read_config
from tcpwrap_alert.forwarding import drain as drain_module


@pytest.fixture
def config(write_config: Callable[..., Path]) -> Config:
    """A configuration whose monitor is down."""
    return read_config(str(write_config(server="127.0.0.1:1")))


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedTransport]:
    """Let a scripted transport take the place of the configured one, and return it."""

    def use(script: Callable[[str], object]) -> ScriptedTransport:
        transport = ScriptedTransport(script)
        monkeypatch.setattr(drain_module, "open_transport", transport.open)
        return transport

    return use
