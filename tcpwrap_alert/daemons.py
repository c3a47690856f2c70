"""Which daemons of this machine ask libwrap, and which of them stay in memory.

A rule names a daemon as it names itself to libwrap: its program's name, behind tcpd or xinetd the name of the server
that they start, and in stunnel the name of the section. Nobody keeps a list, so we look: at the program's file for the
library's name, and into the configurations of inetd, xinetd and stunnel for the word.
"""

from __future__ import annotations

import functools
import glob
import os
import re

DIRECTORIES = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin", "/usr/libexec")
PREFIXES = ("", "rpc.", "in.")  # rpc.mountd calls itself mountd
# From OpenSSH 9.8 on this program of sshd asks, in its name.
PARTS = {"sshd": ("/usr/lib/openssh/sshd-session", "/usr/libexec/sshd-session", "/usr/libexec/openssh/sshd-session")}
LIBRARY = b"libwrap.so"

INETD = ("/etc/inetd.conf", "/etc/inetd.d/*", "/etc/xinetd.conf", "/etc/xinetd.d/*")
STUNNEL = "/etc/stunnel/*.conf"

# They ask in the process that serves all clients: a twist is the end of it.
RESIDENT = ("rpcbind", "portmap", "mountd", "statd", "slapd", "snmptrapd", "mosquitto")


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
    return [path for path in (*paths, *PARTS.get(daemon.lower(), ())) if os.path.isfile(path)]


def _is_linked(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return LIBRARY in file.read()
    except OSError:
        return True  # unknown, so nothing to warn of


def _texts(pattern: str) -> list[str]:
    texts = []
    for path in glob.glob(pattern):
        try:
            with open(path, errors="replace") as file:
                texts.append(file.read())
        except OSError:
            continue
    return texts
