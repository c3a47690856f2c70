"""Hostile texts by every way in, to the real nsca daemon: each is one command for Nagios, and no more than that."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter

import pytest
from fuzz.hostile import COMMAND, EDITS, TEXTS, call, edited, examples, fresh_place
from hypothesis import given
from hypothesis import strategies as st

HOST, SERVICE, DENIED_STATE = "firestorm", "TCP Wrappers", 1
DENIAL = re.compile(
    rb"\[\d+\] PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;1;"
    rb"Denied: [0-9A-Za-z!@%_=+:,./-]+ from [0-9A-Za-z!@%_=+:,./-]+( \(at [0-9: +-]{25}\))?"
)
SUBMITTED = re.compile(
    rb"\[\d+\] PROCESS_(SERVICE_CHECK_RESULT;h;s|HOST_CHECK_RESULT;h);([02]);[^\x00-\x08\x0a-\x1f\x7f]*"
)
MAX_LINE_BYTES = 8190  # what is behind is a line of its own for Nagios 3, Icinga 1 and Centreon Engine (fgets)

COMMANDS = st.builds(
    lambda before, count, between, after: os.fsdecode(before * count + between + COMMAND + after),
    st.sampled_from([b"\\", b"\n", b"x", b"\xc3\xa4", b"]", b"_"]),
    st.sampled_from([0, 1, 100, 2047, 4050, 4062, 4064, 4066]),
    st.sampled_from([b"", b"\n", b"\r\n", b"\\n", b";", b"\x17", b"|"]),
    st.sampled_from([b"", b"\n", b";1\n", b"\\"]),
)
HOSTILE = (
    TEXTS
    | COMMANDS
    | st.builds(edited, st.just(b"x\n" + COMMAND + b"\n"), EDITS).map(
        lambda data: os.fsdecode(data.replace(b"\0", b""))
    )
)


@pytest.fixture
def daemon(start_nsca):
    return start_nsca(method=1, password="s3cret")


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of what failed, which must be seen
@given(
    dropped=st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE, HOSTILE), min_size=20, max_size=40),
    denied=st.lists(st.tuples(HOSTILE, HOSTILE), min_size=10, max_size=20),
    submitted=st.lists(HOSTILE, min_size=10, max_size=20),
    sent=st.lists(HOSTILE, min_size=10, max_size=20),
)
@examples(2, shrink=False)
def test_each_result_is_one_command_in_the_file(daemon, dropped, denied, submitted, sent):
    before = len(daemon.command_file.read_bytes())
    with fresh_place() as place:
        place.write_config(b"")  # no server: all is kept, and goes with one connection
        (place.spool / "leader").touch()
        for arguments in dropped:
            subprocess.run(["handle_tcp_wrapper", *arguments], check=True, timeout=60)
        for daemon_name, client in denied:
            assert call("tcpwrap-alert", "deny", "--", daemon_name, client).status == 78
        for text in submitted:
            assert call("submit_check_result", "h", "s", "2", text).status == 78
            assert call("tcpwrap-alert", "submit", "--", "h", "0", text).status == 78
        place.configure(
            f"{daemon.address}:{daemon.port}",
            encryption_method=1,
            password="s3cret",
            host_name=HOST,
            service_description=SERVICE,
            return_code=DENIED_STATE,
            output="Denied: {daemon} from {client}",
        )
        assert call("tcpwrap-alert", "replay").status == 0
        assert place.waiting() == []
        records = [b"h\ts\t2\tx" + os.fsencode(text).replace(b"\x17", b"") + b"\x17" for text in sent]
        done = subprocess.run(
            ["tcpwrap-alert", "send", "-ds", "0x17"], input=b"".join(records), stdout=subprocess.PIPE, check=False
        )
        assert done.stdout == b"%d data packet(s) sent to host successfully.\n" % len(sent)
    *lines, last = daemon.command_file.read_bytes()[before:].split(b"\n")
    assert last == b""
    assert [line for line in lines if not line.decode().startswith("[")] == []
    assert max(map(len, lines)) < MAX_LINE_BYTES
    denials = [line for line in lines if DENIAL.fullmatch(line)]
    commands = Counter(match[1] + match[2] for match in map(SUBMITTED.fullmatch, lines) if match)
    assert len(denials) == len(dropped) + len(denied)
    assert commands == {
        b"SERVICE_CHECK_RESULT;h;s2": len(submitted) + len(sent),
        b"HOST_CHECK_RESULT;h0": len(submitted),
    }
    assert len(lines) == len(denials) + sum(commands.values())
