"""The values of the configuration: complete when they are built, and nobody changes them afterwards."""

from __future__ import annotations

import os

import pytest
from support.monitors import command_file_monitor, nsca_monitor

from tcpwrap_alert.config.values import CommandFile, Wording

FROZEN = {
    "monitor": nsca_monitor(),
    "NSCA server": nsca_monitor().target,
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
    assert str(nsca_monitor(host="::1", port=5668)) == "[::1]:5668"
    assert str(command_file_monitor("/nagios.cmd")) == "/nagios.cmd"


def test_a_wording_without_host_name_has_this_hosts():
    assert Wording().host_name == os.uname().nodename
