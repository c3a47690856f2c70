"""What the configuration says, as plain values: where check results go, and how this host words a denial.

All of them are complete when they are built, and nothing writes to them afterwards.
"""

from __future__ import annotations

import os

from ..nsca.server import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from ..nsca.server import Proxy, Server
    from .networks import Quiet

DEFAULT_FOLD = 20
DEFAULT_WINDOW_S = 300
DEFAULT_MAX_ENTRIES = 100_000
DEFAULT_MAX_AGE_S = 7 * 86400
DEFAULT_HOLD_S = 3600


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

    Attributes:
        fold: how many different denials are sent one by one; 0: all, and repeats, too.
        window_s: for how long equal denials wait after the first one, in seconds; 0: not at all.
        end_return_code: of the result that tells the end of an episode; None: there is no such result.
        fold_prefix: of the networks whose clients count as one, for IPv4 and for IPv6; None: each client by itself.
        quiet: whose denials are told once a day only.
        heartbeat_service: the service that is told how the spool is.
    """

    __slots__ = (
        "end_return_code", "fold", "fold_prefix", "heartbeat_service", "host_name", "output", "quiet", "return_code",
        "service_description", "window_s",
    )  # fmt: skip

    host_name: str
    service_description: str
    return_code: int
    output: str
    fold: int
    window_s: int
    end_return_code: int | None
    fold_prefix: tuple[int, int] | None
    quiet: Quiet | None
    heartbeat_service: str

    def __init__(
        self,
        host_name: str = "",
        service_description: str = "TCP Wrappers",
        return_code: int = 2,
        output: str = "Denied {daemon}-{client}",
        fold: int = DEFAULT_FOLD,
        window_s: int = DEFAULT_WINDOW_S,
        end_return_code: int | None = None,
        fold_prefix: tuple[int, int] | None = None,
        quiet: Quiet | None = None,
        heartbeat_service: str = "TCP Wrappers Alerting",
    ) -> None:
        self._set(
            host_name=host_name or os.uname().nodename,
            service_description=service_description,
            return_code=return_code,
            output=output,
            fold=fold,
            window_s=window_s,
            end_return_code=end_return_code,
            fold_prefix=fold_prefix,
            quiet=quiet,
            heartbeat_service=heartbeat_service,
        )


class CommandFile(Frozen):
    """The command file, or the check result folder, of a monitor on this host; how long to wait for it."""

    __slots__ = ("path", "timeout_s")

    path: str
    timeout_s: float

    def __init__(self, path: str, timeout_s: float) -> None:
        self._set(path=path, timeout_s=timeout_s)

    def __str__(self) -> str:
        return self.path


class Program(Frozen):
    """A program that takes results on its standard input, and for how long to wait for it."""

    __slots__ = ("path", "timeout_s")

    path: str
    timeout_s: float

    def __init__(self, path: str, timeout_s: float) -> None:
        self._set(path=path, timeout_s=timeout_s)

    def __str__(self) -> str:
        return f"exec:{self.path}"


class Tls(Frozen):
    """Whom we believe at the other end, and who we are: paths of PEM files, and the name in the server's certificate.

    All of them may be empty: the system's authorities, no certificate of ours, the name that is connected to.
    """

    __slots__ = ("ca_file", "cert_file", "key_file", "name")

    ca_file: str
    cert_file: str
    key_file: str
    name: str

    def __init__(self, ca_file: str = "", cert_file: str = "", key_file: str = "", name: str = "") -> None:
        self._set(ca_file=ca_file, cert_file=cert_file, key_file=key_file, name=name)


class Endpoint(Frozen):
    """A server that is reached by TCP, mostly with TLS, perhaps through a proxy.

    Attributes:
        is_in_clear: whether there is no TLS.
        path: of a URL, with its slash.
        user, password, token: who we are, as far as the scheme wants to know.
        hold_s: for how long an alert stays up after its last denial (Alertmanager).
    """

    __slots__ = (
        "hold_s", "host", "is_in_clear", "password", "path", "port", "proxy", "timeout_s", "tls", "token", "user",
    )  # fmt: skip

    host: str
    port: int
    timeout_s: float
    path: str
    user: str
    password: bytes
    token: str
    tls: Tls
    proxy: Proxy | None
    is_in_clear: bool
    hold_s: int

    def __init__(
        self,
        host: str,
        port: int,
        timeout_s: float,
        path: str = "",
        user: str = "",
        password: bytes = b"",
        token: str = "",
        tls: Tls | None = None,
        proxy: Proxy | None = None,
        is_in_clear: bool = False,
        hold_s: int = DEFAULT_HOLD_S,
    ) -> None:
        self._set(
            host=host,
            port=port,
            timeout_s=timeout_s,
            path=path,
            user=user,
            password=password,
            token=token,
            tls=tls or Tls(),
            proxy=proxy,
            is_in_clear=is_in_clear,
            hold_s=hold_s,
        )

    def __str__(self) -> str:
        return place(self.host, self.port)


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
        targets: Sequence[Server | CommandFile | Endpoint | Program],
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
