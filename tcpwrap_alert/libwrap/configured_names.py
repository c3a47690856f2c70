"""Names by which daemons ask libwrap that stand in configuration files: of inetd, xinetd, stunnel, socat and others.

A rule names a daemon as it names itself. Most use their program's name. Behind tcpd, inetd and xinetd it is the name
of the server that they start; in stunnel, cyrus and bacula it stands in the configuration; socat has an option for it.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator

INETD = ("/etc/inetd.conf", "/etc/inetd.d/*")
XINETD = ("/etc/xinetd.conf", "/etc/xinetd.d/*", "/etc/rlinetd.conf", "/etc/rlinetd.d/*")
STUNNEL = ("/etc/stunnel/*.conf",)
STARTERS = (
    *(f"/{place}/systemd/system/*.service" for place in ("etc", "lib", "usr/lib", "run")),
    "/etc/default/*",
    "/etc/init.d/*",
    "/etc/cron*/*",
    "/etc/crontab",
    "/etc/rc.local",
)
# The program that asks, the files that name its services, and what a name is preceded by.
NAMED_SERVICES = (
    ("socat", STARTERS, r"tcpwrap(?:per)?s?=([\w.-]+)"),
    ("gensiot", STARTERS, r"tcpdname=([\w.-]+)"),
    ("sslh", ("/etc/sslh.cfg", "/etc/sslh/*.cfg"), r'\bservice\s*[:=]\s*"([^"]+)"'),
    ("bacula", ("/etc/bacula/*.conf", "/etc/bacula/*/*.conf"), r'(?i)^\s*Name\s*=\s*"?([^"\s]+)'),
    ("cyrus", ("/etc/cyrus.conf", "/etc/imapd/cyrus.conf"), r"^\s*([\w.-]+)\s+cmd\s*="),
    ("proftpd", ("/etc/proftpd/*.conf", "/etc/proftpd/*/*.conf", "/etc/proftpd.conf"), r"^\s*TCPServiceName\s+(\S+)"),
)


def servers_behind_a_wrapper() -> set[str]:
    """Return the servers that inetd, xinetd or a unit's tcpd start: a process for each client."""
    names: set[str] = set()
    for line in lines_of(INETD):
        words = line.split()
        names.update(os.path.basename(word) for word in words[5:7] if words[5] != "internal")
    for line in lines_of(XINETD):
        if found := re.match(r"\s*(?:service|server|server_args|exec|name)\s*[=\s]\s*\"?([^\s\";]+)", line):
            names.add(os.path.basename(found[1]))
    for line in lines_of(STARTERS):
        if found := re.search(r"/tcpd\s+(\S+)", line):
            names.add(os.path.basename(found[1]))
    return names - {"tcpd"}


def stunnel_sections() -> set[str]:
    """Return the sections, and the services for inetd, of stunnel's configurations that use libwrap."""
    texts = [text for text in _texts(STUNNEL) if re.search(r"^\s*libwrap\s*=\s*yes\b", text, re.M | re.I)]
    return {name for text in texts for name in re.findall(r"^\s*(?:\[|service\s*=\s*)([^]\s]+)", text, re.M)}


def named_services() -> Iterator[tuple[str, str]]:
    """Yield each name that a configuration gives, and the program that asks by it."""
    for program, patterns, name in NAMED_SERVICES:
        for text in _texts(patterns):
            yield from ((found, program) for found in re.findall(name, text, re.M))


def lines_of(patterns: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of all files of these patterns, without comments."""
    for text in _texts(patterns):
        yield from (line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _texts(patterns: tuple[str, ...]) -> Iterator[str]:
    for path in (path for pattern in patterns for path in glob.glob(pattern)):
        try:
            with open(path, errors="replace") as file:
                yield file.read()
        except OSError:
            continue
