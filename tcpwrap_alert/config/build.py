"""From the values of the configuration's keys to complete monitors, NSCA servers and wordings."""

from __future__ import annotations

from ..check_result import CheckResult
from ..errors import CheckResultError, ConfigError, NoServer
from ..nsca.server import DEFAULT_TIMEOUT_S, Server
from .address import COMMAND_FILE, NSCA, PORTS, Address, parse_server
from .values import DEFAULT_MAX_AGE_S, DEFAULT_MAX_ENTRIES, CommandFile, Monitor, Wording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

WORDING = ("host_name", "service_description", "return_code", "output", "fold")
SERVER = ("password", "encryption_method", "legacy_2_7_mode", "escape_newlines", "verdict")


def make_monitor(name: str, values: dict[str, Any], path: str) -> Monitor:
    """Return the monitor that the values describe. Raises ConfigError if they name none."""
    nodes: tuple[Address, ...] = values.get("server", ())
    if not nodes:
        where = f" in [{name}]" if name else ""
        raise ConfigError(path, None, f"no monitor to send to{where}; add a line like server=nagios.example")
    scheme = nodes[0].scheme
    return Monitor(
        name,
        scheme,
        [TARGETS[scheme](values, node) for node in nodes],
        _timeout_s(values),
        make_wording(values, path),
        values.get("max_entries", DEFAULT_MAX_ENTRIES),
        values.get("max_age", DEFAULT_MAX_AGE_S),
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
    configured: Address | None = values.get("server", (None,))[0]
    if host:
        node = parse_server(host)
        if configured and configured.host != node.host:
            values = {**values, "port": PORTS[NSCA]}  # the configured port is another host's
        elif configured and not node.port:
            node = Address(NSCA, node.host, configured.port)
    elif configured:
        node = configured
    else:
        raise NoServer(path, None, "no host to send to: name one, or add a line like server=nagios.example")
    if node.scheme != NSCA:
        what = (
            f"server is no NSCA server ({node.path or node.scheme}), and send speaks NSCA; use --spool, or name a host"
        )
        raise NoServer(path, None, what)
    return _nsca_server(values, node)


def _nsca_server(values: dict[str, Any], node: Address) -> Server:
    port = node.port or values.get("port", PORTS[NSCA])
    return Server(node.host, port, timeout_s=_timeout_s(values), **_chosen(values, SERVER))


def _command_file(values: dict[str, Any], node: Address) -> CommandFile:
    return CommandFile(node.path, _timeout_s(values))


# Each scheme of `server`, and what makes the target of its transport.
TARGETS: dict[str, Callable[[dict[str, Any], Address], Any]] = {
    NSCA: _nsca_server,
    COMMAND_FILE: _command_file,
}


def _timeout_s(values: dict[str, Any]) -> float:
    timeout_s: float = values.get("timeout", DEFAULT_TIMEOUT_S)
    return timeout_s


def _chosen(values: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: values[key] for key in keys if key in values}
