"""The forwarder of several monitors: a thread delivers to each of them, and the leader hands over what is dropped.

A monitor that is out of reach is tried again with growing pauses, for five minutes, while the others get everything at
once. Each thread reads the configuration anew after a pause, so that a repair counts.
"""

from __future__ import annotations

import threading
import time

from ..config.read import read_config
from ..errors import NotDelivered, SpoolBusy, SpoolError, TcpwrapAlertError
from ..system_log import tell
from .attempt import PAUSES_S, emptied_within, pause_of, together
from .boxes import Box, boxes_of, hand_over
from .drain import Drained, drain
from .leaving import leave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.read import Config
    from ..spool.spool import Spool

HAND_OVER_EVERY_S = 0.2


def share(spool: Spool, config: Config) -> Drained:
    """Hand over and deliver until nothing is left in the inbox, and each monitor has all of it or was given up.

    Raises:
        NotDelivered: why a monitor was given up.
        SpoolError: the inbox or a box cannot be read or written.
    """
    boxes = boxes_of(spool, config.monitors)
    workers = [_Worker(box, config.path) for box in boxes]
    faults: dict[str, TcpwrapAlertError] = {}
    while True:
        handed = hand_over(spool, boxes)
        faults.update(handed.faults)
        for worker in workers:
            worker.go_on(handed.count)
        if not handed.count and all(worker.is_done for worker in workers):
            break
        time.sleep(HAND_OVER_EVERY_S)
    drained = together([worker.outcome for worker in workers])
    drained.faults.update(faults)
    drained.left = set(faults)
    return drained


class _Worker:
    """Delivers to one monitor, in a thread of its own."""

    def __init__(self, box: Box, config_path: str) -> None:
        self.outcome: Drained | BaseException = Drained()
        self._box = box
        self._config_path = config_path
        self._thread: threading.Thread | None = None
        self._has_failed = False

    @property
    def is_done(self) -> bool:
        """Whether nothing is being delivered any more."""
        return self._thread is None or not self._thread.is_alive()

    def go_on(self, handed: int) -> None:
        """Start delivering what is there at the beginning, and whenever there is more, unless that goes on already."""
        spool = self._box.spool
        is_first = self._thread is None and spool.has_work()
        if self.is_done and (handed or is_first or (not self._has_failed and spool.is_due())):
            self._thread = threading.Thread(target=self._run, daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # the limit of processes is reached
                busy = SpoolBusy(f"{self._box.monitor}: too many processes: {error}")
                self.outcome, self._has_failed = leave(spool, busy, self._box.monitor), True

    def _run(self) -> None:
        try:
            self.outcome = self._drain_with_pauses()
        except BaseException as error:
            self.outcome, self._has_failed = error, True

    def _drain_with_pauses(self) -> Drained:
        for number, pause_s in enumerate((*PAUSES_S, 0)):
            try:
                return drain(self._box)
            except NotDelivered as error:
                if isinstance(error.why, SpoolError) or not pause_s:
                    raise
                if number == 0:
                    tell(f"{error}; kept in the spool, trying again for five minutes")
            if emptied_within(self._box.spool, pause_of(pause_s)):
                break
            self._renew()
        return Drained()

    def _renew(self) -> None:
        """Take the monitor as the configuration describes it by now."""
        try:
            monitors = read_config(self._config_path).monitors
        except TcpwrapAlertError:
            return  # it is told by the next replay
        for monitor in monitors:
            if monitor.name == self._box.monitor.name:
                self._box = Box(monitor, self._box.spool)
