"""A monitor's log, read block by block; one that ends in .gz is unpacked on the way."""

from __future__ import annotations

import gzip
import os
import re
import stat
import zlib

from ..check_result import clean
from ..errors import LogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase

BLOCK_BYTES = 1 << 20
TIME_STAMP = re.compile(rb"^\[(?:\d{9,11}|\d{4}-\d\d-\d\d [^\]\n]{8,30})\] ", re.MULTILINE)
NO_LOG = "no line begins with a time stamp, so it is no log of Nagios, Naemon or Icinga 2; it is passed over"


class ReadLog:
    """A context that reads a log from a byte on; each failure is a LogError.

    Attributes:
        offset: up to where whole lines were read, in bytes of what is not compressed.
    """

    def __init__(self, path: str, offset: int = 0) -> None:
        self._path = path
        self.offset = offset

    def __enter__(self) -> ReadLog:
        try:
            self._file = open_log(self._path)
        except OSError as error:
            raise LogError(f"{clean(self._path)}: cannot read the log: {error.strerror or error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def blocks(self, is_closed: bool = False) -> Iterator[bytes]:
        """Yield blocks of whole lines. Where nobody writes any more, `is_closed`, the last line may have no end."""
        try:
            yield from self._blocks(is_closed)
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise LogError(f"{clean(self._path)}: cannot read the log: {reason}") from error

    def _blocks(self, is_closed: bool) -> Iterator[bytes]:
        is_first = not self.offset
        self._file.seek(self.offset)
        rest = b""
        while block := self._file.read(BLOCK_BYTES):
            if is_first and not TIME_STAMP.search(block):
                raise LogError(f"{clean(self._path)}: {NO_LOG}")
            is_first = False
            end = block.rfind(b"\n") + 1
            if end:
                whole = rest + block[:end]
                self.offset += len(whole)
                rest = block[end:]
                yield whole
            elif len(rest) < BLOCK_BYTES:
                rest += block
            else:
                self.offset += len(rest)  # no line of a monitor is so long
                rest = block
        if rest and is_closed:
            self.offset += len(rest)
            yield rest


def open_log(path: str) -> BufferedIOBase:
    """Return the open log. Raises OSError; also for a FIFO, which would hold us."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(0, "not a regular file")
    if not path.endswith(".gz"):
        return open(fd, "rb")
    os.close(fd)
    return gzip.open(path, "rb")
