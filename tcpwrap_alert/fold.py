"""Folding a storm: denials that wait together become fewer check results, and each of them is counted.

    the same text more than once       one check result: Denied sshd-203.0.113.7 (57 times, 14:02:11 to 14:02:40)
    more than `fold` different texts   one for all of them: Denied sshd-212 clients (350 times, …), and in the lines
                                       below it the most frequent, then "and 192 more"

What was folded has `denied=57 clients=1` as performance data, and what was not is one denial: the sum of all that the
monitor receives is what was fired. An attacker decides how often a connection is denied; folding keeps that off the
network and off people's telephones. Nagios itself would take each.
"""

from __future__ import annotations

from .check_result import MAX_PLUGIN_OUTPUT_BYTES, CheckResult, cut, format_time
from .denial import OUTPUT_FIELDS, Denial, fill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .config import Config
    from .queue_file import Entry

# Daemons need up to two seconds for a conversation; from this age on the monitor's "now" misleads.
LATE_AFTER_S = 10.0
LISTED = 20
ROOM_FOR_THE_REST = 40  # bytes for "and N more"


class Parcel:
    """A check result, the names of the queue files that it stands for, and when the first of them was written."""

    __slots__ = ("at_s", "names", "result")

    def __init__(self, result: CheckResult, names: list[str], at_s: float) -> None:
        self.result = result
        self.names = names
        self.at_s = at_s


class Repeats:
    """Denials with the same text: one of them, the names of their queue files, the first and the last time."""

    __slots__ = ("denial", "first_s", "last_s", "names", "text")

    def __init__(self, text: str, denial: Denial, at_s: float) -> None:
        self.text = text
        self.denial = denial
        self.names: list[str] = []
        self.first_s = self.last_s = at_s

    def add(self, name: str, at_s: float) -> None:
        """Count one more denial."""
        self.names.append(name)
        self.first_s = min(self.first_s, at_s)
        self.last_s = max(self.last_s, at_s)


def make_parcels(waiting: Iterable[tuple[Entry, Denial | CheckResult]], config: Config, now_s: float) -> list[Parcel]:
    """Return what to send for the entries of some queue files and what they hold, in the order of the first of each.

    What comes late carries its own time.

    Args:
        now_s: seconds since the epoch.
    """
    parcels = []
    by_text: dict[str, Repeats] = {}
    for entry, what in waiting:
        at_s = entry.enqueued_at_ns / 1e9
        if not isinstance(what, Denial):
            parcels.append(Parcel(_dated_if_late(what, at_s, now_s), [entry.name], at_s))
            continue
        text = what.text(config.output)
        key = text if config.fold else entry.name
        if key not in by_text:
            by_text[key] = Repeats(text, what, at_s)
        by_text[key].add(entry.name, at_s)
    if config.fold and len(by_text) > config.fold:
        parcels.append(_summary(by_text.values(), config, now_s))
    else:
        parcels += [_parcel(repeats, config, now_s) for repeats in by_text.values()]
    return sorted(parcels, key=lambda parcel: parcel.at_s)


def _parcel(repeats: Repeats, config: Config, now_s: float) -> Parcel:
    if len(repeats.names) == 1:
        result = _dated_if_late(_check_result(repeats.text, config), repeats.first_s, now_s)
    else:
        result = _check_result(_counted(repeats.text, [repeats], now_s), config)
    return Parcel(result, repeats.names, repeats.first_s)


def _summary(all_repeats: Collection[Repeats], config: Config, now_s: float) -> Parcel:
    """Return one parcel for everything; its first line is the template with numbers where there are several values."""
    fields = {}
    for field, plural in zip(OUTPUT_FIELDS, ("daemons", "clients", "addresses", "users")):
        values = {getattr(repeats.denial, field) for repeats in all_repeats}
        fields[field] = values.pop() if len(values) == 1 else f"{len(values)} {plural}"
    room = MAX_PLUGIN_OUTPUT_BYTES - ROOM_FOR_THE_REST
    lines = [_counted(fill(config.output, fields), all_repeats, now_s, room)]
    room -= len(lines[0].encode())
    top = sorted(all_repeats, key=lambda repeats: -len(repeats.names))
    for repeats in top[:LISTED]:
        line = f"{repeats.text.partition('|')[0].strip()}: {len(repeats.names)}"
        room -= len(line.encode()) + 1
        if room < 0:
            break
        lines.append(line)
    left = len(top) - len(lines) + 1
    if left:
        lines.append(f"and {left} more")
    names = [name for repeats in all_repeats for name in repeats.names]
    return Parcel(_check_result("\n".join(lines), config), names, min(repeats.first_s for repeats in all_repeats))


def _counted(
    text: str, all_repeats: Collection[Repeats], now_s: float, max_bytes: int = MAX_PLUGIN_OUTPUT_BYTES
) -> str:
    """Return `text` with how often and when, and the same as performance data; cut, but not these, to `max_bytes`."""
    count = sum(len(repeats.names) for repeats in all_repeats)
    clients = len({repeats.denial.client for repeats in all_repeats})
    first_s = min(repeats.first_s for repeats in all_repeats)
    last_s = max(repeats.last_s for repeats in all_repeats)
    visible, _, performance_data = text.partition("|")
    performance_data = f"{performance_data} denied={count} clients={clients}".strip()
    end = f" ({count} times, {_span(first_s, last_s, now_s)})|{performance_data}"
    return cut(visible.rstrip(), max_bytes - len(end.encode())) + end


def _span(first_s: float, last_s: float, now_s: float) -> str:
    """Return two times of today as hours, minutes and seconds, else with their dates."""
    today, first, last = (format_time(at_s) for at_s in (now_s, first_s, last_s))
    if first.split()[0] == last.split()[0] == today.split()[0]:
        return f"{first.split()[1]} to {last.split()[1]}"
    return f"{first} to {last}"


def _dated_if_late(result: CheckResult, at_s: float, now_s: float) -> CheckResult:
    return result.dated(at_s) if abs(now_s - at_s) > LATE_AFTER_S else result


def _check_result(output: str, config: Config) -> CheckResult:
    return CheckResult(config.host_name, config.service_description, config.return_code, output)
