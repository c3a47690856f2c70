"""Who runs `tcpwrap-alert replay`: a timer of systemd or a line of cron, and as the right user."""

from __future__ import annotations

import glob
import os
import re
import shutil
import stat
from typing import TYPE_CHECKING, NamedTuple

from .finding import FAIL, OK, WARN, Finding
from .permissions import owner_name, person
from .units import DIRECTORIES, Unit, read_units

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.read import Config

SUBJECT = "schedule"
SYSTEMD_RUNS = "/run/systemd/system"  # sd_booted(3)
REPLAY = re.compile(r"([^\s;&|'\"(]*tcpwrap-alert)['\"]?\s+replay\b")
CRON_LINE = re.compile(r"\s*(?:@\w+|(?:\S+\s+){4}\S+)\s+(\S.*)")
CRON_D_NAME = re.compile(r"[A-Za-z0-9_-]+")
CRON_TABLES = ("/etc/crontab", "/etc/cron.d/*")
USERS_TABLES = ("/var/spool/cron/crontabs/*", "/var/spool/cron/*", "/var/cron/tabs/*")
CRON_PROGRAMS = ("cron", "crond", "systemd-crontab-generator")
CRON_PATH = "/usr/bin:/bin"  # Debian's cron; crontab(5)
PROGRAM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/lib/systemd/system-generators:/lib/systemd/system-generators"
LINE = "* * * * * {user} /opt/tcpwrap-alert/bin/tcpwrap-alert replay"


class Run(NamedTuple):
    """A place that is meant to run replay, as whom, and why it does not; empty if it does."""

    where: str
    user: str
    fault: str = ""
    todo: str = ""


def examine_schedule(config: Config) -> Iterator[Finding]:
    """Look for what runs replay, and say whether it does."""
    path = config.spool_dirs[0]
    owner = owner_name(os.stat(path).st_uid) if os.path.isdir(path) else "tcpwrap-alert"
    runs = [_check_user(run, owner) for run in (*_timers(), *_cron_lines())]
    for run in runs:
        if run.fault:
            state = WARN if any(not other.fault for other in runs) else FAIL
            yield Finding(SUBJECT, state, f"{run.where}: {run.fault}", run.todo)
        else:
            yield Finding(SUBJECT, OK, f"{run.where}: runs replay as {run.user}")
    if not runs:
        what = "nothing runs 'tcpwrap-alert replay', so what waits is sent with the next denial only"
        todo = f"Run tcpwrap-alert setup, or write into /etc/cron.d/tcpwrap-alert: {LINE.format(user=owner)}"
        yield Finding(SUBJECT, FAIL, what, todo)


def _check_user(run: Run, owner: str) -> Run:
    if run.fault:
        return run
    if not person(run.user):
        return run._replace(fault=f"there is no user {run.user}", todo=f"Write {owner} in place of it.")
    if run.user not in (owner, "root"):  # root becomes the owner
        return run._replace(
            fault=f"runs as {run.user}, but the spool is of {owner}", todo=f"Write {owner} in place of it."
        )
    return run


def _timers() -> Iterator[Run]:
    if not os.path.isdir(SYSTEMD_RUNS):
        return
    services = {unit.name: unit for unit in read_units(".service") if REPLAY.search(" ".join(_commands(unit)))}
    for timer in read_units(".timer"):
        service = services.get(timer.last("Unit") or timer.name.replace(".timer", ".service"))
        if service:
            missing = _missing_program(" ".join(_commands(service)), CRON_PATH)
            is_enabled = any(glob.glob(f"{directory}/*.wants/{glob.escape(timer.name)}") for directory in DIRECTORIES)
            fault = missing if missing else "" if is_enabled else "it is not enabled"
            todo = f"Type 'systemctl enable --now {timer.name}'." if not is_enabled else ""
            yield Run(timer.name, service.last("User") or "root", fault, todo)


def _commands(unit: Unit) -> list[str]:
    return unit.values.get("ExecStart", [])


def _cron_lines() -> Iterator[Run]:
    for path in (path for pattern in CRON_TABLES for path in sorted(glob.glob(pattern))):
        yield from _runs_of(path, "")
    for path in (path for pattern in USERS_TABLES for path in sorted(glob.glob(pattern)) if os.path.isfile(path)):
        yield from _runs_of(path, os.path.basename(path))


def _runs_of(path: str, user: str) -> Iterator[Run]:
    """Yield what a table of cron runs; `user` is empty where a line names one."""
    try:
        with open(path, errors="replace") as file:
            text = file.read()
    except OSError:
        return  # another user's
    search_path = CRON_PATH
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        if assigned := re.match(r"\s*PATH\s*=\s*[\"']?([^\"'\s]+)", line):
            search_path = assigned[1]
        found = CRON_LINE.match(line)
        if not found or not REPLAY.search(line) or (SYSTEMD_RUNS in line and os.path.isdir(SYSTEMD_RUNS)):
            continue
        named, _, command = (user, "", found[1]) if user else found[1].partition(" ")
        fault, todo = _fault_of_table(path, text) if not user else ("", "")
        yield Run(path, named, fault or _missing_program(command, search_path) or _fault_of_cron(), todo)


def _fault_of_table(path: str, text: str) -> tuple[str, str]:
    """Return why cron ignores a table, and what to do; nothing if it does not."""
    if path.startswith("/etc/cron.d/") and not CRON_D_NAME.fullmatch(os.path.basename(path)):
        return (
            "Debian's cron ignores a file whose name has other characters than letters, digits, _ and -",
            "Rename it.",
        )
    status = os.stat(path)
    if status.st_uid or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "cron ignores it, as others than root may change it", f"Run chown root {path}; chmod 644 {path}."
    if not text.endswith("\n"):
        return "cron ignores it, as its last line has no newline", "Add one."
    return "", ""


def _missing_program(command: str, path: str) -> str:
    program = REPLAY.search(command)
    if program and not shutil.which(program[1].lstrip("@-:+!|"), path=path):
        return f"there is no program {program[1]}" + ("" if "/" in program[1] else f" in {path}")
    return ""


def _fault_of_cron() -> str:
    if os.path.isdir(SYSTEMD_RUNS) and _is_cron_there():
        return ""  # its unit says how it is
    running = [_comm(path) for path in glob.glob("/proc/[0-9]*/comm")]
    if not running or any(name in CRON_PROGRAMS for name in running):  # none: a system without this /proc
        return ""
    return "cron does not run" if _is_cron_there() else "cron is not installed"


def _is_cron_there() -> bool:
    return any(shutil.which(name, path=PROGRAM_PATH) for name in CRON_PROGRAMS)


def _comm(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""  # it has ended
