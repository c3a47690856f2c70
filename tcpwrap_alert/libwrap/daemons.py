"""Who on this machine asks libwrap: the inventory that every finding about daemons uses.

Nobody keeps a list, so we look: which programs are linked with libwrap (linked.py), and which names stand in the
configurations of those that ask for others (configured_names.py). A twist takes the place of the process that asks.
Known to have one for each client are sshd, nrpe, vsftpd and what tcpd, inetd and xinetd start; of any other, a twist
may be the end (docs/daemons.md).
"""

from __future__ import annotations

import difflib
import functools
import glob
import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

from .configured_names import named_services, servers_behind_a_wrapper, stunnel_sections
from .linked import is_linked

DIRECTORIES = (
    *("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin", "/usr/libexec", "/usr/libexec/*"),
    *("/lib/nut", "/usr/lib/nut", "/usr/lib/cyrus/bin", "/usr/lib/dovecot", "/usr/lib/sendmail"),
)
# What asks in a daemon's name: from OpenSSH 9.8 on a program of sshd, and modules.
PARTS = {
    "sshd": ("/usr/lib/openssh/sshd-session", "/usr/libexec/sshd-session", "/usr/libexec/openssh/sshd-session"),
    "syslog-ng": ("/usr/lib/syslog-ng/*/libafsocket.so",),
    "proftpd": ("/usr/lib/proftpd/mod_wrap.so", "/usr/libexec/proftpd/mod_wrap.so"),
    "uwsgi": ("/usr/lib/uwsgi/plugins/router_access_plugin.so",),
}
# The names that a program asks by, where they are not its own, nor that without rpc. before it.
ALIASES = {
    "atftpd": ("in.tftpd",),
    "danted": ("danted", "sockd"),
    "imapproxyd": ("imapproxyd", "in.imapproxyd"),
    "in.ntalkd": ("in.ntalkd", "talkd"),
    "in.talkd": ("in.talkd", "talkd"),
    "tcpwrap": ("imap", "pop3", "lmtp", "sieve", "submission", "managesieve"),  # dovecot's
    "pulseaudio": ("pulseaudio-native", "pulseaudio-esound", "pulseaudio-simple", "pulseaudio-cli"),
}
PROCESS_PER_CLIENT = {"sshd", "nrpe", "vsftpd"}
# Linked, but no daemons, or only in the name of others.
TOOLS = {"tcpd", "tcpdchk", "tcpdmatch", "try-from", "inetd", "xinetd", "rlinetd", "stunnel", "stunnel3", "stunnel4"}
TOOLS |= {"lsh", "lshg", "dtop", "diodcat", "diodload", "diodls", "diodmount", "diodshowmount", "dioddate", "rabins"}
TOOLS |= {"slapacl", "slapadd", "slapauth", "slapcat", "slapdn", "slapindex", "slapmodify", "slappasswd", "slapschema"}
TOOLS |= {"slaptest"}
# Their names may stand on any command line.
NAMED_ANYWHERE = {"socat", "sslh", "sslh-select", "sslh-ev", "gensiot"}
CLOSE = 0.8  # difflib's ratio of sshd and sshd2 is 0.89, that of cat and socat 0.75


class Asker(NamedTuple):
    """One who asks libwrap: its name for a rule, program or configuration, and whether each client has a process."""

    name: str
    origin: str
    has_process_per_client: bool


@functools.lru_cache(None)
def askers() -> dict[str, Asker]:
    """Return all who may ask libwrap on this machine, by their names in small letters."""
    found = [Asker(name, "behind a wrapper", True) for name in servers_behind_a_wrapper()]
    found += [Asker(name, "stunnel", False) for name in stunnel_sections()]
    found += [Asker(name, program, False) for name, program in named_services()]
    found += [Asker(name, path, name in PROCESS_PER_CLIENT) for path in _linked_programs() for name in _names_of(path)]
    found += [
        Asker(name, path, name in PROCESS_PER_CLIENT)
        for name, patterns in PARTS.items()
        for pattern in patterns
        for path in glob.glob(pattern)
        if is_linked(path)
    ]
    return {asker.name.lower(): asker for asker in found}


@functools.lru_cache(1024)
def why_never_asked(daemon: str) -> str | None:
    """Return why no rule for this name is ever asked on this machine, maybe nothing to add; None if one may be."""
    known = askers()
    name = daemon.lower()
    if name in known or name.isdigit():  # a port may stand there, too: hosts_access(5)
        return None
    programs = [path for prefix in ("", "rpc.", "in.") for path in _programs_by_name().get(prefix + name, ())]
    if any(is_linked(path) is None for path in programs):
        return None
    if meant := meant_daemon(name):
        return f"did you mean {meant}?"
    if not programs and (near := difflib.get_close_matches(name, known, 1, CLOSE)):
        return f"did you mean {known[near[0]].name}?"
    if any(asker.name in NAMED_ANYWHERE for asker in known.values()):
        return None
    if programs:
        return f"{programs[0]} is not linked with libwrap"
    return ""


def hint_for(daemon: str) -> str:
    """Return which daemon is meant by a name that no program has; nothing if there is a program, or nobody knows.

    That there is a program is found without looking at all of them.
    """
    if shutil.which(daemon, path=os.pathsep.join(DIRECTORIES)):
        return ""
    why = why_never_asked(daemon)
    return why if why and why.startswith("did you mean") else ""


@functools.lru_cache(1024)
def meant_daemon(name: str) -> str:
    """Return who asks by the name of which this is all but the beginning or the end: sshd for ssh; or nothing."""
    known = askers()
    if name in known or len(name) < 3:
        return ""
    longer = (other for other in known if other.endswith(f"{name}d"))
    near = next((other for other in (name.removeprefix("rpc."), f"in.{name}", *longer) if other in known), "")
    return known[near].name if near else ""


def _names_of(path: str) -> Iterator[str]:
    program = os.path.basename(path)
    yield from ALIASES.get(program, (program.removeprefix("rpc."),))  # rpc.mountd calls itself mountd


def _linked_programs() -> Iterator[str]:
    for path in _programs():
        if os.path.basename(path) not in TOOLS and is_linked(path):
            yield path


@functools.lru_cache(None)
def _programs_by_name() -> dict[str, list[str]]:
    programs: dict[str, list[str]] = {}
    for path in _programs():
        programs.setdefault(os.path.basename(path).lower(), []).append(path)
    return programs


@functools.lru_cache(None)
def _programs() -> tuple[str, ...]:
    """Return the programs of this machine, each once."""
    found: dict[tuple[int, int, str], str] = {}
    for directory in (directory for pattern in DIRECTORIES for directory in sorted(glob.glob(pattern))):
        try:
            entries = list(os.scandir(directory))
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_file():
                    status = entry.stat()
                    found.setdefault((status.st_dev, status.st_ino, entry.name), entry.path)
            except OSError:
                continue
    return tuple(found.values())
