"""Networks in the configuration: `fold_prefix`, whose clients count as one, and `quiet`, who is told once a day."""

from __future__ import annotations

from .files import read_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network
    from typing import Union

    Network = Union[IPv4Network, IPv6Network]

BITS = (32, 128)  # of an IPv4 and an IPv6 address
MAX_FILE_BYTES = 1 << 20
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


class Quiet:
    """Clients whose denials are told once a day only: networks, and names."""

    __slots__ = ("_names", "_networks")

    def __init__(self, networks: list[Network], names: set[str]) -> None:
        self._networks = networks
        self._names = names

    def has(self, *clients: str) -> bool:
        """Say whether one of `clients`, addresses or names, is among them."""
        return any(client.lower() in self._names or self._has_address(client) for client in clients)

    def _has_address(self, client: str) -> bool:
        network = maybe_network(client)
        return network is not None and any(
            network.version == other.version and network.network_address in other for other in self._networks
        )


def parse_fold_prefix(value: str) -> tuple[int, int] | None:
    """Return the prefixes of `24/64`, for IPv4 and IPv6; None for no. Raises ValueError."""
    if value == "no":
        return None
    parts = value.split("/")
    if not (len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts)):
        raise ValueError(f"fold_prefix '{value}' is neither no nor two prefixes, for IPv4 and IPv6, like 24/64")
    v4, v6 = map(int, parts)
    for prefix, bits in zip((v4, v6), BITS):
        if not 1 <= prefix <= bits:
            raise ValueError(f"fold_prefix {value}: {prefix} is not a prefix from 1 to {bits}")
    return v4, v6


def parse_quiet(value: str) -> Quiet:
    """Return the clients in a list of addresses, networks, names and paths of files that hold such lists.

    Raises:
        ValueError: an entry is none of these, or a file cannot be read.
    """
    networks: list[Network] = []
    names: set[str] = set()
    for word in value.replace(",", " ").split():
        for place, entry in _entries_in(word) if word.startswith("/") else [("", word)]:
            network = maybe_network(entry)
            if network is not None:
                networks.append(network)
            elif _is_name(entry):
                names.add(entry.lower())
            else:
                raise ValueError(f"{place}quiet '{entry}' is not an address, a network, a name or the path of a file")
    return Quiet(networks, names)


def maybe_network(word: str) -> Network | None:
    """Return the network that a word is, an address being one of its own; None if it is neither."""
    import ipaddress  # which costs much of a start

    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError:
        return None


def network_of(client: str, prefixes: tuple[int, int]) -> str:
    """Return the network of an address; empty if it is none."""
    import ipaddress

    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return ""
    prefix = prefixes[address.version == 6]
    return str(ipaddress.ip_network((address, prefix), strict=False))


def _entries_in(path: str) -> list[tuple[str, str]]:
    """Return the entries of a file, each behind its place; `#` begins a comment."""
    try:
        data = read_regular(path, MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"quiet '{path}' cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:  # cut, its last network might be a larger one
        raise ValueError(f"quiet '{path}' has more than {MAX_FILE_BYTES} bytes")
    lines = enumerate(data.decode(errors="replace").splitlines(), 1)
    return [(f"{path}:{number}: ", word) for number, line in lines for word in line.partition("#")[0].split()]


def _is_name(word: str) -> bool:
    """Say whether a word can be the name of a host: one that is no number with dots."""
    has_letter = any(char.isalpha() for char in word)
    return has_letter and NAME_CHARACTERS.issuperset(word.lower()) and not word.startswith((".", "-"))
