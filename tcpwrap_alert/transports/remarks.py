"""What a transport says of the way to its monitor when it is examined, and when it reads back what it sent."""

from __future__ import annotations

import time
from typing import NamedTuple

OK, WARN, FAIL = "ok", "warn", "fail"
MAX_CLOCK_DIFFERENCE_S = 60.0


class Remark(NamedTuple):
    """How it is, a text, and what to do; `todo` is empty where there is nothing to do."""

    state: str
    text: str
    todo: str = ""


def of_clock(theirs_s: float) -> Remark:
    """Return what to say of the monitor's clock, which shows `theirs_s` now, in seconds since the epoch."""
    ahead_s = theirs_s - time.time()
    if abs(ahead_s) <= MAX_CLOCK_DIFFERENCE_S:
        return Remark(OK, "its clock agrees with ours")
    direction = "ahead of" if ahead_s > 0 else "behind"
    what = f"its clock is {abs(ahead_s):.0f} s {direction} ours, so times in alerts and at the monitor differ"
    return Remark(WARN, what, "Let both machines have their time by NTP.")
