"""Which shared libraries a program or library asks the loader for: the NEEDED entries of its ELF file.

The file is read, never run, and only its tables: a directory with a thousand programs takes some milliseconds.

Source: the System V ABI, "Object Files" and "Dynamic Linking"; compared with ldd by tests/interop/test_linked.py.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

LOAD, DYNAMIC = 1, 2  # p_type
NEEDED, STRING_TABLE = 1, 5  # d_tag
MAX_TABLE_BYTES = 1 << 20


def needed_libraries(path: str) -> list[str] | None:
    """Return the names of the libraries that a file needs; None if it is no ELF file or cannot be read."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            return _read(file)
    except (OSError, struct.error, ValueError, OverflowError):
        return None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO must not hold us


def _read(file: BinaryIO) -> list[str] | None:
    head = file.read(64)
    if head[:4] != b"\x7fELF":
        return None
    order, is_64 = ">" if head[5:6] == b"\2" else "<", head[4:5] == b"\2"
    word, sizes = ("Q", 54) if is_64 else ("I", 42)
    (offset,) = struct.unpack_from(order + word, head, 32 if is_64 else 28)
    size, count = struct.unpack_from(order + "HH", head, sizes)
    table = _part(file, offset, size * count)
    segments = [_segment(table, number * size, order, is_64) for number in range(count)]
    entries = [
        entry
        for kind, offset, _, length in segments
        if kind == DYNAMIC
        for entry in struct.iter_unpack(order + word * 2, _part(file, offset, length))
    ]
    address = next((value for tag, value in entries if tag == STRING_TABLE), 0)
    loaded = [segment for segment in segments if segment[0] == LOAD and 0 <= address - segment[2] < segment[3]]
    if not loaded:
        return []
    start = loaded[0][1] + address - loaded[0][2]
    return [_part(file, start + value, 256).split(b"\0")[0].decode() for tag, value in entries if tag == NEEDED]


def _segment(table: bytes, place: int, order: str, is_64: bool) -> tuple[int, int, int, int]:
    """Return one program header: its kind, where it is in the file and in memory, and how long it is in the file."""
    if is_64:
        kind, _, offset, address, _, length = struct.unpack_from(order + "IIQQQQ", table, place)
    else:
        kind, offset, address, _, length = struct.unpack_from(order + "IIIII", table, place)
    return kind, offset, address, length


def _part(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(min(size, MAX_TABLE_BYTES))
