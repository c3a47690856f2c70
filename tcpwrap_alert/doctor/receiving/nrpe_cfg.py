"""nrpe.cfg, and how nrpe is started: who may ask, what a client may say, and whether all of it is encrypted.

Source: nrpe 4.1.0, nrpe.c (read_config_file, process_arguments).
"""

from __future__ import annotations

import glob
import ipaddress
import os
import re
from typing import TYPE_CHECKING

from ...libwrap.client_patterns import parse_client
from ...libwrap.findings import Findings
from ...libwrap.hosts_access import read_rules
from ...libwrap.letting_in import ask
from ..finding import WARN, Finding
from .files import SettingsFile, faults_of_modes, write

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = {"dont_blame_nrpe", "allowed_hosts", "nrpe_user", "allow_bash_command_substitution", "ssl_version"}
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - looked for, not listened on
SWITCHES = {
    "dont_blame_nrpe": "clients may choose the arguments of your commands",
    "allow_bash_command_substitution": "an argument may run commands of the client's",
}
MAX_INCLUDES = 200
OPTION_N = re.compile(r"(?<=[\s\"'])(?:-n|--no-ssl)(?=[\s\"']|$) ?")
IS_START = re.compile(r"^\s*#?\s*(?:NRPE_OPTS=|ExecStart=\S*/nrpe\b)", re.MULTILINE)
START = re.compile(r"^\s*(?:NRPE_OPTS=|ExecStart=\S*/nrpe\b)(.*)$", re.MULTILINE)
HOSTS_ALLOW, HOSTS_DENY = "/etc/hosts.allow", "/etc/hosts.deny"
STRANGERS = ("203.0.113.", "[2001:db8::]/32")  # no rule of anybody is about them: RFC 5737, RFC 3849


def examine(path: str, content: str) -> Iterator[Finding]:
    """Yield what is to be changed in an nrpe.cfg and in what it includes."""
    file = SettingsFile(path, content)
    _take_in_includes(file)
    yield from faults_of_modes(path, "", "")
    if file.get("server_address") in EVERYWHERE:
        remark = "the address that your monitor knows"
        yield file.finding("server_address", "nrpe listens on every address", "server_address=192.0.2.20", remark)
    yield from _who_may_ask(file)
    for key, text in SWITCHES.items():
        if file.get(key) not in ("", "0"):
            yield file.finding(key, text, f"{key}=0")
    if file.get("nrpe_user", "nagios") in ("root", "0"):
        yield file.finding("nrpe_user", "nrpe runs as root, and so do its commands", "nrpe_user=nagios")
    if re.match(r"SSLv[23]|TLSv1\+?$|TLSv1\.1", file.get("ssl_version")):
        yield file.finding("ssl_version", "old versions of TLS can be broken", "ssl_version=TLSv1.2+")


def examine_start(path: str, text: str) -> Iterator[Finding]:
    """Yield what is to be changed in a file that says how nrpe is started: its option -n takes TLS away."""
    for match in START.finditer(text):
        words = re.split(r"[\s\"']+", match[1])
        if any(re.fullmatch(r"-[46dfis]*n[46dfis]*|--no-ssl", word) for word in words):
            lineno = text.count("\n", 0, match.start(1)) + 1
            line = OPTION_N.sub("", match[0]).strip()
            what = "nrpe's option -n takes TLS away: everybody who listens can read what is asked and answered"
            yield Finding(f"{path}:{lineno}", WARN, what, write(line, "and no -n at check_nrpe"))


def _take_in_includes(file: SettingsFile) -> None:
    """Read what nrpe.cfg includes, and what that includes."""
    seen: set[str] = {file.path}
    for setting in file.settings:  # grows meanwhile
        if setting.key in ("include", "include_file"):
            paths = [setting.value]
        elif setting.key == "include_dir":
            paths = sorted(glob.glob(f"{glob.escape(setting.value)}/**/*.cfg", recursive=True))
        else:
            continue
        for path in paths:
            if path not in seen and len(seen) < MAX_INCLUDES and os.path.isfile(path):
                seen.add(path)
                try:
                    with open(path, encoding="utf-8", errors="replace") as included:
                        file.add(path, included.read())
                except OSError:
                    pass  # of a user who may not read all of it


def _who_may_ask(file: SettingsFile) -> Iterator[Finding]:
    """Each line adds clients; without any everybody may ask, if TCP wrappers let him."""
    lines = file.all("allowed_hosts")
    wide = [setting for setting in lines if any(map(_is_wide, setting.value.split(",")))]
    if lines and not wide:
        return
    if _is_denied_by_rules():
        return
    where = wide[0].place if wide else file.place("allowed_hosts")
    text = "everybody may ask nrpe, and hosts.deny does not surely deny strangers"
    line, remark = "allowed_hosts=127.0.0.1,::1,192.0.2.10", "the addresses of your monitor"
    yield Finding(where, WARN, text, write(line, remark))


def _is_wide(client: str) -> bool:
    """Say whether this is about half of all addresses, or more."""
    try:
        return ipaddress.ip_network(client.strip(), strict=False).prefixlen <= 1
    except ValueError:
        return False


def _is_denied_by_rules() -> bool:
    """Say whether TCP wrappers deny nrpe's strangers for certain."""
    try:
        rules = [*read_rules(HOSTS_ALLOW, True, Findings()), *read_rules(HOSTS_DENY, False, Findings())]
    except OSError:
        return False
    clients = [parse_client(name) for name in STRANGERS]
    return all(not isinstance(one, str) and ask(rules, "nrpe", one).is_let_in is False for one in clients)
