"""The keys `proxy` and `no_proxy`: through which web proxy a monitor is reached."""

from __future__ import annotations

import os

from ..nsca.server import Proxy
from .address import parse_port

DEFAULT_PORT = 3128
ENVIRONMENT = "environment"
NO = "no"


def parse_proxy(value: str) -> str:
    """Return the proxy's URL, `environment` or `no`. Raises ValueError if it is none of these."""
    if value not in (ENVIRONMENT, NO):
        proxy_of(value)
    return value


def parse_no_proxy(value: str) -> tuple[str, ...]:
    """Return the names whose hosts, and the hosts below which, are reached directly; `*` stands for all."""
    return tuple(name.strip().lstrip(".").lower() for name in value.replace(",", " ").split())


def find_proxy(value: str, no_proxy: tuple[str, ...], password: bytes, host: str) -> Proxy | None:
    """Return the proxy for a host, None if it is reached directly.

    Args:
        value: of the key `proxy`. The environment is asked only if it says `environment`.
    """
    if value == ENVIRONMENT:
        value = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") or NO
        no_proxy += parse_no_proxy(os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "")
    is_direct = any(name == "*" or host.lower() == name or host.lower().endswith(f".{name}") for name in no_proxy)
    return None if value == NO or is_direct else proxy_of(value, password)


def proxy_of(value: str, password: bytes = b"") -> Proxy:
    """Return the proxy of a URL like http://user@proxy:3128. Raises ValueError if it is none, or has a password."""
    scheme, separator, rest = value.partition("://")
    user, _, address = rest.rstrip("/").rpartition("@")
    if ":" in user:
        raise ValueError("proxy: the password does not belong into the URL; use proxy_password_file")
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        port = port[1:]
    else:
        host, _, port = address.partition(":")
    if scheme != "http" or not separator or not host or not host.isprintable() or any(char in host for char in " /@,;"):
        raise ValueError(f"proxy '{value}' is not like http://user@proxy:3128, nor environment or no")
    return Proxy(host, parse_port(port) if port else DEFAULT_PORT, user, password)
