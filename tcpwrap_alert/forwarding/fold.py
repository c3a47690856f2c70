"""Folding a storm: denials that wait together become fewer check results, and each of them is counted.

    the same text more than once       one check result: Denied sshd-203.0.113.7 (57 times, 14:02:11 to 14:02:40)
    more than `fold` different texts   one for all of them: Denied sshd-212 clients (350 times, …), and in the lines
                                       below it the most frequent, then "and 192 more"

    a tally (bounds.py)                one for all that it counts, in the same way

What was folded has `denied=57 clients=1` as performance data, and what was not is one denial: the sum of all that the
monitor receives is what was fired. An attacker decides how often a connection is denied; folding keeps that off the
network and off people's telephones. Nagios itself would take each.
"""

from __future__ import annotations

import time

from ..check_result import MAX_PLUGIN_OUTPUT_BYTES, CheckResult, cut, format_time
from ..denial import OUTPUT_FIELDS, Denial, fill
from ..spool.tally import DENIALS, Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ..config.read import Config
    from ..spool.queue_file import Entry

LISTED = 20
ROOM_FOR_THE_REST = 40  # bytes for "and N more"


class Parcel:
    """A check result, the names of the queue files that it stands for, and when the first of them was written.

    `has_time` says whether the text of the result tells the time, or times, itself.
    """

    __slots__ = ("at_s", "has_time", "names", "result")

    def __init__(self, result: CheckResult, names: list[str], at_s: float, has_time: bool) -> None:
        self.result = result
        self.names = names
        self.at_s = at_s
        self.has_time = has_time


class Repeats:
    """What has the same text: how often, when first and last, of which denials, in which queue files."""

    __slots__ = ("count", "denials", "first_s", "last_s", "names", "text")

    def __init__(self, text: str, at_s: float) -> None:
        self.text = text
        self.count = 0
        self.first_s = self.last_s = at_s
        self.denials: list[Denial] = []
        self.names: list[str] = []

    def add(self, count: int, first_s: float, last_s: float) -> None:
        """Count so many more."""
        self.count += count
        self.first_s = min(self.first_s, first_s)
        self.last_s = max(self.last_s, last_s)


def make_parcels(
    waiting: Iterable[tuple[Entry, Denial | CheckResult | Tally]], config: Config, now_s: float
) -> list[Parcel]:
    """Return what to send for the entries of some queue files and what they hold, in the order of the first of each.

    Args:
        now_s: seconds since the epoch.
    """
    parcels = []
    by_text: dict[str, Repeats] = {}
    for entry, what in waiting:
        at_s = entry.enqueued_at_ns / 1e9
        if isinstance(what, Tally):
            parcels.append(_tally_parcel(entry, what, config, now_s))
        elif isinstance(what, CheckResult):
            parcels.append(Parcel(what, [entry.name], at_s, False))
            if (what.host_name, what.service_description) == (config.host_name, config.service_description):
                # What was denied after somebody said that all is well comes after it.
                parcels += _folded(by_text, config, now_s)
                by_text = {}
        else:
            text = what.text(config.output)
            repeats = by_text.setdefault(text if config.fold else entry.name, Repeats(text, at_s))
            repeats.add(1, at_s, at_s)
            repeats.denials.append(what)
            repeats.names.append(entry.name)
    parcels += _folded(by_text, config, now_s)
    return sorted(parcels, key=lambda parcel: parcel.at_s)


def _folded(by_text: dict[str, Repeats], config: Config, now_s: float) -> list[Parcel]:
    if config.fold and len(by_text) > config.fold:
        return [_summary(by_text.values(), config, now_s)]
    return [_parcel(repeats, config, now_s) for repeats in by_text.values()]


def make_check_result(entry: Entry, what: Denial | CheckResult | Tally, config: Config) -> CheckResult:
    """Return the check result of one entry by itself, without the time of its delivery."""
    return make_parcels([(entry, what)], config, time.time())[0].result


