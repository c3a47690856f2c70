"""A forwarder that stays while an episode is on, so that each further denial costs its drop only.

Once a second it looks whether something has been dropped, or a window has ended. It leaves five minutes after the last
denial; what is due later is for cron's replay. And it leaves after nine minutes in any case, for the next drop starts
another one: ten minutes after an upgrade nothing of the old version runs any more. It leaves at once when the files of
its own version are gone.
"""

from __future__ import annotations

import os
import time

from ..config.read import read_config
from ..errors import SpoolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.read import Config
    from ..spool.spool import Spool

QUIET_S = 300.0
LIFE_S = 540.0
LOOK_S = 1.0
MAX_LOOK_S = 10.0
SHARE = 20  # of the time that it is away, one part is work: a sweep of thousands costs 5 % of a processor
READ_ANEW_S = 60.0  # what the configuration names, such as a file of quiet clients, counts a minute later


class Stay:
    """How long a forwarder stays. `config` is the configuration as it is by now."""

    def __init__(self, spool: Spool, config: Config) -> None:
        self.config = config
        self._spool = spool
        self._mark = _mark(config.path)
        self._left_at_s = self._read_at_s = self._seen_at_s = time.monotonic()
        self._end_s = self._read_at_s + LIFE_S

    def finds_more(self, left: set[str]) -> bool:
        """Wait until there is something to do, and say so; False when it is time to leave.

        Args:
            left: what is in new/, and is to stay there.
        """
        worked_s = time.monotonic() - self._left_at_s
        while self._is_on() and time.monotonic() < min(self._end_s, self._seen_at_s + QUIET_S):
            time.sleep(min(max(LOOK_S, SHARE * worked_s), MAX_LOOK_S))
            if self._has_new(left) or self._is_due():
                self._left_at_s = time.monotonic()
                self._renew()
                return True
            worked_s = 0.0
        return False

    def _is_on(self) -> bool:
        is_on = any(one.until_s() is not None for one in self._spool.with_boxes())
        return is_on and os.path.exists(__file__)

    def _is_due(self) -> bool:
        return any(one.is_due() for one in self._spool.with_boxes())

    def _has_new(self, left: set[str]) -> bool:
        try:
            if self._spool.is_empty() or (left and left.issuperset(self._spool.scan())):
                return False
        except SpoolError:
            pass  # told by the attempt
        self._seen_at_s = time.monotonic()
        return True

    def _renew(self) -> None:
        """Read the configuration anew if it has changed, so that a repair counts."""
        mark, now_s = _mark(self.config.path), time.monotonic()
        if mark != self._mark or now_s - self._read_at_s > READ_ANEW_S:
            self.config, self._mark, self._read_at_s = read_config(self.config.path), mark, now_s


def _mark(path: str) -> tuple[int, int, int] | None:
    """Return what changes with a file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
