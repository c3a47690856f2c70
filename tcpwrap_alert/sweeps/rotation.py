"""How far a log was read, and where the rest of it is: after a rotation, a copy and truncation, or a compression.

A position is the number of bytes that were read, the file's inode, and a hash of its first bytes: the head. If the file
of this name has another head, or is shorter, the log was rotated. Then the file with the old head is looked for beside
it and in archives/: as it is, or compressed. It is read from the position on, the files that came after it are read
whole, and so is the new one.
"""

from __future__ import annotations

import hashlib
import os
import zlib

from .logs import open_log

HEAD_BYTES = 1024
ARCHIVES = "archives"


class Position:
    """How far a log was read: `offset` bytes; which file it was: its inode, and the hash of its first bytes."""

    __slots__ = ("head", "head_bytes", "inode", "offset")

    def __init__(self, inode: int, offset: int, head: str, head_bytes: int) -> None:
        self.inode = inode
        self.offset = offset
        self.head = head
        self.head_bytes = head_bytes


class Part:
    """A file to read from `offset` on; `is_closed` says that nobody writes to it any more."""

    __slots__ = ("is_closed", "offset", "path")

    def __init__(self, path: str, offset: int = 0, is_closed: bool = True) -> None:
        self.path = path
        self.offset = offset
        self.is_closed = is_closed


def position_of(path: str, offset: int) -> Position:
    """Return the position after `offset` bytes of the file. Raises OSError."""
    head_bytes = min(offset, HEAD_BYTES)
    return Position(os.stat(path).st_ino, offset, _head(path, head_bytes), head_bytes)


def unread_parts(path: str, position: Position | None) -> tuple[list[Part], bool]:
    """Return what to read of a log, oldest first, and whether all of it is still there.

    Raises:
        OSError: the log cannot be read.
    """
    current = os.stat(path)
    if position is None:
        return [Part(path, is_closed=False)], True
    is_same = current.st_size >= position.offset and _has_head(path, position)
    if is_same and (current.st_ino == position.inode or not _is_elsewhere(path, position)):
        return [Part(path, position.offset, is_closed=False)], True
    siblings = _siblings(path, current.st_ino)
    old = [sibling for sibling in siblings if position.head_bytes and _has_head(sibling, position)]
    if not old:
        return [Part(path, is_closed=False)], position.offset == 0
    read = next((sibling for sibling in old if os.stat(sibling).st_ino == position.inode), old[0])
    newer = _distinct(siblings[siblings.index(read) + 1 :], {position.head}, position.head_bytes)
    return [Part(read, position.offset), *map(Part, newer), Part(path, is_closed=False)], True


def _is_elsewhere(path: str, position: Position) -> bool:
    """Say whether the file that was read has another name now: two files may begin with the same lines."""
    return any(
        os.stat(sibling).st_ino == position.inode and _has_head(sibling, position) for sibling in _siblings(path, 0)
    )


def _siblings(path: str, inode: int) -> list[str]:
    """Return the files that may be parts of a log, by the time of their last line; of one time, the plain one first."""
    directory = os.path.dirname(path) or "."
    stem = os.path.basename(path).partition(".log")[0]
    found = []
    for place in (directory, os.path.join(directory, ARCHIVES)):
        try:
            with os.scandir(place) as items:
                for item in items:
                    if item.name.startswith(stem) and item.is_file() and item.inode() != inode:
                        found.append((item.stat().st_mtime_ns, item.name.endswith(".gz"), item.path))
        except OSError:
            continue
    return [one for *_, one in sorted(found)]


def _distinct(paths: list[str], heads: set[str], head_bytes: int) -> list[str]:
    """Return the files without those that are another's compressed copy."""
    found = []
    for path in paths:
        try:
            head = _head(path, HEAD_BYTES)
            if head not in heads and _head(path, head_bytes) not in heads:
                found.append(path)
            heads.add(head)
        except (OSError, EOFError, zlib.error):
            found.append(path)  # whoever reads it says what is wrong
    return found


def _has_head(path: str, position: Position) -> bool:
    try:
        return _head(path, position.head_bytes) == position.head
    except (OSError, EOFError, zlib.error):
        return False


def _head(path: str, head_bytes: int) -> str:
    with open_log(path) as file:
        return hashlib.sha256(file.read(head_bytes)).hexdigest()
