"""Delivery to an NSCA daemon: the configuration's `server`, `port`, `password`, `encryption_method`.

A connection carries no more than fits into the pipe to Nagios. Debian's nsca (2.10.2-2) opens that pipe with O_NONBLOCK
and throws away what does not fit, without a word to the client or to syslog: of 500 results with outputs of 3800 bytes
over one connection, 293 came to a Nagios 4.4 that did nothing else.
"""

from __future__ import annotations

import time

from ..nsca.client import send_check_results

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..check_result import CheckResult
    from ..config.read import Config

KEEPS_TIME = False
# 4 MiB on the wire, and far below the 20 s after which a connection would have to be renewed (max_packet_age).
MAX_BATCH = 1024
# The daemon stamps what it receives with its own clock (nsca 2.10.2, src/nsca.c). It needs up to two seconds for a
# conversation; from this age on its "now" misleads.
LATE_AFTER_S = 10.0
# A pipe of Linux holds 16 pages (pipe(7)), and a line that does not fit into the rest of one begins the next. One page
# is left to others.
PAGE_BYTES = 4096
PIPE_PAGES = 15


def max_batch(config: Config, results: Sequence[CheckResult]) -> int:
    """Return how many of `results`, from the first on and one at least, a connection may carry."""
    if config.monitor.layout.takes_one:
        return 1
    pages, room = 0, 0
    for count, result in enumerate(results[:MAX_BATCH]):
        size = len(result.external_command(1e9).encode()) + 1
        if size > room:
            more_pages = 1 + (size - 1) // PAGE_BYTES
            pages += more_pages
            room = more_pages * PAGE_BYTES
        room -= size
        if pages > PIPE_PAGES and count:
            return count
    return min(len(results), MAX_BATCH)


def deliver(config: Config, results: Sequence[tuple[CheckResult, float | None]]) -> None:
    """Send `results` over one connection, each late one with its time in its text.

    What `send_check_results` raises passes through.
    """
    send_check_results(config.monitor, [_dated_if_late(*result) for result in results])


def _dated_if_late(result: CheckResult, at_s: float | None) -> CheckResult:
    return result if at_s is None or abs(time.time() - at_s) <= LATE_AFTER_S else result.dated(at_s)
