"""Who, root aside, may change a file that root runs or believes."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator


def faults_of_file(path: str, if_unreadable: str) -> Iterator[str]:
    """Say who else may change a file of rules, and what comes of it that not everybody may read it."""
    if os.path.exists(path):
        yield from map("{} may change what daemons run as root".format, others_who_may_change(path))
        if not os.stat(path).st_mode & stat.S_IROTH:
            yield f"not everybody may read it: for daemons that are not root, {if_unreadable}"


def others_who_may_change(path: str) -> Iterator[str]:
    """Return who, root aside, may change or replace a file: by its mode or owner, or by those of its directories."""
    seen = set()
    for start in (os.path.abspath(path), os.path.realpath(path)):
        while start not in seen:
            seen.add(start)
            yield from _writers(start, os.stat(start))
            start = os.path.dirname(start)


def _writers(path: str, status: os.stat_result) -> Iterator[str]:
    is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if status.st_mode & stat.S_IWOTH and not is_sticky:
        yield f"everybody (mode of {path})"
    elif status.st_mode & stat.S_IWGRP and status.st_gid and not is_sticky:
        yield f"group {status.st_gid} (mode of {path})"
    if status.st_uid:
        yield f"{_user_name(status.st_uid)} (owner of {path})"


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
