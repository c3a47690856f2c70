"""From where somebody is logged in, as SSH_CONNECTION and the terminal tell."""

from __future__ import annotations

import pytest

from tcpwrap_alert.libwrap import session
from tcpwrap_alert.libwrap.session import Session, find_session


@pytest.fixture(autouse=True)
def no_ancestors(monkeypatch):
    """Whoever runs these tests may be logged in, too."""
    monkeypatch.setattr(session, "_values_of_ancestors", lambda: iter(()))


@pytest.fixture
def on_terminal(monkeypatch):
    return lambda name: monkeypatch.setattr(session.os, "ttyname", lambda _: name)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("198.51.100.7 40000 192.0.2.1 22", "198.51.100.7"),
        ("::ffff:198.51.100.7 40000 ::ffff:192.0.2.1 22", "198.51.100.7"),
        ("2001:db8::7 40000 2001:db8::1 22", "2001:db8::7"),
        ("fe80::7%eth0 40000 fe80::1%eth0 22", "fe80::7"),
        ("198.51.100.7", ""),
        ("desk.example 40000 192.0.2.1 22", ""),
        ("", ""),
    ],
)
def test_address_is_that_of_the_client(on_terminal, value, address):
    on_terminal("/dev/pts/3")
    assert find_session({"SSH_CONNECTION": value}) == Session(address, False)


@pytest.mark.parametrize("name", ["/dev/tty1", "/dev/console", "/dev/ttyS0", "/dev/ttyAMA0", "/dev/hvc0"])
def test_console_is_local(on_terminal, name):
    on_terminal(name)
    assert find_session({}).is_local
    assert not find_session({"SSH_CONNECTION": "198.51.100.7 40000 192.0.2.1 22"}).is_local


@pytest.mark.parametrize("name", ["/dev/pts/0", "/dev/tty", "/dev/null"])
def test_other_terminal_is_not_local(on_terminal, name):
    on_terminal(name)
    assert not find_session({}).is_local
