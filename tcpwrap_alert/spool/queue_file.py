"""What one queue file holds, and its bytes. No input or output here.

A queue file is text, readable with cat; every line ends in NUL and newline, and since no command-line argument can
hold a NUL, any argument fits and none can forge a line:

    tcpwrap-alert 1 denial          format version and kind
    client=203.0.113.7              fields, in any order
    daemon=sshd
    end                             the end mark: without it the file was cut short

bin/handle_tcp_wrapper writes most of them, with one printf. When something was denied or submitted is not in the file:
it is the file's modification time, because a shell has no clock of its own.
"""

from __future__ import annotations

FORMAT = b"tcpwrap-alert 1 "
LINE_END = b"\0\n"
END_MARK = b"end"
DENIAL = "denial"  # the kind that handle_tcp_wrapper writes
MAX_QUEUE_FILE_BYTES = 1 << 20  # four arguments of 128 KiB, the longest that Linux passes


class Entry:
    """What one queue file holds: its kind, its fields as text, when it was enqueued (ns since the epoch)."""

    __slots__ = ("enqueued_at_ns", "fields", "kind", "name")

    def __init__(self, kind: str, fields: dict[str, str], name: str = "", enqueued_at_ns: int = 0) -> None:
        self.kind = kind
        self.fields = fields
        self.name = name
        self.enqueued_at_ns = enqueued_at_ns


def encode_entry(entry: Entry) -> bytes:
    """Return the bytes of the queue file of `entry`."""
    lines = [FORMAT + entry.kind.encode()]
    lines += [f"{key}={value}".encode(errors="surrogateescape") for key, value in entry.fields.items()]
    return LINE_END.join([*lines, END_MARK, b""])


def decode_entry(data: bytes, name: str, enqueued_at_ns: int) -> Entry:
    """Return the entry in a queue file's bytes, or raise ValueError with what is wrong with them."""
    if len(data) > MAX_QUEUE_FILE_BYTES:
        raise ValueError(f"longer than {MAX_QUEUE_FILE_BYTES} bytes, not a queue file")
    if not data:
        raise ValueError("empty: the disk was full, and the alert was sent directly or is in syslog")
    header, *lines = data.split(LINE_END)
    if lines[-2:] != [END_MARK, b""]:
        raise ValueError("no end mark, the write was cut short")
    if not header.startswith(FORMAT):
        raise ValueError(f"does not begin with '{FORMAT.decode()}', not a queue file of this version")
    fields = {}
    for line in lines[:-2]:
        key, equals, value = line.partition(b"=")
        if not equals:
            raise ValueError("a line without '=', not a queue file")
        fields[key.decode(errors="replace")] = value.decode(errors="surrogateescape")
    return Entry(header[len(FORMAT) :].decode(errors="replace"), fields, name, enqueued_at_ns)
