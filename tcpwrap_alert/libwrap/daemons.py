"""Which daemons of this machine ask libwrap, and which of them stay in memory.

A rule names a daemon as it names itself to libwrap: its program's name, behind tcpd or xinetd the name of the server
that they start, and in stunnel the name of the section. Nobody keeps a list, so we look: at the program's file and, by
ldd, at its libraries for the name of libwrap, and into the configurations of inetd, xinetd and stunnel for the word.
What ldd cannot read, such as a script, may ask; then there is nothing to warn of.
"""

from __future__ import annotations

import functools
import glob
import os
import re
import subprocess

DIRECTORIES = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin", "/usr/libexec")
PREFIXES = ("", "rpc.", "in.")  # rpc.mountd calls itself mountd
# What asks in a daemon's name: from OpenSSH 9.8 on a program of sshd, a module, or the daemon in a place of its own.
PARTS = {
    "sshd": ("/usr/lib/openssh/sshd-session", "/usr/libexec/sshd-session", "/usr/libexec/openssh/sshd-session"),
    "syslog-ng": ("/usr/lib/syslog-ng/*/libafsocket.so",),
    "upsd": ("/lib/nut/upsd",),
}
LIBRARY = b"libwrap.so"

INETD = ("/etc/inetd.conf", "/etc/inetd.d/*", "/etc/xinetd.conf", "/etc/xinetd.d/*")
STUNNEL = "/etc/stunnel/*.conf"

# They ask in the process that serves all clients: a twist is the end of it.
RESIDENT = ("rpcbind", "portmap", "mountd", "statd", "rquotad", "slapd", "snmpd", "snmptrapd", "mosquitto", "upsd")


@functools.lru_cache(None)
def why_never_asked(daemon: str) -> str:
    """Return why no rule for a daemon of this name is ever asked on this machine; nothing if one may be."""
    if daemon in stunnel_services() or _is_inetd_service(daemon):
        return ""
    programs = _programs(daemon)
    if not programs:
        return f"no program, no service of inetd or xinetd and none of stunnel is called {daemon}"
    return "" if any(map(_is_linked, programs)) else f"{programs[0]} is not linked with libwrap"


@functools.lru_cache(None)
def resident_daemons() -> tuple[str, ...]:
    """Return the daemons of this machine that ask libwrap and stay in memory."""
    return (*(name for name in RESIDENT if any(map(_is_linked, _programs(name)))), *stunnel_services())


def stunnel_services() -> list[str]:
    """Return the sections of stunnel's configurations that use libwrap."""
    texts = [text for text in _texts(STUNNEL) if re.search(r"^\s*libwrap\s*=\s*yes\b", text, re.M | re.I)]
    return [name for text in texts for name in re.findall(r"^\s*\[([^]]+)\]", text, re.M)]


def _is_inetd_service(daemon: str) -> bool:
    word = re.compile(rf"(^|[\s/=]){re.escape(daemon)}(\s|$)", re.M | re.I)
    lines = [line for pattern in INETD for text in _texts(pattern) for line in text.splitlines() if line[:1] != "#"]
    return any(word.search(line) for line in lines)


def _programs(daemon: str) -> list[str]:
    names = [prefix + name for name in dict.fromkeys((daemon, daemon.lower())) for prefix in PREFIXES]
    paths = [f"{directory}/{name}" for name in names for directory in DIRECTORIES]
    parts = [path for pattern in PARTS.get(daemon.lower(), ()) for path in glob.glob(pattern)]
    return [path for path in (*paths, *parts) if os.path.isfile(path)]


def _is_linked(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            if LIBRARY in file.read():
                return True
        done = subprocess.run(["/usr/bin/ldd", path], capture_output=True, check=False)
    except OSError:
        return True
    return done.returncode != 0 or LIBRARY in done.stdout


def _texts(pattern: str) -> list[str]:
    texts = []
    for path in glob.glob(pattern):
        try:
            with open(path, errors="replace") as file:
                texts.append(file.read())
        except OSError:
            continue
    return texts
