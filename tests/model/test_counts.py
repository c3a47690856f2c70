"""The sum of the counts that a monitor receives is what was denied: after any series, crashes and set clocks included.

A crash between the monitor's acceptance and ours of it counts twice, by promise P3. These are known, and taken off.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from unittest import mock

import pytest
from fuzz.hostile import TIMES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model.machine_room import Killed, MachineRoom, Monitor

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import ConnectError, TcpwrapAlertError
from tcpwrap_alert.forwarding.attempt import attempt
from tcpwrap_alert.spool.episodes_file import EpisodesFile
from tcpwrap_alert.spool.queue_file import encode_queue_file
from tcpwrap_alert.spool.spool import Spool
from tcpwrap_alert.transports import Outcome

DAY_S = 86_400
EXAMPLES = 300
COUNT = re.compile(r"\|denied=(\d+)|$")

WHEN = st.integers(18, 45) | st.integers(1, 70)  # where the tally is written and files go; and anywhere
KILL = st.none() | st.tuples(WHEN, st.just("kill"))
ATTACK = st.tuples(st.just("attack"), st.integers(0, 1) | st.integers(0, 5), st.integers(1, 3), KILL)
ATTEMPT = st.tuples(st.just("attempt"), KILL)
WAIT = st.tuples(st.just("wait"), st.sampled_from([1, 30, 61, 130, 300, 4000]))
SET = st.tuples(st.just("set"), st.sampled_from([-2 * DAY_S, -3600, 600, DAY_S]))
CHANGE = st.tuples(st.just("change"), st.sampled_from(["up", "up", "up", "down", "rejects"]))
OK = st.tuples(st.just("ok"))
LINES = st.sampled_from(["", "fold_prefix=24/64", "quiet=203.0.113.1"])
CONFIGURE = st.tuples(st.just("configure"), st.sampled_from(["1m", "5m", "no"]), LINES)
RARE = SET | CHANGE | OK | CONFIGURE
STEPS = st.lists(ATTACK | ATTACK | ATTACK | ATTEMPT | WAIT | RARE, min_size=4, max_size=40)


class Counting(Monitor):
    """Counts the denials that it is told of, and knows the parcels that it has taken since `taken` was emptied."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.taken = []

    def take(self, parcel):
        if self.mood == "down":
            raise ConnectError("connection refused", "m:1")
        is_denial = any(entry.content.tally_kind == "denials" for entry in parcel.entries)
        if is_denial and self.mood == "rejects":
            return Outcome(parcel, "no such host")
        if is_denial:
            self.count += count_of(parcel)
            self.taken.append(parcel)
        return Outcome(parcel)


def count_of(parcel):
    match = COUNT.search(parcel.result.plugin_output.split("\n")[0])
    return 1 if match[1] is None else int(match[1])


class World:
    """A spool, its monitor, and what was denied."""

    def __init__(self, fold):
        self.room = MachineRoom([""])
        self.monitor = self.room.monitors[""] = Counting()
        self.top = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.spool = Spool(f"{self.top}/spool")
        os.makedirs(self.spool.new, 0o700)
        self.fold = fold
        self.fired = self.twice = self.names = 0
        self.configure("1m", "")

    def configure(self, window, line):
        with open(f"{self.top}/send_nsca.cfg", "w") as file:
            file.write(f"server=127.0.0.1:1\nhost_name=firestorm\nwindow={window}\nfold={self.fold}\n{line}\n")

    def put(self, content):
        self.names += 1
        at_ns = self.room.clocks.time_ns()
        path = f"{self.spool.new}/{self.names}.x"
        with open(path, "wb") as file:
            file.write(encode_queue_file(content))
        os.utime(path, ns=(at_ns, at_ns))

    def deny(self, client, count):
        for _ in range(count):
            self.put(Denial("sshd", f"203.0.113.{client}"))
        self.fired += count

    def attack(self, client, count, fault):
        self.deny(client, count)
        self.attempt(fault)

    def ok(self):
        self.put(CheckResult("firestorm", "TCP Wrappers", 0, "I looked"))

    def wait(self, seconds):
        self.room.clocks.sleep(seconds)

    def set(self, seconds):
        self.room.clocks.wall_ns += seconds * 10**9

    def change(self, mood):
        self.monitor.mood = mood

    def attempt(self, fault):
        self.monitor.taken.clear()
        config = read_config(f"{self.top}/send_nsca.cfg")
        raised = self.room.act(lambda: attempt(self.spool, config), fault)
        if isinstance(raised, Killed):
            self.twice += sum(map(self.count_left, self.monitor.taken))
        elif raised is not None and not isinstance(raised, TcpwrapAlertError):
            raise raised

    def count_left(self, parcel):
        """Return how many of a parcel's denials the spool still has, although the monitor has them."""
        if not parcel.name.startswith("episode."):
            return sum(os.path.exists(f"{self.spool.new}/{entry.name}") for entry in parcel.entries)
        episodes = EpisodesFile(self.spool).look()
        tally = episodes.quiet if parcel.result.return_code == 0 else episodes.tally
        left = {words for words, _ in tally}
        return sum(count for words, (count, _, _) in parcel.entries[0].content if words in left)

    def settle(self):
        """Let all be well again, and every window end."""
        self.monitor.mood = "up"
        for _ in range(4):
            self.wait(2 * DAY_S)
            self.attempt(None)


@pytest.mark.parametrize("fold", [1, 2, 20])
@settings(max_examples=EXAMPLES * TIMES, deadline=None, suppress_health_check=[*HealthCheck])
@given(steps=STEPS)
def test_sum_of_counts_is_what_was_denied(fold, steps):
    world = World(fold)
    try:
        with mock.patch.dict(os.environ, TCPWRAP_ALERT_SPOOL=world.spool.path):
            for what, *values in steps:
                getattr(world, what)(*values)
            world.settle()
        assert world.monitor.count - world.twice == world.fired
        assert not os.listdir(world.spool.new)
        assert not os.path.exists(world.spool.episodes)
    finally:
        shutil.rmtree(world.top)


@pytest.mark.parametrize("number", range(1, 60))
def test_kill_as_a_window_fills_counts_each_once(number):
    world = World(20)
    try:
        with mock.patch.dict(os.environ, TCPWRAP_ALERT_SPOOL=world.spool.path):
            world.deny(0, 1)
            world.attempt(None)
            world.deny(0, 3)
            world.attempt((number, "kill"))
            world.settle()
        assert world.monitor.count - world.twice == world.fired == 4
    finally:
        shutil.rmtree(world.top)
