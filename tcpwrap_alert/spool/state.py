"""What a spool remembers about its monitor: the file `state`, `key=value` lines, readable with cat.

    failed_at=1795176000.250            when the last delivery failed, s since the epoch; with its reason:
    reason=nagios.example:5667: connection refused
    status=77                           the exit status that belongs to it
    transport.batch=32                  what the transport wants to know next time; its keys are its own
    rejected=NAME 2 1795176600 REASON   this result was rejected twice, is passed over until then, and why
    unfinished=NAME 81234.5             has no end mark, and when a reader first saw it, s of this machine's uptime
    seen=NAME 1795176000.0              has a time that cannot be, and when it was first seen, s since the epoch

The file costs nothing to lose: what it says is found out again. So it is written aside and renamed, but not synced, and
a full disk or a line that nobody understands is no error.
"""

from __future__ import annotations

import errno
import os
import time

from ..check_result import clean
from .files import NamingFailure, read_file, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    T = TypeVar("T")

MAX_STATE_BYTES = 4 << 20
MAX_NOTED = 10_000  # names of each kind
PAUSE_S = 600.0
MAX_PAUSE_S = 86_400.0


def uptime_s() -> float:
    """Return the seconds since this machine started: a clock that nobody sets."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def can_note(name: str) -> bool:
    """Say whether the name of a queue file can stand in a line of the state."""
    return name.isprintable() and " " not in name


class Rejection:
    """How often the monitor rejected one result, why the last time, and until when it is passed over."""

    __slots__ = ("count", "reason", "until_s")

    def __init__(self, count: int, until_s: float, reason: str) -> None:
        self.count = count
        self.until_s = until_s
        self.reason = reason


class State:
    """The state of a spool; see the file's keys above."""

    def __init__(self) -> None:
        self.reason = ""
        self.status = 0
        self.failed_at_s = 0.0
        self.transport: dict[str, str] = {}
        self.rejected: dict[str, Rejection] = {}
        self.unfinished: dict[str, float] = {}
        self.seen: dict[str, float] = {}

    def fail(self, reason: str, at_s: float, status: int = 0) -> None:
        """Note why a delivery failed, and with which exit status."""
        self.reason = reason
        self.status = status
        self.failed_at_s = at_s

    def succeed(self) -> None:
        """Note that a delivery succeeded."""
        self.fail("", 0.0)

    def reject(self, name: str, reason: str, now_s: float) -> None:
        """Note that the monitor rejected a result: it rests for ten minutes, then twice as long, up to a day."""
        count = self.rejected[name].count + 1 if name in self.rejected else 1
        pause_s = min(PAUSE_S * 2 ** min(count - 1, 10), MAX_PAUSE_S)
        self.rejected[name] = Rejection(count, now_s + pause_s, reason)

    def rests(self, name: str, now_s: float) -> bool:
        """Say whether a result that was rejected is not to be tried yet; a clock that was set back counts as over."""
        rejection = self.rejected.get(name)
        return rejection is not None and now_s < rejection.until_s <= now_s + MAX_PAUSE_S

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget the queue files that are gone."""
        some = [noted for noted in (self.rejected, self.unfinished, self.seen) if noted]
        there = set(names) if some else set()
        for noted in some:
            for name in noted.keys() - there:
                del noted[name]

    def encode(self) -> str:
        """Return the text of the file; empty if there is nothing to remember."""
        lines = []
        if self.reason:
            lines += [f"failed_at={self.failed_at_s}", f"reason={clean(self.reason)}"]
            lines += [f"status={self.status}"] if self.status else []
        lines += [f"transport.{key}={clean(value)}" for key, value in self.transport.items()]
        lines += [
            f"rejected={name} {noted.count} {noted.until_s} {clean(noted.reason)}"
            for name, noted in _plain(self.rejected)
        ]
        lines += [f"unfinished={name} {at_s}" for name, at_s in _plain(self.unfinished)]
        lines += [f"seen={name} {at_s}" for name, at_s in _plain(self.seen)]
        return "".join(f"{line}\n" for line in lines)


def decode_state(text: str) -> State:
    """Return the state that `encode` made the text of; lines that cannot be understood are passed over."""
    state = State()
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        try:
            if equals:
                _note(state, key, value)
        except (ValueError, OverflowError):
            continue
    return state


def read_state(path: str) -> State:
    """Return the state in the file `path`; an empty one if there is none. Raises SpoolError if it cannot be read."""
    with NamingFailure("read", path):
        try:
            data, _ = read_file(path, MAX_STATE_BYTES)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                raise
            return State()  # none, or a link or a socket, which is none either and holds nothing up
    return decode_state(data.decode(errors="replace"))


def write_state(path: str, state: State) -> None:
    """Write the state to the file `path`, or remove that if there is nothing to remember. Never raises OSError."""
    text = state.encode()
    aside = f"{path}.new"
    try:
        if not text:
            os.unlink(path)
            return
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        try:
            write_all(fd, text.encode(errors="replace"))
        finally:
            os.close(fd)
        os.rename(aside, path)
    except OSError:
        pass  # there is none, or the disk is full; what the state is about is told by whoever met it


def _note(state: State, key: str, value: str) -> None:
    name, _, rest = value.partition(" ")
    if key == "failed_at":
        state.failed_at_s = float(value)
    elif key == "reason":
        state.reason = value
    elif key == "status":
        state.status = int(value)
    elif key.startswith("transport."):
        state.transport[key[len("transport.") :]] = value
    elif key == "rejected":
        count, until_s, reason = rest.split(" ", 2)
        state.rejected[name] = Rejection(int(count), float(until_s), reason)
    elif key == "unfinished":
        state.unfinished[name] = float(rest)
    elif key == "seen":
        state.seen[name] = float(rest)


def _plain(noted: dict[str, T]) -> list[tuple[str, T]]:
    """Return the first names that can stand in a line, with what is noted of them."""
    return [item for item in noted.items() if can_note(item[0])][:MAX_NOTED]
