"""The system under the model: clocks that the test sets, system calls that fail or kill, and monitors that answer.

The code runs in this process, on a real directory. Each action is a process of its own: a fault kills it at one of its
system calls (from there on it can do nothing), lets the call fail, or lets another process act first.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tcpwrap_alert.errors import ConnectError, OutcomeUnknown
from tcpwrap_alert.forwarding import drain, lead, leaving, sharing, submit
from tcpwrap_alert.spool import bounds, episodes_file, passes
from tcpwrap_alert.spool.queue_file import encode_queue_file
from tcpwrap_alert.transports import Outcome, Parcel

CALLS = (
    "open",
    "write",
    "fsync",
    "rename",
    "unlink",
    "utime",
    "mkdir",
    "scandir",
    "listdir",
    "lstat",
    "fstat",
    "fchmod",
)
MAKING = os.O_WRONLY | os.O_CREAT
TICK_NS = 1003
START_NS = 1_800_000_000 * 10**9
NAME = re.compile(r"\b[dr]\d+\b")  # of a denial's client, of a check result's host
COUNTED = re.compile(r"\b(?:denied|check_results)=(\d+)")


class Killed(BaseException):
    """The process was killed."""


def ids_in(data: bytes) -> set[str]:
    """Return the alerts that a queue file or a text speaks of."""
    return set(NAME.findall(data.decode(errors="replace")))


class Clocks:
    """The clock on the wall, which people set, and the machine's own; both go on at each look."""

    def __init__(self) -> None:
        self.wall_ns = START_NS
        self.up_s = 1000.0

    def time_ns(self) -> int:
        """Take the place of `time.time_ns`."""
        self.wall_ns += TICK_NS
        return self.wall_ns

    def time_s(self) -> float:
        """Take the place of `time.time`."""
        return self.time_ns() / 1e9

    def uptime_s(self, *_: object) -> float:
        """Take the place of `time.monotonic` and `time.clock_gettime`."""
        self.up_s += 1e-6
        return self.up_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.wall_ns += int(seconds * 1e9)
        self.up_s += seconds


class Process:
    """One that acts: the fault that meets it, and the descriptors that it has open."""

    def __init__(self, fault: tuple[int, Any] | None) -> None:
        self.calls_left, self.what = fault or (-1, None)
        self.is_dead = False
        self.fds: set[int] = set()


class Monitor:
    """What a monitor answers, and the alerts that it has.

    Attributes:
        mood: "up", "down", or how many parcels it takes before the connection breaks.
        has_broken_ones: whether it has the parcel whose outcome nobody knows.
        rejects: what it rejects, of the kinds "d" and "r".
    """

    def __init__(self) -> None:
        self.mood: str | int = "up"
        self.has_broken_ones = False
        self.rejects = ""
        self.received: set[str] = set()

    def take(self, parcel: Parcel) -> Outcome:
        """Return the outcome of a parcel, or raise that there is none."""
        if self.mood == "down":
            raise ConnectError("connection refused", "m:1")
        ids = ids_in(b"".join(encode_queue_file(entry.content) for entry in parcel.entries)) or told_by(parcel)
        check_text(parcel, ids)
        if self.mood == 0:
            if self.has_broken_ones:
                self.received |= ids
            raise OutcomeUnknown("reset", "m:1")
        if isinstance(self.mood, int):
            self.mood -= 1
        if any(name[0] in self.rejects for name in ids):
            return Outcome(parcel, "no such host")
        self.received |= ids
        return Outcome(parcel)


def told_by(parcel: Parcel) -> set[str]:
    """Return the alerts that the check result of a parcel names."""
    return ids_in(f"{parcel.result.host_name} {parcel.result.plugin_output}".encode())


def check_text(parcel: Parcel, ids: set[str]) -> None:
    """Assert that the text that travels tells of all that it stands for."""
    told = told_by(parcel)
    counted = sum(map(int, COUNTED.findall(parcel.result.plugin_output)))
    assert told <= ids
    assert told == ids or " more|" in parcel.result.plugin_output or "\nand " in parcel.result.plugin_output
    assert len(ids) <= max(counted, 1)


class Transport:
    """Hands parcels to a monitor; the outcomes of each three become known together."""

    def __init__(self, room: MachineRoom, monitor: Monitor) -> None:
        self._room = room
        self._monitor = monitor

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[list[Outcome]]:
        """Yield the outcomes."""
        outcomes: list[Outcome] = []
        for parcel in parcels:
            self._room.enter_call("send", False)
            outcomes.append(self._monitor.take(parcel))
            if len(outcomes) == 3:
                yield outcomes
                outcomes = []
        if outcomes:
            yield outcomes


