"""One attempt to deliver all that waits in a spool, to each monitor at the same time."""

from __future__ import annotations

import os
import time

from ..errors import NotDelivered, TcpwrapAlertError
from .boxes import boxes_of, hand_over, is_shared
from .drain import Drained, drain
from .leaving import leave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.read import Config
    from ..spool.spool import Spool
    from .account import Account
    from .boxes import Box

PAUSES_S = (5, 10, 20, 40, 60, 60, 60, 45)  # of a forwarder between two attempts in vain; about five minutes in all


def pause_of(mean_s: int) -> int:
    """Return seconds near `mean_s`: hosts that lost their monitor together do not come back together."""
    return round(mean_s * (0.75 + 0.5 * random_share()))


def emptied_within(spool: Spool, pause_s: int) -> bool:
    """Pause without the lock, until somebody else has delivered at the longest; say whether nothing is left.

    In a storm there is always something: so a failure that is noted no longer ends the pause, too.
    """
    had_failed = bool(spool.read_state().reason)
    for _ in range(pause_s):
        time.sleep(1)
        if spool.is_empty():
            return True
        if had_failed and not spool.read_state().reason:
            return False
    return False


def random_share() -> float:
    """Return a number from 0 to 1. To load Python's `random` would cost a third of a bare start."""
    return int.from_bytes(os.urandom(2), "big") / 0xFFFF


def attempt(spool: Spool, config: Config, account: Account | None = None, tries_rested: bool = False) -> Drained:
    """Deliver all that waits in `spool`, once. Arguments and errors are those of `drain`."""
    try:
        spool.drop_root()
        boxes = boxes_of(spool, config.monitors)
        faults = {}
        if is_shared(boxes, spool):
            faults = hand_over(spool, boxes).faults
            there = {box.name for box in spool.boxes()}
            boxes = [box for box in boxes if box.spool.name in there]  # nothing was ever for the others
    except TcpwrapAlertError as error:
        raise leave(spool, error) from error
    drained = drain_all(boxes, account, tries_rested)
    drained.faults.update(faults)
    drained.left.update(faults)
    return drained


def drain_all(boxes: list[Box], account: Account | None, tries_rested: bool) -> Drained:
    """Drain all boxes at the same time, and say what was done in all of them together.

    Raises:
        NotDelivered: why one of them could not be drained, with what went wrong at the others.
    """
    if len(boxes) == 1:
        return drain(boxes[0], account, tries_rested)
    import threading  # most hosts have one monitor

    outcomes: list[Drained | BaseException] = []

    def drain_one(box: Box) -> None:
        try:
            outcomes.append(drain(box, account, tries_rested))
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=drain_one, args=(box,), daemon=True) for box in boxes[1:]]
    left = boxes[:1]  # for this thread, which would only wait
    for thread, box in zip(threads, boxes[1:]):
        try:
            thread.start()
        except RuntimeError:  # the limit of processes is reached
            left.append(box)
    for box in left:
        drain_one(box)
    for thread in threads:
        if thread.ident is not None:
            thread.join()
    return together(outcomes)


def together(outcomes: list[Drained | BaseException]) -> Drained:
    """Return what several runs did, as one. Raises NotDelivered if one of them failed, or whatever else one raised."""
    total = Drained()
    failures: list[NotDelivered] = []
    for outcome in outcomes:
        if isinstance(outcome, Drained):
            total.accepted += outcome.accepted
            total.faults.update(outcome.faults)
            total.left |= outcome.left
        elif isinstance(outcome, NotDelivered):
            failures.append(outcome)
        else:
            raise outcome
    if failures:
        first, *others = failures
        first.others += [*others, *total.faults.values()]
        raise first
    return total
