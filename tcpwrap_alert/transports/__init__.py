"""The ways to a monitor, by the configuration's `server`: each is a module of the same shape.

deliver(config, results)    returns when the monitor has taken the results, each with its time in seconds since the
                            epoch, or None if its text tells that; raises a DeliveryError otherwise
max_batch(config, results)  how many of them one delivery may carry, MAX_BATCH at most
KEEPS_TIME                  whether the time travels beside the text; then what tells its time has one there too
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from ..check_result import CheckResult
    from ..config.read import Config

    class Transport(Protocol):
        """See above."""

        KEEPS_TIME: bool
        MAX_BATCH: int

        def deliver(self, config: Config, results: Sequence[tuple[CheckResult, float | None]], /) -> None: ...

        def max_batch(self, config: Config, results: Sequence[CheckResult], /) -> int: ...


def find_transport(config: Config) -> Transport:
    """Return the transport of a configuration; only that one is loaded."""
    if config.command_file:
        from . import command_file

        return command_file
    from . import nsca

    return nsca
