"""What `sweeps` costs on the log of a monitor with 10,000 hosts, beside grep, which only counts its lines."""

from __future__ import annotations

import time
from pathlib import Path

from measure import Row, Subject, compare, program, run, workplace

HOSTS = 10_000
CLIENTS = 20
NEW = 10_000


def sweeps() -> Subject:
    """`sweeps` on 800,000 lines, and `sweeps --submit` after 10,000 more."""
    with workplace() as directory:
        results = directory / "results"
        results.mkdir()
        (directory / "send_nsca.cfg").write_text(f"server={results}/\nhost_name=monitor\n")
        log = directory / "nagios.log"
        _write(log, int(time.time()) - 3600)
        lines = HOSTS * CLIENTS * 4
        commands = {
            "sweeps": ["sh", "-c", 'exec "$@" >/dev/null', "sh", program("tcpwrap-alert"), "sweeps", str(log)],
            "grep -ci denied": ["sh", "-c", 'grep -ci "denied sshd" "$0" | cat >/dev/null', str(log)],
        }
        usages = compare(commands, 3)
        ours, grep = usages["sweeps"], usages["grep -ci denied"]
        submit = [program("tcpwrap-alert"), "sweeps", "--submit", str(log)]
        usages["sweeps --submit, all of it"] = first = run(submit)
        with open(log, "rb") as file:
            some = file.read(log.stat().st_size * NEW // lines)
        with open(log, "ab") as file:
            file.write(some)
        usages["sweeps --submit, what is new"] = second = run(submit)
    rows = [
        Row("lines a second", lines / ours.wall_s, "", 150_000, is_limit=False),
        Row("wall time, of grep -ci", ours.wall_s / grep.wall_s, "x"),
        Row("peak memory", ours.peak_mib or 0, "MiB", 100),
        Row("CPU of a run that finds 1.25 % more, of the first run", second.cpu_s / first.cpu_s, "x", 0.25),
    ]
    return Subject("sweeps in a log of 800,000 lines", rows, usages)


def _write(log: Path, at_s: int) -> None:
    with open(log, "w") as file:
        for number in range(HOSTS * CLIENTS):
            host, text = f"host{number % HOSTS:05}", f"Denied sshd-203.0.113.{number // HOSTS}"
            at = f"[{at_s + number // 200}]"
            file.write(
                f"{at} EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;{host};TCP Wrappers;2;{text}\n"
                f"{at} PASSIVE SERVICE CHECK: {host};TCP Wrappers;2;Denied sshd-192.0.2.99\n"
                f"{at} SERVICE NOTIFICATION: admin;{host};TCP Wrappers;CRITICAL;notify-service-by-email;{text}\n"
                f"{at} SERVICE ALERT: {host};TCP Wrappers;CRITICAL;HARD;1;{text}\n"
            )