def _parcel(repeats: Repeats, config: Config, now_s: float) -> Parcel:
    if repeats.count == 1:
        return Parcel(_check_result(repeats.text, config), repeats.names, repeats.first_s, False)
    result = _check_result(_counted(repeats.text, [repeats], now_s), config)
    return Parcel(result, repeats.names, repeats.first_s, True)


def _summary(all_repeats: Collection[Repeats], config: Config, now_s: float) -> Parcel:
    """Return one parcel for everything; its first line is the template with numbers where there are several values."""
    fields = {}
    for field, plural in zip(OUTPUT_FIELDS, ("daemons", "clients", "addresses", "users")):
        values = {getattr(denial, field) for repeats in all_repeats for denial in repeats.denials}
        fields[field] = values.pop() if len(values) == 1 else f"{len(values)} {plural}"
    result = _listed(fill(config.output, fields), all_repeats, config, now_s)
    names = [name for repeats in all_repeats for name in repeats.names]
    return Parcel(result, names, min(repeats.first_s for repeats in all_repeats), True)


def _tally_parcel(entry: Entry, tally: Tally, config: Config, now_s: float) -> Parcel:
    by_text: dict[str, Repeats] = {}
    for words, (count, first_ns, last_ns) in tally:
        denials = [Denial(*words)] if tally.kind == DENIALS else []
        text = denials[0].text(config.output) if denials else words[0]
        repeats = by_text.setdefault(text, Repeats(text, first_ns / 1e9))
        repeats.add(count, first_ns / 1e9, last_ns / 1e9)
        repeats.denials += denials
    if tally.kind == DENIALS:
        parcel = _summary(by_text.values(), config, now_s)
    else:
        head = "Check results that were too old or too many to wait"
        parcel = Parcel(_listed(head, by_text.values(), config, now_s), [], 0.0, True)
    return Parcel(parcel.result, [entry.name], entry.enqueued_at_ns / 1e9, True)


def _listed(head: str, all_repeats: Collection[Repeats], config: Config, now_s: float) -> CheckResult:
    """Return a check result that begins with `head` and lists the most frequent texts below it."""
    room = MAX_PLUGIN_OUTPUT_BYTES - ROOM_FOR_THE_REST
    lines = [_counted(head, all_repeats, now_s, room)]
    room -= len(lines[0].encode())
    top = sorted(all_repeats, key=lambda repeats: -repeats.count)
    for repeats in top[:LISTED]:
        line = f"{repeats.text.partition('|')[0].strip()}: {repeats.count}"
        room -= len(line.encode()) + 1
        if room < 0:
            break
        lines.append(line)
    left = len(top) - len(lines) + 1
    if left:
        lines.append(f"and {left} more")
    return _check_result("\n".join(lines), config)


def _counted(
    text: str, all_repeats: Collection[Repeats], now_s: float, max_bytes: int = MAX_PLUGIN_OUTPUT_BYTES
) -> str:
    """Return `text` with how often and when, and the same as performance data; cut, but not these, to `max_bytes`."""
    count = sum(repeats.count for repeats in all_repeats)
    clients = {denial.client for repeats in all_repeats for denial in repeats.denials}
    first_s = min(repeats.first_s for repeats in all_repeats)
    last_s = max(repeats.last_s for repeats in all_repeats)
    visible, _, performance_data = text.partition("|")
    numbers = f"denied={count} clients={len(clients)}" if clients else f"check_results={count}"
    end = f" ({count} times, {_span(first_s, last_s, now_s)})|{f'{performance_data} {numbers}'.strip()}"
    return cut(visible.rstrip(), max_bytes - len(end.encode())) + end


def _span(first_s: float, last_s: float, now_s: float) -> str:
    """Return two times of today as hours, minutes and seconds, else with their dates."""
    today, first, last = (format_time(at_s) for at_s in (now_s, first_s, last_s))
    if first.split()[0] == last.split()[0] == today.split()[0]:
        return f"{first.split()[1]} to {last.split()[1]}"
    return f"{first} to {last}"


def _check_result(output: str, config: Config) -> CheckResult:
    return CheckResult(config.host_name, config.service_description, config.return_code, output)
