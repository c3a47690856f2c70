"""Which daemons that ask libwrap start, by systemd or inetd, and as which users their hooks run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..libwrap.configured_names import INETD, lines_of
from ..libwrap.daemons import askers
from ..libwrap.linked import is_linked
from .permissions import Person, person
from .units import Unit, read_units

if TYPE_CHECKING:
    from collections.abc import Iterator

# Daemons that give root up by themselves before they ask, and the users of Debian and Fedora.
GIVE_UP_ROOT = {"rpcbind": ("_rpc", "rpc")}


def guarded_units() -> list[Unit]:
    """Return the services of daemons that use libwrap."""
    return [unit for unit in read_units(".service") if any(map(_asks, unit.programs))]


def users_of_daemons() -> Iterator[tuple[str, Person]]:
    """Yield each daemon whose hook does not run as root, and its user."""
    pairs = [(name, user) for name, users in GIVE_UP_ROOT.items() if name in askers() for user in users]
    pairs += [(unit.name, unit.last("User")) for unit in guarded_units()]
    pairs += [(os.path.basename(words[6]), words[4]) for words in map(str.split, lines_of(INETD)) if len(words) > 6]
    for daemon, user in dict.fromkeys(pairs):
        who = person(user.replace(":", ".").partition(".")[0])
        if who and who.uid:
            yield daemon, who


def _asks(program: str) -> bool:
    return os.path.basename(program).lower() in askers() or bool(os.path.exists(program) and is_linked(program))
