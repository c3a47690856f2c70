"""Several nodes of one monitor, `server=a;b`: the first that answers takes the results, and is tried first next time.

When a node fails, the next one gets all that has no outcome yet. Some of that may have arrived at the node that failed:
twice beats never.
"""

from __future__ import annotations

from ..debugging import debug
from ..errors import DeliveryError
from . import open_node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from ..config.values import Monitor
    from . import Outcome, Parcel, Transport

NODE = "node"  # in the memory: the number of the node that took results last, from 0


class NodesTransport:
    """A context that delivers to one node of `monitor` after the other."""

    def __init__(self, monitor: Monitor, memory: dict[str, str]) -> None:
        count = len(monitor.targets)
        first = memory.get(NODE, "")
        start = int(first) if first.isascii() and first.isdigit() and len(first) < 4 else 0
        self._order = [(start + number) % count for number in range(count)]
        self._monitor = monitor
        self._memory = memory
        self._open: AbstractContextManager[Transport] | None = None
        self._transport: Transport | None = None

    def __enter__(self) -> NodesTransport:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[Sequence[Outcome]]:
        """Deliver as far as any node takes results. Raises the DeliveryError of the last node that was tried."""
        left = list(parcels)
        for attempt in range(len(self._order)):
            try:
                for outcomes in self._deliver(left):
                    done = {id(outcome.parcel) for outcome in outcomes}
                    left = [parcel for parcel in left if id(parcel) not in done]
                    yield outcomes
                return
            except DeliveryError as error:
                debug("%s; the next node is tried", error)
                self._close()
                self._order.append(self._order.pop(0))
                if attempt == len(self._order) - 1:
                    raise

    def _deliver(self, parcels: list[Parcel]) -> Iterator[Sequence[Outcome]]:
        number = self._order[0]
        if self._transport is None:
            self._open = open_node(self._monitor, number, self._memory)
            self._transport = self._open.__enter__()
        for outcomes in self._transport.deliver(parcels):
            self._memory[NODE] = str(number)
            yield outcomes

    def _close(self) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)
        self._open = self._transport = None
