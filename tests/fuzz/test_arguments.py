"""Any arguments: a status of README's table, at most one line, and what was accepted is in the spool or delivered."""

from __future__ import annotations

import os
import subprocess

import pytest
from fuzz.hostile import NOBODY, TEXTS, call, examples, fresh_place, monitored_place
from hypothesis import given
from hypothesis import strategies as st

from tcpwrap_alert.spool.queue_file import decode_queue_file

NAMES = st.sampled_from(["firestorm", "TCP Wrappers", "größer.example"])
STATES = st.sampled_from(["0", "1", "2", "OK", "down", "127", "-1", "02"])
SERVICE = (NAMES | TEXTS, NAMES | TEXTS, STATES | TEXTS, TEXTS)
HOST = (NAMES | TEXTS, STATES | TEXTS, TEXTS)
RESULTS = st.one_of(st.builds(lambda *fields: list(fields), *fields) for fields in (SERVICE, (*SERVICE, TEXTS), HOST))
ANY = st.lists(TEXTS, max_size=6)
SEND_OPTIONS = st.sampled_from(
    [
        "-H",
        "-p",
        "-to",
        "-d",
        "-ds",
        "-c",
        "--quiet",
        "--spool",
        "--single-result",
        "-x",
        "--",
        "0x17",
        "0x0",
        "1",
        "nan",
        NOBODY,
    ]
)
COMMANDS = {
    "submit_check_result": ["submit_check_result"],
    "submit": ["tcpwrap-alert", "submit"],
    "deny": ["tcpwrap-alert", "deny"],
}


@pytest.mark.parametrize("command", COMMANDS)
@given(arguments=RESULTS | st.lists(TEXTS, min_size=2, max_size=2) | ANY, is_up=st.booleans(), separator=st.booleans())
@examples(100)
def test_any_arguments_are_delivered_kept_or_an_error(command, arguments, is_up, separator):
    separators = ["--"] * (separator and command != "submit_check_result")
    with monitored_place() as (place, packets):
        if not is_up:
            place.configure()
        done = call(*COMMANDS[command], *separators, *arguments)
        waiting = len(place.waiting())
    if done.status == 0 and done.stdout:  # only where an option may stand, before all arguments
        assert not separators
        assert arguments[0].startswith("-")
        return
    assert done.is_orderly(), done
    assert done.stdout == ""
    accepted = {0: (1, 0), 75: (0, 1), 78: (0, 1), 64: (0, 0), 65: (0, 0)}
    assert (len(packets), waiting) == accepted[done.status]
    is_literal = command == "submit_check_result" or separators or not "".join(arguments[:1]).startswith("-")
    if done.status == 0 and command != "deny" and is_literal:
        host, service = (arguments[0], arguments[1]) if len(arguments) > 3 else (arguments[0], "")
        assert (packets[0].host_name, packets[0].service_description) == (host, service)


@given(arguments=st.lists(SEND_OPTIONS | TEXTS, max_size=5))
@examples(100)
def test_any_arguments_of_send_are_orderly(arguments):
    with fresh_place(), open(os.devnull) as nothing, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tcpwrap_alert.commands.send.STDIN", nothing.fileno())
        done = call("tcpwrap-alert", "send", *arguments)
    assert done.status in (0, 2, 3, 75, 77, 78)
    assert all(line.isprintable() for line in done.stderr.splitlines())
    assert len(done.stderr.splitlines()) <= 1


def drop(arguments):
    return subprocess.run(["handle_tcp_wrapper", *arguments], capture_output=True, check=False, timeout=60)


@given(arguments=st.lists(TEXTS, min_size=2, max_size=5))
@examples(60)
def test_drop_keeps_any_arguments_and_prints_nothing(arguments):
    with fresh_place() as place:
        (place.spool / "leader").touch()
        done = drop(arguments)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        (name,) = place.waiting()
        written = decode_queue_file((place.new / os.fsdecode(name)).read_bytes())
        names = ("client", "daemon", "address", "user")
        assert written == ("denial", dict(zip(names, [*arguments, "", ""])))


@given(arguments=st.lists(TEXTS, max_size=1))
@examples(3)
def test_drop_with_too_few_arguments_tells_syslog_only(arguments):
    with fresh_place() as place:
        done = drop(arguments)
        assert (done.returncode, done.stdout, done.stderr) == (64, b"", b"")
        assert place.waiting() == []


@pytest.mark.parametrize("command", COMMANDS)
@given(arguments=RESULTS | ANY)
@examples(2, shrink=False)
def test_as_processes_too(command, arguments):
    with fresh_place() as place:
        done = subprocess.run([*COMMANDS[command], *arguments], capture_output=True, check=False, timeout=60)
        if done.returncode == 0:
            assert arguments[0].startswith("-")  # of the help
            return
        assert done.returncode in (64, 65, 75, 78)
        assert done.stderr.count(b"\n") == 1
        assert len(place.waiting()) == (done.returncode in (75, 78))
