"""Where a monitor is: the value of the key `server`, with one node or several.

    nagios.example  203.0.113.7:5667  [2001:db8::1]:5667     a name or an address, with or without a port: NSCA
    nsca://nagios.example:5667                               the same
    /var/lib/nagios4/rw/nagios.cmd                           a command file

`a;b` are several nodes of one monitor: the first that answers takes the results.
"""

from __future__ import annotations

from .values import Frozen

NSCA = "nsca"
COMMAND_FILE = "file"

# The schemes of a URL, and the default port of each.
PORTS = {NSCA: 5667}


class Address(Frozen):
    """One node of a monitor: its scheme, and host and port (None: the default), or a path."""

    __slots__ = ("host", "path", "port", "scheme")

    host: str
    path: str
    port: int | None
    scheme: str

    def __init__(self, scheme: str, host: str = "", port: int | None = None, path: str = "") -> None:
        self._set(scheme=scheme, host=host, port=port, path=path)


def parse_servers(value: str) -> tuple[Address, ...]:
    """Return the nodes that `value` names. Raises ValueError if it names none, or nodes of different schemes."""
    nodes = tuple(parse_server(node.strip()) for node in value.split(";"))
    schemes = sorted({node.scheme for node in nodes})
    if len(schemes) > 1:
        raise ValueError(f"server '{value}' has nodes of two schemes, {' and '.join(schemes)}; use a section for each")
    return nodes


def parse_server(value: str) -> Address:
    """Return the one node that `value` names.

    Raises:
        ValueError: it is neither a name, an address nor a URL, with or without a port, nor an absolute path.
    """
    if value.startswith("/") and value.isprintable():
        return Address(COMMAND_FILE, path=value)
    scheme, separator, rest = value.partition("://")
    if separator and scheme not in PORTS:
        raise ValueError(f"server '{value}': no transport for '{scheme}:'; known: {', '.join(f'{s}:' for s in PORTS)}")
    host, port = _split_port(rest.rstrip("/") if separator else value, value)
    if not host or host.startswith("-") or any(char in host for char in " /@;,") or not host.isprintable():
        raise ValueError(f"server '{value}' is not a name, an address, name:port or [address]:port")
    return Address(scheme if separator else NSCA, host, parse_port(port) if port else None)


def parse_port(value: str) -> int:
    """Return a port number. Raises ValueError for anything else."""
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"port '{value}' is not a whole number")
    port = int(value)
    if not 1 <= port <= 65535:
        raise ValueError(f"port {port} is not between 1 and 65535")
    return port


def _split_port(address: str, value: str) -> tuple[str, str]:
    if address.startswith("["):
        host, bracket, port = address[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError(f"server '{value}' is not of the form [address]:port")
        return host, port[1:]
    if address.count(":") > 1:
        return address, ""
    host, _, port = address.partition(":")
    return host, port
