"""From where somebody is logged in, as SSH_CONNECTION and the terminal tell."""

from __future__ import annotations

import pytest

from tcpwrap_alert.setup import session
from tcpwrap_alert.setup.rules import Rules
from tcpwrap_alert.setup.session import Session, find_session, network_of, parse_network, pattern_of


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


def test_rules_at_the_console_lock_nobody_out():
    is_known = Rules("/opt/hook", [], [], Session("", True)).how
    assert "ALL: ALL: spawn (/opt/hook %h %d) &: deny" in is_known()


@pytest.mark.parametrize(
    ("address", "pattern"), [("198.51.100.7", "198.51.100.0/24"), ("2001:db8:0:7::9", "[2001:db8:0:7::]/64")]
)
def test_network_of_an_address(address, pattern):
    assert pattern_of(network_of(address)) == pattern


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("192.0.2.10", "192.0.2.10"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("2001:db8::1", "[2001:db8::1]/128"),
        ("[2001:db8::]/32", "[2001:db8::]/32"),
    ],
)
def test_named_network_becomes_a_pattern(text, pattern):
    assert pattern_of(parse_network(text)) == pattern
