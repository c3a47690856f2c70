"""The outcome on a bad network: the real nsca daemon behind a line that delays, loses and cuts small.

The line is two TUN devices, one in the tests' network namespace, where the daemon runs, and one in a namespace of the
client's, with a thread between them that carries the packets. So both ends have the kernel's own TCP, and the line does
what netem would do, on kernels without it too; and it can pick the packet that it holds back. What the client says must
be what the command file received, each time.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import re
import select
import signal
import socket
import stat
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from peers.fake_daemon import FakeDaemon, closes, reads, resets
from peers.nsca_daemon import wait_for
from support import namespaces
from support.missing import skip_or_fail
from support.results import lines_of, make_results, server_of

from tcpwrap_alert.errors import ConnectTimedOut, DeliveryError, OutcomeTimedOut, RejectedError
from tcpwrap_alert.nsca.client import ACCEPTED, send_check_results
from tcpwrap_alert.spool.spool import Spool

pytestmark = pytest.mark.alone

DAEMON_ADDRESS = "198.51.100.1"
CLIENT_ADDRESS = "198.51.100.2"
PASSWORD = "s3cret with a blank"
TIMEOUT_S = 6.0
FIN, RST = 0x01, 0x04
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
TUN_NUMBER = os.makedev(10, 200)

# With 590, a segment has 538 bytes beside its headers and timestamps, an eighth of a packet: the extra byte is alone.
ALONE_MTU = 590


class Segment(NamedTuple):
    """One TCP segment on the line."""

    from_client: bool
    flags: int
    length: int


class Line:
    """Two TUN devices and the thread between them; `fate` gives each segment's delay in seconds, or None to lose it."""

    def __init__(self, client_pid, mtu, fate, tun_path):
        self._mtu = mtu
        self._tun_path = tun_path
        self._fate = fate
        self._waiting = []
        self._count = 0
        self._wake, self._waker = os.pipe()
        self.segments = []
        self.namespace = os.open(f"/proc/{client_pid}/ns/net", os.O_RDONLY)
        self._daemon_end = self._open_tun("daemon0", DAEMON_ADDRESS, CLIENT_ADDRESS)
        self._client_end = self.inside(self._open_tun, "client0", CLIENT_ADDRESS, DAEMON_ADDRESS)
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def inside(self, function, *args):
        """Call `function` in a thread that lives in the client's namespace."""
        with ThreadPoolExecutor(1, initializer=enter_network, initargs=(self.namespace,)) as pool:
            return pool.submit(function, *args).result()

    def stop(self):
        os.write(self._waker, b"x")
        self._thread.join()
        for descriptor in (self._daemon_end, self._client_end, self.namespace, self._wake, self._waker):
            os.close(descriptor)

    def _open_tun(self, name, own, other):
        tun = os.open(self._tun_path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        run("ip", "address", "add", own, "peer", other, "dev", name)
        run("ip", "link", "set", name, "up", "mtu", str(self._mtu))
        return tun

    def _carry(self):
        ends = (self._daemon_end, self._client_end)
        while True:
            until_next_s = max(self._waiting[0][0] - time.monotonic(), 0) if self._waiting else None
            readable, _, _ = select.select([*ends, self._wake], [], [], until_next_s)
            if self._wake in readable:
                return
            for end in readable:
                self._take(os.read(end, 65536), from_client=end == self._client_end)
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(self._waiting)
                os.write(end, packet)

    def _take(self, packet, from_client):
        if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
            return  # IPv6 neighbour discovery
        header_length = (packet[0] & 15) * 4
        data_offset = (packet[header_length + 12] >> 4) * 4
        segment = Segment(from_client, packet[header_length + 13], len(packet) - header_length - data_offset)
        self.segments.append(segment)
        delay_s = self._fate(segment)
        if delay_s is not None:
            self._count += 1  # keeps the order of packets that are due at the same time
            end = self._daemon_end if from_client else self._client_end
            heapq.heappush(self._waiting, (time.monotonic() + delay_s, self._count, end, packet))


def enter_network(namespace):
    """Move this thread into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.setns(namespace, namespaces.CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


def run(*argv):
    subprocess.run(argv, check=True, capture_output=True)


def plain(_segment):
    """Carry everything at once."""
    return 0.0


def bad(delay_s, loss=0.0, jitter_s=0.0, seed=1):
    """Delay everything, and lose and overtake some of it."""
    dice = random.Random(seed)
    return lambda _segment: None if dice.random() < loss else delay_s + dice.random() * jitter_s


def holding(delay_s, condition):
    """Delay the segments that meet the condition."""
    return lambda segment: delay_s if condition(segment) else 0.001


def losing(condition, times=10**6):
    """Lose the first segments that meet the condition."""
    left = [times]

    def fate(segment):
        if left[0] and condition(segment):
            left[0] -= 1
            return None
        return 0.001

    return fate


@pytest.fixture(autouse=True)
def no_child_of_a_daemon_is_left(tmp_path):
    """End what nsca forks for each connection: behind a line that is gone it would wait for ever.

    They have become our children (see namespaces.enter). The configuration in its command line tells whose it is.
    """
    yield
    for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if str(tmp_path).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(int(pid), signal.SIGKILL)
            os.waitpid(int(pid), 0)


@pytest.fixture
def tun_path(isolated, tmp_path):
    """The TUN device, of our own, because the private /dev has none."""
    path = tmp_path / "tun"
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, TUN_NUMBER)
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        skip_or_fail(f"no TUN device: {error.strerror}")
    return path


@pytest.fixture
def client_pid(isolated, peer):
    """A process that keeps the client's network namespace."""
    process = subprocess.Popen([peer("unshare"), "--net", "sleep", "600"])
    own = os.readlink("/proc/self/ns/net")
    wait_for(lambda: os.readlink(f"/proc/{process.pid}/ns/net") != own, "no second network namespace")
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture
def connect_by(client_pid, tun_path):
    """Lay the line between client and daemon."""
    with contextlib.ExitStack() as stack:

        def connect(mtu=1500, fate=plain):
            line = Line(client_pid, mtu, fate, tun_path)
            stack.callback(line.stop)
            return line

        yield connect


@pytest.fixture
def converse_with(start_nsca):
    """Start a daemon, let our client talk to it over the line, and return the outcome and what arrived."""

    def converse(line, count=1, method=1, timeout_s=TIMEOUT_S, **changes):
        daemon = start_nsca(address=DAEMON_ADDRESS, method=method, password=PASSWORD)
        outcome, took_s = line.inside(outcome_of, server_of(daemon, timeout_s=timeout_s, **changes), count)
        return outcome, took_s, daemon.results()

    return converse


def outcome_of(monitor, count):
    """Return the outcome, an error as its class and text, and the seconds that it took."""
    start = time.monotonic()
    try:
        return send_check_results(monitor, make_results(count)), time.monotonic() - start
    except DeliveryError as error:
        return error, time.monotonic() - start


# A line that treats all segments alike


LINES = {
    "plain, 1500": (1500, lambda: plain),
    "plain, extra byte alone": (ALONE_MTU, lambda: plain),
    "50 ms, 5 % lost, 1500": (1500, lambda: bad(0.05, loss=0.05)),
    "50 ms, 5 % lost, 576": (576, lambda: bad(0.05, loss=0.05)),
    "20 ms, 2 % lost, overtaking, extra byte alone": (ALONE_MTU, lambda: bad(0.02, loss=0.02, jitter_s=0.02)),
}
PEERS = {
    "right password": {},
    "wrong password": {"password": b"wrong"},
    "wrong method": {"encryption_method": "other"},
}
CONVERSATIONS = [(method, name, count) for method in (1, 14) for name in PEERS for count in (1, 3, 50)]


@pytest.mark.parametrize(("mtu", "make_fate"), LINES.values(), ids=LINES)
def test_the_outcome_is_what_the_command_file_received(start_nsca, connect_by, mtu, make_fate):
    """All conversations at once, each with a daemon of its own."""
    line = connect_by(mtu, make_fate())
    daemons = [start_nsca(address=DAEMON_ADDRESS, method=method, password=PASSWORD) for method, _, _ in CONVERSATIONS]
    pool = ThreadPoolExecutor(len(CONVERSATIONS), initializer=enter_network, initargs=(line.namespace,))
    with pool:
        outcomes = list(pool.map(converse, daemons, CONVERSATIONS))
    told = [(outcome, daemon.results()) for outcome, daemon in zip(outcomes, daemons)]
    assert [problem for problem in map(find_problem, CONVERSATIONS, told) if problem] == []


def converse(daemon, conversation):
    method, name, count = conversation
    changes = dict(PEERS[name])
    if "encryption_method" in changes:
        changes["encryption_method"] = {1: 14, 14: 1}[method]
    return outcome_of(server_of(daemon, **{"timeout_s": TIMEOUT_S, **changes}), count)


def find_problem(conversation, told):
    """Return what does not fit: outcome, what arrived, what was sent, and an unknown outcome before the deadline."""
    _, name, count = conversation
    (outcome, took_s), arrived = told
    expected = lines_of(count) if name == "right password" else []
    if outcome == ACCEPTED:
        fits = arrived == lines_of(count) == expected
    elif type(outcome) is RejectedError:
        fits = arrived == expected == []
    else:
        fits = took_s >= TIMEOUT_S and arrived == expected[: len(arrived)]
    return None if fits else (conversation, repr(outcome), took_s, arrived)


# One segment held back or lost


def has_end_of_client(segment):
    """The client's last segment: the extra byte and the end of its direction."""
    return segment.from_client and bool(segment.flags & FIN)


def is_reset_by_daemon(segment):
    return not segment.from_client and bool(segment.flags & RST)


def is_end_by_daemon(segment):
    return not segment.from_client and bool(segment.flags & FIN)


def is_data_of_client(segment):
    return segment.from_client and segment.length > 0


@pytest.mark.parametrize(("method", "count"), [(1, 1), (14, 3)])
def test_rejection_is_seen_with_a_late_extra_byte(connect_by, converse_with, method, count):
    """The daemon has read all it has and closes cleanly: the end of file comes first, the reset after it."""
    line = connect_by(ALONE_MTU, holding(0.5, has_end_of_client))
    outcome, took_s, arrived = converse_with(line, count, method, password=b"wrong")
    assert type(outcome) is RejectedError
    assert took_s < TIMEOUT_S
    assert arrived == []


def test_acceptance_is_seen_with_a_late_extra_byte(connect_by, converse_with):
    line = connect_by(ALONE_MTU, holding(0.5, has_end_of_client))
    outcome, _, arrived = converse_with(line, 3, method=14)
    assert {segment.length for segment in line.segments if has_end_of_client(segment)} == {1}
    assert outcome == ACCEPTED
    assert arrived == lines_of(3)


@pytest.mark.parametrize("condition", [has_end_of_client, is_end_by_daemon, is_data_of_client])
def test_a_lost_segment_does_not_change_acceptance(connect_by, converse_with, condition):
    line = connect_by(ALONE_MTU, losing(condition, times=1))
    outcome, _, arrived = converse_with(line, 3)
    assert outcome == ACCEPTED
    assert arrived == lines_of(3)


@pytest.mark.parametrize(("mtu", "count"), [(576, 50), (ALONE_MTU, 1)])
def test_rejection_without_resets_is_not_acceptance(connect_by, converse_with, mtu, count):
    line = connect_by(mtu, losing(is_reset_by_daemon))
    outcome, took_s, arrived = converse_with(line, count, timeout_s=1.6, password=b"wrong")
    wait_for(lambda: any(map(is_reset_by_daemon, line.segments)), "no reset to lose")
    assert type(outcome) is RejectedError or (type(outcome) is OutcomeTimedOut and took_s >= 1.6)
    assert arrived == []


def test_a_rejection_whose_reset_comes_late(connect_by, converse_with):
    line = connect_by(ALONE_MTU, holding(0.5, is_reset_by_daemon))
    outcome, took_s, arrived = converse_with(line, 3, password=b"wrong")
    assert type(outcome) is RejectedError
    assert took_s < TIMEOUT_S
    assert arrived == []


def test_outcome_is_not_known_if_the_line_dies_late(connect_by, converse_with):
    line = connect_by(1500, losing(lambda segment: is_end_by_daemon(segment) or is_reset_by_daemon(segment)))
    outcome, took_s, arrived = converse_with(line, 3, timeout_s=2.0)
    assert type(outcome) is OutcomeTimedOut
    assert "no outcome within 2 s" in str(outcome)
    assert took_s >= 2.0
    assert arrived == lines_of(3)


def test_a_line_that_carries_nothing_is_no_connection(connect_by, converse_with):
    line = connect_by(1500, losing(lambda _segment: True))
    outcome, took_s, arrived = converse_with(line, timeout_s=0.5)
    assert type(outcome) is ConnectTimedOut
    assert "no answer to the connection attempt within 0.5 s" in str(outcome)
    assert 0.5 <= took_s < 1.5
    assert arrived == []


def test_extra_byte_shares_a_segment_with_the_packets(connect_by):
    line = connect_by(1500)
    with FakeDaemon(password=PASSWORD.encode(), address=DAEMON_ADDRESS) as daemon:
        assert line.inside(outcome_of, server_of(daemon, timeout_s=TIMEOUT_S), 1)[0] == ACCEPTED
    last_segments = [segment.length for segment in line.segments if has_end_of_client(segment)]
    assert last_segments == [4305 % 1448]


# A daemon that closes before the rest has come


@pytest.mark.parametrize("end", [closes, resets])
@pytest.mark.parametrize("count", [1, 2, 31])
@pytest.mark.parametrize("delay_s", [0.0, 0.3])
def test_end_after_one_packet_is_a_rejection(connect_by, end, count, delay_s):
    line = connect_by(ALONE_MTU, holding(delay_s, has_end_of_client))
    with FakeDaemon(reads(4304, then=end), address=DAEMON_ADDRESS) as daemon:
        outcome, took_s = line.inside(outcome_of, server_of(daemon, timeout_s=TIMEOUT_S), count)
        assert len(daemon.connection().received) == 4304
    assert type(outcome) is RejectedError
    assert took_s < TIMEOUT_S


# The spool behind a bad line: each result arrives, and what arrives twice is what had no outcome


class Host:
    """A spool with results for a daemon at the other end of the line."""

    def __init__(self, line, daemon, spool, run, count):
        self._line = line
        self._count = count
        self._daemon = daemon
        self._spool = spool
        self._run = run
        for result in make_results(count):
            spool.enqueue(result)

    def start_replay(self):
        """Start `replay` on the client's side, its output to be read by the caller."""
        pipe = subprocess.PIPE
        return self._line.inside(lambda: subprocess.Popen(["tcpwrap-alert", "replay"], stderr=pipe, text=True))

    def replay(self):
        """Return the status and what it says."""
        done = self._line.inside(self._run, "tcpwrap-alert", "replay")
        return done.returncode, done.stderr

    def unconfirmed(self):
        """Return how many results arrived that still wait."""
        return len(self._daemon.results()) - (self._count - len(self._spool.scan()))

    def count_repeats(self):
        """Return how many results came twice; none is lost, and none came more often."""
        assert self._spool.scan() == []
        times = collections.Counter(re.sub(r" \(at [^)]*\)", "", result) for result in self._daemon.results())
        assert set(times) == set(lines_of(self._count))
        assert max(times.values()) <= 2
        return sum(times.values()) - self._count


@pytest.fixture
def make_host(start_nsca, spool_dir, write_config, run):
    def make(line, count, timeout_s=TIMEOUT_S):
        daemon = start_nsca(address=DAEMON_ADDRESS, password=PASSWORD)
        write_config(server=f"{DAEMON_ADDRESS}:{daemon.port}", password=PASSWORD, timeout=timeout_s)
        return Host(line, daemon, Spool(str(spool_dir)), run, count), daemon

    return make


class Dying:
    """A fate: from the segment number `count` that meets the condition on these are lost, until the line is healed."""

    def __init__(self, condition, count=1):
        self.began_at = 0.0
        self.has_died = self.is_healed = False
        self._condition = condition
        self._left = count

    def __call__(self, segment):
        self.began_at = self.began_at or time.monotonic()
        if self._condition(segment):
            self._left -= 1
            self.has_died = self._left <= 0
            if self.has_died and not self.is_healed:
                return None
        return 0.001


def test_replay_over_a_line_that_loses_and_overtakes(connect_by, make_host):
    host, _ = make_host(connect_by(1500, bad(0.02, loss=0.03, jitter_s=0.02)), 100)
    status, unconfirmed = 75, 0
    for _ in range(9):
        if status == 0:
            break
        assert status == 75
        unconfirmed = host.unconfirmed()
        status, _ = host.replay()
    assert host.count_repeats() == unconfirmed


def test_replay_after_the_line_died_before_the_outcome(connect_by, make_host, capsys):
    fate = Dying(lambda segment: is_end_by_daemon(segment) or is_reset_by_daemon(segment))
    host, daemon = make_host(connect_by(1500, fate), 64, timeout_s=2)
    status, message = host.replay()
    assert time.monotonic() - fate.began_at < 2 + 1
    assert status == 75
    assert f"{DAEMON_ADDRESS}:{daemon.port}: no outcome within 2 s" in message
    unconfirmed = host.unconfirmed()
    fate.is_healed = True
    assert host.replay() == (0, "")
    assert host.count_repeats() == unconfirmed > 0
    with capsys.disabled():
        print(f"\nof 64 results, {unconfirmed} came twice after a line had died before the outcome")


@pytest.mark.parametrize(("segments", "count"), [(100, 100), (300, 180)], ids=["the first batch", "a later one"])
def test_nsca_server_killed_in_a_batch_loses_nothing(connect_by, make_host, capsys, segments, count):
    """The line dies first, so that it is the middle: a first batch has 190 segments.

    A reset says nothing of how many packets were taken before it, so the batch stays, and those come twice.
    """
    fate = Dying(is_data_of_client, segments)
    host, daemon = make_host(connect_by(1500, fate), count)
    process = host.start_replay()
    wait_for(lambda: fate.has_died and host.unconfirmed() > 0, "nothing has come")
    daemon.stop()
    fate.is_healed = True
    _, message = process.communicate(timeout=TIMEOUT_S + 1)
    assert process.returncode == 77
    assert (
        f"{DAEMON_ADDRESS}:{daemon.port}: the NSCA server rejected the packets; likely causes: wrong password; "
        in message
    )
    assert "a server that was stopped meanwhile" in message
    unconfirmed = host.unconfirmed()
    daemon.start()
    assert host.replay() == (0, "")
    assert host.count_repeats() == unconfirmed > 0
    with capsys.disabled():
        print(f"\nof {count} results, {unconfirmed} came twice after the daemon was killed")