class AtOnce(threading.Thread):
    """A thread that has ended when `start` returns: what happens is the same each time."""

    def start(self) -> None:
        """Do all of it."""
        self.run()

    def join(self, _timeout: float | None = None) -> None:
        """It has ended."""

    def is_alive(self) -> bool:
        """It has ended."""
        return False


class MachineRoom:
    """All of the above together. `told` is what syslog heard."""

    def __init__(self, names: Iterable[str]) -> None:
        self.clocks = Clocks()
        self.monitors = {name: Monitor() for name in names}
        self.told: list[str] = []
        self.is_full = False
        self._running: list[Process] = []
        self._real = {name: getattr(os, name) for name in (*CALLS, "close")}
        self._flock = fcntl.flock
        self._patches = self._make_patches()

    def act(self, action: Callable[[], Any], fault: tuple[int, Any] | None = None) -> BaseException | None:
        """Run `action` as a process; return what it raised. What it leaves open is closed."""
        process = Process(fault)
        self._running.append(process)
        raised: BaseException | None = None
        try:
            with self._patched() if len(self._running) == 1 else contextlib.nullcontext():
                action()
        except (Killed, Exception) as error:
            raised = error
        finally:
            self._running.pop()
            for fd in process.fds:
                self._real["close"](fd)
        if process.is_dead:
            return Killed()
        if isinstance(raised, AssertionError):
            raise raised
        assert not process.fds, f"descriptors are left open after {raised!r}"
        return raised

    def enter_call(self, name: str, is_write: bool) -> None:
        """Let the fault of the running process happen, if it is about this system call."""
        process = self._running[-1]
        if process.is_dead:
            raise Killed
        process.calls_left -= 1
        if process.calls_left == 0:
            if process.what == "kill":
                process.is_dead = True
                raise Killed
            if isinstance(process.what, int):
                if name not in ("send", "tell"):
                    raise OSError(process.what, os.strerror(process.what))
            else:
                process.what()
        if is_write and self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextlib.contextmanager
    def _patched(self) -> Iterator[None]:
        before = [(owner, name, getattr(owner, name)) for owner, name in self._patches]
        try:
            for (owner, name), function in self._patches.items():
                setattr(owner, name, function)
            yield
        finally:
            for owner, name, function in before:
                setattr(owner, name, function)

    def _make_patches(self) -> dict[tuple[Any, str], Any]:
        patches = {(os, name): getattr(self, f"_{name}", None) or self._passing(name) for name in CALLS}
        patches |= {(os, "close"): self._close, (os, "closerange"): self._close_one, (fcntl, "flock"): self._lock}
        patches |= {(time, name): self.clocks.uptime_s for name in ("monotonic", "clock_gettime")}
        patches |= {(time, "time_ns"): self.clocks.time_ns, (time, "time"): self.clocks.time_s}
        patches |= {(time, "sleep"): self.clocks.sleep}
        patches |= {(module, "open_transport"): self._open_transport for module in (drain, submit)}
        patches[threading, "Thread"] = AtOnce
        patches |= {
            (module, "tell"): self._tell for module in (episodes_file, lead, leaving, sharing, submit, bounds, passes)
        }
        return patches

    def _open_transport(self, monitor: Any, _memory: dict[str, str]) -> Transport:
        return Transport(self, self.monitors[monitor.name])

    def _tell(self, text: str, **_: object) -> None:
        self.enter_call("tell", False)
        self.told.append(text)

    def _passing(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(*args: Any, **kwargs: Any) -> Any:
            self.enter_call(name, name == "mkdir")
            return real(*args, **kwargs)

        return call

    def _open(self, path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        self.enter_call("open", False)
        fd = self._real["open"](path, flags, *args, **kwargs)
        self._running[-1].fds.add(fd)
        if flags & MAKING == MAKING:
            self.stamp(fd)
        return fd

    def _write(self, fd: int, data: bytes) -> int:
        if fd == 2:
            return self._real["write"](fd, data)
        self.enter_call("write", True)
        count = self._real["write"](fd, data)
        self.stamp(fd)
        return count

    def stamp(self, fd: int) -> None:
        """Give a file the time that it is."""
        at_ns = self.clocks.time_ns()
        self._real["utime"](fd, ns=(at_ns, at_ns))

    def _fsync(self, _fd: int) -> None:
        self.enter_call("fsync", False)

    def _close(self, fd: int) -> None:
        self._running[-1].fds.discard(fd)
        self._real["close"](fd)

    def _close_one(self, fd: int, _end: int) -> None:
        """Take the place of `os.closerange`, which is asked for one, open or not."""
        if fd in self._running[-1].fds:
            self._close(fd)

    def _lock(self, fd: int, operation: int) -> None:
        self.enter_call("flock", False)
        self._flock(fd, operation)
