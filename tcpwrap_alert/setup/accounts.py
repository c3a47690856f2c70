"""The user who owns the spool and sends from it."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import signal
import time

from . import record
from .step import NotDone, Step, run

USER = "tcpwrap-alert"
COMMENT = "Alerts of TCP wrappers"
RECORDED = "user"
PATIENCE_S = 5.0


def is_user(name: str) -> bool:
    """Return whether there is a user of this name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def is_user_ours() -> bool:
    """Return whether setup has made the user."""
    return is_user(USER) and record.is_made(RECORDED) and not record.is_packaged()


def end_processes(uid: int) -> None:
    """End what runs as a user, politely at first; whatever he does may be cut off at any point."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + PATIENCE_S
        for pid in _processes(uid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while _processes(uid) and time.monotonic() < deadline:
            time.sleep(0.05)


def _processes(uid: int) -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/stat", "rb") as file:
                is_dead = file.read().rpartition(b") ")[2][:1] == b"Z"
            if os.stat(f"/proc/{name}").st_uid == uid and not is_dead:
                found.append(int(name))
    return found


class Owner:
    """Whoever owns the spool: the user that it was given to, else ours."""

    def __init__(self, spool: str) -> None:
        self._spool = spool

    def names(self) -> tuple[str, str]:
        """Return user and group, of ours also as long as he is not there."""
        try:
            uid = os.stat(self._spool).st_uid
            user = pwd.getpwuid(uid).pw_name if uid else USER
        except (OSError, KeyError):
            user = USER
        if not is_user(user):
            return user, user
        return user, _group_name(pwd.getpwnam(user).pw_gid)

    def ids(self) -> tuple[int, int]:
        """Return the numbers of user and group. Raises NotDone if there is no such user yet."""
        user, _ = self.names()
        if not is_user(user):
            raise NotDone(f"there is no user {user}")
        entry = pwd.getpwnam(user)
        return entry.pw_uid, entry.pw_gid


class User(Step):
    """The user `tcpwrap-alert`, unless the spool belongs to another one."""

    def __init__(self, owner: Owner, spool: str) -> None:
        self._owner = owner
        self._spool = spool

    @property
    def what(self) -> str:  # type: ignore[override]  # a step's name is plain text, and this one is found out
        """Name the owner of the spool."""
        return f"user {self._owner.names()[0]}"

    def is_there(self) -> bool:
        """See Step."""
        return is_user(self._owner.names()[0])

    def how(self) -> str:
        """See Step."""
        return f"make the user {USER}: a system user without a home or a shell"

    def do(self) -> None:
        """See Step."""
        shell = "/usr/sbin/nologin" if os.path.exists("/usr/sbin/nologin") else "/sbin/nologin"
        try:
            grp.getgrnam(USER)
            group = ["--gid", USER]
        except KeyError:
            group = ["--user-group"]
        run("useradd", "--system", "--no-create-home", "--shell", shell, "--comment", COMMENT, *group, USER)
        record.note(RECORDED)

    def is_ours(self) -> bool:
        """See Step."""
        return is_user_ours()

    def how_undone(self) -> str:
        """See Step."""
        if os.path.isdir(self._spool):
            return f"keep the user {USER}: nobody else may get the spool that stays"
        return f"remove the user {USER}"

    def undo(self) -> None:
        """See Step."""
        if not os.path.isdir(self._spool):
            run("userdel", USER)
            record.forget(RECORDED)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
