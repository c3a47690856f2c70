"""What waits for which monitor. One monitor: the spool itself. Several: each has a small spool of its own below it.

    SPOOL/new/              the inbox: whoever denies or submits writes here
    SPOOL/for/NAME/         what waits for the monitor of section [NAME]: a spool with its own new/, state and lock

With several monitors each entry of the inbox is copied to each of them, and leaves the inbox when all copies are on
disk. So a dead or slow monitor delays no other. (A hard link would be cheaper, but the kernel forbids links to files of
other users.) With one monitor there is no copy, no extra file and no extra system call.

P3  An entry leaves the inbox only after every copy is on disk. A crash in between delivers twice, and loses nothing.
"""

from __future__ import annotations

from ..errors import SpoolBusy, SpoolError
from ..spool.episodes import Episodes
from ..spool.episodes_file import release
from ..spool.passes import Pass
from .counting import count_denials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.values import Monitor
    from ..errors import TcpwrapAlertError
    from ..spool.entry import Entry
    from ..spool.spool import Spool

HANDED_AT_ONCE = 1000


class Box:
    """A monitor, and the spool with what waits for it; `is_inbox` says that denials are dropped into it."""

    __slots__ = ("is_inbox", "monitor", "spool")

    def __init__(self, monitor: Monitor, spool: Spool, is_inbox: bool = False) -> None:
        self.monitor = monitor
        self.spool = spool
        self.is_inbox = is_inbox


def boxes_of(spool: Spool, monitors: tuple[Monitor, ...]) -> list[Box]:
    """Return the box of each monitor. One monitor has the spool itself, and what waited for it beside others."""
    if len(monitors) > 1:
        return [Box(monitor, spool.box(monitor.name)) for monitor in monitors]
    (monitor,) = monitors
    beside_others = [box for box in spool.boxes() if box.name == _box_name(monitor)]
    return [Box(monitor, spool, is_inbox=True), *(Box(monitor, box) for box in beside_others)]


def left_behind(spool: Spool, monitors: tuple[Monitor, ...]) -> list[Spool]:
    """Return the boxes of monitors that are configured no longer."""
    configured = {_box_name(monitor) for monitor in monitors}
    return [box for box in spool.boxes() if box.name not in configured]


def _box_name(monitor: Monitor) -> str:
    """Return the name of a monitor's box; the one above the first section has a name only beside others."""
    from ..config.sections import DEFAULT  # loaded already: it has read the configuration

    return monitor.name or DEFAULT


def is_shared(boxes: list[Box], spool: Spool) -> bool:
    """Say whether the spool is the inbox of several monitors."""
    return all(box.spool.path != spool.path for box in boxes)


class Handed:
    """How many entries were handed over, and why others stay in the inbox, by name."""

    __slots__ = ("count", "faults")

    def __init__(self, count: int, faults: dict[str, TcpwrapAlertError]) -> None:
        self.count = count
        self.faults = faults


def hand_over(spool: Spool, boxes: list[Box]) -> Handed:
    """Copy what is in the inbox to each box.

    Raises:
        SpoolError: the inbox cannot be read, or a box cannot be written; what is not copied stays in the inbox.
    """
    try:
        with spool.lock(0):
            return _hand_over(spool, boxes)
    except SpoolBusy:
        return Handed(0, {})  # somebody else is at it


def _hand_over(spool: Spool, boxes: list[Box]) -> Handed:
    spool.check_removable()
    state = spool.read_state()
    one_pass = Pass(spool, state)
    one_pass.take_back()
    try:
        release(spool)
    except SpoolError as error:
        one_pass.faults[f"../{Episodes.kind}"] = error
    names = one_pass.scan()
    if names:
        spool.make_boxes()
    count = 0
    for start in range(0, len(names), HANDED_AT_ONCE):
        entries = list(one_pass.read(names[start : start + HANDED_AT_ONCE]))
        for box in boxes:
            box.spool.enqueue_copies(entries)
        # Every copy is on disk: from here on the boxes are responsible.
        count_denials(spool, entries)
        for entry in entries:
            try:
                spool.remove(entry.name)
                count += 1
            except SpoolError as error:
                one_pass.faults[entry.name] = error
                _withdraw(entry, spool, boxes)
    state.succeed()  # what was wrong with the only monitor there was, or with the configuration, holds nothing any more
    spool.write_state(state)
    return Handed(count, one_pass.faults)


def _withdraw(entry: Entry, spool: Spool, boxes: list[Box]) -> None:
    """Take the copies back of what is still in the inbox: the next attempt copies it again. Twice beats never."""
    try:
        if spool.is_from(entry.name, entry.enqueued_at_ns):  # an error may come after the file has gone, over NFS say
            for box in boxes:
                box.spool.remove(entry.name)
    except SpoolError:
        pass  # monitors get it twice
