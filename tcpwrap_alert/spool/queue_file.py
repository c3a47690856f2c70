"""What one queue file holds, and its bytes. No input or output here.

A queue file is text, readable with cat; every line ends in NUL and newline, and since no command-line argument can
hold a NUL, any argument fits and none can forge a line:

    tcpwrap-alert 1 denial          format version and kind
    client=203.0.113.7              fields, in any order
    daemon=sshd
    end                             the end mark: without it the file was cut short

bin/handle_tcp_wrapper writes most of them, with one printf. When something was denied or submitted is not in the file:
the file's modification time says that, because a shell has no clock of its own.
"""

from __future__ import annotations

from ..errors import QueueFileCorrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Content(Protocol):
        """What a queue file holds: its kind, and its fields as text."""

        @property
        def kind(self) -> str: ...

        def fields(self) -> dict[str, str]: ...


FORMAT = b"tcpwrap-alert 1 "
LINE_END = b"\0\n"
END_MARK = b"end"
MAX_QUEUE_FILE_BYTES = 1 << 20  # four arguments of 128 KiB, the longest that Linux passes


class QueueFileUnfinished(QueueFileCorrupt):
    """There is no end mark: its writer is at work, or the write was cut short."""


def encode_queue_file(content: Content) -> bytes:
    """Return the bytes of a queue file with this content."""
    lines = [FORMAT + content.kind.encode()]
    lines += [f"{key}={value}".encode(errors="surrogateescape") for key, value in content.fields().items()]
    return LINE_END.join([*lines, END_MARK, b""])


def decode_queue_file(data: bytes, max_bytes: int = MAX_QUEUE_FILE_BYTES) -> tuple[str, dict[str, str]]:
    """Return kind and fields in the bytes of a queue file.

    Raises:
        QueueFileUnfinished: there is no end mark.
        QueueFileCorrupt: the bytes are not a queue file.
    """
    if len(data) > max_bytes:
        raise QueueFileCorrupt(f"longer than {max_bytes} bytes, not a queue file")
    if not data:
        raise QueueFileUnfinished("empty: the disk was full, and the alert was sent directly or is in syslog")
    header, *lines = data.split(LINE_END)
    if lines[-2:] != [END_MARK, b""]:
        raise QueueFileUnfinished("no end mark, the write was cut short")
    if not header.startswith(FORMAT):
        raise QueueFileCorrupt(f"does not begin with '{FORMAT.decode()}', not a queue file of this version")
    fields = {}
    for line in lines[:-2]:
        key, equals, value = line.partition(b"=")
        if not equals:
            raise QueueFileCorrupt("a line without '=', not a queue file")
        fields[key.decode(errors="replace")] = value.decode(errors="surrogateescape")
    return header[len(FORMAT) :].decode(errors="replace"), fields
