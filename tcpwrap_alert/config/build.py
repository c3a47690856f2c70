"""From the values of the configuration's keys to complete monitors, NSCA servers and wordings."""

from __future__ import annotations

from ..check_result import CheckResult
from ..errors import CheckResultError, ConfigError, NoServer
from ..nsca.server import DEFAULT_TIMEOUT_S, Proxy, Server
from .address import COMMAND_FILE, EXEC, IN_CLEAR, NSCA, PORTS, RESULT_FOLDER, Address, parse_server
from .proxies import NO, find_proxy
from .values import (
    DEFAULT_HOLD_S,
    DEFAULT_MAX_AGE_S,
    DEFAULT_MAX_ENTRIES,
    CommandFile,
    Endpoint,
    Monitor,
    Program,
    Tls,
    Wording,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

WORDING = (
    *("host_name", "service_description", "return_code", "output", "fold"),
    *("end_return_code", "fold_prefix", "quiet", "heartbeat_service"),
)
SERVER = ("password", "encryption_method", "legacy_2_7_mode", "escape_newlines", "verdict", "receiver")


def make_monitor(name: str, values: dict[str, Any], path: str) -> Monitor:
    """Return the monitor that the values describe. Raises ConfigError if they name none."""
    nodes: tuple[Address, ...] = values.get("server", ())
    if not nodes:
        where = f" in [{name}]" if name else ""
        raise ConfigError(path, None, f"no monitor to send to{where}; add a line like server=nagios.example")
    scheme = nodes[0].scheme
    if scheme in IN_CLEAR and not values.get("allow_cleartext"):
        raise ConfigError(path, None, f"{scheme}: would send secrets in clear; use https, or set allow_cleartext=true")
    try:
        make_target: Callable[[dict[str, Any], Address, int], Any] = TARGETS.get(scheme, _endpoint)
        targets = [make_target(values, node, number) for number, node in enumerate(nodes)]
    except ValueError as error:
        raise ConfigError(path, None, str(error)) from error
    return Monitor(
        name,
        scheme,
        targets,
        _timeout_s(values),
        make_wording(values, path),
        values.get("max_entries", DEFAULT_MAX_ENTRIES),
        values.get("max_age", DEFAULT_MAX_AGE_S),
    )


def make_wording(values: dict[str, Any], path: str) -> Wording:
    """Return how this host words a denial. Raises ConfigError if that cannot be a check result."""
    windows = {"window_s": values["window"]} if "window" in values else {}
    wording = Wording(**_chosen(values, WORDING), **windows)
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
            node = Address(node.scheme, node.host, configured.port, node.path, node.user)
    elif configured:
        node = configured
    else:
        raise NoServer(path, None, "no host to send to: name one, or add a line like server=nagios.example")
    if node.scheme != NSCA:
        what = (
            f"server is no NSCA server ({node.path or node.scheme}), and send speaks NSCA; use --spool, or name a host"
        )
        raise NoServer(path, None, what)
    return _nsca_server(values, node, 0)


def _nsca_server(values: dict[str, Any], node: Address, _number: int) -> Server:
    port = node.port or values.get("port", PORTS[NSCA])
    server = {**_chosen(values, SERVER), "password": _password(values)}
    return Server(node.host, port, timeout_s=_timeout_s(values), proxy=_proxy(values, node.host), **server)


def _command_file(values: dict[str, Any], node: Address, _number: int) -> CommandFile:
    return CommandFile(node.path, _timeout_s(values))


def _program(values: dict[str, Any], node: Address, _number: int) -> Program:
    return Program(node.path, _timeout_s(values))


def _endpoint(values: dict[str, Any], node: Address, number: int) -> Endpoint:
    return Endpoint(
        node.host,
        node.port or values.get("port", PORTS[node.scheme]),
        _timeout_s(values),
        node.path,
        node.user,
        _password(values),
        values.get("token") or values.get("token_file", b"").decode(errors="replace"),
        _tls(values, number),
        _proxy(values, node.host),
        node.scheme in IN_CLEAR,
        values.get("hold", DEFAULT_HOLD_S),
    )


def _tls(values: dict[str, Any], number: int) -> Tls:
    """Return what node `number`, from 0, must show; `tls_name` has one name for all nodes, or one for each."""
    names = values.get("tls_name", ("",))
    if len(names) not in (1, len(values["server"])):
        raise ValueError(f"tls_name has {len(names)} names, and server {len(values['server'])} nodes")
    if ("cert_file" in values) != ("key_file" in values):
        raise ValueError("cert_file and key_file belong together")
    return Tls(name=names[number % len(names)], **_chosen(values, ("ca_file", "cert_file", "key_file")))


def _proxy(values: dict[str, Any], host: str) -> Proxy | None:
    password = values.get("proxy_password_file", b"")
    return find_proxy(values.get("proxy", NO), values.get("no_proxy", ()), password, host)


def _password(values: dict[str, Any]) -> bytes:
    password: bytes = values.get("password", values.get("password_file", b""))
    return password


# Each scheme of `server` whose target is no Endpoint, and what makes it.
TARGETS: dict[str, Callable[[dict[str, Any], Address, int], Any]] = {
    NSCA: _nsca_server,
    COMMAND_FILE: _command_file,
    RESULT_FOLDER: _command_file,
    EXEC: _program,
}


def _timeout_s(values: dict[str, Any]) -> float:
    timeout_s: float = values.get("timeout", DEFAULT_TIMEOUT_S)
    return timeout_s


def _chosen(values: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: values[key] for key in keys if key in values}
