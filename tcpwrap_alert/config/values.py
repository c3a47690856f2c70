"""What the configuration says, as plain values: where check results go, and how this host words a denial.

All of them are complete when they are built, and nothing writes to them afterwards.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from ..nsca.server import Server

DEFAULT_FOLD = 20
DEFAULT_MAX_ENTRIES = 100_000
DEFAULT_MAX_AGE_S = 7 * 86400


class Frozen:
    """A value: its attributes are set once, by `_set`."""

    __slots__ = ()

    def _set(self, **attributes: object) -> None:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")


class Wording(Frozen):
    """How this host words a denial: as which service of which host, in which state, with which text.

    `fold` is how many different denials of one pass are sent one by one; 0: all, and repeats, too.
    """

    __slots__ = ("fold", "host_name", "output", "return_code", "service_description")

    host_name: str
    service_description: str
    return_code: int
    output: str
    fold: int

    def __init__(
        self,
        host_name: str = "",
        service_description: str = "TCP Wrappers",
        return_code: int = 2,
        output: str = "Denied {daemon}-{client}",
        fold: int = DEFAULT_FOLD,
    ) -> None:
        self._set(
            host_name=host_name or os.uname().nodename,
            service_description=service_description,
            return_code=return_code,
            output=output,
            fold=fold,
        )


class CommandFile(Frozen):
    """The command file of a monitor on this host, and for how long to wait for its reader."""

    __slots__ = ("path", "timeout_s")

    path: str
    timeout_s: float

    def __init__(self, path: str, timeout_s: float) -> None:
        self._set(path=path, timeout_s=timeout_s)

    def __str__(self) -> str:
        return self.path


class Monitor(Frozen):
    """One monitor that must get every result.

    Attributes:
        name: of its section; empty for the one monitor of a file without sections.
        scheme: the transport's name, a key of its table (transports/).
        targets: what that transport needs to know, one for each node; the text of a target is host:port or a path.
        timeout_s: the deadline of a connection.
        max_entries, max_age_s: how many queue files may wait for it, and for how long.
    """

    __slots__ = ("max_age_s", "max_entries", "name", "scheme", "targets", "timeout_s", "wording")

    name: str
    scheme: str
    targets: tuple[Any, ...]  # of the scheme's own kind
    timeout_s: float
    wording: Wording
    max_entries: int
    max_age_s: int

    def __init__(
        self,
        name: str,
        scheme: str,
        targets: Sequence[Server | CommandFile],
        timeout_s: float,
        wording: Wording,
        max_entries: int = DEFAULT_MAX_ENTRIES,
        max_age_s: int = DEFAULT_MAX_AGE_S,
    ) -> None:
        self._set(
            name=name,
            scheme=scheme,
            targets=tuple(targets),
            timeout_s=timeout_s,
            wording=wording,
            max_entries=max_entries,
            max_age_s=max_age_s,
        )

    def __str__(self) -> str:
        return ";".join(map(str, self.targets))
