"""What waits in the spool: since when, and why. The rows behind `tcpwrap-alert queue`."""

from __future__ import annotations

import os
import time

from ..check_result import clean, format_time
from ..errors import QueueFileCorrupt, SpoolError
from ..spool.queue_file import QueueFileUnfinished
from ..spool.spool import Spool
from .fold import make_check_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..config.read import Config
    from ..spool.state import State

NOT_TRIED = "not tried yet"
COLUMNS = (
    "queue_file", "since", "monitor", "host_name", "service_description", "return_code", "plugin_output", "why",
)  # fmt: skip


def list_waiting(config: Config) -> Iterator[dict[str, Any]]:
    """Yield one row per waiting check result and monitor, oldest first.

    Keys: `queue_file` (path), `since` (local time with offset), `monitor` (host:port, None without a usable
    configuration), `host_name`, `service_description` (empty for a host check), `return_code`, `plugin_output`
    (these four None if the queue file is no check result), `why` (the last failure).

    Raises:
        SpoolError: a spool cannot be read; raised after the rows of the others.
    """
    fault = config.fault
    monitor = None if fault else str(config.monitor)
    failure: SpoolError | None = None
    for path in config.spool_dirs:
        spool = Spool(path)
        try:
            spool.drop_root()
            state = spool.read_state()
            names = spool.scan()
        except SpoolError as error:
            failure = failure or error
            continue
        for name in names:
            row = _maybe_row(spool, name, config, state)
            if row is not None:
                yield {**row, "monitor": monitor, "why": row["why"] or str(fault or state.reason)}
    if failure:
        raise failure


def count_waiting(config: Config) -> int:
    """Return how many queue files wait, in the spools that can be looked into."""
    count = 0
    for path in config.spool_dirs:
        try:
            count += len(Spool(path).scan())
        except SpoolError:
            pass  # told by whoever wants to send from it
    return count


def measure_spools(config: Config) -> tuple[int, int, str]:
    """Return how many queue files wait, for how many seconds the oldest has, and why the last delivery failed.

    Raises:
        SpoolError: a spool cannot be read.
    """
    count = oldest_s = 0
    why = ""
    for path in config.spool_dirs:
        spool = Spool(path)
        spool.drop_root()
        names = spool.scan()
        count += len(names)
        age_s = max(0, int(time.time() - spool.enqueued_at_s(names[0]))) if names else -1
        if age_s >= oldest_s:
            oldest_s, why = age_s, spool.read_state().reason or NOT_TRIED
    return count, oldest_s, why


def count_set_aside(config: Config) -> int:
    """Return how many queue files were moved to corrupt/."""
    return sum(Spool(path).corrupt.count() for path in config.spool_dirs)


def _maybe_row(spool: Spool, name: str, config: Config, state: State) -> dict[str, Any] | None:
    """Return the row of one queue file, with `why` as far as the file itself tells; None if the file is gone."""
    row = dict.fromkeys(COLUMNS)
    row["queue_file"] = clean(os.path.join(spool.new, name))
    try:
        entry = spool.maybe_read(name)
    except QueueFileUnfinished as error:
        return {**row, "why": f"{error}, or it is still being written; a replay sets it aside after a minute"}
    except QueueFileCorrupt as error:
        return {**row, "why": f"{error}; the next replay sets it aside"}
    except SpoolError as error:
        return {**row, "why": str(error)}
    if entry is None:
        return None
    result = make_check_result(entry, config.wording)
    return {
        **row,
        "since": format_time(entry.enqueued_at_s),
        "host_name": result.host_name,
        "service_description": result.service_description,
        "return_code": result.return_code,
        "plugin_output": result.plugin_output,
        "why": _why(name, entry.enqueued_at_s, state),
    }


def _why(name: str, since_s: float, state: State) -> str | None:
    rejection = state.rejected.get(name)
    if rejection:
        again = format_time(rejection.until_s)
        times = "once" if rejection.count == 1 else f"{rejection.count} times"
        return f"rejected {times}: {rejection.reason}; tried again from {again} on, or by replay --all"
    return NOT_TRIED if since_s > state.failed_at_s else None
