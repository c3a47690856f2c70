"""Who was denied, from the histories of the spools: sums by client, by daemon or by hour.

Nothing is sent and no queue file is read. So root stays root, and can write a page wherever root wants it.
"""

from __future__ import annotations

from ..check_result import format_time
from ..spool.history import counts_since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.read import Config

BY = ("client", "daemon", "hour")


class Denied:
    """What was denied under one name: how often, and when first and last (s since the epoch)."""

    __slots__ = ("count", "first_s", "last_s", "name")

    def __init__(self, name: str, at_s: int) -> None:
        self.name = name
        self.count = 0
        self.first_s = self.last_s = at_s

    def add(self, count: int, at_s: int) -> None:
        """Count so many more."""
        self.count += count
        self.first_s = min(self.first_s, at_s)
        self.last_s = max(self.last_s, at_s)


def denied_by(config: Config, since_s: float) -> dict[str, list[Denied]]:
    """Return what was denied since then for each of BY: clients and daemons the most frequent first, hours in order.

    Raises:
        SpoolError: a spool's history cannot be read.
    """
    found: dict[str, dict[str, Denied]] = {by: {} for by in BY}
    for at_s, daemon, client, count in _counts(config, since_s):
        for by, name in zip(BY, (client, daemon, hour_of(at_s))):
            found[by].setdefault(name, Denied(name, at_s)).add(count, at_s)
    rows = {by: sorted(found[by].values(), key=lambda row: (-row.count, row.name)) for by in ("client", "daemon")}
    return {**rows, "hour": sorted(found["hour"].values(), key=lambda row: row.first_s)}


def _counts(config: Config, since_s: float) -> Iterator[tuple[int, str, str, int]]:
    for path in config.spool_dirs:
        yield from counts_since(path, since_s)


def hour_of(at_s: float) -> str:
    """Return the hour, local time; not by rounding the epoch, as some zones are off by half an hour."""
    hour, colon, _ = format_time(at_s).partition(":")
    return f"{hour}:00" if colon else hour
