"""Delivery to an NSCA daemon: the configuration's `server`, `port`, `password`, `encryption_method`."""

from __future__ import annotations

from ..nsca.client import send_check_results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..check_result import CheckResult
    from ..config import Config

# 4 MiB on the wire, and far below the 20 s after which a connection would have to be renewed (max_packet_age).
MAX_BATCH = 1024


def max_batch(config: Config) -> int:
    """Return how many check results one connection may carry."""
    return 1 if config.monitor.legacy_2_7_mode else MAX_BATCH


def deliver(config: Config, results: Sequence[CheckResult]) -> None:
    """Send `results` over one connection; what `send_check_results` raises passes through."""
    send_check_results(config.monitor, results)
