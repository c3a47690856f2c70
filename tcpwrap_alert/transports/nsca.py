"""Delivery to an NSCA server: the configuration's `server`, `port`, `password`, `encryption_method`.

The server stamps what it receives with its own clock (nsca 2.10.2, src/nsca.c), so a late result tells its time in its
text. All outcomes of a connection are known at its end, and they are the same: NSCA has no word about a single result.

A connection carries no more than fits into the pipe to Nagios. Debian's nsca (2.10.2-2) opens that pipe with O_NONBLOCK
and throws away what does not fit, without a word to the client or to syslog: of 500 results with outputs of 3800 bytes
over one connection, 293 came to a Nagios 4.4 that did nothing else.

A slow line must be able to take a batch within the deadline, or the batch would be sent again and again. So after a
deadline that came too early the next connection begins with half as many, and only a quick success doubles the number.
"""

from __future__ import annotations

import itertools
import time

from ..errors import OutcomeUnknown
from ..nsca.client import send_check_results
from ..nsca.ways import Ways
from . import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..check_result import CheckResult
    from ..nsca.server import Server
    from . import Parcel
    from .remarks import Remark

BATCH = "batch"  # in the memory: with how many results the next connection begins
FIRST_BATCH = 64
# 4 MiB on the wire, and far below the 20 s after which a connection would have to be renewed (max_packet_age).
MAX_BATCH = 1024
# A pipe of Linux holds 16 pages (pipe(7)), and a line that does not fit into the rest of one begins the next. One page
# is left to others.
PAGE_BYTES = 4096
PIPE_PAGES = 15


class NscaTransport:
    """A context that delivers to an NSCA server, one connection after the other."""

    def __init__(self, server: Server, memory: dict[str, str]) -> None:
        self._server = server
        self._memory = memory
        self._ways = Ways(memory)
        self._batch = _batch_size(memory.get(BATCH, ""))

    def __enter__(self) -> NscaTransport:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open between two batches."""

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[list[Outcome]]:
        """Send `parcels`; yield the outcomes of each connection. Raises what `send_check_results` raises."""
        left = iter(parcels)
        ahead: list[Parcel] = []
        while True:
            ahead += itertools.islice(left, self._batch - len(ahead))
            if not ahead:
                return
            count = self._fitting([parcel.result for parcel in ahead])
            batch, ahead = ahead[:count], ahead[count:]
            self._send(batch)
            yield [Outcome(parcel) for parcel in batch]

    def _send(self, batch: list[Parcel]) -> None:
        started_s = time.monotonic()
        try:
            send_check_results(self._server, [parcel.dated_if_late for parcel in batch], ways=self._ways)
        except OutcomeUnknown:
            self._memory[BATCH] = str(max(len(batch) // 2, 1))
            raise
        self._memory.pop(BATCH, None)
        if time.monotonic() - started_s < self._server.timeout_s / 4:
            self._batch = min(self._batch * 2, MAX_BATCH)

    def _fitting(self, results: list[CheckResult]) -> int:
        """Return how many of `results`, from the first on and one at least, a connection may carry."""
        if self._server.layout.takes_one:
            return 1
        pages, room = 0, 0
        for count, result in enumerate(results):
            size = len(result.external_command(1e9).encode()) + 1
            if size > room:
                more_pages = 1 + (size - 1) // PAGE_BYTES
                pages += more_pages
                room = more_pages * PAGE_BYTES
            room -= size
            if pages > PIPE_PAGES and count:
                return count
        return len(results)


def _batch_size(noted: str) -> int:
    size = int(noted) if noted.isascii() and noted.isdigit() and len(noted) < 5 else FIRST_BATCH
    return min(max(size, 1), MAX_BATCH)


def open_transport(target: Server, memory: dict[str, str]) -> NscaTransport:
    """Return a context that delivers to `target`: see the contract in `transports/__init__.py`."""
    return NscaTransport(target, memory)


def examine(target: Server) -> Iterator[Remark]:
    """Read an init packet, compare clocks, and find out how a rejection arrives. See `nsca_way.py`."""
    from .nsca_way import examine_way

    return examine_way(target)


def read_back(target: Server, result: CheckResult) -> Iterator[Remark]:
    """Say what NSCA cannot tell."""
    from .remarks import OK, Remark

    told = "nsca has passed it on" if target.layout.tells_outcome else "it was sent, and this server tells no more"
    name = f"{result.host_name};{result.service_description}"
    what = f"{told}; whether Nagios knows {name} is in its log only"
    yield Remark(OK, what, f"Look for '{result.plugin_output}' at the monitor, and for '{name}' in its nagios.log.")


def as_sent(target: Server, parcel: Parcel) -> list[tuple[str, bytes]]:
    """Return the fields of the packet."""
    from ..nsca.packet import encode_data_packet, fields_of

    layout = target.layout
    return fields_of(encode_data_packet(parcel.dated_if_late, 0, bytes(layout.packet_length), layout.escapes))
