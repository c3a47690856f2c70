"""The values of the configuration: complete when they are built, and nobody changes them afterwards."""

from __future__ import annotations

import os

import pytest
from support.configs import monitor_of

from tcpwrap_alert.config.values import CommandFile, Wording
from tcpwrap_alert.nsca.server import Server

FROZEN = {
    "monitor": monitor_of(),
    "NSCA server": monitor_of().targets[0],
    "command file": CommandFile("/nagios.cmd", 10.0),
    "wording": Wording("firestorm"),
}


@pytest.mark.parametrize("value", FROZEN.values(), ids=FROZEN)
def test_no_attribute_of_a_value_can_be_changed(value):
    for name in value.__slots__:
        before = getattr(value, name)
        with pytest.raises(AttributeError, match=rf"\.{name} cannot be changed"):
            setattr(value, name, "other")
        assert getattr(value, name) == before


@pytest.mark.parametrize("value", FROZEN.values(), ids=FROZEN)
def test_a_value_takes_no_other_attribute(value):
    with pytest.raises(AttributeError):
        value.misspelt = 1


def test_a_monitor_is_shown_as_its_target():
    assert str(monitor_of(Server("::1", 5668))) == "[::1]:5668"
    assert str(monitor_of(CommandFile("/nagios.cmd", 10.0))) == "/nagios.cmd"


def test_a_wording_without_host_name_has_this_hosts():
    assert Wording().host_name == os.uname().nodename
