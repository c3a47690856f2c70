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

from ..check_result import CheckResult
from ..denial import Denial
from ..spool.tally import CHECK_RESULTS, DENIALS, Tally
from ..transports import Parcel
from .summary import Repeats, listed, make_result, one_result, repeats_of, summary_result, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ..config.values import Wording
    from ..spool.entry import Entry


def make_parcels(entries: Iterable[Entry], wording: Wording, now_s: float, room: int | None = None) -> list[Parcel]:
    """Return what to send for some entries, in the order of the first of each.

    Args:
        now_s: seconds since the epoch.
        room: how many different denials go one by one, if that is less than `fold`.
    """
    folding = _Folding(wording, now_s, wording.fold if room is None else room)
    for entry in entries:
        folding.add[entry.content.kind](entry)
    folding.close()
    return sorted(folding.parcels, key=lambda parcel: parcel.at_s)


def make_check_result(entry: Entry, wording: Wording) -> CheckResult:
    """Return the check result of one entry by itself, without the time of its delivery."""
    return make_parcels([entry], wording, time.time())[0].result


class _Folding:
    """The parcels so far, and the denials that may still become one with what follows; `add` has a way per kind."""

    def __init__(self, wording: Wording, now_s: float, room: int) -> None:
        self.parcels: list[Parcel] = []
        self.add = {
            Denial.kind: self._add_denial,
            CheckResult.kind: self._add_check_result,
            DENIALS: self._add_tally,
            CHECK_RESULTS: self._add_tally,
        }
        self._wording = wording
        self._now_s = now_s
        self._room = room
        self._by_text: dict[str, Repeats] = {}

    def close(self) -> None:
        """Make parcels of the denials so far: nothing that follows becomes one with them."""
        all_repeats, self._by_text = self._by_text.values(), {}
        if self._wording.fold and len(all_repeats) > max(self._room, 1):
            self.parcels.append(_summary(all_repeats, self._wording, self._now_s))
        else:
            self.parcels += [_parcel(repeats, self._wording, self._now_s) for repeats in all_repeats]

    def _add_denial(self, entry: Entry) -> None:
        denial, at_s = entry.content, entry.enqueued_at_s
        text = text_of(denial, self._wording)
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
    result = one_result(repeats, wording, now_s)
    return Parcel(result, repeats.first_s, repeats.count > 1, repeats.entries)


def _summary(all_repeats: Collection[Repeats], wording: Wording, now_s: float) -> Parcel:
    """Return one parcel for everything."""
    entries = [entry for repeats in all_repeats for entry in repeats.entries]
    first_s = min(repeats.first_s for repeats in all_repeats)
    return Parcel(summary_result(all_repeats, wording, now_s), first_s, True, entries)


def _tally_result(tally: Tally, wording: Wording, now_s: float) -> CheckResult:
    if tally.kind == DENIALS:
        return summary_result(repeats_of(tally, wording), wording, now_s)
    all_repeats = []
    for words, (count, first_ns, last_ns) in tally:
        all_repeats.append(Repeats(words[0], first_ns / 1e9))
        all_repeats[-1].add(count, first_ns / 1e9, last_ns / 1e9)
    head = "Check results that were too old or too many to wait"
    return make_result(listed(head, all_repeats, wording, now_s), wording)
