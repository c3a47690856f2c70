"""All steps of a host, in the order in which they are made."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from typing import NamedTuple

from ..config.read import read_config
from ..libwrap.hook_calls import HOOK, HOOK_PATH
from ..libwrap.session import Session
from .accounts import Owner, User
from .configuration import Configuration, Values, addresses_of, maybe_read
from .configuration_text import hosts_in
from .networks import Net, network_of
from .rules import Rules
from .schedule import Schedule
from .spool import Directories, access_lists
from .step import NotDone, Step

PROGRAM_PATH = "/opt/tcpwrap-alert/bin/tcpwrap-alert"
HOMES = ("/home/", "/root/")  # people's, and root's own
OURS = ("TCPWRAP_ALERT_CONFIG", "TCPWRAP_ALERT_SPOOL")


class Plan(NamedTuple):
    """The steps up to the rules, the rules, where our program is, and what people should know beside."""

    steps: list[Step]
    rules: Rules
    program: str
    notes: list[str]


def make_plan(started_as: str, values: Values, networks: Sequence[Net], session: Session) -> Plan:
    """Return what setup does on this host.

    Args:
        started_as: the path of the program that runs.
        networks: those that log in, besides that of the session.

    Raises:
        NotDone: the programs are not beside each other.
    """
    for name in OURS:
        os.environ.pop(name, None)  # no daemon has them when it calls the hook
    program, hook = _programs(started_as)
    config = read_config()
    spool = config.spool_dirs[0]
    owner = Owner(spool)
    configuration = Configuration(values, owner)
    steps = [
        User(owner, spool),
        Directories(config, owner),
        *access_lists(spool),
        configuration,
        Schedule(program, spool, owner),
    ]
    text = configuration.wanted() if values.are_given() else maybe_read() or b""
    monitors, notes = _monitors(text)
    own = list(networks) or ([network_of(session.address)] if session.address else [])
    clients = [*monitors, *(network for network in own if not network.is_loopback)]
    return Plan(steps, Rules(hook, clients, networks, session), program, notes)


def _programs(started_as: str) -> tuple[str, str]:
    """Return the paths of our program and of the hook, as they stay after an upgrade."""
    directory = os.path.dirname(os.path.abspath(started_as))
    program, hook = os.path.join(directory, os.path.basename(PROGRAM_PATH)), os.path.join(directory, HOOK)
    for path in (program, hook):
        if not os.path.exists(path):
            raise NotDone(f"there is no program {path}; install tcpwrap-alert as its README says")
    program, hook = _lasting(program, PROGRAM_PATH), _lasting(hook, HOOK_PATH)
    if hook.startswith(HOMES):
        raise NotDone(f"{hook} is in a home, where root must run nothing; install tcpwrap-alert as its README says")
    return program, hook


def _lasting(path: str, lasting: str) -> str:
    return lasting if os.path.exists(lasting) and os.path.samefile(path, lasting) else path


def _monitors(text: bytes) -> tuple[list[Net], list[str]]:
    """Return the addresses of the monitors, and what to say of those that have none."""
    found: list[Net] = []
    notes = []
    for host in hosts_in(text):
        addresses = addresses_of(host)
        found += [ipaddress.ip_network(address) for address in addresses or ()]
        if addresses is None:
            notes.append(f"the monitor {host} has no address that this host knows: let it in by hosts.allow yourself")
    return found, notes
