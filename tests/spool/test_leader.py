"""Who leads and who sends (P5): one process at a time, and the kernel frees the place of one that is killed."""

from __future__ import annotations

import ast
import errno
import fcntl
import os
import subprocess
import sys
import threading
import time

import pytest
from support import namespaces
from support.descriptors import leaves_no_descriptor

from tcpwrap_alert.errors import SpoolBusy, SpoolError
from tcpwrap_alert.spool.leader import DirectoryLock, Leader

# Around the time that a drop has to become a forwarder with the lock, in either direction of the clock.
YOUNG_S = (0, 8, -8)
OLD_S = (12, -12, 86_400, 2e9)

CHILD = """
import os, sys, time
from tcpwrap_alert.spool.leader import Leader, DirectoryLock

leader, lock = Leader(sys.argv[1]), DirectoryLock(os.path.dirname(sys.argv[1]), 0)

def take_at(moment):
    while time.monotonic() < moment:
        pass
    return leader.take()

def lead_often(times, mark):
    wins = 0
    for _ in range(times):
        if leader.take():
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))  # fails if anybody else leads
            os.unlink(mark)
            leader.resign()
            wins += 1
    return wins

for line in sys.stdin:
    print(repr(eval(line)), flush=True)
"""


class Child:
    """Another process at the same file, which evaluates one expression at a time."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, expression):
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()

    def result(self):
        return ast.literal_eval(self.process.stdout.readline())

    def do(self, expression):
        self.start(expression)
        return self.result()

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def path(spool_dir):
    return str(spool_dir / "leader")


@pytest.fixture
def start_child(path):
    """Start other processes at the same file; they are gone after the test."""
    children = []

    def start():
        children.append(Child(path))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.process.communicate()


@pytest.fixture
def leave(path):
    """Leave a `leader` without a lock, as a drop makes it, and so many seconds old."""

    def leave_directory(age_s=0):
        changed = time.time() - age_s
        os.makedirs(path, exist_ok=True)
        os.utime(path, (changed, changed))

    return leave_directory


def test_p5_free_place_is_taken_and_given_back(path):
    leader = Leader(path)
    assert not leader.exists()
    assert leader.take()
    assert leader.exists()
    leader.resign()
    assert not leader.exists()


@pytest.mark.parametrize("age_s", [*YOUNG_S, *OLD_S])
def test_p5_file_of_drop_or_killed_leader_is_taken(path, leave, age_s):
    leave(age_s)
    leader = Leader(path)
    assert leader.exists()
    assert leader.take()
    leader.resign()
    assert not leader.exists()


def test_p5_nobody_takes_what_is_taken(path, start_child):
    child = start_child()
    assert child.do("leader.take()")
    assert not Leader(path).take()
    assert not child.do("Leader(sys.argv[1]).take()")
    assert os.path.exists(path)


def test_p5_a_leader_cannot_lead_twice(path):
    leader = Leader(path)
    assert leader.take()
    assert not leader.take()
    leader.resign()
    assert leader.take()
    leader.resign()


def test_p5_whoever_does_not_lead_resigns_nothing(path, start_child):
    leader = Leader(path)
    assert start_child().do("leader.take()")
    assert not leader.take()
    leader.resign()
    assert leader.exists()


def test_p5_after_resigning_another_may_lead(path, start_child):
    child, leader = start_child(), Leader(path)
    assert leader.take()
    assert not child.do("leader.take()")
    leader.resign()
    assert child.do("leader.take()")
    leader.resign()
    assert leader.exists()


def test_p5_leader_whose_file_is_gone_resigns(path):
    leader = Leader(path)
    assert leader.take()
    os.rmdir(path)
    leader.resign()
    assert not leader.exists()


def test_p5_kernel_drops_the_lock_of_a_killed_leader(path, start_child):
    child, leader = start_child(), Leader(path)
    assert child.do("leader.take()")
    child.kill()
    assert leader.exists()
    assert leader.take()
    leader.resign()


@pytest.mark.parametrize("is_left_over", [False, True])
def test_p5_of_two_that_take_at_once_exactly_one_leads(path, start_child, leave, is_left_over):
    children = [start_child(), start_child()]
    wins = []
    for _ in range(150):
        if is_left_over:
            leave()
        moment = time.monotonic() + 0.001
        for child in children:
            child.start(f"take_at({moment})")
        wins.append(sum(child.result() for child in children))
        for child in children:
            child.do("leader.resign()")
    assert wins == [1] * 150
    assert not os.path.exists(path)


def test_p5_fast_changes_of_leader_leave_one_at_a_time(path, start_child, tmp_path):
    children = [start_child() for _ in range(4)]
    assert [child.do("0") for child in children] == [0] * 4  # all are up
    for child in children:
        child.start(f"lead_often(3000, {str(tmp_path / 'mark')!r})")
    assert sum(child.result() for child in children) > 0
    assert not os.path.exists(path)


@pytest.fixture
def meanwhile(monkeypatch):
    """Do something just before the next call of a function: what another process may do at that moment."""

    def do_before(module, function, action):
        really = getattr(module, function)

        def act_and_call(*args):
            monkeypatch.setattr(module, function, really)
            action()
            return really(*args)

        monkeypatch.setattr(module, function, act_and_call)

    return do_before


def test_p5_stale_file_just_taken_over_is_not_removed(path, leave, meanwhile):
    leave(age_s=60)
    first = Leader(path)
    meanwhile(os, "open", first.take)
    Leader(path).remove_if_stale()
    assert first.exists()
    first.resign()


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, os.mknod, lambda path: os.symlink("elsewhere", path), lambda path: os.symlink("new", path)],
    ids=["FIFO", "file of the first edition", "link", "link to a directory"],
)
def test_p5_what_is_no_directory_is_taken_over(path, spool_dir, make):
    make(path)
    leader = Leader(path)
    assert leader.take()
    assert not Leader(path).take()
    leader.resign()
    assert not leader.exists()
    assert sorted(os.listdir(spool_dir)) == ["new"]


def test_p5_directory_that_is_not_empty_is_told(path):
    os.makedirs(os.path.join(path, "something"))
    for _ in range(2):
        leader = Leader(path)
        assert leader.take()
        with pytest.raises(SpoolError, match=f"^{path}: cannot remove: Directory not empty"):
            leader.resign()


def test_p5_who_waits_leads_once_the_other_resigns(path, start_child):
    child = start_child()
    assert child.do("leader.take()")
    threading.Timer(0.2, child.start, ("leader.resign()",)).start()
    assert Leader(path).take(20)


@pytest.fixture
def installed(isolated):
    """A spool as README installs it, where others can reach it: the group may add to new/, and no more."""
    namespaces.mount_tmpfs("/var/spool")
    directories = ("/var/spool/tcpwrap-alert", "/var/spool/tcpwrap-alert/new")
    for directory, mode in zip(directories, (0o710, 0o1730)):
        os.mkdir(directory)
        os.chown(directory, 0, 65533)
        os.chmod(directory, mode)
    yield directories
    namespaces.unbind("/var/spool")


LOCK = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)"


def test_p5_member_of_the_group_can_take_neither_lock(installed):
    for directory in installed:
        argv = [sys.executable, "-c", LOCK, directory]
        refused = subprocess.run(argv, user=65534, group=65533, extra_groups=[], capture_output=True, check=False)
        assert b"PermissionError" in refused.stderr
        os.chmod(directory, 0o750)  # with which he could
        subprocess.run(argv, user=65534, group=65533, extra_groups=[], check=True)


@pytest.mark.parametrize(("where", "reason"), [("none", "No such file or directory"), ("file", "Not a directory")])
def test_without_spool_nobody_leads_and_says_why(tmp_path, where, reason):
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match=f"^{tmp_path}/{where}/new: cannot lock: {reason}$"):
        Leader(str(tmp_path / where / "leader")).take()


@pytest.mark.parametrize("age_s", YOUNG_S)
def test_p5_young_file_belongs_to_a_starting_forwarder(path, leave, age_s):
    leave(age_s)
    Leader(path).remove_if_stale()
    assert os.path.exists(path)


@pytest.mark.parametrize("age_s", OLD_S)
def test_p5_old_file_without_lock_is_stale_and_removed(path, leave, age_s):
    leave(age_s)
    Leader(path).remove_if_stale()
    assert not os.path.exists(path)


@pytest.mark.parametrize("age_s", [*YOUNG_S, *OLD_S])
def test_p5_a_file_with_a_lock_is_not_stale_at_any_age(path, leave, start_child, age_s):
    child = start_child()
    leave(age_s)
    assert child.do("leader.take()")
    Leader(path).remove_if_stale()
    assert os.path.exists(path)
    assert not Leader(path).take()


def test_p5_place_is_free_without_its_stale_file(path, leave, start_child):
    leave(age_s=60)
    Leader(path).remove_if_stale()
    assert start_child().do("leader.take()")


def test_without_a_file_there_is_nothing_stale(path, tmp_path):
    Leader(path).remove_if_stale()
    Leader(str(tmp_path / "none" / "leader")).remove_if_stale()
    assert not os.path.exists(path)


def test_p5_the_lock_for_sending_is_held_by_one(spool_dir, start_child):
    child = start_child()
    with DirectoryLock(str(spool_dir), 0):
        assert child.do("type(lock).__name__") == "DirectoryLock"
        child.start("lock.__enter__()")
        child.process.wait(30)
    assert child.process.returncode != 0


@pytest.mark.parametrize("wait_s", [0, 0.2])
def test_p5_who_finds_it_taken_waits_and_is_told(spool_dir, start_child, wait_s):
    start_child().do("lock.__enter__()")
    started = time.monotonic()
    with pytest.raises(SpoolBusy, match=f"^{spool_dir}: another process has been sending for {wait_s:g} s$"):
        DirectoryLock(str(spool_dir), wait_s).__enter__()
    assert wait_s <= time.monotonic() - started < wait_s + 5


def test_p5_who_waits_gets_the_lock_of_a_killed_holder(spool_dir, start_child):
    child = start_child()
    child.do("lock.__enter__()")
    started = time.monotonic()
    threading.Timer(0.1, child.process.kill).start()
    with DirectoryLock(str(spool_dir), 30):
        assert time.monotonic() - started < 20


def test_p5_lock_is_free_after_the_body_and_its_error(spool_dir, start_child):
    child = start_child()
    with DirectoryLock(str(spool_dir), 0):
        pass
    with pytest.raises(KeyError), DirectoryLock(str(spool_dir), 0):
        raise KeyError
    assert child.do("lock.__enter__()") is None


def test_p5_no_descriptor_is_left_behind(path, spool_dir):
    with leaves_no_descriptor():
        for _ in range(3):
            with DirectoryLock(str(spool_dir), 0), pytest.raises(SpoolBusy), DirectoryLock(str(spool_dir), 0):
                pass
            leader = Leader(path)
            assert leader.take()
            assert not Leader(path).take()
            leader.resign()


def test_p5_sending_needs_no_file_and_no_leader(path, spool_dir, start_child):
    assert start_child().do("leader.take()")
    before = os.listdir(spool_dir)
    with DirectoryLock(str(spool_dir), 0):
        assert os.listdir(spool_dir) == before


def test_p5_link_to_the_spool_has_the_same_lock(spool_dir, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(spool_dir)
    with DirectoryLock(str(spool_dir), 0), pytest.raises(SpoolBusy), DirectoryLock(str(link), 0):
        pass


@pytest.mark.parametrize(("name", "reason"), [("none", "No such file or directory"), ("file", "Not a directory")])
def test_without_spool_there_is_no_lock(tmp_path, name, reason):
    (tmp_path / "file").touch()
    path = str(tmp_path / name)
    with pytest.raises(SpoolError, match=f"^{path}: cannot lock: {reason}$"), DirectoryLock(path, 0):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
@pytest.mark.parametrize("take", ["leader", "lock"])
def test_file_system_without_locks_is_told_with_path(path, spool_dir, monkeypatch, take, number):
    def flock(_fd, _operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    where = f"{spool_dir}/new" if take == "leader" else str(spool_dir)
    told = pytest.raises(SpoolError, match=f"^{where}: cannot lock: {os.strerror(number)}$")
    with leaves_no_descriptor(), told:
        Leader(path).take() if take == "leader" else DirectoryLock(str(spool_dir), 5).take()
    assert not os.path.exists(path)
