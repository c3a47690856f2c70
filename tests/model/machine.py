"""The model: which alerts were accepted, and where each of them must be; and the steps that hypothesis puts in a row.

    accepted = waiting + delivered + counted in a tally + set aside as unfinished

Nobody is told a success that is none, and at the end, when all is well again, each monitor has everything.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from model.machine_room import Killed, MachineRoom, ids_in

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.config.read import Config, read_config
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import SpoolError, TcpwrapAlertError
from tcpwrap_alert.forwarding.attempt import attempt
from tcpwrap_alert.forwarding.lead import drop, lead
from tcpwrap_alert.forwarding.replay import replay
from tcpwrap_alert.forwarding.submit import submit_all
from tcpwrap_alert.spool.queue_file import encode_queue_file
from tcpwrap_alert.spool.spool import Spool

STEPS = 25
DAY_S = 86_400
SETTLING = 4  # attempts: one that meets what is not whole, one that sets it aside, one that takes back, one more
END = b"end\0\n"
UNFINISHED = ".unfinished"

# At which system call of an action what happens.
WHEN = st.integers(1, 25) | st.integers(1, 80)
DEEDS = ["deny", "submit", "replay", "rename", "finish", "a day ahead"]
KILL = st.tuples(WHEN, st.just("kill"))
DENY = st.tuples(st.integers(5, 40), st.just("deny"))
FAULTS = st.none() | KILL | st.tuples(WHEN, st.sampled_from([errno.EIO, errno.EACCES, errno.ENOSPC, *DEEDS]))
CLOCK_SET_S = (-40 * DAY_S, -3600, DAY_S, 400 * DAY_S)
MOODS = st.sampled_from(["up", "down", "down", 0, 1, 2, 5])


class Writer:
    """A hook that was stopped while it wrote its queue file."""

    def __init__(self, fd: int, name: str, rest: bytes) -> None:
        self.fd = fd
        self.name = name
        self.rest = rest


class SpoolMachine(RuleBasedStateMachine):
    """The steps. A subclass says which monitors there are."""

    sections: tuple[str, ...] = ("",)

    def __init__(self) -> None:
        super().__init__()
        self.room = MachineRoom(self.sections)
        self.accepted: set[str] = set()
        self.left_to_leader: set[str] = set()
        self.writers: list[Writer] = []
        self._top = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        self._config_path = os.path.join(self._top, "send_nsca.cfg")
        self._count = 0
        self.places = [os.path.join(self._top, "spool")]  # the spool, and those that it was renamed to
        os.makedirs(self.spool.new, 0o700)
        self._environment = mock.patch.dict(os.environ, TCPWRAP_ALERT_SPOOL=self.spool.path)
        self._environment.start()

    @initialize(
        max_entries=st.sampled_from([1, 2, 4, 100]),
        max_age=st.sampled_from(["1s", "7d", "7d"]),
        fold=st.sampled_from([0, 1, 2, 20]),
        window=st.sampled_from(["no", "1m", "5m", "5m"]),
    )
    def configure(self, max_entries: int, max_age: str, fold: int, window: str) -> None:
        """Write the configuration."""
        lines = [f"max_entries={max_entries}", f"max_age={max_age}", f"fold={fold or 'no'}", "host_name=firestorm"]
        lines.append(f"window={window}")
        for name in self.sections:
            lines += [*([f"[{name}]"] if name else []), "server=127.0.0.1:1"]
        with open(self._config_path, "w") as file:
            file.write("\n".join(lines))

    @property
    def spool(self) -> Spool:
        """The spool that the configuration names."""
        return Spool(self.places[0])

    @property
    def config(self) -> Config:
        """The configuration as it is read now."""
        return read_config(self._config_path)

    # What people, daemons and cron do.

    @rule(fault=FAULTS)
    def deny(self, fault) -> None:
        """A daemon denies somebody: the hook's way, and the slow one if that fails."""
        self._deny(self._fault(fault))

    @rule(kinds=st.text("dr", min_size=1, max_size=3), fault=FAULTS)
    def submit(self, kinds, fault) -> None:
        """A script submits."""
        self._submit(kinds, self._fault(fault))

    @rule(tries_rested=st.booleans(), fault=FAULTS)
    def replay(self, tries_rested, fault) -> None:
        """Cron replays."""
        self._replay(tries_rested, self._fault(fault))

    @rule(fault=DENY | DENY | FAULTS)
    def forward(self, fault) -> None:
        """A forwarder runs. What was left to it is at the monitors, or waits for a window, when all is well (P5)."""
        self.left_to_leader = set()
        raised = self._expected(self.room.act(lambda: lead(self.spool, self.config), self._fault(fault)))
        if raised is None:
            for name, monitor in self.room.monitors.items():
                assert self.left_to_leader <= monitor.received | self._counted_for(name)

    @rule(has_half=st.booleans(), fault=FAULTS)
    def stop_writer(self, has_half, fault) -> None:
        """A hook is stopped between its open and its write, or within that."""
        name, data = self._denial()

        def write() -> None:
            fd = self._open_new()
            half = data[: len(data) // 2] if has_half and not self.room.is_full else b""
            try:
                os.write(fd, half) if half else None
                self.writers.append(Writer(os.dup(fd), name, data[len(half) :]))
            finally:
                os.close(fd)

        self.room.act(write, self._fault(fault) if fault and fault[1] == "kill" else None)

    @rule()
    def finish_writer(self) -> None:
        """The first hook that was stopped goes on."""
        self._finish_writer()

    # What happens around them.

    @rule(seconds=st.sampled_from([1, 61, 700, 2 * DAY_S]))
    def wait(self, seconds) -> None:
        """Time passes."""
        self.room.clocks.sleep(seconds)

    @rule(
        number=st.integers(0, 1), mood=MOODS, has_broken_ones=st.booleans(), rejects=st.sampled_from(["", "", "d", "r"])
    )
    def change_monitor(self, number, mood, has_broken_ones, rejects) -> None:
        """A monitor goes down, comes back, breaks connections or rejects."""
        monitor = self.room.monitors[self.sections[number % len(self.sections)]]
        monitor.mood, monitor.has_broken_ones, monitor.rejects = mood, has_broken_ones, rejects

    @rule(what=st.sampled_from(["full", "not full", "not full", "renamed", "reboot", *CLOCK_SET_S]))
    def disturb(self, what) -> None:
        """The disk is full, or no longer; the spool is moved away; the machine starts anew; the clock is set."""
        if what == "renamed":
            self._rename_spool()
        elif what == "reboot":
            self._reboot()
        elif isinstance(what, int):
            self._set_clock(what)
        else:
            self.room.is_full = what == "full"

    # What must be true.

    @invariant()
    def nothing_is_lost(self) -> None:
        """Look for every accepted alert."""
        for name, monitor in self.room.monitors.items():
            assert self.accepted <= monitor.received | self._kept_for(name)

    def teardown(self) -> None:
        """Let all be well again: each monitor gets everything, and nothing stays."""
        try:
            if os.path.exists(self._config_path):
                self._settle()
        finally:
            for writer in self.writers:
                os.close(writer.fd)
            self._environment.stop()
            shutil.rmtree(self._top)

    def _settle(self) -> None:
        self.room.is_full = False
        for monitor in self.room.monitors.values():
            monitor.mood, monitor.rejects = "up", ""
        while self.writers:
            self._finish_writer()
        for _ in range(SETTLING):
            self.room.clocks.sleep(2 * DAY_S)  # whatever window there is, it ends
            for path in filter(os.path.exists, self.places):
                if Spool(path).has_work():
                    raised = self.room.act(lambda path=path: attempt(Spool(path), self.config, tries_rested=True))
                    assert raised is None, repr(raised)
        for monitor in self.room.monitors.values():
            assert self.accepted <= monitor.received
        for path in self.places:
            assert not any(one.until_s() for one in (Spool(path), *Spool(path).boxes()))
            assert [one.scan() for one in (Spool(path), *Spool(path).boxes()) if one.scan()] == []

    def _kept_for(self, monitor: str) -> set[str]:
        """Return what waits for a monitor, or will come back when its writer has completed it."""
        found: set[str] = set()
        for path in self.places:
            for directory in (path, os.path.join(path, "for", monitor)):
                found |= ids_of_whole(os.path.join(directory, "new"))
                found |= ids_of_whole(os.path.join(directory, "corrupt"), UNFINISHED)
        return found | self._counted_for(monitor)

    def _counted_for(self, monitor: str) -> set[str]:
        """Return what is counted until the end of a window."""
        directories = [directory for path in self.places for directory in (path, os.path.join(path, "for", monitor))]
        return {name for directory in directories for name in ids_of_whole(directory, "episodes")}

    def _deny(self, fault=None) -> None:
        name, data = self._denial()
        is_left = False

        def write() -> None:
            fd = self._open_new()
            try:
                os.write(fd, data)
            finally:
                os.close(fd)

        raised = self.room.act(write, fault)
        if isinstance(raised, OSError):
            raised = self._expected(self.room.act(lambda: self._drop_slowly(Denial("sshd", name))))
            self._note([name], raised)
        elif raised is None:
            is_left = os.path.lexists(os.path.join(self.spool.path, "leader"))
            self.accepted.add(name)
        if is_left:
            self.left_to_leader.add(name)

    def _drop_slowly(self, denial: Denial) -> None:
        lock_fd = os.open(self._config_path, os.O_RDONLY)
        try:
            drop(denial, self.config, lock_fd, lambda: None)
        finally:
            os.closerange(lock_fd, lock_fd + 1)

    def _submit(self, kinds: str, fault=None) -> None:
        names = [self._next(kind) for kind in kinds]
        contents = [Denial("sshd", name) if name[0] == "d" else CheckResult(name, "s", 0, "text") for name in names]
        raised = self._expected(self.room.act(lambda: submit_all(contents, self.config), fault))
        self._note(names, raised)
        if raised is None:
            for monitor in self.room.monitors.values():
                assert set(names) <= monitor.received, "a success that is none"

    def _replay(self, tries_rested: bool = False, fault=None) -> None:
        self._expected(self.room.act(lambda: replay(self.config, tries_rested=tries_rested), fault))

    def _note(self, names: Iterable[str], raised: BaseException | None) -> None:
        """Note what was accepted. What could be neither enqueued nor sent is in syslog."""
        if isinstance(raised, Killed):
            return
        told = ids_in("\n".join(self.room.told).encode())
        self.accepted.update(set(names) - told if isinstance(raised, SpoolError) else names)

    def _rename_spool(self) -> None:
        if os.path.exists(self.spool.path):
            self.places.append(f"{self.spool.path}{len(self.places)}")
            os.rename(self.spool.path, self.places[-1])

    def _finish_writer(self) -> None:
        """Let a stopped hook write the rest, if the disk takes it."""
        if self.writers:
            writer = self.writers.pop(0)
            if not self.room.is_full:
                os.pwrite(writer.fd, writer.rest, os.fstat(writer.fd).st_size)
                self.room.stamp(writer.fd)
                self.accepted.add(writer.name)
            os.close(writer.fd)

    def _next(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    def _denial(self) -> tuple[str, bytes]:
        name = self._next("d")
        return name, encode_queue_file(Denial("sshd", name))

    def _open_new(self) -> int:
        path = os.path.join(self.spool.new, f"4711.{self._next('x')}")
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)

    def _fault(self, fault):
        """Return a fault whose deed is known by its name."""
        if fault is None or fault[1] == "kill" or isinstance(fault[1], int):
            return fault
        deeds: dict[str, Callable[[], object]] = {
            "deny": self._deny,
            "submit": lambda: self._submit("r"),
            "replay": self._replay,
            "rename": self._rename_spool,
            "finish": self._finish_writer,
            "a day ahead": lambda: self._set_clock(DAY_S),
        }
        return fault[0], deeds[fault[1]]

    def _set_clock(self, seconds: int) -> None:
        self.room.clocks.wall_ns += seconds * 10**9

    def _reboot(self) -> None:
        """Start anew: hooks that were stopped are gone."""
        self.room.clocks.up_s = 10.0
        for writer in self.writers:
            os.close(writer.fd)
        self.writers.clear()

    @staticmethod
    def _expected(raised: BaseException | None) -> BaseException | None:
        """Return what was raised; anything but our own errors and a kill is a bug."""
        if raised is not None and not isinstance(raised, (Killed, TcpwrapAlertError)):
            raise raised
        return raised


class TwoMonitors(SpoolMachine):
    """The same with two monitors, each with a box of its own."""

    sections = ("a", "b")


def ids_of_whole(directory: str, suffix: str = "") -> set[str]:
    """Return the alerts in the whole queue files of a directory."""
    found: set[str] = set()
    if os.path.isdir(directory):
        for name in os.listdir(directory):
            if name.endswith(suffix):
                with open(os.path.join(directory, name), "rb") as file:
                    data = file.read()
                found |= ids_in(data) if data.endswith(END) else set()
    return found
