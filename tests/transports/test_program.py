"""A program of one's own: what it reads, what its exit status means, and that nobody waits for it for ever."""

from __future__ import annotations

import json
import os
import resource
import time

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces
from support.parcels import AT_S, deliver, parcel

from tcpwrap_alert.config.values import Program
from tcpwrap_alert.errors import ConnectError, DeliveryError, OutcomeTimedOut
from tcpwrap_alert.transports.program import open_transport


@pytest.fixture
def program(tmp_path):
    """Write a shell script; what it reads is kept in the file `read` beside it."""

    def write(script):
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\ncd {tmp_path}\ncat >>read\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return write


def send(path, *parcels, timeout_s=5.0):
    with open_transport(Program(path, timeout_s), {}) as transport:
        return deliver(transport, parcels)


def objects(tmp_path):
    return [json.loads(line) for line in (tmp_path / "read").read_text().splitlines()]


def test_each_result_is_one_object_on_a_line(program, tmp_path):
    assert send(program(""), parcel("one\ntwo"), parcel("größer", service_description="")) == ["", ""]
    assert objects(tmp_path) == [
        {
            "id": "name-one\ntwo",
            "time": AT_S,
            "host_name": "firestorm",
            "service_description": "TCP Wrappers",
            "return_code": 2,
            "plugin_output": "one\ntwo",
        },
        {
            "id": "name-größer",
            "time": AT_S,
            "host_name": "firestorm",
            "service_description": "",
            "return_code": 2,
            "plugin_output": "größer",
        },
    ]


@pytest.mark.parametrize("status", [75, 1, 127])
def test_any_other_status_means_later(program, status):
    with pytest.raises(DeliveryError, match=f"ended with {status}; offered again later"):
        send(program(f"exit {status}"), parcel())


def test_signal_means_later(program):
    with pytest.raises(DeliveryError, match="ended with -9"):
        send(program("kill -9 $$"), parcel())


def test_one_rejected_result_holds_up_no_other(program):
    """Of a batch that is rejected, each is offered by itself."""
    path = program("if grep -q bad read; then : >read; exit 77; fi; : >read")
    assert send(path, parcel("a"), parcel("bad"), parcel("c")) == ["", "exit status 77", ""]


@pytest.mark.parametrize(("count", "runs"), [(1, 1), (2, 3)])
def test_rejected_batch_is_offered_one_by_one(program, tmp_path, count, runs):
    parcels = [parcel(f"number {number}") for number in range(count)]
    assert send(program("echo >>runs; exit 77"), *parcels) == ["exit status 77"] * count
    assert len((tmp_path / "runs").read_text()) == runs


def test_program_that_hangs_ends_with_its_children(program, tmp_path, isolated):
    started_s = time.monotonic()
    with pytest.raises(OutcomeTimedOut, match=r"did not end within 0\.5 s, and was ended"):
        send(program("sleep 4711 & echo $! >child; wait"), parcel(), timeout_s=0.5)
    assert time.monotonic() - started_s < 5
    wait_for(lambda: namespaces.processes("sleep 4711") == [], "a child goes on")


def test_children_of_a_program_that_ended_are_ended(program, isolated):
    assert send(program("sleep 4712 >/dev/null 2>&1 &"), parcel()) == [""]
    wait_for(lambda: namespaces.processes("sleep 4712") == [], "a child goes on")


def test_what_the_program_prints_goes_to_syslog(program, isolated):
    send(program("echo hello from the bus; echo and an error >&2"), parcel())
    wait_for(lambda: any("and an error" in line for line in namespaces.log), "nothing in syslog")
    assert any("program: hello from the bus" in line for line in namespaces.log)


def test_endless_output_costs_no_memory(program):
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(OutcomeTimedOut):
        send(program("exec yes"), parcel(), timeout_s=2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 100_000


def test_missing_program_is_told(tmp_path):
    with pytest.raises(ConnectError, match="cannot be started: No such file"):
        send(str(tmp_path / "none"), parcel())


def test_program_that_reads_nothing_is_no_error(tmp_path):
    path = tmp_path / "deaf"
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    assert send(str(path), *(parcel("x" * 4000) for _ in range(90))) == [""] * 90


def test_id_is_the_same_when_it_is_offered_again(program, tmp_path, spool_dir, write_config, run):
    path = program("[ -e second ] || { touch second; exit 75; }")
    write_config(server=f"exec:{path}", host_name="firestorm")
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 75
    assert run("tcpwrap-alert", "replay").returncode == 0
    first, second = objects(tmp_path)
    assert first == second
    assert os.listdir(spool_dir / "new") == []
