"""A program that needs the libraries one names, as far as a reader of its file can tell: it cannot be run."""

from __future__ import annotations

import struct

HEAD, SEGMENT, ENTRY = 64, 56, 16
LOAD, DYNAMIC, NEEDED, STRING_TABLE = 1, 2, 1, 5
ADDRESS = 0x400000


def program(*libraries: str) -> bytes:
    """Return an ELF file for 64 bits, little endian: a segment that is loaded, with the dynamic section in it."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in libraries)
    offsets = [names.index(b"\0" + name.encode() + b"\0") + 1 for name in libraries]
    begin = HEAD + 2 * SEGMENT
    entries = [(NEEDED, offset) for offset in offsets] + [
        (STRING_TABLE, ADDRESS + begin + ENTRY * (len(offsets) + 2)),
        (0, 0),
    ]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    size = begin + len(dynamic) + len(names)
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, HEAD, 0, 0, HEAD, SEGMENT, 2, 0, 0, 0
    )
    loaded = struct.pack("<IIQQQQQQ", LOAD, 5, 0, ADDRESS, ADDRESS, size, size, 4096)
    section = struct.pack(
        "<IIQQQQQQ", DYNAMIC, 6, begin, ADDRESS + begin, ADDRESS + begin, len(dynamic), len(dynamic), 8
    )
    return head + loaded + section + dynamic + names
