"""Whether the hook could write the spool, and its forwarder reach the monitor, from a daemon's unit of systemd.

The hook is a child of the daemon, and so lives under what the unit forbids. What is about paths goes by the deepest one
(systemd.exec(5), "Sandboxing").
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ..libwrap.configured_names import lines_of
from .daemon_users import guarded_units
from .finding import FAIL, OK, WARN, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.read import Config
    from .units import Unit

SUBJECT = "units"
WRITABLE, READ_ONLY, GONE = range(3)
SYSTEM = {"strict": ("/",), "full": ("/usr", "/boot", "/efi", "/etc")}
HOME = ("/home", "/root", "/run/user")
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - what PrivateTmp is about
PATH_KEYS = {
    WRITABLE: ("ReadWritePaths", "ReadWriteDirectories", "BindPaths"),
    READ_ONLY: ("ReadOnlyPaths", "ReadOnlyDirectories", "BindReadOnlyPaths"),
    GONE: ("InaccessiblePaths", "InaccessibleDirectories", "TemporaryFileSystem"),
}
WRITING = "CAP_DAC_OVERRIDE"  # which lets root write where others are the owners
RULES = ("/etc/hosts.allow", "/etc/hosts.deny")
SUDO = re.compile(r"\bsudo\b.*\bhandle_tcp_wrapper\b")
CHANGING_USER = ("CAP_SETUID", "CAP_SETGID")


def examine_units(config: Config) -> Iterator[Finding]:
    """Look at the units of the daemons that use libwrap."""
    good = []
    spool = os.path.realpath(config.spool_dirs[0])
    for unit in guarded_units():
        found = list(_examine(unit, spool))
        yield from found
        if not found:
            good.append(unit.name)
    if good:
        yield Finding(SUBJECT, OK, f"the hook can write the spool from {', '.join(good)}")


def _examine(unit: Unit, spool: str) -> Iterator[Finding]:
    edit = f"Type 'systemctl edit {unit.name}', and write [Service] and"
    if cause := _why_not_writable(unit, spool):
        what = f"{unit.name}: its hook cannot write {spool} ({cause}), so its alerts are lost"
        yield Finding(SUBJECT, FAIL, what, f"{edit} ReadWritePaths={spool}; then restart it.")
    is_root = unit.last("User") in ("", "root", "0") and not unit.is_on("DynamicUser")
    if is_root and not _has(unit, "CapabilityBoundingSet", WRITING):
        what = f"{unit.name}: root may not write others' files there, so its hook cannot write {spool}"
        yield Finding(SUBJECT, FAIL, what, f"{edit} CapabilityBoundingSet={WRITING}; then restart it.")
    if unit.is_on("NoNewPrivileges") and any(map(SUDO.search, lines_of(RULES))):
        what = f"{unit.name}: NoNewPrivileges=yes keeps sudo from working, so the rule's hook does not run there"
        yield Finding(SUBJECT, FAIL, what, "Call the hook without sudo; see docs/daemons.md.")
    elif cause := _why_forwarder_fails(unit, is_root):
        what = (
            f"{unit.name}: a forwarder that its hook starts cannot send ({cause}); its alerts wait for the next replay"
        )
        yield Finding(SUBJECT, WARN, what, "Nothing is lost; let tcpwrap-alert-forward.path send them at once.")


def _why_not_writable(unit: Unit, spool: str) -> str:
    """Return the setting that keeps the spool from being written; empty if none does."""
    for key in ("RootDirectory", "RootImage"):
        if unit.last(key) not in ("", "/"):
            return f"{key}={unit.last(key)}"
    found = [(len(path), state, why) for path, state, why in _places(unit) if _is_in(spool, path)]
    _, state, why = max(found, default=(0, WRITABLE, ""))
    return why if state != WRITABLE else ""


def _places(unit: Unit) -> Iterator[tuple[str, int, str]]:
    """Yield each path that the unit treats in its own way, how, and the setting that says so."""
    is_dynamic = unit.is_on("DynamicUser")
    system = unit.last("ProtectSystem").lower() or ("strict" if is_dynamic else "")
    paths = SYSTEM.get(system, ("/usr", "/boot", "/efi") if unit.is_on("ProtectSystem") else ())
    yield from ((path, READ_ONLY, f"ProtectSystem={system}") for path in paths)
    home = unit.last("ProtectHome").lower()
    if home and (home in ("read-only", "tmpfs") or unit.is_on("ProtectHome")):
        yield from ((path, READ_ONLY if home == "read-only" else GONE, f"ProtectHome={home}") for path in HOME)
    if unit.is_on("PrivateTmp") or unit.last("PrivateTmp") == "disconnected" or is_dynamic:
        yield from ((path, GONE, "PrivateTmp=yes") for path in TEMPORARY)
    for state, keys in PATH_KEYS.items():
        for key in keys:
            for word in unit.words(key):
                parts = word.lstrip("-+").split(":")
                path = parts[1] if key.startswith("Bind") and len(parts) > 1 else parts[0]
                yield os.path.realpath(path), state, f"{key}={word}"


def _is_in(path: str, directory: str) -> bool:
    return directory == "/" or path == directory or path.startswith(directory.rstrip("/") + "/")


def _why_forwarder_fails(unit: Unit, is_root: bool) -> str:
    if is_root and not all(_has(unit, "CapabilityBoundingSet", name) for name in CHANGING_USER):
        return f"CapabilityBoundingSet without {' and '.join(CHANGING_USER)}"
    if not _has(unit, "RestrictAddressFamilies", "AF_INET") and not _has(unit, "RestrictAddressFamilies", "AF_INET6"):
        return "RestrictAddressFamilies"
    return next((f"{key}=yes" for key in ("PrivateNetwork",) if unit.is_on(key)), "")


def _has(unit: Unit, key: str, name: str) -> bool:
    """Return whether a list of what is allowed, or with `~` of what is not, lets this through."""
    allowed: bool | None = None
    for value in unit.values.get(key, []):
        words = value.lstrip("~").split()
        is_forbidding = value.startswith("~")
        if allowed is None:
            allowed = is_forbidding
        if name in words:
            allowed = not is_forbidding
    return allowed is not False
