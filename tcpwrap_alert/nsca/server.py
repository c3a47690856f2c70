"""An NSCA daemon as its client sees it: where it listens and what it expects. Plain values, loads nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_PORT = 5667
DEFAULT_ENCRYPTION_METHOD = 1  # nsca 2.10.2, include/common.h: DEFAULT_ENCRYPTION_METHOD is ENCRYPT_XOR
DEFAULT_TIMEOUT_S = 10.0
A_DAY_S = 86400.0


class Server:
    """Host name or address, port, password (bytes), encryption method, layout, and the deadline of a conversation.

    `escape_newlines` is for a daemon older than 2.10.1, `legacy_2_7_mode` for one of 2.7.

    Raises:
        TypeError: the password is not bytes.
        ValueError: a port that does not exist, or a deadline of no or more than a day's seconds.
    """

    host: str
    port: int
    password: bytes
    encryption_method: int
    legacy_2_7_mode: bool
    timeout_s: float
    escape_newlines: bool

    __slots__ = ("encryption_method", "escape_newlines", "host", "legacy_2_7_mode", "password", "port", "timeout_s")

    def __init__(
        self,
        host: str,
        port: int = DEFAULT_PORT,
        password: bytes = b"",
        encryption_method: int = DEFAULT_ENCRYPTION_METHOD,
        legacy_2_7_mode: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        escape_newlines: bool = False,
    ) -> None:
        if not isinstance(password, bytes):
            raise TypeError("the password is bytes; encode it")
        if not 0 < port < 65536:
            raise ValueError(f"port {port} is not between 1 and 65535")
        if not 0 < timeout_s <= A_DAY_S:
            raise ValueError(f"timeout_s {timeout_s} is not above 0 and up to {A_DAY_S:g} seconds")
        self.host = host
        self.port = port
        self.password = password
        self.encryption_method = encryption_method
        self.legacy_2_7_mode = legacy_2_7_mode
        self.timeout_s = timeout_s
        self.escape_newlines = escape_newlines

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Server) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(tuple(self._values().values()))

    def replace(self, **changes: Any) -> Server:
        """Return a server with some other values."""
        return Server(**{**self._values(), **changes})

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
