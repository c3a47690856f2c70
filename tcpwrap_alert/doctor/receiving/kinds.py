"""Which kind a file is, by its content, where such files are, and what is to be said of all of them."""

from __future__ import annotations

import errno
import glob
import os
from typing import TYPE_CHECKING

from ..finding import FAIL, OK, WARN, Finding
from . import icinga2_conf, nrpe_cfg, nsca_cfg
from .files import COMMENTED, SettingsFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Examine = Callable[[str, str], Iterator[Finding]]

SUBJECT = "server"
MAX_BYTES = 4_000_000
KINDS = "nsca.cfg, nrpe.cfg, how nrpe is started, or a file of Icinga 2"
PLACES = (
    *("/etc/nsca.cfg", "/etc/nagios/nsca.cfg", "/etc/nagios4/nsca.cfg", "/etc/icinga/nsca.cfg"),
    *("/usr/local/nagios/etc/nsca.cfg", "/usr/local/icinga/etc/nsca.cfg", "/usr/local/etc/nagios/nsca.cfg"),
    *("/etc/nagios/nrpe.cfg", "/usr/local/nagios/etc/nrpe.cfg", "/usr/local/etc/nrpe.cfg"),
    *("/etc/default/nagios-nrpe-server", "/etc/sysconfig/nrpe", "/etc/systemd/system/*nrpe*.service"),
    *("/etc/systemd/system/*nrpe*.service.d/*.conf", "/lib/systemd/system/*nrpe*.service"),
    *("/etc/icinga2/icinga2.conf", "/etc/icinga2/features-enabled/*.conf", "/usr/local/etc/icinga2/**/*.conf"),
    *("/etc/icinga2/conf.d/**/*.conf", "/etc/icinga2/zones.d/**/*.conf"),
)


def examine_server(paths: Sequence[str]) -> Iterator[Finding]:
    """Yield what is to be changed in these files, or in those that are where they usually are."""
    if paths:
        seen: set[str] = set()
        for path in paths:
            yield from _examine(path, seen, is_named=True)
        return
    found = False
    for finding in _examine_usual():
        found = True
        yield finding
    if not found:
        where = "/etc, /usr/local/nagios/etc and /usr/local/etc"
        yield Finding(SUBJECT, OK, f"nothing found: no nsca, nrpe or API of Icinga 2 in {where}; name a FILE")


def _examine_usual() -> Iterator[Finding]:
    seen: set[str] = set()
    for pattern in PLACES:
        for path in sorted(glob.glob(pattern, recursive=True)):
            yield from _examine(path, seen, is_named=False)


def _examine(path: str, seen: set[str], is_named: bool) -> Iterator[Finding]:
    """Yield what is to be changed in a file, and in those that a file of Icinga 2 includes, each once."""
    if os.path.realpath(path) in seen:
        return
    seen.add(os.path.realpath(path))
    try:
        text = _read(path)
        examine = _kind_of(path, text)
        findings = list(examine(path, text)) if examine else []
    except OSError as error:
        todo = "run it as root" if error.errno == errno.EACCES else "name another FILE"
        yield Finding(path, FAIL, f"cannot be read: {error.strerror}", todo)
        return
    yield from findings
    if examine is None and is_named:
        yield Finding(path, WARN, f"is none of {KINDS}", "name one of these")
    elif examine and not findings and (is_named or _is_telling(examine, text)):
        yield Finding(path, OK, "nothing to change")
    if examine is icinga2_conf.examine:
        for included in icinga2_conf.includes(path, text):
            yield from _examine(included, seen, is_named=False)


def _kind_of(path: str, text: str) -> Examine | None:
    """Return what examines a file like this; a key that is commented out counts, too."""
    if icinga2_conf.IS_ICINGA2.search(text):
        return icinga2_conf.examine
    if nrpe_cfg.IS_START.search(text):
        return nrpe_cfg.examine_start
    keys = {setting.key for setting in SettingsFile(path, text).settings}
    for found in (keys, {match[1] for match in map(COMMENTED.match, text.splitlines()) if match}):
        of_nsca, of_nrpe = len(found & nsca_cfg.KEYS), len(found & nrpe_cfg.KEYS)
        if of_nsca or of_nrpe:
            return nsca_cfg.examine if of_nsca > of_nrpe else nrpe_cfg.examine
    return None


def _is_telling(examine: Examine, text: str) -> bool:
    """Say whether it is worth a line that a file is all right: not of each file that only Icinga 2 wants."""
    if examine is icinga2_conf.examine:
        return bool(icinga2_conf.read_objects(text))
    return examine is not nrpe_cfg.examine_start


def _read(path: str) -> str:
    """Return the text of a file; a pipe or a device, which could hold us for ever, is an OSError."""
    if not os.path.isfile(path):
        os.stat(path)  # says why
        raise OSError(0, "not a regular file")
    with open(path, "rb") as file:
        return file.read(MAX_BYTES).decode(errors="replace")
