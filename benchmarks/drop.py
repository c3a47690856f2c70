"""CPU time of one handle_tcp_wrapper that finds a forwarder at work, beside `dash -c :` and the classic chain.

The chain is the one of Nagios's manual: a shell script that calls a shell script that pipes an echo into C send_nsca,
here against the real nsca daemon. All of them run in turn, many times; what is printed is the median.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import namespaces
from nsca_daemon import NscaDaemon

ROUNDS = 200
SCRIPTS = {
    "handle": '#!/bin/sh\n{0}/submit firestorm "TCP Wrappers" 2 "Denied $2-$1" >/dev/null 2>/dev/null\nexit 0\n',
    "submit": (
        '#!/bin/sh\n/bin/echo -e "$1\\t$2\\t$3\\t$4\\n" |\n'
        "{1} -H 127.0.0.1 -p {2} -c {0}/send_nsca.cfg >/dev/null 2>&1\n"
    ),
}


def cpu_us(argv: Sequence[str]) -> float:
    """Return user and system time of one run with all its children, in microseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, close_fds=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e6 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Print the medians and their ratios."""
    namespaces.enter()
    drop = str(Path(sys.executable).parent / "handle_tcp_wrapper")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        os.makedirs(directory / "spool" / "new")
        (directory / "spool" / "leader").touch()
        os.environ["TCPWRAP_ALERT_SPOOL"] = str(directory / "spool")
        daemon = NscaDaemon(shutil.which("nsca") or "nsca", directory / "nsca", mode="single")
        daemon.start()
        (directory / "send_nsca.cfg").write_text("encryption_method=1\n")
        for script, text in SCRIPTS.items():
            (directory / script).write_text(text.format(directory, shutil.which("send_nsca"), daemon.port))
            (directory / script).chmod(0o755)
        commands = {
            "dash -c :": ["dash", "-c", ":"],
            "handle_tcp_wrapper": [drop, "203.0.113.7", "sshd"],
            "classic chain": [str(directory / "handle"), "203.0.113.7", "sshd"],
        }
        times: dict[str, list[float]] = {label: [] for label in commands}
        for _ in range(ROUNDS):
            for label, argv in commands.items():
                times[label].append(cpu_us(argv))
        daemon.stop()
        assert len(daemon.results()) == ROUNDS, "the chain lost alerts"
        assert len(os.listdir(directory / "spool" / "new")) == ROUNDS, "the drop lost alerts"
    medians = {label: statistics.median(values) for label, values in times.items()}
    for label, median in medians.items():
        print(f"{label:20} {median:7.0f} µs CPU   {median / medians['classic chain']:5.2f} x the classic chain")


if __name__ == "__main__":
    main()
