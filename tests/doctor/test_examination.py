"""The examination as a whole: a host in order, one with nothing, and who looks at what."""

from __future__ import annotations

import os
import socket
import subprocess
import time

from support import namespaces

SUBJECTS = ("rules", "configuration", "spool", "schedule", "units", "monitor")


def let_daemons_add(host):
    """Let the users of this machine's daemons add to the spool."""
    for user in ("_rpc", "nagios"):
        for rights, path in (("x", host.spool), ("wx", host.spool / "new")):
            subprocess.run(["setfacl", "-m", f"u:{user}:{rights}", str(path)], check=False, capture_output=True)


def test_a_host_in_order_has_nothing_to_do(host, check, run):
    let_daemons_add(host)
    rows = check()
    assert [row for row in rows if row[1] != "ok"] == []
    assert {row[0] for row in rows} >= set(SUBJECTS) - {"units"}
    done = run("tcpwrap-alert", "check", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_is_sent_or_kept(host, check):
    check()
    assert host.commands() == ""
    assert sorted(os.listdir(host.spool)) == ["new"]
    assert os.listdir(host.spool / "new") == []


def test_a_host_with_nothing_is_told_all_of_it(host, run):
    host.rules("", "ALL: ALL\n")
    host.config.unlink()
    host.cron_d.unlink()
    (host.spool / "new").rmdir()
    host.spool.rmdir()
    done = run("tcpwrap-alert", "check")
    assert (done.returncode, done.stderr) == (1, "")
    for text in ("fail rules: ", "fail configuration: ", "warn spool: ", "fail schedule: "):
        assert text in done.stdout


def test_a_user_without_rights_is_told_so(host, run):
    done = run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "tcpwrap-alert", "check")
    assert (done.returncode, done.stderr) == (1, "")
    assert "you may not look into it\n     Run this as root" in done.stdout


def test_files_of_rules_are_checked_alone(host, run):
    done = run("tcpwrap-alert", "check", "--deny", "/etc/hosts.deny")
    assert (done.returncode, done.stdout) == (0, "")
    done = run("tcpwrap-alert", "check", "--deny", "/etc/hosts.deny", "--send")
    assert done.returncode == 64
    assert host.commands() == ""


def test_dead_name_servers_cost_the_time_of_one(host, check):
    sections = "".join(f"[m{number}]\nserver=m{number}.example\ntimeout=300\n" for number in range(1, 9))
    namespaces.bind_over("/etc/resolv.conf", "nameserver 127.0.0.53\noptions timeout:30\n")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.53", 53))
            host.write_config(sections)
            started_s = time.monotonic()
            rows = check()
            assert 18 < time.monotonic() - started_s < 40
    finally:
        namespaces.unbind("/etc/resolv.conf")
    assert len([row for row in rows if row[:2] == ("monitor", "fail")]) == 8


def test_dead_monitors_cost_the_time_of_one(host, check):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        sections = "".join(f"[m{number}]\nserver=127.0.0.1:{port}\ntimeout=300\n" for number in range(1, 9))
        host.write_config(sections)
        started_s = time.monotonic()
        rows = check()
        assert 14 < time.monotonic() - started_s < 40
    told = [text for subject, state, text, _ in rows if (subject, state) == ("monitor", "fail")]
    assert told == [f"[m{number}] 127.0.0.1:{port}: no answer within 15 s" for number in range(1, 9)]
