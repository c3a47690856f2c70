"""What waits in the spool: since when, and why. The rows behind `tcpwrap-alert queue`."""

from __future__ import annotations

import os
import time

from ..check_result import clean, format_time
from ..errors import QueueFileCorrupt, SpoolError
from ..spool.episodes_file import EpisodesFile
from ..spool.queue_file import QueueFileUnfinished
from ..spool.spool import Spool
from .boxes import boxes_of, is_shared, left_behind
from .fold import make_check_result
from .window import tell_window, waiting_by_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..check_result import CheckResult
    from ..config.read import Config
    from ..config.values import Wording
    from ..spool.state import State

NOT_TRIED = "not tried yet"
COLUMNS = (
    "queue_file", "since", "monitor", "host_name", "service_description", "return_code", "plugin_output", "why",
)  # fmt: skip


def list_waiting(config: Config) -> Iterator[dict[str, Any]]:
    """Yield one row per waiting check result and monitor, oldest first for each.

    Keys: `queue_file` (path), `since` (local time with offset), `monitor` (host:port, with several monitors the
    section's name, None without a usable configuration), `host_name`, `service_description` (empty for a host check),
    `return_code`, `plugin_output` (these four None if the queue file is no check result), `why` (the last failure).

    Raises:
        SpoolError: a spool cannot be read; raised after the rows of the others.
    """
    failure: SpoolError | None = None
    for path in config.spool_dirs:
        spool = Spool(path)
        try:
            spool.drop_root()
            for place in _places(spool, config):
                yield from place.rows()
        except SpoolError as error:
            failure = failure or error
    if failure:
        raise failure


def count_waiting(config: Config) -> int:
    """Return how many queue files wait, in the spools that can be looked into."""
    count = 0
    for path in config.spool_dirs:
        spool = Spool(path)
        try:
            count += sum(len(one.scan()) for one in spool.with_boxes())
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
        for one in spool.with_boxes():
            names = one.scan()
            count += len(names)
            age_s = max(0, int(time.time() - one.enqueued_at_s(names[0]))) if names else -1
            if one.is_due() and (until_s := one.until_s()):
                age_s = max(age_s, int(time.time() - until_s))
            if age_s >= oldest_s:
                oldest_s, reason = age_s, one.read_state().reason or NOT_TRIED
                why = reason if one is spool else f"{one.name}: {reason}"
    return count, oldest_s, why


def count_held(config: Config) -> int:
    """Return how many denials wait for the end of a window, by monitor each. Raises SpoolError."""
    spools = [one for path in config.spool_dirs for one in Spool(path).with_boxes()]
    files = [EpisodesFile(one).look() for one in spools if one.until_s() is not None]
    return sum(count for file in files for tally in (file.tally, file.quiet) for _, (count, _, _) in tally)


def count_set_aside(config: Config) -> int:
    """Return how many queue files were moved to corrupt/."""
    return sum(Spool(path).corrupt.count() for path in config.spool_dirs)


class _Place:
    """One directory of queue files, and what is to be said of each of them."""

    def __init__(self, spool: Spool, wording: Wording, monitor: str | None, fault: str) -> None:
        self._spool = spool
        self._wording = wording
        self._monitor = monitor
        self._fault = fault

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of its queue files."""
        state = self._spool.read_state()
        for name in self._spool.scan():
            row = self._maybe_row(name, state)
            if row is not None:
                yield {**row, "monitor": self._monitor, "why": row["why"] or self._fault or state.reason}
        yield from self._later()

    def _later(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of what waits for the end of a window."""
        file = EpisodesFile(self._spool)
        episodes = file.look()
        for key, lines in waiting_by_key(episodes, self._wording).items():
            episode = episodes.on.get(key)
            result = tell_window(key, lines, episode, self._wording, 0)[1].result
            until_s = episode.until_ns / 1e9 if episode else time.time()
            yield {
                "queue_file": clean(file.path),
                "since": format_time(min(first_ns for _, (_, first_ns, _) in lines) / 1e9),
                "monitor": self._monitor,
                **_fields(result),
                "why": f"waits for the end of a window, at {format_time(until_s)}",
            }

    def _maybe_row(self, name: str, state: State) -> dict[str, Any] | None:
        """Return the row of one queue file, with `why` as far as the file itself tells; None if the file is gone."""
        row = dict.fromkeys(COLUMNS)
        row["queue_file"] = clean(os.path.join(self._spool.new, name))
        try:
            entry = self._spool.maybe_read(name)
        except QueueFileUnfinished as error:
            return {**row, "why": f"{error}, or it is still being written; a replay sets it aside after a minute"}
        except QueueFileCorrupt as error:
            return {**row, "why": f"{error}; the next replay sets it aside"}
        except SpoolError as error:
            return {**row, "why": str(error)}
        if entry is None:
            return None
        result = make_check_result(entry, self._wording)
        return {
            **row,
            "since": format_time(entry.enqueued_at_s),
            **_fields(result),
            "why": _why(name, entry.enqueued_at_s, state),
        }


def _fields(result: CheckResult) -> dict[str, Any]:
    """Return the columns that a check result fills."""
    fields = ("host_name", "service_description", "return_code", "plugin_output")
    return {field: getattr(result, field) for field in fields}


def _places(spool: Spool, config: Config) -> list[_Place]:
    """Return the places of a spool: one monitor has the spool itself, of several each has its box."""
    if config.fault:
        fault = str(config.fault)
        return [_Place(one, config.wording, None, fault) for one in spool.with_boxes()]
    monitors = config.monitors
    boxes = boxes_of(spool, monitors)
    places = [_Place(box.spool, box.monitor.wording, box.monitor.name or str(box.monitor), "") for box in boxes]
    if is_shared(boxes, spool):
        names = [monitor.name or str(monitor) for monitor in monitors]
        places = [_Place(spool, monitor.wording, name, "") for monitor, name in zip(monitors, names)] + places
    return places + [_Place(box, config.wording, box.name, _gone(box, config)) for box in left_behind(spool, monitors)]


def _gone(box: Spool, config: Config) -> str:
    return f"no section of {config.path} is [{box.name}] any more; add one, or remove {box.path}"


def _why(name: str, since_s: float, state: State) -> str | None:
    rejection = state.rejected.get(name)
    if rejection:
        again = format_time(rejection.until_s)
        times = "once" if rejection.count == 1 else f"{rejection.count} times"
        return f"rejected {times}: {rejection.reason}; tried again from {again} on, or by replay --all"
    return NOT_TRIED if since_s > state.failed_at_s else None
