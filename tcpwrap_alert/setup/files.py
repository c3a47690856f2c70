"""Files that are replaced whole: whoever reads one sees the old text or the new one, after a power cut, too."""

from __future__ import annotations

import os
import shutil
import time


def read(path: str) -> bytes | None:
    """Return the content of a file; None if there is none. Raises OSError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def replace(path: str, content: bytes, mode: int = 0o644, gid: int = 0) -> None:
    """Let the file have this content; owner and mode stay, of a new file they are root's and `mode`.

    A link stays, too: the file that it leads to is replaced. Raises OSError, and then nothing has changed.
    """
    path = os.path.realpath(path)
    aside = f"{path}.new-{os.getpid()}"
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            if os.path.exists(path):
                _take_over(path, aside)
            else:
                os.fchown(file.fileno(), 0, gid)
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(aside, path)
    except OSError:
        if os.path.exists(aside):
            os.unlink(aside)
        raise
    _sync_directory(path)


def back_up(path: str, content: bytes) -> str:
    """Write the content beside the file, with its owner and mode, and return where. Raises OSError."""
    path = os.path.realpath(path)
    backup = _free_name(path)
    with open(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        _take_over(path, backup)
        os.fsync(file.fileno())
    _sync_directory(path)
    return backup


def move_to_backup(path: str) -> str:
    """Rename a file as a backup of it, which only root can read, and return where. Raises OSError."""
    backup = _free_name(path)
    os.rename(path, backup)
    os.chown(backup, 0, 0)
    os.chmod(backup, 0o600)
    _sync_directory(path)
    return backup


def remove(path: str) -> None:
    """Remove a file, if it is there. Raises OSError."""
    if os.path.lexists(path):
        os.unlink(path)


def remove_if_empty(directory: str) -> None:
    """Remove a directory, unless somebody has something in it."""
    try:
        os.rmdir(directory)
    except OSError:
        pass


def _take_over(path: str, target: str) -> None:
    """Give a new file the owner, the mode and the labels of the one that it is a copy of, or replaces."""
    status = os.stat(path)
    os.chown(target, status.st_uid, status.st_gid)
    shutil.copystat(path, target)
    os.utime(target)


def _free_name(path: str) -> str:
    name = f"{path}.bak-{time.strftime('%Y%m%d-%H%M%S')}"
    number, free = 1, name
    while os.path.lexists(free):
        number, free = number + 1, f"{name}.{number}"
    return free


def _sync_directory(path: str) -> None:
    fd = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
