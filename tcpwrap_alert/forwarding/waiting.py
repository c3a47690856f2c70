"""What waits in the spool: since when, and why. The rows behind `tcpwrap-alert queue`."""

from __future__ import annotations

import os
import time

from ..check_result import clean, format_time
from ..config.read import Config, find_spool_dirs, load_config
from ..errors import CheckResultError, ConfigError, QueueFileCorrupt, SpoolError
from ..spool.entries import open_entry
from ..spool.spool import Spool
from .fold import make_check_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

NOT_TRIED = "not tried yet"


def list_waiting(config_path: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield one row per waiting check result and monitor, oldest first.

    Keys: `queue_file` (path), `since` (local time with offset), `monitor` (host:port, None without a usable
    configuration), `host_name`, `service_description` (empty for a host check), `return_code`, `plugin_output`
    (these four None if the queue file is no check result), `why` (the last failure).

    Raises:
        SpoolError: the spool cannot be read.
    """
    config, config_error = Config(""), ""
    try:
        config = load_config(config_path)
        config.require_server()
    except ConfigError as error:
        config_error = str(error)
    for path in find_spool_dirs(config_path):
        spool = Spool(path)
        spool.drop_root()
        last_error = spool.last_error()
        for name in spool.scan():
            row = _maybe_row(spool, name, config, last_error.at_s)
            if row is not None:
                row["monitor"] = config.destination or None
                row["why"] = row["why"] or config_error or last_error.reason
                yield row


def count_waiting(config_path: str | None = None) -> int:
    """Return how many queue files wait, in the spools that can be looked into."""
    count = 0
    for path in find_spool_dirs(config_path):
        try:
            count += len(Spool(path).scan())
        except SpoolError:
            pass  # told by whoever wants to send from it
    return count


def measure_spools(config_path: str | None = None) -> tuple[int, int, str]:
    """Return how many queue files wait, for how many seconds the oldest has, and why the last delivery failed.

    Raises:
        SpoolError: a spool cannot be read.
    """
    count = oldest_s = 0
    why = ""
    for path in find_spool_dirs(config_path):
        spool = Spool(path)
        spool.drop_root()
        names = spool.scan()
        count += len(names)
        age_s = max(0, int(time.time() - spool.enqueued_at_s(names[0]))) if names else -1
        if age_s >= oldest_s:
            oldest_s, why = age_s, spool.last_error().reason or NOT_TRIED
    return count, oldest_s, why


def count_set_aside(config_path: str | None = None) -> int:
    """Return how many queue files were moved to corrupt/."""
    return sum(Spool(path).count_set_aside() for path in find_spool_dirs(config_path))


def _maybe_row(spool: Spool, name: str, config: Config, failed_at_s: float) -> dict[str, Any] | None:
    """Return the row of one queue file, with `why` as far as the file itself tells; None if the file is gone."""
    row = dict.fromkeys(
        ("queue_file", "since", "monitor", "host_name", "service_description", "return_code", "plugin_output", "why")
    )
    row["queue_file"] = clean(os.path.join(spool.new, name))
    try:
        entry = spool.maybe_read(name)
        if entry is None:
            return None
        result = make_check_result(entry, open_entry(entry), config)
    except (QueueFileCorrupt, CheckResultError) as error:
        return {**row, "why": f"{error}; the next replay sets it aside"}
    except SpoolError as error:
        return {**row, "why": str(error)}
    since_s = entry.enqueued_at_ns / 1e9
    return {
        **row,
        "since": format_time(since_s),
        "host_name": result.host_name,
        "service_description": result.service_description,
        "return_code": result.return_code,
        "plugin_output": result.plugin_output,
        "why": NOT_TRIED if since_s > failed_at_s else None,
    }
