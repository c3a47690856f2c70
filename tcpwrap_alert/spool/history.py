"""The history: how often who was denied by which daemon, and what became of it. Two files in the spool, counts only.

    history      lines that are only ever added; from 4 MiB on it becomes history.1, and a new one begins
    history.1    the lines before; when it is replaced, only the sums of its lines stay

    denied 1795176000 3 sshd 203.0.113.7    three denials, the last at this time (s since the epoch)
    delivered 1795176001 2                  two check results that the monitor accepted
    rejected 1795176001 1                   one that it rejected
    before denied 1795170000 57 sshd        in the first lines: the sum of what files before this one held

Who forwards adds a line when denials leave the spool, so a denial costs its daemon nothing. The line is written before
the queue file goes: a crash between them counts twice, as it delivers twice. So sums never become less.

A line without its end was cut by a crash: it is passed over, and the next writer cuts it off. A disk that is full or a
file that is not ours costs counts and no alert, so no writer raises an error.
"""

from __future__ import annotations

import errno
import os
import time

from .files import NamingFailure, try_flock, write_all, write_aside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Words = tuple[str, ...]

DENIED = "denied"
DELIVERED = "delivered"
REJECTED = "rejected"
BEFORE = "before"
MAX_BYTES = 4 << 20
MAX_DIGITS = 18
LOCK_TRIES, LOCK_PAUSE_S = 100, 0.005  # a writer has it for a millisecond; one that was stopped holds nobody up
MAX_SUMS = 500  # different ones; who may add denials to the spool may invent daemons
OTHERS = "others"
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)


class Line:
    """One line: what was counted (`denied`, …), when (s since the epoch), how many, and its words: daemon, client.

    `is_before` says that it is the sum of what was counted before this file.
    """

    __slots__ = ("at_s", "count", "is_before", "kind", "words")

    def __init__(self, kind: str, at_s: int, count: int, words: Words = (), is_before: bool = False) -> None:
        self.kind = kind
        self.at_s = at_s
        self.count = count
        self.words = words
        self.is_before = is_before

    def encode(self) -> bytes:
        """Return the line."""
        words = (*([BEFORE] if self.is_before else []), self.kind, str(self.at_s), str(self.count), *self.words)
        return (" ".join(words) + "\n").encode(errors="replace")


class Sum:
    """How many there were ever, and when the last was (s since the epoch)."""

    __slots__ = ("count", "last_s")

    def __init__(self) -> None:
        self.count = 0
        self.last_s = 0

    def add(self, count: int, at_s: int) -> None:
        """Count so many more."""
        self.count += count
        self.last_s = max(self.last_s, at_s)


def record(spool_dir: str, when: float, daemon: str, client: str, count: int = 1) -> None:
    """Count so many denials, the last of them at `when` (s since the epoch). Never raises OSError."""
    record_all(spool_dir, [Line(DENIED, int(when), count, (daemon, client))])


def record_all(spool_dir: str, lines: Iterable[Line]) -> None:
    """Add lines to the history. Never raises OSError."""
    data = b"".join(line.encode() for line in lines if line.count)
    if data:
        try:
            _add(os.path.join(spool_dir, "history"), data)
        except OSError:
            pass  # what it is about is told by whoever meets it on the way of an alert


def counts_since(spool_dir: str, since: float) -> Iterator[tuple[int, str, str, int]]:
    """Yield time (s since the epoch), daemon, client and count of what was denied since then, in no certain order.

    Raises:
        SpoolError: the history cannot be read.
    """
    for line in _lines(os.path.join(spool_dir, "history.1"), os.path.join(spool_dir, "history")):
        if line.kind == DENIED and not line.is_before and line.at_s >= since and len(line.words) == 2:
            yield line.at_s, line.words[0], line.words[1], line.count


def sums(spool_dir: str) -> dict[tuple[str, str], Sum]:
    """Return the sums since the history began, by kind and daemon; the daemon is empty for all but `denied`.

    Raises:
        SpoolError: the history cannot be read.
    """
    return _sums(os.path.join(spool_dir, "history"))


def _sums(path: str) -> dict[tuple[str, str], Sum]:
    found: dict[tuple[str, str], Sum] = {}
    for line in _lines(path):
        key = (line.kind, line.words[0] if line.words else "")
        if key not in found and len(found) >= MAX_SUMS:
            key = (line.kind, OTHERS)
        found.setdefault(key, Sum()).add(line.count, line.at_s)
    return found


def _add(path: str, data: bytes) -> None:
    fd, is_locked = _open(path)
    try:
        # Without the lock somebody else is at it, and a line of his may be half written.
        size = _cut_torn_line(fd) if is_locked else 0
        write_all(fd, data)
        if size + len(data) > MAX_BYTES:
            _begin_anew(path)
    finally:
        os.close(fd)


def _open(path: str) -> tuple[int, bool]:
    """Return the open history, and whether it is locked: then it is still the one of this name."""
    fd = _open_once(path)
    try:
        while _try_lock(fd):
            if _inode_of(path) == os.fstat(fd).st_ino:
                return fd, True
            os.close(fd)  # a new one has begun meanwhile
            fd = -1
            fd = _open_once(path)
    except OSError:
        if fd >= 0:
            os.close(fd)
        raise
    return fd, False


def _open_once(path: str) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(path, flags, 0o644)


def _inode_of(path: str) -> int:
    try:
        return os.lstat(path).st_ino
    except FileNotFoundError:
        return -1


def _try_lock(fd: int) -> bool:
    try:
        for _ in range(LOCK_TRIES):
            if try_flock(fd):
                return True
            time.sleep(LOCK_PAUSE_S)
    except OSError:
        pass  # a file system without locks
    return False


def _cut_torn_line(fd: int) -> int:
    """Cut off what a crash left of a line; return the size."""
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        tail = os.pread(fd, min(size, 4096), max(0, size - 4096))
        size -= len(tail) - (tail.rfind(b"\n") + 1)
        os.ftruncate(fd, size)
    return size


def _begin_anew(path: str) -> None:
    """Begin a new file with the sums of this one, which becomes history.1. Cut anywhere, this is done again."""
    head = b"".join(
        Line(kind, one.last_s, one.count, (daemon,) if daemon else (), is_before=True).encode()
        for (kind, daemon), one in _sums(path).items()
    )
    write_aside(f"{path}.new", head)
    aside = f"{path}.old"
    try:
        os.unlink(aside)
    except FileNotFoundError:
        pass
    os.link(path, aside)  # so that there is a file `history` at any moment: the sums would begin at zero
    os.rename(aside, f"{path}.1")
    os.rename(f"{path}.new", path)


def _lines(*paths: str) -> Iterator[Line]:
    seen = set()
    for path in paths:
        with NamingFailure("read", path):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno not in NO_FILE:
                    raise
                continue
            with open(fd, "rb") as file:
                inode = os.fstat(fd).st_ino
                if inode in seen:
                    continue  # a new one was about to begin
                seen.add(inode)
                for raw in file:
                    line = _maybe_line(raw)
                    if line is not None:
                        yield line


def _maybe_line(raw: bytes) -> Line | None:
    """Return the line; None if it was cut or nobody understands it."""
    words = raw.decode(errors="replace").split()
    is_before = words[:1] == [BEFORE]
    kind, *rest = words[is_before:] or [""]
    if not raw.endswith(b"\n") or kind not in (DENIED, DELIVERED, REJECTED) or len(rest) < 2:
        return None
    if not all(number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS for number in rest[:2]):
        return None
    return Line(kind, int(rest[0]), int(rest[1]), tuple(rest[2:]), is_before)
