"""A host on which hours pass in seconds: its hook, forwarder and cron, with a clock of their own.

    python -m support.simulated SPOOL SERIES HOURS

SERIES is a file of lines `SECONDS CLIENT DAEMON`: who is denied, and when, from the start on. The denials come by
the installed handle_tcp_wrapper, and get their time by utime, because a shell has no clock of its own. The forwarder
and the replay of each minute are the package's, in this process. Where they pause, the clock goes on, and the denials
of that time come.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.errors import NotDelivered
from tcpwrap_alert.forwarding.lead import lead
from tcpwrap_alert.forwarding.replay import replay
from tcpwrap_alert.spool.spool import Spool

LOADING_S = 0.1  # what a forwarder takes to start: in a burst, more have come by then
MINUTE_S = 60


class Host:
    """The host, and its clock, which begins `hours` ago, so that no result is of the future."""

    def __init__(self, spool_dir: str, series: list[tuple[float, str, str]], hours: float) -> None:
        self._spool = Spool(spool_dir)
        self._series = series
        self._start_s = int(time.time() - hours * 3600)
        self._passed_s = 0.0
        self._end_s = hours * 3600
        self._ticks = 0

    def take_over(self) -> None:
        """Let this process have the host's clock."""
        time.time = lambda: self.time_ns() / 1e9
        time.time_ns = self.time_ns
        time.monotonic = lambda: self._passed_s
        time.sleep = self.pass_by

    def time_ns(self) -> int:
        """Return the time, a bit later at each look."""
        self._ticks += 1000
        return int((self._start_s + self._passed_s) * 1e9) + self._ticks

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and deny whoever comes meanwhile."""
        end_s = self._passed_s + seconds
        while self._series and self._series[0][0] <= end_s:
            at_s, client, daemon = self._series.pop(0)
            self._passed_s = max(self._passed_s, at_s)
            self._drop(client, daemon)
        self._passed_s = end_s

    def run(self) -> None:
        """Let all hours pass."""
        while self._passed_s < self._end_s:
            self.pass_by(LOADING_S)
            if not self._spool.is_empty():
                self._call(lambda: lead(self._spool, read_config()))
            minute_s = (self._passed_s // MINUTE_S + 1) * MINUTE_S
            next_s = min([minute_s, *(at_s for at_s, _, _ in self._series[:1])])
            self.pass_by(max(0.0, next_s - self._passed_s))
            if self._passed_s >= minute_s and self._spool.is_empty() and self._spool.has_work():
                self._call(lambda: replay(read_config()))

    def _call(self, act: object) -> None:
        try:
            act()
        except NotDelivered as error:
            sys.exit(str(error))

    def _drop(self, client: str, daemon: str) -> None:
        """Deny, as if somebody led: the forwarder is ours."""
        leader = Path(self._spool.path, "leader")
        is_led = leader.exists()
        leader.mkdir(exist_ok=True)
        before = set(os.listdir(self._spool.new))
        subprocess.run(["handle_tcp_wrapper", client, daemon], check=True)
        (name,) = set(os.listdir(self._spool.new)) - before
        at_ns = self.time_ns()
        os.utime(os.path.join(self._spool.new, name), ns=(at_ns, at_ns))
        if not is_led:
            leader.rmdir()


def main() -> None:
    """Run the command line."""
    spool_dir, path, hours = sys.argv[1:]
    lines = [line.split() for line in Path(path).read_text().splitlines()]
    host = Host(spool_dir, [(float(at_s), client, daemon) for at_s, client, daemon in lines], float(hours))
    host.take_over()
    host.run()


if __name__ == "__main__":
    main()
