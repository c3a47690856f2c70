"""The spool: owners, modes, ACLs, room, what waits, and a leader that is gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest
from support import namespaces

from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.spool import Spool
from tcpwrap_alert.spool.state import State


def test_no_spool_is_a_warning(host, faults):
    shutil.rmtree(host.spool)
    (told,) = faults("spool")
    assert told == f"warn {host.spool}: there is no such directory; the first denial makes one that belongs to root"


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (0o1777, "fail {}/new: everybody may write to it, so it is not used; run chmod o-w {}/new"),
        (0o730, "warn {}/new: who may add an alert may also remove those of others"),
        (0o700, None),
    ],
)
def test_modes_are_looked_at(host, faults, mode, told):
    (host.spool / "new").chmod(mode)
    assert faults("spool")[:1] == ([told.replace("{}", str(host.spool))] if told else [])


def test_owners_must_agree(host, faults):
    shutil.chown(host.spool / "new", "root", "root")
    assert faults("spool")[0].startswith(f"fail {host.spool}/new: of root, but the spool is of daemon")


def test_a_spool_of_root_is_a_warning(host, faults):
    for path in (host.spool, host.spool / "new"):
        shutil.chown(path, "root", "root")
    assert faults("spool") == [f"warn {host.spool}: of root, so alerts are sent as root"]


def test_acl_decides_who_can_add(host, check, peer):
    peer("rpcbind")
    setfacl = peer("setfacl")

    def told():
        return [row[1:3] for row in check() if row[0] == "spool" and "_rpc" in row[2]]

    ((state, text),) = told()
    assert (state, text) == (
        "fail",
        f"{host.spool}: _rpc, the user of rpcbind, cannot add to it, so its alerts are lost",
    )
    subprocess.run([setfacl, "-m", "u:_rpc:x", str(host.spool)], check=True)
    subprocess.run([setfacl, "-m", "u:_rpc:wx", str(host.spool / "new")], check=True)
    assert told() == [("ok", f"{host.spool}: _rpc, the user of rpcbind, can add alerts")]
    subprocess.run(["runuser", "-u", "_rpc", "--", "sh", "-c", f": >{host.spool}/new/x"], check=True)
    subprocess.run([setfacl, "-m", "m::x", str(host.spool / "new")], check=True)
    assert told()[0][0] == "fail"


@pytest.mark.parametrize(("age_s", "state"), [(10, []), (600, ["warn"]), (7200, ["fail"])])
def test_age_of_what_waits_decides(host, faults, age_s, state):
    path = Spool(str(host.spool)).enqueue(Denial("sshd", "203.0.113.7"), time.time_ns() - int(age_s * 1e9))
    shutil.chown(host.spool / "new" / path, "daemon")
    assert [text.split(" ")[0] for text in faults("spool")] == state


def test_what_was_tried_in_vain_is_a_warning(host, faults):
    spool = Spool(str(host.spool))
    shutil.chown(host.spool / "new" / spool.enqueue(Denial("sshd", "203.0.113.7")), "daemon")
    state = State()
    state.fail("nagios.example:5667: connection refused", time.time(), 75)
    spool.write_state(state)
    (told,) = faults("spool")
    assert told.startswith("warn 1 waiting, the oldest for ")
    assert told.endswith(" s: nagios.example:5667: connection refused")


def test_a_stale_leader_is_told_and_stays(host, faults):
    (host.spool / "leader").mkdir()
    assert faults("spool") == []
    os.utime(host.spool / "leader", (time.time() - 60,) * 2)
    (told,) = faults("spool")
    assert told.startswith(f"warn {host.spool}/leader: left by a forwarder that was killed 6")
    assert (host.spool / "leader").is_dir()


def test_files_in_corrupt_are_told(host, faults):
    (host.spool / "corrupt").mkdir()
    (host.spool / "corrupt" / "x").write_text("")
    assert faults("spool") == [f"warn {host.spool}/corrupt: 1 unreadable queue files; syslog says why"]


@pytest.mark.parametrize(
    ("options", "told"),
    [("size=100k", "KiB are free on its disk"), ("nr_inodes=50", "more files fit onto its disk (inodes)")],
)
def test_a_full_disk_is_told(host, faults, options, told):
    new = host.spool / "new"
    namespaces.mount_tmpfs(str(new), options)
    try:
        shutil.chown(new, "daemon", "daemon")
        assert next(text for text in faults("spool") if told in text).startswith("warn")
        if options.startswith("size"):
            subprocess.run(["dd", "if=/dev/zero", f"of={new}/fill"], check=False, capture_output=True)
        else:
            subprocess.run(
                ["sh", "-c", f"i=0; while : >{new}/$i; do i=$((i+1)); done"], check=False, capture_output=True
            )
        assert next(text for text in faults("spool") if told in text).startswith("fail")
    finally:
        namespaces.unbind(str(new))


def test_a_disk_that_is_read_only_is_told(host, faults):
    new = host.spool / "new"
    namespaces.mount_tmpfs(str(new), "ro")
    try:
        assert any(text == f"fail {new}: the file system is mounted read-only" for text in faults("spool"))
    finally:
        namespaces.unbind(str(new))
