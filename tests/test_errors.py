"""The errors: exit status and verdict of each, and that only a fault in the file itself takes it out of the spool."""

from __future__ import annotations

import inspect

import pytest

from tcpwrap_alert import errors
from tcpwrap_alert.errors import HOLD, RETRY, SET_ASIDE, ConfigError, DeliveryError, TcpwrapAlertError

# design.md, "Exit status".
TABLE = {
    "TcpwrapAlertError": (70, HOLD),
    "UsageError": (64, HOLD),
    "CheckResultError": (65, SET_ASIDE),
    "ConfigError": (78, HOLD),
    "SpoolError": (74, HOLD),
    "QueueFileCorrupt": (74, SET_ASIDE),
    "SpoolBusy": (75, RETRY),
    "DeliveryError": (75, RETRY),
    "TimedOut": (75, RETRY),
    "OutcomeUnknown": (75, RETRY),
    "OutcomeTimedOut": (75, RETRY),
    "ConnectError": (75, RETRY),
    "ConnectTimedOut": (75, RETRY),
    "ProtocolError": (75, RETRY),
    "ProtocolTimedOut": (75, RETRY),
    "RejectedError": (77, HOLD),
}
CLASSES = {name: value for name, value in vars(errors).items() if inspect.isclass(value)}


def make(name):
    return ConfigError("/etc/send_nsca.cfg", 14, "what") if name == "ConfigError" else CLASSES[name]("what")


def test_the_table_has_every_error():
    assert set(TABLE) == set(CLASSES)


@pytest.mark.parametrize("name", TABLE)
def test_every_error_has_its_exit_status_and_handling(name):
    assert (CLASSES[name].exit_status, CLASSES[name].handling) == TABLE[name]
    assert issubclass(CLASSES[name], TcpwrapAlertError)


def test_only_a_fault_in_the_file_itself_sets_it_aside():
    setting_aside = {name for name, value in CLASSES.items() if value.handling == SET_ASIDE}
    assert setting_aside == {"CheckResultError", "QueueFileCorrupt"}


@pytest.mark.parametrize("name", ["SpoolError", "QueueFileCorrupt", "DeliveryError", "ConnectError", "RejectedError"])
def test_error_of_system_or_network_is_an_oserror(name):
    assert issubclass(CLASSES[name], OSError)


def test_value_that_is_no_check_result_is_a_valueerror():
    assert issubclass(errors.CheckResultError, ValueError)


@pytest.mark.parametrize("name", ["OutcomeUnknown", "ConnectError", "ProtocolError", "RejectedError"])
def test_whatever_the_server_does_is_a_delivery_error(name):
    assert issubclass(CLASSES[name], DeliveryError)


@pytest.mark.parametrize("name", TABLE)
def test_line_is_the_text_if_nothing_is_in_the_spool(name):
    error = make(name)
    assert error.line == str(error)
    assert error.line.endswith("what")


@pytest.mark.parametrize("name", TABLE)
def test_line_says_what_becomes_of_a_spooled_result(name):
    error = make(name)
    error.deferred = 1
    assert error.line == f"{error}; {TABLE[name][1]}"
    error.deferred = 20
    assert error.line == f"{error}; 20 check results {TABLE[name][1]}"
    assert make(name).deferred == 0


@pytest.mark.parametrize(
    ("lineno", "text"),
    [(14, "/etc/send_nsca.cfg:14: wrong"), (1, "/etc/send_nsca.cfg:1: wrong"), (None, "/etc/send_nsca.cfg: wrong")],
)
def test_a_config_error_says_file_and_line(lineno, text):
    assert str(ConfigError("/etc/send_nsca.cfg", lineno, "wrong")) == text
