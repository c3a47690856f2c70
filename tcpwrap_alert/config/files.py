"""Files that the configuration names: regular ones, because a FIFO or a device could hold us for ever."""

from __future__ import annotations

import errno
import os
import stat


def read_regular(path: str, max_bytes: int) -> bytes:
    """Return the first bytes of a file. Raises OSError; also for what is no regular file."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        with open(fd, "rb", closefd=False) as file:
            return file.read(max_bytes)
    finally:
        os.close(fd)
