"""The configuration: written from given values, or kept; of one that is there only the given keys change."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..config.address import (
    ALERTMANAGER,
    ALERTMANAGER_IN_CLEAR,
    ICINGA2,
    NRDP,
    NRDP_IN_CLEAR,
    NSCA,
    NSCA_NG,
    parse_servers,
)
from ..config.read import BYTE_ORDER_MARK, CONFIG_PATHS, Config
from . import files
from .configuration_text import INSTEAD, changes, key_of, top_of, with_value
from .step import MADE, Step

if TYPE_CHECKING:
    from .accounts import Owner

PATH, STOCK_PATH = CONFIG_PATHS
MODE = 0o640
FIRST_LINE = f"# {MADE}\n".encode()
WITH_PASSWORD = (NSCA, NSCA_NG, ICINGA2)
WITH_TOKEN = (NRDP, NRDP_IN_CLEAR)


class Values(NamedTuple):
    """What was given on the command line, or by an answer; None where nothing was."""

    server: str | None = None
    secret: bytes | None = None
    method: int | None = None
    host_name: str | None = None

    def are_given(self) -> bool:
        """Return whether there is any."""
        return any(value is not None for value in self)


def maybe_read() -> bytes | None:
    """Return the text of the configuration; None if there is none, or only root can read it."""
    try:
        return files.read(PATH)
    except PermissionError:
        return None


def missing(values: Values) -> list[str]:
    """Return the names of the values that a configuration still needs, besides a host name."""
    text = maybe_read() or b""
    there = top_of(text)
    if values.server is None:
        has_server = any(key_of(line) == b"server" for line in text.split(b"\n"))
        return [] if has_server else ["server", *_missing_for(NSCA, values, there)]
    return _missing_for(parse_servers(values.server)[0].scheme, values, there)


def needs_secret(scheme: str) -> bool:
    """Return whether a transport needs a password or a token."""
    return scheme in (*WITH_PASSWORD, *WITH_TOKEN)


def _missing_for(scheme: str, values: Values, there: dict[bytes, bytes]) -> list[str]:
    names = []
    key = _secret_key(scheme)
    has_secret = any(one.encode() in there for one in (key, *INSTEAD[key]))
    if needs_secret(scheme) and values.secret is None and not has_secret:
        names.append("password_file")
    if scheme == NSCA and values.method is None and b"encryption_method" not in there:
        names.append("method")
    return names


def addresses_of(host: str) -> list[str] | None:
    """Return the addresses of a host without those of loopback; None if nobody knows any."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    addresses = dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found)
    return sorted(address for address in addresses if not address.startswith("127.") and address != "::1")


class Configuration(Step):
    """The file with monitor, password and method, which root writes and the owner of the spool reads."""

    what = f"configuration {PATH}"

    def __init__(self, values: Values, owner: Owner) -> None:
        self._values = values
        self._owner = owner

    def wanted(self) -> bytes:
        """Return the text that the file should have. Raises ConfigError for values that it cannot have."""
        old = maybe_read()
        text = old if old is not None else FIRST_LINE
        for key, value in self._lines():
            text = with_value(text, key, value)
        fault = _config(text).fault
        if fault and (old is None or str(fault) != str(_config(old).fault)):
            raise fault
        return text

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        values = self._values
        if values.server is not None:
            yield "server", values.server.encode()
        if values.secret is not None:
            servers = values.server or top_of(maybe_read() or b"").get(b"server", b"").strip().decode(errors="replace")
            yield _secret_key(_scheme(servers)), values.secret
        if values.method is not None:
            yield "encryption_method", str(values.method).encode()
        if values.host_name is not None:
            yield "host_name", values.host_name.encode()

    def is_there(self) -> bool:
        """See Step."""
        if not self._values.are_given():
            return os.path.lexists(PATH)
        return os.path.lexists(PATH) and self.wanted() == files.read(PATH)

    def how(self) -> str:
        """See Step."""
        if not os.path.lexists(PATH):
            if not self._values.are_given():  # of a dry run, which asks nothing
                return f"write {PATH} from --server, --password-file, --method and --host-name, or from your answers"
            self.wanted()
            instead = f"; {STOCK_PATH} is not read any more" if os.path.exists(STOCK_PATH) else ""
            return f"write {PATH}, 0640 root:{self._owner.names()[1]}{instead}"
        told = "; ".join(changes(files.read(PATH) or b"", self.wanted()))
        return f"change {PATH}, with a backup beside it: {told}"

    def do(self) -> None:
        """See Step."""
        os.makedirs(os.path.dirname(PATH), mode=0o755, exist_ok=True)
        _, gid = self._owner.ids()
        wanted, old = self.wanted(), maybe_read()
        if old is not None:
            files.back_up(PATH, old)
        files.replace(PATH, wanted, MODE, gid)

    def is_ours(self) -> bool:
        """See Step."""
        return (maybe_read() or b"").startswith(FIRST_LINE)

    def how_undone(self) -> str:
        """See Step."""
        return f"move {PATH} to a backup beside it, {PATH}.bak-…, which only root can read"

    def undo(self) -> None:
        """See Step."""
        files.move_to_backup(PATH)


def _scheme(servers: str) -> str:
    try:
        return parse_servers(servers)[0].scheme
    except ValueError:
        return NSCA


def _secret_key(scheme: str) -> str:
    return "token" if scheme in (*WITH_TOKEN, ALERTMANAGER, ALERTMANAGER_IN_CLEAR) else "password"


def _config(text: bytes) -> Config:
    lines = text.removeprefix(BYTE_ORDER_MARK).split(b"\n")
    return Config(PATH, [line[:-1] if line.endswith(b"\r") else line for line in lines])
