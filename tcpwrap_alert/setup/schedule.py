"""What sends each minute what waits: a timer where systemd runs, else cron; one of them, never both."""

from __future__ import annotations

import os
import shutil
import sysconfig
from typing import TYPE_CHECKING

from . import files
from .accounts import USER
from .step import MADE, NotDone, Step, run

if TYPE_CHECKING:
    from .accounts import Owner

RUNNING = "/run/systemd/system"
UNIT_DIRECTORIES = ("/usr/lib/systemd/system", "/lib/systemd/system", "/usr/local/lib/systemd/system")
OWN_UNITS = "/etc/systemd/system"
TIMER = "tcpwrap-alert-replay.timer"
UNITS = (TIMER, "tcpwrap-alert-replay.service")
SANDBOX = "tcpwrap-alert-.service.d/sandbox.conf"
WANTED_BY = f"{OWN_UNITS}/timers.target.wants/{TIMER}"
CRON = "/etc/cron.d/tcpwrap-alert"
CRON_DAEMONS = ("cron", "crond", "bcron-start", "fcron")
FIRST_LINE = f"# {MADE}\n".encode()
SHIPPED = "share/tcpwrap-alert/systemd"
SPOOL, PROGRAM = "/var/spool/tcpwrap-alert", "/usr/bin/tcpwrap-alert"  # in the units as they are shipped


class Schedule(Step):
    """The timer, or the line of cron."""

    def __init__(self, program: str, spool: str, owner: Owner) -> None:
        self._program = program
        self._spool = spool
        self._owner = owner

    @property
    def what(self) -> str:  # type: ignore[override]  # a step's name is plain text, and this one is found out
        """Name the timer or the line of cron that is there, or will be."""
        found = self._of_others()
        if found:
            return f"{'cron job' if found == CRON else 'timer'} {found}"
        return f"timer {TIMER}" if _has_systemd() else f"cron job {CRON}"

    def is_there(self) -> bool:
        """See Step."""
        if self._of_others():
            return True
        files_are_there = all(files.read(path) == content for path, content in self._wanted().items())
        return files_are_there and (not _has_systemd() or os.path.lexists(WANTED_BY)) and not self._superfluous()

    def how(self) -> str:
        """See Step."""
        if _has_systemd():
            return f"write {TIMER}, its service and a sandbox below {OWN_UNITS}, and start the timer"
        if not os.path.isdir(os.path.dirname(CRON)):
            raise NotDone(f"{self.what}: neither systemd nor cron is here; install cron, then run setup again")
        daemon = "" if any(map(shutil.which, CRON_DAEMONS)) else "; install a cron daemon, there is none"
        return f"write {CRON}: each minute {self._program} replay, as {self._owner.names()[0]}{daemon}"

    def do(self) -> None:
        """See Step."""
        for path in self._superfluous():
            files.remove(path)
        for path, content in self._wanted().items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            files.replace(path, content)
        if _has_systemd():
            run("systemctl", "daemon-reload")
            run("systemctl", "enable", "--now", TIMER)

    def is_ours(self) -> bool:
        """See Step."""
        return any(map(_is_ours, _own_paths()))

    def how_undone(self) -> str:
        """See Step."""
        return f"remove {', '.join(filter(_is_ours, _own_paths()))}"

    def undo(self) -> None:
        """See Step."""
        if _has_systemd() and _is_ours(f"{OWN_UNITS}/{TIMER}"):
            run("systemctl", "disable", "--now", TIMER)
        for path in filter(_is_ours, _own_paths()):
            files.remove(path)
            if path.endswith(SANDBOX):
                files.remove_if_empty(os.path.dirname(path))
        if _has_systemd():
            run("systemctl", "daemon-reload")

    def _wanted(self) -> dict[str, bytes]:
        """Return the files that are wanted, by their paths."""
        user, group = self._owner.names()
        if not _has_systemd():
            return {CRON: FIRST_LINE + f"* * * * * {user} {self._program} replay\n".encode()}
        found = {}
        for name in (*UNITS, SANDBOX):
            text = (files.read(os.path.join(sysconfig.get_path("data"), SHIPPED, name)) or b"").decode()
            if not text:
                raise NotDone(f"{self.what}: this installation has no {SHIPPED}/{name}; install tcpwrap-alert again")
            text = text.replace(PROGRAM, self._program).replace(SPOOL, self._spool)
            text = text.replace(f"User={USER}\n", f"User={user}\n").replace(f"Group={USER}\n", f"Group={group}\n")
            found[f"{OWN_UNITS}/{name}"] = FIRST_LINE + text.encode()
        return found

    def _superfluous(self) -> list[str]:
        """Return what setup has made for the other of the two."""
        return [path for path in _own_paths() if _is_ours(path) and path not in self._wanted()]

    def _of_others(self) -> str:
        """Return what somebody else has made for the same: the package, or an administrator."""
        timers = [f"{directory}/{TIMER}" for directory in (OWN_UNITS, *UNIT_DIRECTORIES)] if _has_systemd() else []
        return next((path for path in (*timers, CRON) if os.path.lexists(path) and not _is_ours(path)), "")


def _has_systemd() -> bool:
    return os.path.isdir(RUNNING)


def _own_paths() -> list[str]:
    return [CRON, *(f"{OWN_UNITS}/{name}" for name in (*UNITS, SANDBOX))]


def _is_ours(path: str) -> bool:
    return (files.read(path) or b"").startswith(FIRST_LINE)
