"""What the spool's owner, or another user, can do to root's hook: nothing outside the spool, and nothing is held up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces
from support.hooks import RANDOM, each_shell, hook, hook_beside

SPOOL = Path("/var/spool/tcpwrap-alert")
OWNER = 65534
STRANGER = 65533
DROPS = 300

# `new` is by turns a directory and a link out of the spool; there is one of them at every moment.
FLIPS_NEW = """
import ctypes, os
os.mkdir("new")
os.symlink("/var/spool/victim", "other")
exchange = ctypes.CDLL(None).renameat2
print("ready", flush=True)
while True:
    exchange(-100, b"new", -100, b"other", 2)
"""

# `leader` is by turns absent and a FIFO; what the hook makes goes, too.
FLIPS_LEADER = """
import contextlib, os
print("ready", flush=True)
while True:
    with contextlib.suppress(FileExistsError):
        os.mkfifo("leader")
    try:
        os.unlink("leader")
    except IsADirectoryError:
        os.rmdir("leader")
"""

# Every lock that can be had on what a sender may take for its lock.
HOLDS_LOCKS = """
import fcntl, sys
held = []
for path in sys.argv[1:]:
    try:
        file = open(path) if path.endswith("cfg") else __import__("os").open(path, 0)
    except PermissionError:
        continue
    fcntl.flock(file, fcntl.LOCK_EX)
    held.append(file)
print("ready", len(held), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def spool(isolated, monkeypatch):
    """A spool at the default place that belongs to OWNER, as README makes it; beside it a directory of root."""
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
    namespaces.mount_tmpfs("/var/spool")
    SPOOL.mkdir(mode=0o710)
    os.chown(SPOOL, OWNER, OWNER)
    Path("/var/spool/victim").mkdir()
    yield SPOOL
    wait_for(lambda: not namespaces.processes("handle_tcp_wrapper"), "the hooks do not end")
    wait_for(lambda: not namespaces.processes("tcpwrap-alert forward"), "the forwarders do not end")
    namespaces.unbind("/var/spool")


@pytest.fixture
def attack():
    """Run a program as another user until the end of the test."""
    running = []

    def start(program, *arguments, user=OWNER, cwd=SPOOL):
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=user,
            group=user,
            extra_groups=[],
            cwd=cwd,
        )
        running.append(process)
        return process.stdout.readline().split()

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def lone_hook(tmp_path):
    """The hook, without a forwarder that does anything."""
    return hook_beside(tmp_path / "apart", "#!/bin/sh\nexit 0\n")


@each_shell
def test_link_leads_no_file_of_root_out_of_the_spool(spool, attack, lone_hook, shell):
    (spool / "leader").mkdir()
    assert attack(FLIPS_NEW) == ["ready"]
    statuses = {
        subprocess.run([*shell, lone_hook, f"203.0.113.{number}", "sshd"], check=False, timeout=20).returncode
        for number in range(DROPS)
    }
    wait_for(lambda: not namespaces.processes("handle_tcp_wrapper"), "they do not end")
    assert os.listdir("/var/spool/victim") == []
    assert statuses == {0, 75}  # it was a directory, and it was a link


@each_shell
def test_fifo_that_comes_and_goes_holds_no_hook(spool, attack, lone_hook, shell):
    (spool / "new").mkdir()
    assert attack(FLIPS_LEADER) == ["ready"]
    for number in range(DROPS):
        done = subprocess.run([*shell, lone_hook, f"203.0.113.{number}", "sshd"], check=False, timeout=10)
        assert done.returncode == 0
    assert len(os.listdir(spool / "new")) == DROPS


@each_shell
@pytest.mark.parametrize("kind", ["file", "link"])
def test_name_that_exists_is_never_opened(spool, lone_hook, held_up, shell, kind):
    """As one that a member of the spool's group has made, if he could foresee the name."""
    (spool / "victim").write_text("content")
    (spool / "new").mkdir()
    process = subprocess.Popen([*shell, lone_hook, "203.0.113.7", "sshd"])
    with held_up.open("w") as fifo:
        make = os.link if kind == "file" else os.symlink
        make(spool / "victim", spool / "new" / f"{process.pid}.{RANDOM.strip()}")
        fifo.write(RANDOM)
    assert process.wait(20) == 75
    assert (spool / "victim").read_text() == "content"


@pytest.mark.parametrize(
    ("spool_dir", "mode", "held"), [(str(SPOOL), 0o644, 2), ("/proc/no-spool", 0o640, 1)], ids=["spool", "none"]
)
def test_stranger_cannot_take_the_lock_for_sending(
    spool, attack, start_nsca, tmp_path, monkeypatch, write_config, spool_dir, mode, held
):
    """He can have that of a configuration that he may read, which counts only where the spool cannot be opened."""
    daemon = start_nsca("single", password="s3cret")
    config = write_config(server=f"127.0.0.1:{daemon.port}", password="s3cret", host_name="firestorm")
    config.chmod(mode)
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", spool_dir)
    (spool / "new").touch()  # no directory, so nothing can be written
    for directory in (tmp_path, *tmp_path.parents):
        directory.chmod(directory.stat().st_mode | 0o001)
    assert attack(HOLDS_LOCKS, str(SPOOL), str(config), "/", user=STRANGER, cwd="/") == ["ready", str(held)]
    assert subprocess.run([hook(), "203.0.113.7", "sshd"], check=False).returncode == 75
    assert daemon.wait_for_results(1) == ["firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7"]


# `new` goes as soon as root has made it, and a link comes in its place.
REPLACES_NEW = """
import os
os.symlink("/var/spool/stranger/victim", "other")
print("ready", flush=True)
while True:
    for call, *names in (os.rmdir, "new"), (os.rename, "other", "new"), (os.rename, "new", "other"):
        try:
            call(*names)
        except OSError:
            pass
"""


def test_owner_gets_nothing_that_is_not_his(spool, attack, lone_hook):
    """Root gives him the `new` that it makes, or the owner of any other place the directory there."""
    victim = Path("/var/spool/stranger/victim")
    victim.mkdir(parents=True)
    os.chown(victim.parent, STRANGER, STRANGER)
    assert attack(REPLACES_NEW) == ["ready"]
    for number in range(DROPS):
        subprocess.run([lone_hook, f"203.0.113.{number}", "sshd"], check=False, timeout=20)
    wait_for(lambda: not namespaces.processes("handle_tcp_wrapper"), "they do not end")
    assert os.listdir(victim) == []
    assert victim.stat().st_uid == 0
