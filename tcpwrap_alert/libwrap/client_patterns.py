"""What libwrap takes for addresses, networks and files of clients in hosts.allow and hosts.deny.

Source: tcp_wrappers 7.6, hosts_access.c (host_match, masked_match), and Debian's 7.6.q-32, asked in tests/interop.
"""

from __future__ import annotations

import ipaddress
import os
import re


def matches_nobody(client: str) -> bool:
    """Return whether a pattern looks like an address, a network or a file, but libwrap finds no client by it.

    As Debian's libwrap reads them: `203.0.113.` and `203.0.113.0/24`, without host bits and with a mask that is not 0;
    `[2001:db8::1]` and `[2001:db8::]/32`.
    """
    try:
        if client.startswith("/"):
            return not os.path.exists(client)
        if "[" in client or "]" in client:
            address, _, length = client.partition("]")
            ipv6 = ipaddress.IPv6Address(address[1:])
            return bool(client[0] != "[" or ipv6.ipv4_mapped) or not re.fullmatch(
                r"(/(1[01]\d|12[0-8]|\d?\d))?", length
            )
        if not re.fullmatch(r"[\d.]+(/[\d.]*)?", client) or "." not in client:
            return False
        if client.endswith("."):
            ipaddress.IPv4Address(client + ".".join("0" * (4 - client.count("."))))
        elif "/" in client:
            network = ipaddress.IPv4Network(client)
            return client.endswith("/0") or client.partition("/")[2] not in (
                str(network.netmask),
                str(network.prefixlen),
            )
        else:
            ipaddress.IPv4Address(client)
    except ValueError:
        return True
    return False
