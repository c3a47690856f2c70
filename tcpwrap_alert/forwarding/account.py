"""What became of check results, in the words of whoever is told: which monitor took how many, and as what."""

from __future__ import annotations

import time

from ..spool.entry import Entry
from .fold import make_check_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..config.read import Config
    from ..config.values import Monitor
    from ..spool.entry import Content
    from ..transports import Parcel


MAX_LINES = 50  # nobody reads more, and a great spool may hold as many services as results


def accepted_as(content: Content, config: Config) -> list[str]:
    """Return a line for each monitor that has accepted `content`, for whoever knows that all of them have."""
    lines = []
    for monitor in config.monitors:
        result = make_check_result(Entry("", time.time_ns(), content), monitor.wording)
        lines.append(_line(monitor, result.host_name, result.service_description))
    return lines


class Account:
    """What a run does, noted while it goes on.

    Args:
        on_went: called with the number of queue files that went, each time that some have.
    """

    def __init__(self, on_went: Callable[[int], None] | None = None) -> None:
        self._on_went = on_went
        self._accepted: dict[str, int] = {}
        self._counted = 0

    def went(self, count: int) -> None:
        """Note that so many queue files went."""
        if count and self._on_went:
            self._on_went(count)

    def accepted(self, monitor: Monitor, parcels: Sequence[Parcel]) -> None:
        """Note what a monitor has accepted."""
        for parcel in parcels:
            line = _line(monitor, parcel.result.host_name, parcel.result.service_description)
            if line not in self._accepted and len(self._accepted) >= MAX_LINES:
                line = f"{_taken_by(monitor)} as others"
            self._accepted[line] = self._accepted.get(line, 0) + 1

    def counted(self, count: int) -> None:
        """Note that so many denials are counted until their window ends."""
        self._counted += count

    def lines(self) -> list[str]:
        """Return what to say: one line for each service of each monitor; none if nothing was done."""
        lines = [line + (f" ({count} results)" if count > 1 else "") for line, count in self._accepted.items()]
        if self._counted:
            denials = "1 denial" if self._counted == 1 else f"{self._counted} denials"
            lines.append(f"{denials} counted; the monitor is told at the end of the window")
        return lines


def _line(monitor: Monitor, host_name: str, service_description: str) -> str:
    name = f"{host_name};{service_description}" if service_description else host_name
    return f"{_taken_by(monitor)} as {name}"


def _taken_by(monitor: Monitor) -> str:
    if monitor.scheme == "nsca" and not all(target.layout.tells_outcome for target in monitor.targets):
        return f"sent to {monitor}, which does not say what it accepts,"
    return f"accepted by {monitor}"
