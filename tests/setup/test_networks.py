"""The networks that may log in, and the rules for them."""

from __future__ import annotations

import pytest

from tcpwrap_alert.libwrap.session import Session
from tcpwrap_alert.setup.networks import network_of, parse_network, pattern_of
from tcpwrap_alert.setup.rules import Rules


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
