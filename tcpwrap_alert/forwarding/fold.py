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
from ..spool.tally import CHECK_RESULTS, DENIALS, Tally
from ..transports import Parcel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ..config.values import Wording
    from ..spool.entry import Entry

LISTED = 20
ROOM_FOR_THE_REST = 40  # bytes for "and N more"
PLURALS = dict(zip(OUTPUT_FIELDS, ("daemons", "clients", "addresses", "users")))


class Repeats:
    """What has the same text: how often, when first and last, of which denials, in which entries."""

    __slots__ = ("count", "denials", "entries", "first_s", "last_s", "text")

    def __init__(self, text: str, at_s: float) -> None:
        self.text = text
        self.count = 0
        self.first_s = self.last_s = at_s
        self.denials: list[Denial] = []
        self.entries: list[Entry] = []

    def add(self, count: int, first_s: float, last_s: float) -> None:
        """Count so many more."""
        self.count += count
        self.first_s = min(self.first_s, first_s)
        self.last_s = max(self.last_s, last_s)


def make_parcels(entries: Iterable[Entry], wording: Wording, now_s: float) -> list[Parcel]:
    """Return what to send for some entries, in the order of the first of each.

    Args:
        now_s: seconds since the epoch.
    """
    folding = _Folding(wording, now_s)
    for entry in entries:
        folding.add[entry.content.kind](entry)
    folding.close()
    return sorted(folding.parcels, key=lambda parcel: parcel.at_s)


def make_check_result(entry: Entry, wording: Wording) -> CheckResult:
    """Return the check result of one entry by itself, without the time of its delivery."""
    return make_parcels([entry], wording, time.time())[0].result


class _Folding:
    """The parcels so far, and the denials that may still become one with what follows; `add` has a way per kind."""

    def __init__(self, wording: Wording, now_s: float) -> None:
        self.parcels: list[Parcel] = []
        self.add = {
            Denial.kind: self._add_denial,
            CheckResult.kind: self._add_check_result,
            DENIALS: self._add_tally,
            CHECK_RESULTS: self._add_tally,
        }
        self._wording = wording
        self._now_s = now_s
        self._by_text: dict[str, Repeats] = {}

    def close(self) -> None:
        """Make parcels of the denials so far: nothing that follows becomes one with them."""
        all_repeats, self._by_text = self._by_text.values(), {}
        if self._wording.fold and len(all_repeats) > self._wording.fold:
            self.parcels.append(_summary(all_repeats, self._wording, self._now_s))
        else:
            self.parcels += [_parcel(repeats, self._wording, self._now_s) for repeats in all_repeats]

    def _add_denial(self, entry: Entry) -> None:
        denial, at_s = entry.content, entry.enqueued_at_s
        text = denial.text(self._wording.output)
        repeats = self._by_text.setdefault(text if self._wording.fold else entry.name, Repeats(text, at_s))
        repeats.add(1, at_s, at_s)
        repeats.denials.append(denial)
        repeats.entries.append(entry)

    def _add_check_result(self, entry: Entry) -> None:
        result, wording = entry.content, self._wording
        self.parcels.append(Parcel(result, entry.enqueued_at_s, entries=[entry]))
        if (result.host_name, result.service_description) == (wording.host_name, wording.service_description):
            self.close()  # what was denied after somebody said that all is well comes after that

    def _add_tally(self, entry: Entry) -> None:
        result = _tally_result(entry.content, self._wording, self._now_s)
        self.parcels.append(Parcel(result, entry.enqueued_at_s, True, [entry]))


def _parcel(repeats: Repeats, wording: Wording, now_s: float) -> Parcel:
    if repeats.count == 1:
        return Parcel(_check_result(repeats.text, wording), repeats.first_s, False, repeats.entries)
    result = _check_result(_counted(repeats.text, [repeats], now_s), wording)
    return Parcel(result, repeats.first_s, True, repeats.entries)


def _summary(all_repeats: Collection[Repeats], wording: Wording, now_s: float) -> Parcel:
    """Return one parcel for everything."""
    entries = [entry for repeats in all_repeats for entry in repeats.entries]
    first_s = min(repeats.first_s for repeats in all_repeats)
    return Parcel(_summary_result(all_repeats, wording, now_s), first_s, True, entries)


def _summary_result(all_repeats: Collection[Repeats], wording: Wording, now_s: float) -> CheckResult:
    """Return a result whose first line is the template, with numbers where there are several values."""
    fields = {}
    for field, plural in PLURALS.items():
        values = {getattr(denial, field) for repeats in all_repeats for denial in repeats.denials}
        fields[field] = values.pop() if len(values) == 1 else f"{len(values)} {plural}"
    return _listed(fill(wording.output, fields), all_repeats, wording, now_s)


def _tally_result(tally: Tally, wording: Wording, now_s: float) -> CheckResult:
    by_text: dict[str, Repeats] = {}
    for words, (count, first_ns, last_ns) in tally:
        denials = [Denial(*words)] if tally.kind == DENIALS else []
        text = denials[0].text(wording.output) if denials else words[0]
        repeats = by_text.setdefault(text, Repeats(text, first_ns / 1e9))
        repeats.add(count, first_ns / 1e9, last_ns / 1e9)
        repeats.denials += denials
    if tally.kind == DENIALS:
        return _summary_result(by_text.values(), wording, now_s)
    return _listed("Check results that were too old or too many to wait", by_text.values(), wording, now_s)


def _listed(head: str, all_repeats: Collection[Repeats], wording: Wording, now_s: float) -> CheckResult:
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
    return _check_result("\n".join(lines), wording)


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


def _check_result(output: str, wording: Wording) -> CheckResult:
    return CheckResult(wording.host_name, wording.service_description, wording.return_code, output)
