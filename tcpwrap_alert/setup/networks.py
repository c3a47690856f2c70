"""Networks that may log in: the one that an address is taken to be of, one that somebody named, and rules for them."""

from __future__ import annotations

import ipaddress
from typing import Union

# How much of an address is the network of whoever has it.
LENGTHS = {4: 24, 6: 64}

Net = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def network_of(address: str) -> Net:
    """Return the network that an address is taken to be of."""
    parsed = ipaddress.ip_address(address)
    return ipaddress.ip_network(f"{address}/{LENGTHS[parsed.version]}", strict=False)


def parse_network(text: str) -> Net:
    """Return the network that somebody named: 198.51.100.0/24, 2001:db8::/64, or an address.

    Raises:
        ValueError: it is none, or everybody's.
    """
    try:
        network = ipaddress.ip_network(text.replace("[", "").replace("]", ""))
    except ValueError as error:
        raise ValueError(f"'{text}' is no network like 198.51.100.0/24 or 2001:db8::/64: {error}") from None
    if not network.prefixlen:
        raise ValueError(f"'{text}' is everybody: the rule in hosts.deny would deny nobody")
    return network


def pattern_of(network: Net) -> str:
    """Return a network, or one address, as rules have it."""
    is_address = network.prefixlen == network.max_prefixlen
    if network.version == 6:
        return f"[{network.network_address}]/{network.prefixlen}"
    return str(network.network_address) if is_address else str(network)
