"""An NSCA server as its client sees it: where it listens and what it expects. Plain values."""

from __future__ import annotations

from .packet import DATA_PACKET_LENGTH, LEGACY_DATA_PACKET_LENGTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

DEFAULT_PORT = 5667
DEFAULT_ENCRYPTION_METHOD = 1  # nsca 2.10.2, include/common.h: DEFAULT_ENCRYPTION_METHOD is ENCRYPT_XOR
DEFAULT_TIMEOUT_S = 10.0
A_DAY_S = 86400.0

# How a rejection reaches us, see ways.py.
AUTO = "auto"  # find out
DIRECT = "direct"
RELAY = "relay"
VERDICTS = (AUTO, DIRECT, RELAY)

# What takes our packets.
STOCK = "stock"  # nsca
SINGLE = "single"  # another program that takes one packet and nothing else per connection
RECEIVERS = (STOCK, SINGLE)


class _Frozen:
    """A value: its attributes are set once, by `_set`."""

    __slots__: tuple[str, ...] = ()

    def _set(self, **attributes: object) -> None:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed; use replace()")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(tuple(self._values().values()))

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Layout(_Frozen):
    """What a server takes over one connection, and what its end then tells.

    Attributes:
        packet_length: bytes of a data packet.
        escapes: whether we escape line breaks and backslashes of the output, because the server does not.
        takes_one: whether it takes one packet per connection, and no more.
        tells_outcome: whether its end tells accepted from rejected; then one byte more follows the last packet.
    """

    __slots__ = ("escapes", "packet_length", "takes_one", "tells_outcome")

    packet_length: int
    escapes: bool
    takes_one: bool
    tells_outcome: bool

    def __init__(self, packet_length: int, *, escapes: bool, takes_one: bool, tells_outcome: bool) -> None:
        self._set(packet_length=packet_length, escapes=escapes, takes_one=takes_one, tells_outcome=tells_outcome)


class Proxy(_Frozen):
    """A web proxy that connects us by the method CONNECT; with a user, it wants Basic authentication."""

    __slots__ = ("host", "password", "port", "user")

    host: str
    port: int
    user: str
    password: bytes

    def __init__(self, host: str, port: int, user: str = "", password: bytes = b"") -> None:
        self._set(host=host, port=port, user=user, password=password)

    def __str__(self) -> str:
        return f"proxy {place(self.host, self.port)}"


class Server(_Frozen):
    """Host name or address, port, password (bytes), encryption method, layout, and the deadline of a conversation.

    It is complete when it is made, and never changes; `replace` returns a changed copy.

    Args:
        timeout_s: seconds for look-up, connection, init packet, sending and outcome together.
        legacy_2_7_mode: the server is of NSCA 2.7, or wants its packets.
        escape_newlines: the server is older than 2.10.1, as one of 2.7 is, and does not escape line breaks itself.
        receiver: "single" if the server is another program than nsca, which takes one packet per connection and no byte
            more: nscatools, Alignak's module, NSClient++. Nobody can know whether it took a packet.
        proxy: a web proxy that connects us. It ends TCP, so the way is that of a relay: see ways.py.
        verdict: "direct" if nothing between us and the server ends TCP, "relay" if something does, "auto" to find out.

    Raises:
        TypeError: the password is not bytes.
        ValueError: a port that does not exist, a deadline of no or more than a day's seconds, a `verdict` or
            `receiver` that does not exist, or a proxy on a way that is "direct".
    """

    __slots__ = (
        "encryption_method",
        "escape_newlines",
        "host",
        "layout",
        "legacy_2_7_mode",
        "password",
        "port",
        "proxy",
        "receiver",
        "timeout_s",
        "verdict",
    )

    host: str
    port: int
    password: bytes
    encryption_method: int
    legacy_2_7_mode: bool
    timeout_s: float
    escape_newlines: bool
    verdict: str
    receiver: str
    proxy: Proxy | None
    layout: Layout

    def __init__(
        self,
        host: str,
        port: int = DEFAULT_PORT,
        password: bytes = b"",
        encryption_method: int = DEFAULT_ENCRYPTION_METHOD,
        legacy_2_7_mode: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        escape_newlines: bool = False,
        verdict: str = AUTO,
        receiver: str = STOCK,
        proxy: Proxy | None = None,
    ) -> None:
        if not isinstance(password, bytes):
            raise TypeError("the password is bytes; encode it")
        if not 0 < port < 65536:
            raise ValueError(f"port {port} is not between 1 and 65535")
        if not 0 < timeout_s <= A_DAY_S:
            raise ValueError(f"timeout_s {timeout_s} is not above 0 and up to {A_DAY_S:g} seconds")
        if verdict not in VERDICTS:
            raise ValueError(f"verdict '{verdict}' is not one of {', '.join(VERDICTS)}")
        if receiver not in RECEIVERS:
            raise ValueError(f"receiver '{receiver}' is not one of {', '.join(RECEIVERS)}")
        if proxy is not None and verdict == DIRECT:
            raise ValueError("verdict=direct cannot be with a proxy, which ends TCP; use auto or relay")
        self._set(
            host=host,
            port=port,
            password=password,
            proxy=proxy,
            encryption_method=encryption_method,
            legacy_2_7_mode=legacy_2_7_mode,
            timeout_s=timeout_s,
            escape_newlines=escape_newlines,
            verdict=verdict,
            receiver=receiver,
            layout=_find_layout(legacy_2_7_mode, escape_newlines, receiver),
        )

    def replace(self, **changes: Any) -> Server:
        """Return a server with some other values."""
        return Server(**{**self._values(), **changes})

    def __str__(self) -> str:
        return place(self.host, self.port)

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "layout"}


def place(host: str, port: int) -> str:
    """Return where something listens, as messages and URLs have it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _find_layout(legacy_2_7_mode: bool, escape_newlines: bool, receiver: str) -> Layout:
    if legacy_2_7_mode:
        # A server from 2.9.1 on takes exactly one packet of this length, and ends cleanly after one that it rejects.
        return Layout(LEGACY_DATA_PACKET_LENGTH, escapes=escape_newlines, takes_one=True, tells_outcome=False)
    is_stock = receiver == STOCK
    return Layout(DATA_PACKET_LENGTH, escapes=escape_newlines, takes_one=not is_stock, tells_outcome=is_stock)
