"""From the values of the configuration's keys to a complete monitor, NSCA server or wording."""

from __future__ import annotations

from ..check_result import CheckResult
from ..errors import CheckResultError, ConfigError, NoServer
from ..nsca.server import DEFAULT_PORT, DEFAULT_TIMEOUT_S, Server
from .keys import Address, parse_server
from .values import COMMAND_FILE, DEFAULT_MAX_AGE_S, DEFAULT_MAX_ENTRIES, NSCA, CommandFile, Monitor, Wording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WORDING = ("host_name", "service_description", "return_code", "output", "fold")
SERVER = ("password", "encryption_method", "legacy_2_7_mode", "escape_newlines")


def make_monitor(values: dict[str, Any], path: str) -> Monitor:
    """Return the monitor that the values describe. Raises ConfigError if they name none."""
    address: Address | None = values.get("server")
    if address is None:
        raise ConfigError(path, None, "no monitor to send to; add a line like server=nagios.example")
    target: Server | CommandFile
    if address.scheme == COMMAND_FILE:
        target = CommandFile(address.path, values.get("timeout", DEFAULT_TIMEOUT_S))
    else:
        target = _make_server(values, address)
    max_entries = values.get("max_entries", DEFAULT_MAX_ENTRIES)
    return Monitor(
        address.scheme, target, make_wording(values, path), max_entries, values.get("max_age", DEFAULT_MAX_AGE_S)
    )


def make_wording(values: dict[str, Any], path: str) -> Wording:
    """Return how this host words a denial. Raises ConfigError if that cannot be a check result."""
    wording = Wording(**_chosen(values, WORDING))
    try:
        CheckResult(wording.host_name, wording.service_description, wording.return_code, "")
    except CheckResultError as error:
        raise ConfigError(path, None, f"{error}; set host_name to this host's name at the monitor") from error
    return wording


def default_wording() -> Wording:
    """Return how this host words a denial where no configuration says it."""
    try:
        return make_wording({}, "")
    except ConfigError:  # this host's name cannot be one at the monitor
        return Wording("localhost")


def make_server(values: dict[str, Any], path: str, host: str = "") -> Server:
    """Return the NSCA server that the values describe, or the one named `host` with all else from them.

    Raises:
        NoServer: no NSCA server is named.
        ValueError: `host` is not a name or an address, with or without a port.
    """
    configured: Address | None = values.get("server")
    if host:
        named = parse_server(host)
        is_other = configured is not None and configured.host != named.host
        values = {**values, "port": named.port or (DEFAULT_PORT if is_other else values.get("port", DEFAULT_PORT))}
    elif configured:
        named = configured
    else:
        raise NoServer(path, None, "no host to send to: name one, or add a line like server=nagios.example")
    if named.scheme != NSCA:
        what = "names a command file of this host, and send speaks NSCA; use --spool, or name a host"
        raise NoServer(path, None, what)
    return _make_server(values, named)


def _make_server(values: dict[str, Any], address: Address) -> Server:
    timeout_s = values.get("timeout", DEFAULT_TIMEOUT_S)
    return Server(address.host, values.get("port", DEFAULT_PORT), timeout_s=timeout_s, **_chosen(values, SERVER))


def _chosen(values: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: values[key] for key in keys if key in values}
