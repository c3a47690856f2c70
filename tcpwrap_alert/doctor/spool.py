"""The spool: its owner and modes, who can add to it, room on its disk, what waits in it and who forwards."""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING

from ..forwarding.health import CRITICAL, examine
from ..forwarding.health import OK as HEALTHY
from ..spool.access import check_guarded
from ..spool.files import try_flock
from ..spool.leader import STARTING_GRACE_S
from ..spool.spool import Spool
from .daemon_users import users_of_daemons
from .finding import FAIL, OK, WARN, Finding
from .permissions import ENTER, WRITE, Person, may, may_reach, owner_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.read import Config

SUBJECT = "spool"
MIN_FREE_BYTES = 10 << 20
MIN_FREE_FILES = 1000
MIN_FREE_SHARE = 0.02


def examine_spools(config: Config) -> Iterator[Finding]:
    """Look at each spool from outside. Raises OSError, SpoolError."""
    for number, path in enumerate(config.spool_dirs):
        if os.path.isdir(path):
            yield from _examine_spool(Spool(path))
        elif not number:
            what = f"{path}: there is no such directory; the first denial makes one that belongs to root"
            yield Finding(SUBJECT, WARN, what, "Run: tcpwrap-alert setup")


def examine_waiting(config: Config) -> Iterator[Finding]:
    """Say what waits, and for how long; become the owner of the spool for that (P10)."""
    if os.path.isdir(Spool(config.spool_dirs[0]).new):
        health = examine(config)
        is_well = health.state == HEALTHY and not health.has_failed
        state = OK if is_well else FAIL if health.state == CRITICAL else WARN
        yield Finding(SUBJECT, state, health.text, "" if state == OK else "Type 'tcpwrap-alert queue'.")


def _examine_spool(spool: Spool) -> Iterator[Finding]:
    try:
        status, new = os.stat(spool.path), os.stat(spool.new)
    except PermissionError:
        yield Finding(SUBJECT, WARN, f"{spool.path}: you may not look into it", "Run this as root, or as its owner.")
        return
    except FileNotFoundError:
        yield Finding(SUBJECT, OK, f"{spool.path}: nothing was denied yet; the first denial makes {spool.new}")
        return
    found = [*_faults_of_owners(spool, status, new), *_faults_of_room(spool.new)]
    yield from found
    if not any(finding.state == FAIL for finding in found):
        owner = owner_name(status.st_uid)
        yield Finding(SUBJECT, OK, f"{spool.path}: of {owner}, modes {_mode(status)} and {_mode(new)}")
    for daemon, who in users_of_daemons():
        yield _of_user(spool, daemon, who)
    yield from _stale_leader(spool)
    if count := spool.corrupt.count():
        what = f"{spool.corrupt.path}: {count} unreadable queue files; syslog says why"
        yield Finding(SUBJECT, WARN, what, "Look at them, and remove them at will.")


def _mode(status: os.stat_result) -> str:
    return f"{stat.S_IMODE(status.st_mode):o}"


def _faults_of_owners(spool: Spool, status: os.stat_result, new: os.stat_result) -> Iterator[Finding]:
    check_guarded(spool.path, spool.new, spool.corrupt.path)
    if new.st_uid != status.st_uid:
        what = f"{spool.new}: of {owner_name(new.st_uid)}, but the spool is of {owner_name(status.st_uid)}"
        yield Finding(
            SUBJECT, FAIL, f"{what}, who cannot send from it", f"Run chown --reference={spool.path} {spool.new}."
        )
    elif not status.st_uid:
        what = f"{spool.path}: of root, so alerts are sent as root"
        yield Finding(SUBJECT, WARN, what, f"Give it to a user of its own: chown -R tcpwrap-alert: {spool.path}.")
    if new.st_mode & stat.S_IWGRP and not new.st_mode & stat.S_ISVTX:
        what = f"{spool.new}: who may add an alert may also remove those of others"
        yield Finding(SUBJECT, WARN, what, f"Run chmod +t {spool.new}.")


def _faults_of_room(path: str) -> Iterator[Finding]:
    disk = os.statvfs(path)
    free = disk.f_bavail * disk.f_frsize
    if disk.f_flag & os.ST_RDONLY:
        yield Finding(
            SUBJECT, FAIL, f"{path}: the file system is mounted read-only", "Mount it so that it can be written."
        )
    if free < max(MIN_FREE_BYTES, MIN_FREE_SHARE * disk.f_blocks * disk.f_frsize):
        state = WARN if free > disk.f_frsize else FAIL
        yield Finding(SUBJECT, state, f"{path}: {free >> 10} KiB are free on its disk", "Make room, or move the spool.")
    if disk.f_files and disk.f_favail < MIN_FREE_FILES:
        state = WARN if disk.f_favail else FAIL
        what = f"{path}: {disk.f_favail} more files fit onto its disk (inodes)"
        yield Finding(SUBJECT, state, what, "Remove files, or move the spool.")


def _of_user(spool: Spool, daemon: str, who: Person) -> Finding:
    can_add = may_reach(who, spool.new) and may(who, spool.new, WRITE | ENTER)
    if can_add:
        return Finding(SUBJECT, OK, f"{spool.path}: {who.name}, the user of {daemon}, can add alerts")
    what = f"{spool.path}: {who.name}, the user of {daemon}, cannot add to it, so its alerts are lost"
    allow = f"setfacl -m u:{who.name}:x {spool.path}; setfacl -m u:{who.name}:wx {spool.new}"
    return Finding(SUBJECT, FAIL, what, f"Type: {allow}")


def _stale_leader(spool: Spool) -> Iterator[Finding]:
    path = os.path.join(spool.path, "leader")
    try:
        age_s = abs(time.time() - os.lstat(path).st_mtime)
        fd = os.open(spool.new, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        # Not sooner: whoever starts to lead wants this lock himself.
        is_stale = age_s > STARTING_GRACE_S and try_flock(fd)
    finally:
        os.close(fd)
    if is_stale:
        what = f"{path}: left by a forwarder that was killed {age_s:.0f} s ago, so new alerts wait"
        yield Finding(SUBJECT, WARN, what, "Type 'tcpwrap-alert replay'; if cron or the timer ran, it would be gone.")
