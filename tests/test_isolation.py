"""What keeps the tests and the machine apart: namespaces.enter and what it says where it may not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces

TESTS = Path(__file__).parent
ISOLATED = f"{TESTS}/spool/test_leader.py::test_p5_member_of_the_group_can_take_neither_lock"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ISOLATED)
SLEEP = ("sleep", "4711")

ENTER = f"""
import os, subprocess, sys
sys.path.insert(0, {str(TESTS)!r})
from support import namespaces
namespaces.enter()
"""


def inside(program):
    """Return the command of a Python that enters the namespaces and runs a program there."""
    return sys.executable, "-c", ENTER + program


@pytest.fixture
def by_hand(monkeypatch):
    """As somebody runs the tests: what cannot run is skipped."""
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def sleeping():
    """Return the process ids of our descendants that sleep."""
    yield lambda: namespaces.processes(" ".join(SLEEP))
    namespaces.end_processes(" ".join(SLEEP))


def test_processes_are_our_descendants_only(sleeping):
    child = subprocess.Popen(SLEEP)
    orphan = subprocess.run(["sh", "-c", f"{' '.join(SLEEP)} >&- & echo $!"], stdout=subprocess.PIPE, check=True)
    assert sorted(sleeping()) == sorted([child.pid, int(orphan.stdout)])
    namespaces.end_processes(" ".join(SLEEP))
    child.wait()
    assert sleeping() == []
    assert not {os.getpid(), os.getppid()} & set(namespaces.processes(""))


def test_all_processes_inside_are_ours(isolated, run):
    done = run(*inside("print(*[name for name in os.listdir('/proc') if name.isdigit()])"))
    assert sorted(done.stdout.split()) == ["1", "2"]


def test_exit_status_comes_from_inside(isolated, run):
    assert run(*inside("sys.exit(3)")).returncode == 3


def test_what_was_started_inside_ends_with_us(isolated, sleeping):
    program = inside(f"subprocess.Popen({SLEEP}); print(flush=True); sys.stdin.read()")
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        wait_for(lambda: len(sleeping()) == 1, "it does not start")
        process.kill()
    wait_for(lambda: not sleeping(), "it goes on")


@pytest.mark.parametrize("capability", ["sys_admin", "net_admin"])
def test_a_missing_capability_is_told(isolated, by_hand, peer, run, capability):
    without = (peer("setpriv"), "--bounding-set", f"-{capability}", "--inh-caps", f"-{capability}")
    done = run(*without, *PYTEST)
    assert (done.returncode, done.stderr) == (0, "")
    assert "needs CAP_SYS_ADMIN and CAP_NET_ADMIN (docker run --privileged)" in done.stdout


# A directory that is no mount itself, with all of / in it; what is mounted there would be seen outside, too.
PLAIN_CHROOT = """
set -e
mount --make-rshared /
mount -t tmpfs tmpfs "$0"
mkdir "$0/root"
for path in /*; do
    if [ -L "$path" ]; then cp -P "$path" "$0/root"
    elif [ -d "$path" ]; then mkdir "$0/root$path"; mount --rbind "$path" "$0/root$path"
    fi
done
before=$(wc -l </proc/self/mountinfo)
chroot "$0/root" "$@"
test "$before" = "$(wc -l </proc/self/mountinfo)"
"""


def test_a_plain_chroot_is_isolated(isolated, by_hand, peer, run, tmp_path):
    done = run(peer("unshare"), "--mount", "sh", "-c", PLAIN_CHROOT, str(tmp_path), *PYTEST)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 passed" in done.stdout
