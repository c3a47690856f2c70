"""Where a monitor is: the value of the key `server`, with one node or several.

    nagios.example  203.0.113.7:5667  [2001:db8::1]:5667     a name or an address, with or without a port: NSCA
    nsca://nagios.example:5667                               the same
    nsca-ng://identity@m:5668  icinga2://user@m:5665         a server with TLS; `user@` where it wants a name
    nrdp+https://m/nrdp/  alertmanager+https://m:9093        the same over HTTPS, with a path; +http is in clear
    /var/lib/nagios4/rw/nagios.cmd                           a command file
    /var/lib/nagios4/spool/checkresults/                     a check result folder: the path ends in a slash
    exec:/usr/local/bin/to-the-bus                           a program

`a;b` are several nodes of one monitor: the first that answers takes the results.
"""

from __future__ import annotations

from ..check_result import MAX_DIGITS
from .values import Frozen

NSCA = "nsca"
NSCA_NG = "nsca-ng"
ICINGA2 = "icinga2"
NRDP = "nrdp+https"
NRDP_IN_CLEAR = "nrdp+http"
ALERTMANAGER = "alertmanager+https"
ALERTMANAGER_IN_CLEAR = "alertmanager+http"
COMMAND_FILE = "file"
RESULT_FOLDER = "folder"
EXEC = "exec"

# The schemes of a URL, and the default port of each.
PORTS = {
    NSCA: 5667,
    NSCA_NG: 5668,
    ICINGA2: 5665,
    NRDP: 443,
    NRDP_IN_CLEAR: 80,
    ALERTMANAGER: 9093,
    ALERTMANAGER_IN_CLEAR: 9093,
}
KNOWN = ", ".join(f"{scheme}:" for scheme in (*PORTS, EXEC))
IN_CLEAR = (NRDP_IN_CLEAR, ALERTMANAGER_IN_CLEAR)
WITH_PATH = (NRDP, NRDP_IN_CLEAR, ALERTMANAGER, ALERTMANAGER_IN_CLEAR)


class Address(Frozen):
    """One node of a monitor: its scheme, and user, host and port (None: the default), or a path, or all of these."""

    __slots__ = ("host", "path", "port", "scheme", "user")

    host: str
    path: str
    port: int | None
    scheme: str
    user: str

    def __init__(self, scheme: str, host: str = "", port: int | None = None, path: str = "", user: str = "") -> None:
        self._set(scheme=scheme, host=host, port=port, path=path, user=user)


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
        return Address(RESULT_FOLDER if value.endswith("/") else COMMAND_FILE, path=value)
    if value.startswith("exec:"):
        return _parse_program(value)
    told = _without_secret(value)
    scheme, separator, rest = value.partition("://")
    if not separator:
        scheme, rest = NSCA, value
    elif scheme not in PORTS:
        raise ValueError(f"server '{told}': no transport for '{scheme}:'; known: {KNOWN}")
    authority, slash, path = rest.partition("/") if separator else (rest, "", "")
    if path and (scheme not in WITH_PATH or not path.isprintable() or " " in path):
        raise ValueError(f"server '{told}' is not a name, an address, name:port or [address]:port")
    user, at, address = authority.rpartition("@")
    if at and (scheme == NSCA or not user or ":" in user):
        raise ValueError(f"server '{told}': {_why_no_user(scheme, user)}")
    if scheme == NSCA_NG and not user:
        raise ValueError(f"server '{told}': nsca-ng: needs an identity, like nsca-ng://firestorm@nagios.example")
    host, port = _split_port(address, told)
    _check_host(host, told)
    return Address(scheme, host, parse_port(port) if port else None, slash + path, user)


def parse_port(value: str) -> int:
    """Return a port number. Raises ValueError for anything else."""
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"port '{value}' is not a whole number")
    if len(value) > MAX_DIGITS or not 1 <= int(value) <= 65535:
        raise ValueError(f"port {value} is not between 1 and 65535")
    return int(value)


def _parse_program(value: str) -> Address:
    path = value[len("exec:") :]
    if not path.startswith("/") or not path.isprintable():
        raise ValueError(f"server '{value}' is not exec: with the absolute path of a program")
    return Address(EXEC, path=path)


def _check_host(host: str, value: str) -> None:
    if not host or host.startswith("-") or any(char in host for char in " /@;,") or not host.isprintable():
        raise ValueError(f"server '{value}' is not a name, an address, name:port or [address]:port")


def _why_no_user(scheme: str, user: str) -> str:
    if ":" in user:
        return "a password does not belong here; use password or password_file"
    return f"a user does not belong into {scheme}:" if user else "nothing stands before the '@'"


def _without_secret(value: str) -> str:
    """Return a server's text without what may be a password in it."""
    before, at, address = value.rpartition("@")
    scheme, separator, user = before.partition("://") if "://" in before else ("", "", before)
    return f"{scheme}{separator}{user.partition(':')[0]}{at}{address}"


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
