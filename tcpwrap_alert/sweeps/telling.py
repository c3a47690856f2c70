"""Telling of sweeps: one result for each, and one more whenever the number of hosts has grown by a step."""

from __future__ import annotations

import os

from ..check_result import MAX_PLUGIN_OUTPUT_BYTES, CheckResult, clean, cut, format_time
from ..errors import LogError
from .logs import ReadLog
from .rotation import position_of, unread_parts
from .texts import Texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..config.values import Wording
    from .memory import Memory, Sums
    from .texts import Seen

SERVICE_DESCRIPTION = "TCP Wrapper Sweeps"
CRITICAL = 2
LISTED = 50


def step_of(hosts: int, min_hosts: int) -> int:
    """Return the greatest of `min_hosts`, and of 10, 20, 50, 100, 200, 500 … above it, that `hosts` has reached."""
    step = 0
    next_step, factors = min_hosts, (1, 2, 5)
    power, number = 1, 0
    while next_step <= hosts:
        step = next_step
        while next_step <= step:
            next_step = factors[number % 3] * power
            number += 1
            power = 10 ** (number // 3)
    return step


def tell_sweeps(
    memory: Memory,
    paths: Iterable[str],
    wording: Wording,
    since_s: float,
    min_hosts: int,
    submit: Callable[[CheckResult], None],
) -> list[LogError]:
    """Read what is new in the logs, and submit a result for each sweep that has reached another step.

    Args:
        since_s: what was denied before (s since the epoch) is forgotten.
        submit: keeps or delivers a result. What it raises comes through, and the run is forgotten.

    Returns:
        what is wrong with some of the logs; the others were read.
    """
    clients: set[bytes] = set()
    faults: list[LogError] = []
    texts = Texts(wording.service_description, wording.output, memory.commanded_at())
    for path in paths:
        try:
            clients |= _read_new(memory, os.path.realpath(path), texts, since_s, faults)
        except LogError as error:
            faults.append(error)
    memory.note_commanded(texts.commanded_at)
    memory.forget(since_s)
    for client in sorted(clients):
        name = client.decode(errors="replace")
        if wording.quiet is not None and wording.quiet.has(name):
            continue
        sums = memory.sums(client)
        step = step_of(len(sums.hosts), min_hosts)
        if step > memory.hosts_told(client):
            submit(sweep_result(name, sums, wording.host_name))
            memory.note_told(client, step)
    return faults


def _read_new(memory: Memory, path: str, texts: Texts, since_s: float, faults: list[LogError]) -> set[bytes]:
    """Count what is new in a log, and return whom it is about. Nothing is counted if not all of it can be read."""
    clients: set[bytes] = set()
    read = (path, 0)
    memory.begin_log()
    try:
        parts, is_whole = unread_parts(path, memory.position(path))
        for part in parts:
            with ReadLog(part.path, part.offset) as log:
                for block in log.blocks(part.is_closed):
                    clients |= _count(memory, texts.find(block), since_s)
            # An empty log cannot be known again after its rotation: the end of what was before it can.
            read = (part.path, log.offset) if log.offset else read
        memory.note_position(path, position_of(*read))
    except LogError:
        memory.undo_log()
        raise
    except OSError as error:
        memory.undo_log()
        raise LogError(f"{clean(path)}: cannot read the log: {error.strerror or error}") from error
    if not is_whole:
        faults.append(LogError(f"{clean(path)}: was replaced, and what was read before is nowhere beside it"))
    return clients


def _count(memory: Memory, found: Iterable[Seen], since_s: float) -> set[bytes]:
    """Count what a block says, and return whom it is about."""
    all_seen: dict[tuple[bytes, bytes, bytes], Seen] = {}
    for seen in found:
        if seen.at_s >= since_s:
            all_seen.setdefault((seen.client, seen.host, seen.daemon), seen).take_in(seen)
    memory.add(all_seen.values())
    return {client for client, _, _ in all_seen}


def sweep_result(client: str, sums: Sums, host_name: str) -> CheckResult:
    """Return the result that tells of a sweep: who, how many hosts, when, and which hosts."""
    hosts, denials = len(sums.hosts), sums.denials
    span = f"{format_time(sums.first_s)} to {format_time(sums.last_s)}"
    first = f"{clean(client)} was denied by {hosts} hosts ({denials} times, {span})|hosts={hosts} denied={denials}"
    lines = [first, f"daemons: {' '.join(sums.daemons)}", *sums.hosts[:LISTED]]
    if hosts > LISTED:
        lines.append(f"and {hosts - LISTED} more")
    return CheckResult(host_name, SERVICE_DESCRIPTION, CRITICAL, cut("\n".join(lines), MAX_PLUGIN_OUTPUT_BYTES))
