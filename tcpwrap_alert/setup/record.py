"""What setup has made and what bears no mark of its own: the user, and entries of access lists.

A file in /etc/tcpwrap-alert has their names, so that --remove takes away nothing of anybody else.
"""

from __future__ import annotations

import os

from . import files
from .step import MADE

DIRECTORY = "/etc/tcpwrap-alert"
PATH = f"{DIRECTORY}/made-by-setup"
# Whoever has the package has its user, too, whatever was there before.
PACKAGED = ("/usr/lib/sysusers.d/tcpwrap-alert.conf", "/usr/lib/tmpfiles.d/tcpwrap-alert.conf")


def is_packaged() -> bool:
    """Return whether a package of this system takes care of user and spool."""
    return any(map(os.path.exists, PACKAGED))


def is_made(name: str) -> bool:
    """Return whether setup has made this."""
    return name in _names()


def note(name: str) -> None:
    """Note that setup has made this. Raises OSError."""
    if not is_made(name):
        os.makedirs(DIRECTORY, mode=0o755, exist_ok=True)
        _write([*_names(), name])


def forget(name: str) -> None:
    """Note that this is gone. Raises OSError."""
    if is_made(name):
        _write([one for one in _names() if one != name])


def _names() -> list[str]:
    lines = (files.read(PATH) or b"").decode(errors="replace").splitlines()
    return [line for line in lines if not line.startswith("#")]


def _write(names: list[str]) -> None:
    if names:
        files.replace(PATH, "\n".join([f"# {MADE}", *names, ""]).encode())
        return
    files.remove(PATH)
    files.remove_if_empty(DIRECTORY)
