"""nsca.cfg: who may send results, who may read them on the way, and whether they come to the monitor.

Source: nsca 2.10.2, src/nsca.c (read_config_file, drop_privileges, write_checkresult_file), and runs of it.
"""

from __future__ import annotations

import grp
import os
import stat
from typing import TYPE_CHECKING

from ...nsca.cipher import METHODS
from ..finding import FAIL, WARN, Finding
from ..permissions import ENTER, WRITE, may, may_reach, owner_name, person
from .files import SettingsFile, faults_of_modes

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = {"decryption_method", "nsca_user", "max_packet_age", "aggregate_writes", "alternate_dump_file", "nsca_chroot"}
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - looked for, not listened on
MIN_PASSWORD_BYTES = 16
ON_EACH_HOST = "the same in send_nsca.cfg on each host"
CLEAR, XOR, AES = 0, 1, 14
MAX_PACKET_AGE_S = 900
DEFAULT_PACKET_AGE_S = 30
COMMAND_FILES = (
    "/var/lib/nagios4/rw/nagios.cmd",
    "/run/icinga2/cmd/icinga2.cmd",
    "/var/lib/naemon/naemon.cmd",
    "/usr/local/nagios/var/rw/nagios.cmd",
    "/var/spool/nagios/cmd/nagios.cmd",
)


def examine(path: str, content: str) -> Iterator[Finding]:
    """Yield what is to be changed in an nsca.cfg."""
    file = SettingsFile(path, content)
    yield from faults_of_modes(path, "the password" if file.get("password") else "", "nagios")
    if file.get("server_address") in EVERYWHERE:
        text = "nsca listens on every address; it has no list of hosts, so let only yours reach its port"
        yield file.finding("server_address", text, "server_address=192.0.2.10", "the address that your hosts know")
    yield from _secrecy(file)
    yield from _age(file)
    yield from _user(file)
    yield from _delivery(file)


def _secrecy(file: SettingsFile) -> Iterator[Finding]:
    method = _number(file.get("decryption_method"), XOR)
    if method in (CLEAR, XOR):
        how = "encrypts nothing" if method == CLEAR else "is XOR, and hides nothing"
        text = f"method {method} {how}: everybody who listens can read results and send others"
        yield file.finding("decryption_method", text, f"decryption_method={AES}", ON_EACH_HOST)
    elif method not in METHODS:
        text = f"method {method} does not exist: nsca does not start"
        yield file.finding("decryption_method", text, f"decryption_method={AES}", ON_EACH_HOST, FAIL)
    password = file.get("password")
    if len(password.encode()) < MIN_PASSWORD_BYTES:
        has = f"a password of {len(password.encode())} bytes can be guessed" if password else "there is no password"
        text = f"{has}: who guesses it can send results for every host"
        yield file.finding("password", text, "password=…", f"what `openssl rand -hex 16` prints; {ON_EACH_HOST}")


def _age(file: SettingsFile) -> Iterator[Finding]:
    age_s = _number(file.get("max_packet_age"), DEFAULT_PACKET_AGE_S)
    line = f"max_packet_age={DEFAULT_PACKET_AGE_S}"
    if age_s > MAX_PACKET_AGE_S:
        yield file.finding("max_packet_age", f"nsca starts with {MAX_PACKET_AGE_S} s at most", line, state=FAIL)
    elif age_s <= 0:
        yield file.finding("max_packet_age", "who has recorded a packet may send it again at any time", line)
    elif age_s < DEFAULT_PACKET_AGE_S:
        text = "servers up to 2.9 throw away what comes late over a connection that is kept, which lasts up to 20 s"
        yield file.finding("max_packet_age", text, line)


def _user(file: SettingsFile) -> Iterator[Finding]:
    user = file.get("nsca_user")
    line = "nsca_user=nagios"
    if not user:
        yield file.finding("nsca_user", "nsca keeps the rights of whoever starts it, which may be root", line)
    elif user in ("root", "0"):
        yield file.finding("nsca_user", "nsca runs as root", line)
    elif not user.isdigit() and person(user) is None:
        yield file.finding("nsca_user", f"there is no user {user}: nsca does not start", line, state=FAIL)
    group = file.get("nsca_group")
    if group and not group.isdigit() and not _is_group(group):
        yield file.finding(
            "nsca_group", f"there is no group {group}: nsca does not start", "nsca_group=nagios", state=FAIL
        )


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _delivery(file: SettingsFile) -> Iterator[Finding]:
    if folder := file.get("check_result_path"):
        yield from _folder(file, folder)
        return
    if _number(file.get("aggregate_writes"), 0) <= 0:
        text = "results that come while the monitor restarts can be accepted and thrown away"
        yield file.finding("aggregate_writes", text, "aggregate_writes=1")
    yield from _command_file(file)


def _folder(file: SettingsFile, folder: str) -> Iterator[Finding]:
    who = person(file.get("nsca_user"))
    if not os.path.isdir(folder):
        todo = f"run: install -d -o nagios -g nagios -m 2750 {folder}"
        yield Finding(file.place("check_result_path"), FAIL, f"there is no directory {folder}: results are lost", todo)
    elif who and not (may_reach(who, folder) and may(who, folder, WRITE | ENTER)):
        text = f"{who.name} may not write to {folder}: results are lost"
        yield file.finding("nsca_user", text, f"nsca_user={owner_name(os.stat(folder).st_uid)}", state=FAIL)


def _command_file(file: SettingsFile) -> Iterator[Finding]:
    given = file.get("command_file")
    path = file.get("nsca_chroot") + given
    place = file.place("command_file")
    if not given:
        yield file.finding("command_file", "no command file is named", *_line_of_command_file(), FAIL)
        return
    try:
        status = os.stat(path)
    except OSError as error:
        text = f"{path}: {error.strerror}: nsca accepts results, and the monitor does not get them"
        yield file.finding("command_file", text, *_line_of_command_file(), FAIL)
        return
    if not stat.S_ISFIFO(status.st_mode):
        todo = f"run: rm {path}, and restart the monitor"
        yield Finding(place, FAIL, f"{path} is no pipe: the monitor gets nothing of what nsca accepts", todo)
        return
    if status.st_mode & stat.S_IWOTH:
        yield Finding(place, WARN, f"everybody may give the monitor commands by {path}", f"run: chmod o-w {path}")
    who = person(file.get("nsca_user"))
    if who and not (may_reach(who, path) and may(who, path, WRITE)):
        text = f"{who.name} may not write to {path}: the monitor gets nothing of what nsca accepts"
        yield file.finding("nsca_user", text, f"nsca_user={owner_name(status.st_uid)}", state=FAIL)


def _line_of_command_file() -> tuple[str, str]:
    """Return the line for the pipe that is here, and what to know about it."""
    found = [path for path in COMMAND_FILES if os.path.exists(path)]
    return (f"command_file={found[0]}", "") if found else ("command_file=…", "the pipe is there while the monitor runs")


def _number(text: str, default: int) -> int:
    """Return what C's atoi makes of a value: 0 of a word."""
    if not text:
        return default
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    return int(digits or 0)
