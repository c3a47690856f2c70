"""The errors: exit status and handling of each, and that only a fault in the file itself takes it out of the spool."""

from __future__ import annotations

import inspect

import pytest

from tcpwrap_alert import errors
from tcpwrap_alert.errors import HOLD, RETRY, SET_ASIDE, ConfigError, DeliveryError, NotDelivered, TcpwrapAlertError

TABLE = {
    "TcpwrapAlertError": (70, HOLD),
    "UsageError": (64, HOLD),
    "CheckResultError": (65, SET_ASIDE),
    "ConfigError": (78, HOLD),
    "NoServer": (78, HOLD),
    "SpoolError": (74, HOLD),
    "QueueFileCorrupt": (74, SET_ASIDE),
    "SpoolBusy": (75, RETRY),
    "LogError": (74, HOLD),
    "WindowOpen": (75, errors.WindowOpen.handling),
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
# It carries another error, and has that one's exit status and handling.
CARRIER = "NotDelivered"
CLASSES = {name: value for name, value in vars(errors).items() if inspect.isclass(value)}


def make(name, what="what"):
    is_config_error = issubclass(CLASSES[name], ConfigError)
    return CLASSES[name]("/etc/send_nsca.cfg", 14, what) if is_config_error else CLASSES[name](what)


def test_the_table_has_every_error():
    assert {*TABLE, CARRIER} == set(CLASSES)


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
    assert error.lines == [str(error)]
    assert error.lines[0].endswith("what")


@pytest.mark.parametrize("name", TABLE)
def test_line_says_what_becomes_of_a_spooled_result(name):
    why = make(name)
    for waiting, text in ((0, ""), (1, f"; {TABLE[name][1]}"), (20, f"; 20 check results {TABLE[name][1]}")):
        error = NotDelivered(why, waiting)
        assert error.lines == [f"{why}{text}"]
        assert (error.exit_status, error.handling) == TABLE[name]


def test_what_else_went_wrong_has_a_line_each():
    error = NotDelivered(make("ConnectError", "first"), 2, [NotDelivered(make("SpoolError", "second"), 1)])
    assert error.lines == [f"first; 2 check results {RETRY}", f"second; {HOLD}"]


@pytest.mark.parametrize(
    ("others", "last"), [(20, "19"), (21, "and 1 more like these"), (500, "and 480 more like these")]
)
def test_lines_are_not_without_end(others, last):
    error = NotDelivered(make("SpoolError"), 1, [make("SpoolError", str(number)) for number in range(others)])
    assert error.lines[-1] == last
    assert len(error.lines) <= 22


@pytest.mark.parametrize(
    ("lineno", "text"),
    [(14, "/etc/send_nsca.cfg:14: wrong"), (1, "/etc/send_nsca.cfg:1: wrong"), (None, "/etc/send_nsca.cfg: wrong")],
)
def test_a_config_error_says_file_and_line(lineno, text):
    assert str(ConfigError("/etc/send_nsca.cfg", lineno, "wrong")) == text
