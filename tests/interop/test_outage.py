"""Outages, wrong passwords and storms, with the installed scripts and the real nsca daemon: nothing is lost."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces
from support.denials import counted
from support.spools import failed_at_s, let_grace_pass, reason_of, wait_until_left

from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.queue_file import encode_queue_file

PASSWORD = "s3cret"
CLIENTS = [f"203.0.113.{number}" for number in range(20)]


@pytest.fixture
def daemon(start_nsca, write_config, spool_dir):
    """A daemon, and the configuration for it."""
    daemon = start_nsca(method=14, password=PASSWORD)
    write_config(server=f"127.0.0.1:{daemon.port}", encryption_method=14, password=PASSWORD, host_name="firestorm")
    return daemon


def drop_all(clients, at_once=0):
    """Fire one denial per client as libwrap does, `at_once` at a time; by default strictly one after the other."""
    if not at_once:
        for client in clients:
            subprocess.run(["handle_tcp_wrapper", client, "sshd"], check=False)
    for start in range(0, len(clients) if at_once else 0, at_once or 1):
        shells = [
            subprocess.Popen(["/bin/sh", "-c", f"(handle_tcp_wrapper {client} sshd) &"])
            for client in clients[start : start + at_once]
        ]
        assert [shell.wait() for shell in shells] == [0] * len(shells)
    wait_for(lambda: not namespaces.processes("handle_tcp_wrapper"), "drops do not end")


def denied(clients):
    return [f"firestorm;TCP Wrappers;2;Denied sshd-{client}" for client in clients]


def without_time(results):
    return [re.sub(r" \(at [^)]*\)", "", result) for result in results]


def test_replay_delivers_denials_of_an_outage(daemon, run, waiting, spool_dir):
    daemon.stop()
    drop_all(CLIENTS)
    wait_for(lambda: reason_of(spool_dir), "no attempt was made")
    rows = waiting()
    assert [row["plugin_output"] for row in rows] == [f"Denied sshd-{client}" for client in CLIENTS]
    assert {row["monitor"] for row in rows} == {f"127.0.0.1:{daemon.port}"}
    assert "connection refused" in rows[0]["why"]
    daemon.start()
    before = namespaces.connections_accepted()
    replay = run("tcpwrap-alert", "replay")
    assert (replay.returncode, replay.stdout, replay.stderr) == (0, "", "")
    assert without_time(daemon.results()) == denied(CLIENTS)
    assert namespaces.connections_accepted() - before == 1
    assert waiting() == []


def test_a_short_outage_heals_without_replay(daemon, spool_dir):
    daemon.stop()
    drop_all(CLIENTS[:3])
    wait_for(lambda: reason_of(spool_dir), "no attempt was made")
    daemon.start()
    assert len(daemon.wait_for_results(3)) == 3
    wait_until_left(spool_dir)
    assert os.listdir(spool_dir / "new") == []


def test_storm_in_an_outage_starts_one_calm_forwarder(daemon, spool_dir):
    daemon.stop()
    drop_all(CLIENTS * 5, at_once=20)
    wait_for(lambda: reason_of(spool_dir), "no attempt was made")
    assert len(namespaces.processes("tcpwrap-alert forward")) == 1
    first_attempt = failed_at_s(spool_dir)
    drop_all(CLIENTS, at_once=20)
    assert len(namespaces.processes("tcpwrap-alert forward")) == 1
    assert failed_at_s(spool_dir) == first_attempt
    assert len(os.listdir(spool_dir / "new")) == 120


def test_a_late_result_carries_its_own_time(daemon, run, spool_dir):
    run("tcpwrap-alert", "queue")
    daemon.stop()
    assert run("submit_check_result", "firestorm", "Disk", "WARNING", "90 % full | used=90%").returncode == 75
    (queue_file,) = (spool_dir / "new").iterdir()
    os.utime(queue_file, (1795185960, 1795185960))
    daemon.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert daemon.results() == ["firestorm;Disk;1;90 % full (at 2026-11-20 14:46:00 +0000) | used=90%"]


@pytest.mark.parametrize("command", [("submit_check_result",), ("tcpwrap-alert", "submit")], ids=["script", "command"])
def test_rejected_result_waits_for_right_password(daemon, run, waiting, write_config, command):
    settings = {"server": f"127.0.0.1:{daemon.port}", "encryption_method": 14}
    write_config(**settings, password="wrong")
    refused = run(*command, "firestorm", "TCP Wrappers", "2", "Denied sshd-203.0.113.7")
    assert refused.returncode == 77
    assert (
        f"127.0.0.1:{daemon.port}: the NSCA server rejected the packets; likely causes: wrong password"
        in refused.stderr
    )
    assert "kept in the spool" in refused.stderr
    assert "wrong password" in waiting()[0]["why"]
    assert run("tcpwrap-alert", "replay").returncode == 77
    assert daemon.results() == []
    write_config(**settings, password=PASSWORD)
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert without_time(daemon.results()) == ["firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7"]
    assert waiting() == []


STORMS = {
    "one client": ["198.51.100.1"] * 200,
    "a sweep of addresses": [f"198.51.100.{number}" for number in range(200)],
    "some clients": [f"198.51.100.{number % 10}" for number in range(200)],
}


@pytest.mark.parametrize("storm", STORMS)
@pytest.mark.parametrize("fold", ["20", "no"])
def test_storm_is_delivered_whole_over_few_connections(daemon, spool_dir, tmp_path, storm, fold):
    with open(tmp_path / "send_nsca.cfg", "a") as file:
        file.write(f"fold={fold}\n")
    before = namespaces.connections_accepted()
    drop_all(STORMS[storm], at_once=20)
    wait_for(lambda: counted(daemon.results()) >= 200, "not 200 denials")
    wait_until_left(spool_dir)
    results = daemon.results()
    assert counted(results) == 200
    assert namespaces.connections_accepted() - before <= 20
    assert os.listdir(spool_dir / "new") == []
    if fold == "no":
        assert sorted(results) == sorted(denied(STORMS[storm]))
    else:
        assert len(results) < 200
    assert all(result.startswith("firestorm;TCP Wrappers;2;Denied sshd-") for result in results)


def sockets():
    """Return the sockets of our network namespace that listen, or are open without a peer, as ss shows them."""
    shown = subprocess.run(["ss", "-H", "-lntuwxp"], capture_output=True, text=True, check=True).stdout
    return set(shown.splitlines())


def test_nothing_of_ours_listens_during_a_storm(daemon, peer, spool_dir):
    peer("ss")
    before = sockets()
    assert any(f"127.0.0.1:{daemon.port} " in line for line in before)
    seen = set()
    for start in range(0, 200, 20):
        drop_all([f"198.51.100.{number}" for number in range(start, start + 20)], at_once=20)
        seen |= sockets()
    daemon.stop()
    drop_all(CLIENTS, at_once=20)
    wait_for(lambda: namespaces.processes("tcpwrap-alert forward"), "nobody forwards")
    seen |= sockets()
    assert {line for line in seen - before if "nsca" not in line} == set()


def test_what_waits_after_an_outage_is_folded(daemon, run, spool_dir):
    (spool_dir / "leader").touch()
    drop_all(["198.51.100.1"] * 30, at_once=10)
    assert run("tcpwrap-alert", "replay").returncode == 0
    (spool_dir / "leader").touch()
    drop_all([f"198.51.100.{number % 25}" for number in range(50)], at_once=10)
    assert run("tcpwrap-alert", "replay").returncode == 0
    one, many = daemon.results()
    span = r"\d\d:\d\d:\d\d to \d\d:\d\d:\d\d"
    begin = "firestorm;TCP Wrappers;2;Denied sshd-"
    assert re.fullmatch(rf"{begin}198\.51\.100\.1 \(30 times, {span}\)\|denied=30 clients=1", one)
    first, *top, last = many.split(r"\n")
    assert re.fullmatch(rf"{begin}25 clients \(50 times, {span}\)\|denied=50 clients=25", first)
    assert len(top) == 20
    assert last == "and 5 more"


def test_long_outage_with_a_small_spool_loses_no_count(daemon, run, waiting, tmp_path, spool_dir):
    with open(tmp_path / "send_nsca.cfg", "a") as file:
        file.write("max_entries=10\n")
    daemon.stop()
    (spool_dir / "leader").touch()
    for round_number in range(3):
        drop_all([f"198.51.100.{number % 25}" for number in range(50)], at_once=10)
        assert run("submit_check_result", "h", f"s{round_number}", "0", "o").returncode == 75
        assert len(os.listdir(spool_dir / "new")) <= 11
    assert waiting()[0]["plugin_output"].startswith("Denied sshd-25 clients (")
    daemon.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    results = daemon.results()
    assert counted(result for result in results if "TCP Wrappers;2;Denied" in result) == 150
    (rest,) = (result for result in results if "check_results=" in result)
    assert rest.startswith("firestorm;TCP Wrappers;2;Check results that were too old or too many to wait (2 times, ")
    assert results[-1] == "h;s2;0;o"
    assert os.listdir(spool_dir / "new") == []


def test_2_7_layout_delivers_each_on_a_connection(daemon, run, write_config, spool_dir):
    daemon.stop()
    drop_all(CLIENTS[:3])
    write_config(
        server=f"127.0.0.1:{daemon.port}", encryption_method=14, password=PASSWORD, legacy_2_7_mode=1, host_name="fire"
    )
    daemon.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    expected = [f"fire;TCP Wrappers;2;Denied sshd-{client}" for client in CLIENTS[:3]]
    assert without_time(daemon.wait_for_results(3)) == expected
    assert os.listdir(spool_dir / "new") == []


def test_without_spool_alert_goes_out_and_to_syslog(daemon, run, monkeypatch):
    """P8"""
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "/proc/no-spool")
    drop_all(CLIENTS[:1])
    assert daemon.wait_for_results(1) == denied(CLIENTS[:1])
    wait_for(lambda: any("sent directly instead" in line for line in namespaces.log), "syslog was not told")
    assert run("submit_check_result", "h", "s", "0", "o").returncode == 0
    assert daemon.results()[1:] == ["h;s;0;o"]


def test_on_a_full_disk_the_alert_is_sent_directly(daemon, spool_dir, run):
    """P8: what the shell could not write leaves no file behind."""
    namespaces.mount_tmpfs(str(spool_dir), "size=16k")
    (spool_dir / "new").mkdir()
    try:
        with pytest.raises(OSError, match="No space left"):
            (spool_dir / "ballast").write_bytes(bytes(65536))
        for count, client in enumerate(CLIENTS[:2], 1):
            drop_all([client])
            assert daemon.wait_for_results(count) == denied(CLIENTS[:count])
            wait_for(lambda: not namespaces.processes("tcpwrap-alert forward"), "the sender does not end")
        assert run("submit_check_result", "h", "s", "0", "o").returncode == 0
        assert daemon.results()[2:] == ["h;s;0;o"]
        assert os.listdir(spool_dir / "new") == []
    finally:
        namespaces.unbind(str(spool_dir))


def test_without_spool_and_monitor_syslog_has_alert(daemon, run, monkeypatch):
    daemon.stop()
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "/proc/no-spool")
    lost = run("tcpwrap-alert", "deny", "sshd", "203.0.113.77")
    assert lost.returncode == 74
    assert "/proc/no-spool" in lost.stderr
    assert "connection refused" in lost.stderr
    wait_for(lambda: any("lost: denial client='203.0.113.77'" in line for line in namespaces.log), "not in syslog")


def test_without_spool_and_monitor_syslog_has_input(daemon, run, monkeypatch):
    daemon.stop()
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "/proc/no-spool")
    lost = run("tcpwrap-alert", "send", "--spool", input="".join(f"h\tlost {i}\t0\to\n" for i in range(3)))
    assert lost.returncode == 74
    for number in range(3):
        what = f"service_description='lost {number}'"
        wait_for(lambda what=what: any(what in line for line in namespaces.log), f"{what} not in syslog")


def test_without_spool_all_input_is_sent_directly(daemon, run, monkeypatch):
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "/proc/no-spool")
    done = run("tcpwrap-alert", "send", "--spool", input="".join(f"h\ts{i}\t0\to\n" for i in range(3)))
    assert (done.returncode, done.stdout) == (0, "3 data packet(s) sent to host successfully.\n")
    assert daemon.results() == [f"h;s{number};0;o" for number in range(3)]


def test_the_first_drop_of_all_makes_the_spool(daemon, spool_dir):
    os.rmdir(spool_dir / "new")
    os.rmdir(spool_dir)
    drop_all(CLIENTS, at_once=20)
    assert sorted(daemon.wait_for_results(20)) == sorted(denied(CLIENTS))
    wait_until_left(spool_dir)
    assert os.listdir(spool_dir / "new") == []


def test_drop_waits_while_the_configuration_is_broken(daemon, run, waiting, write_config, spool_dir):
    write_config(server=f"127.0.0.1:{daemon.port}", pasword="typo")
    drop_all(CLIENTS[:2])
    wait_for(lambda: reason_of(spool_dir), "no attempt was made")
    assert "send_nsca.cfg:2: unknown key 'pasword'; did you mean password?" in waiting()[0]["why"]
    write_config(server=f"127.0.0.1:{daemon.port}", encryption_method=14, password=PASSWORD, host_name="firestorm")
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert without_time(daemon.results()) == denied(CLIENTS[:2])


def test_a_stale_leader_is_removed_by_replay(daemon, run, spool_dir):
    (spool_dir / "leader").touch()
    os.utime(spool_dir / "leader", (1, 1))
    drop_all(CLIENTS[:1])
    assert len(os.listdir(spool_dir / "new")) == 1  # it only enqueues: somebody seems to lead
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert without_time(daemon.results()) == denied(CLIENTS[:1])
    assert not (spool_dir / "leader").exists()


def test_one_bad_queue_file_does_not_hold_up_the_next(daemon, run, spool_dir):
    """P4"""
    bad = spool_dir / "new" / "1.0"
    bad.write_bytes(b"tcpwrap-alert 1 denial\0\nclient=203.0")
    os.utime(bad, (1, 1))
    (spool_dir / "new" / "link").symlink_to("/etc/passwd")
    assert run("submit_check_result", "h", "s", "0", "o").returncode == 0
    assert daemon.results() == ["h;s;0;o"]
    assert os.listdir(spool_dir / "new") == ["1.0"]  # its writer may be slow, whatever its time says
    let_grace_pass(spool_dir)
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert len(os.listdir(spool_dir / "corrupt")) == 2
    assert os.listdir(spool_dir / "new") == []
    assert "2 unreadable queue files set aside" in run("tcpwrap-alert", "queue").stderr
    wait_for(
        lambda: any("new/1.0: no end mark, the write was cut short; moved to" in line for line in namespaces.log),
        "syslog was not told",
    )


def test_without_a_free_inode_the_alert_goes_directly(daemon, spool_dir, run):
    """P8"""
    namespaces.mount_tmpfs(str(spool_dir), "nr_inodes=4")
    (spool_dir / "new").mkdir()
    try:
        (spool_dir / "ballast").touch()
        (spool_dir / "more ballast").touch()
        with pytest.raises(OSError, match="No space left"):
            (spool_dir / "too much").touch()
        for count, client in enumerate(CLIENTS[:2], 1):
            drop_all([client])
            assert daemon.wait_for_results(count) == denied(CLIENTS[:count])
            wait_for(lambda: not namespaces.processes("tcpwrap-alert forward"), "the sender does not end")
        assert run("submit_check_result", "h", "s", "0", "o").returncode == 0
        assert daemon.results()[2:] == ["h;s;0;o"]
        assert os.listdir(spool_dir / "new") == []
    finally:
        namespaces.unbind(str(spool_dir))


@pytest.fixture
def slow_line():
    """Let loopback carry 512 kbit/s: about fifteen data packets per second."""
    namespaces.run("ip", "link", "set", "lo", "mtu", "1500")
    namespaces.run("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "512kbit", "burst", "5kb", "latency", "5s")
    yield
    namespaces.run("tc", "qdisc", "del", "dev", "lo", "root")
    namespaces.run("ip", "link", "set", "lo", "mtu", "65536")


def test_a_line_too_slow_for_a_batch_gets_smaller_ones(daemon, run, tmp_path, spool_dir, slow_line):
    daemon.stop()
    (spool_dir / "leader").touch()
    drop_all(CLIENTS * 3)
    daemon.start()
    with open(tmp_path / "send_nsca.cfg", "a") as file:
        file.write("timeout=3\nfold=no\n")
    statuses = [run("tcpwrap-alert", "replay").returncode]
    while statuses[-1] and len(statuses) < 8:
        statuses.append(run("tcpwrap-alert", "replay").returncode)
    assert statuses[0] == 75
    assert statuses[-1] == 0
    assert set(without_time(daemon.results())) == set(denied(CLIENTS))
    assert os.listdir(spool_dir / "new") == []


def test_nothing_is_sent_from_a_read_only_spool(daemon, run, spool_dir):
    """Else every replay would send it again."""
    (spool_dir / "leader").touch()
    drop_all(CLIENTS[:1])
    namespaces.run("mount", "--bind", str(spool_dir), str(spool_dir))
    namespaces.run("mount", "-o", "remount,ro,bind", str(spool_dir))
    try:
        done = run("tcpwrap-alert", "replay")
    finally:
        namespaces.unbind(str(spool_dir))
    assert done.returncode == 74
    assert f"{spool_dir}/new: cannot be written, so nothing is sent from it" in done.stderr
    assert daemon.results() == []
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert len(daemon.results()) == 1


def test_a_leader_that_cannot_go_holds_nothing_up(daemon, run, spool_dir):
    (spool_dir / "leader" / "something").mkdir(parents=True)
    os.utime(spool_dir / "leader", (1, 1))
    drop_all(CLIENTS[:1])
    done = run("tcpwrap-alert", "replay")
    assert done.returncode == 74
    assert f"{spool_dir}/leader: cannot remove" in done.stderr
    assert without_time(daemon.results()) == denied(CLIENTS[:1])


@pytest.mark.parametrize("kind", [os.mkfifo, lambda path: os.symlink("/nowhere", path)], ids=["FIFO", "link"])
def test_drop_does_not_wait_for_a_strange_leader(daemon, spool_dir, kind):
    kind(spool_dir / "leader")
    drop_all(CLIENTS[:1])
    assert len(os.listdir(spool_dir / "new")) == 1


def test_drop_does_not_follow_a_link_out_of_the_spool(daemon, spool_dir, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    os.rmdir(spool_dir / "new")
    (spool_dir / "new").symlink_to(tmp_path / "elsewhere")
    drop_all(CLIENTS[:1])
    assert daemon.wait_for_results(1) == denied(CLIENTS[:1])
    assert os.listdir(tmp_path / "elsewhere") == []


def test_drop_without_room_for_files_is_sent_directly(daemon, spool_dir):
    subprocess.run(["sh", "-c", "ulimit -f 0; exec handle_tcp_wrapper 203.0.113.0 sshd"], check=False)
    assert daemon.wait_for_results(1) == denied(CLIENTS[:1])


def test_paths_relative_to_the_working_directory(daemon, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "spool")
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", "send_nsca.cfg")
    drop_all(CLIENTS[:1])
    assert daemon.wait_for_results(1) == denied(CLIENTS[:1])


@pytest.fixture
def spool_of_another(daemon, monkeypatch):
    """A spool that is not ours, where its owner can reach it: pytest closes its directories to all but us."""
    namespaces.mount_tmpfs("/var/spool")
    config = shutil.copyfile(os.environ["TCPWRAP_ALERT_CONFIG"], "/var/spool/send_nsca.cfg")
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", config)
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "/var/spool/tcpwrap-alert")
    for path in ("/var/spool/tcpwrap-alert", "/var/spool/tcpwrap-alert/new"):
        os.mkdir(path)
        os.chown(path, 65534, 65534)
    yield
    namespaces.end_processes("tcpwrap-alert forward")
    namespaces.unbind("/var/spool")


def test_a_strict_umask_does_not_lock_the_owner_out(daemon, run, spool_of_another):
    daemon.stop()
    assert run("sh", "-c", "umask 0777; exec submit_check_result h s 0 o").returncode == 75
    daemon.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert daemon.results() == ["h;s;0;o"]


def test_world_writable_spool_is_sent_when_mended(daemon, run, spool_dir):
    (spool_dir / "new").chmod(0o1777)
    drop_all(CLIENTS[:2])
    why = f"{spool_dir}/new: everybody may write to it, so it is not used; run chmod o-w {spool_dir}/new"
    wait_for(lambda: any(f"{why}; kept in the spool" in line for line in namespaces.log), "syslog was not told")
    refused = run("tcpwrap-alert", "replay")
    assert (refused.returncode, refused.stdout) == (74, "")
    assert refused.stderr.startswith(f"tcpwrap-alert: {why}; kept in the spool")
    assert daemon.results() == []
    (spool_dir / "new").chmod(0o1730)
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert without_time(daemon.results()) == denied(CLIENTS[:2])


def owner_of_the_other_end(connection):
    """Return the user who opened the socket at the other end of a connection on 127.0.0.1."""
    port = connection.getpeername()[1]
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (uid,) = (row[7] for row in rows if row[1] == f"0100007F:{port:04X}")
    return int(uid)


@pytest.mark.parametrize(
    "command",
    [
        ("handle_tcp_wrapper", "203.0.113.0", "sshd"),
        ("tcpwrap-alert", "deny", "sshd", "203.0.113.0"),
        ("submit_check_result", "h", "s", "0", "o"),
        ("tcpwrap-alert", "replay"),
    ],
    ids=" ".join,
)
def test_p10_spools_owner_opens_the_socket_for_root(spool_of_another, command):
    drop_all(CLIENTS[:1])  # something waits, and somebody may lead
    namespaces.end_processes("tcpwrap-alert forward")
    with contextlib.suppress(FileNotFoundError):
        os.rmdir("/var/spool/tcpwrap-alert/leader")
    with socket.create_server(("127.0.0.1", 0)) as monitor:
        with open(os.environ["TCPWRAP_ALERT_CONFIG"], "a") as file:
            file.write(f"server=127.0.0.1:{monitor.getsockname()[1]}\n")
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, extra_groups=[0, 4])
        connection, _ = monitor.accept()
        with connection:
            assert owner_of_the_other_end(connection) == 65534
            (pid,) = namespaces.processes("tcpwrap-alert forward") or [process.pid]
            status = Path(f"/proc/{pid}/status").read_text()
        process.wait(20)
    assert "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\n" in status
    assert re.search(r"^Groups:\s*$", status, re.MULTILINE)


def test_p2_group_members_result_is_delivered_once(daemon, run, spool_of_another):
    """It may write to new/, but not open it to sync it: what it cannot keep for sure it sends directly."""
    os.chmod("/var/spool/tcpwrap-alert", 0o710)
    os.chmod("/var/spool/tcpwrap-alert/new", 0o1730)
    os.chmod(os.environ["TCPWRAP_ALERT_CONFIG"], 0o640)
    os.chown(os.environ["TCPWRAP_ALERT_CONFIG"], 0, 65534)
    member = {"user": 1, "group": 1, "extra_groups": [65534]}
    assert run("submit_check_result", "h", "s", "0", "o", **member).returncode == 0
    daemon.stop()
    assert run("submit_check_result", "h", "lost", "0", "o", **member).returncode == 74
    daemon.start()
    assert run("tcpwrap-alert", "replay").returncode == 0
    assert daemon.results() == ["h;s;0;o"]


def test_unreadable_file_is_shown_and_holds_no_other(daemon, waiting, spool_of_another):
    bad = Path("/var/spool/tcpwrap-alert/new/bad")
    bad.write_bytes(b"whatever")
    bad.chmod(0)
    drop_all(CLIENTS[:2])
    assert sorted(daemon.wait_for_results(2)) == denied(CLIENTS[:2])
    (row,) = waiting()
    assert "new/bad: cannot read: Permission denied" in row["why"]
    wait_until_left("/var/spool/tcpwrap-alert")
    drop_all(CLIENTS[2:3])
    assert daemon.wait_for_results(3)[2:] == denied(CLIENTS[2:3])


def test_sigterm_waits_until_what_was_sent_is_removed(daemon, spool_dir):
    (spool_dir / "leader").touch()
    data = encode_queue_file(Denial("sshd", "c", "a", "u"))
    for number in range(5000):
        (spool_dir / "new" / f"{number}.0").write_bytes(data)
    process = subprocess.Popen(["tcpwrap-alert", "replay"], stderr=subprocess.DEVNULL)
    wait_for(lambda: len(os.listdir(spool_dir / "new")) < 5000, "nothing is removed")
    process.terminate()
    process.wait(20)
    assert os.listdir(spool_dir / "new") == []
    assert counted(daemon.results()) == 5000


def test_queue_shows_hostile_file_names_harmless(run, daemon, spool_dir):
    (spool_dir / "new" / "\x1b[31mred\n").mkdir()
    shown = run("tcpwrap-alert", "queue").stdout
    assert "\x1b" not in shown
    assert "?[31mred" in shown


# By a small process between: a peak counts what a process was before it became another (getrusage(2)).
PEAK = """
import os, subprocess, sys
with subprocess.Popen(["tcpwrap-alert", sys.argv[1]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
    rows = sum(b"Denied sshd-203.0.113.7" in line for line in process.stdout)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, rows, usage.ru_maxrss)
"""


@pytest.mark.parametrize(("command", "status", "rows"), [("replay", 75, 0), ("queue", 0, 100_000)])
def test_a_hundred_thousand_that_wait_fit_in_64_mib(daemon, spool_dir, command, status, rows):
    daemon.stop()
    namespaces.mount_tmpfs(str(spool_dir))
    (spool_dir / "new").mkdir()
    data = encode_queue_file(Denial("sshd", "203.0.113.7", "203.0.113.7", "unknown"))
    for number in range(100_000):
        (spool_dir / "new" / f"{number}.0").write_bytes(data)
    try:
        measured = subprocess.run(
            [sys.executable, "-c", PEAK, command], capture_output=True, text=True, check=True
        ).stdout
    finally:
        namespaces.unbind(str(spool_dir))
    *outcome, peak_kib = map(int, measured.split())
    assert outcome == [status, rows]
    assert peak_kib < 64 * 1024
