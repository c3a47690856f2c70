"""Values of the package, made in memory, with what most tests need by default: a host named firestorm."""

from __future__ import annotations

import time
from typing import Any

from tcpwrap_alert.config.address import COMMAND_FILE, NSCA
from tcpwrap_alert.config.read import Config, read_config
from tcpwrap_alert.config.values import CommandFile, Monitor, Wording
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import ConfigError
from tcpwrap_alert.nsca.server import Server
from tcpwrap_alert.spool.entry import Entry

NOBODY = Server("127.0.0.1", 1, timeout_s=5.0)  # nobody listens there


def wording_of(**values: Any) -> Wording:
    """Return how a host named firestorm words a denial."""
    return Wording(**{"host_name": "firestorm", **values})


def monitor_of(*targets: Server | CommandFile, name: str = "", **values: Any) -> Monitor:
    """Return a monitor of these nodes, by default one where nobody listens.

    `max_entries` and `max_age_s` are its own, other values those of its wording.
    """
    targets = targets or (NOBODY,)
    bounds = {key: values.pop(key) for key in ("max_entries", "max_age_s") if key in values}
    scheme = COMMAND_FILE if isinstance(targets[0], CommandFile) else NSCA
    return Monitor(name, scheme, targets, targets[0].timeout_s, wording_of(**values), **bounds)


def config_of(**keys: object) -> Config:
    """Return what a configuration with these keys says, by default of a monitor where nobody listens."""
    keys = {"host_name": "firestorm", "server": NOBODY, **keys}
    return Config("send_nsca.cfg", [f"{key}={value}".encode() for key, value in keys.items()])


def entry_of(content: Any = None, at_s: float | None = None, name: str = "4711.0", **attributes: Any) -> Entry:
    """Return an entry with this content, by default a denial, that was enqueued at `at_s`, by default now."""
    at_ns = time.time_ns() if at_s is None else int(at_s * 1e9)
    return Entry(name, at_ns, content or Denial("sshd", "203.0.113.7"), **attributes)


def fault_of(path: str | None) -> str:
    """Return what is wrong about a configuration, by default about the one that is found."""
    try:
        sections = read_config(path).sections
    except ConfigError as error:
        return str(error)
    raise AssertionError(f"nothing is wrong: {sections}")
