"""Which programs are linked with libwrap: by themselves, or by a library that they need (snmpd, bacula-fd).

A library is looked for where the loader looks by default, and in the private directories below /usr/lib.
"""

from __future__ import annotations

import functools
import glob
import os

from .elf import needed_libraries

LIBWRAP = "libwrap.so"
LIBRARY_DIRECTORIES = (
    "/usr/lib/*-linux-*",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/lib/*-linux-*",
    "/lib",
    "/lib64",
)
PRIVATE_DIRECTORIES = ("/usr/lib/*", "/usr/lib/*/*")


def is_linked(path: str) -> bool | None:
    """Return whether a program needs libwrap; None if nobody can tell, as of a script."""
    needed = needed_libraries(path)
    if needed is None:
        return None
    waiting, seen = list(needed), set()
    while waiting:
        library = waiting.pop()
        if library.startswith(LIBWRAP):
            return True
        if library not in seen:
            seen.add(library)
            waiting += _needed_by(library)
    return False


@functools.lru_cache(None)
def _needed_by(library: str) -> list[str]:
    path = _find(library)
    return (needed_libraries(path) if path else None) or []


def _find(library: str) -> str:
    for directory in _default_directories():
        if os.path.exists(f"{directory}/{library}"):
            return f"{directory}/{library}"
    found = (path for pattern in PRIVATE_DIRECTORIES for path in glob.glob(f"{pattern}/{glob.escape(library)}"))
    return next(found, "")


@functools.lru_cache(None)
def _default_directories() -> tuple[str, ...]:
    return tuple(path for pattern in LIBRARY_DIRECTORIES for path in glob.glob(pattern))
