"""Clients, with the hosts and daemons that denied them, from the logs of a monitor."""

from __future__ import annotations

from ..errors import LogError
from .logs import ReadLog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..config.networks import Quiet
    from .texts import Seen, Texts


class Client:
    """Who was denied: by which hosts and daemons, how often, when first and last (s since the epoch)."""

    __slots__ = ("daemons", "denials", "first_s", "hosts", "last_s")

    def __init__(self, at_s: int) -> None:
        self.hosts: set[bytes] = set()
        self.daemons: set[bytes] = set()
        self.denials = 0
        self.first_s = self.last_s = at_s

    def add(self, seen: Seen) -> None:
        """Count what a line says."""
        self.hosts.add(seen.host)
        self.daemons.add(seen.daemon)
        self.denials += seen.count
        if seen.at_s < self.first_s:
            self.first_s = seen.at_s
        elif seen.at_s > self.last_s:
            self.last_s = seen.at_s


def read_table(paths: Iterable[str], texts: Texts, since_s: float) -> tuple[dict[bytes, Client], list[LogError]]:
    """Return the clients of whole logs, and what is wrong with some of these; nothing is remembered."""
    clients: dict[bytes, Client] = {}
    hosts: dict[bytes, bytes] = {}
    faults: list[LogError] = []
    for path in paths:
        try:
            with ReadLog(path) as log:
                for block in log.blocks(is_closed=True):
                    for seen in texts.find(block):
                        if seen.at_s >= since_s:
                            seen.host = hosts.setdefault(seen.host, seen.host)  # one name, however many clients
                            client = clients.get(seen.client)
                            if client is None:
                                client = clients[seen.client] = Client(seen.at_s)
                            client.add(seen)
        except LogError as error:
            faults.append(error)
    return clients, faults


def sweeps_in(clients: dict[bytes, Client], min_hosts: int, quiet: Quiet | None) -> list[tuple[str, Client]]:
    """Return those that so many hosts denied, the most hosts first, without quiet ones."""
    found = [(name.decode(errors="replace"), one) for name, one in clients.items() if len(one.hosts) >= min_hosts]
    found = [(name, one) for name, one in found if quiet is None or not quiet.has(name)]
    return sorted(found, key=lambda item: (-len(item[1].hosts), item[0]))
