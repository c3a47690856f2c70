"""What a monitor reads of many denials: how many there were, of whom, from when to when, and what went before them."""

from __future__ import annotations

from ..check_result import MAX_PLUGIN_OUTPUT_BYTES, CheckResult, cut, format_time
from ..config.networks import network_of
from ..denial import OUTPUT_FIELDS, Denial, fill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ..check_result import Counted
    from ..config.values import Wording
    from ..spool.entry import Entry

LISTED = 20
ROOM_FOR_THE_REST = 40  # bytes for "and N more"
PLURALS = dict(zip(OUTPUT_FIELDS, ("daemons", "clients", "addresses", "users")))
QUIET_HEAD = "Denied quiet clients"


class Repeats:
    """What counts as the same: how often, when first and last, of which denials, in which entries."""

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

    def shown(self, wording: Wording) -> str:
        """Return the text: the network's, if its clients count as one and there are several."""
        if wording.fold_prefix and len({denial.client for denial in self.denials}) == 1:
            return self.denials[0].text(wording.output)
        return self.text


def text_of(denial: Denial, wording: Wording) -> str:
    """Return the text that denials share which count as the same."""
    if not wording.fold_prefix:
        return denial.text(wording.output)
    fields = {field: getattr(denial, field) for field in OUTPUT_FIELDS}
    network = network_of(denial.client, wording.fold_prefix) or network_of(denial.address, wording.fold_prefix)
    return fill(wording.output, {**fields, "client": network, "address": network} if network else fields)


def repeats_of(counted: Iterable[Counted], wording: Wording) -> Collection[Repeats]:
    """Return the denials that a tally counts, by their text."""
    by_text: dict[str, Repeats] = {}
    for words, (count, first_ns, last_ns) in counted:
        denial = Denial(*words)
        text = text_of(denial, wording)
        repeats = by_text.setdefault(text, Repeats(text, first_ns / 1e9))
        repeats.add(count, first_ns / 1e9, last_ns / 1e9)
        repeats.denials.append(denial)
    return by_text.values()


def one_result(repeats: Repeats, wording: Wording, now_s: float, notes: Collection[str] = ()) -> CheckResult:
    """Return a result of denials that count as the same; of a single one without notes, its text alone."""
    text = repeats.shown(wording)
    if repeats.count > 1 or notes:
        text = _counted(text, [repeats], wording, now_s, notes)
    return make_result(text, wording)


def summary_result(
    all_repeats: Collection[Repeats], wording: Wording, now_s: float, notes: Collection[str] = ()
) -> CheckResult:
    """Return a result whose first line is the template, with numbers where there are several values."""
    fields = {}
    for field, plural in PLURALS.items():
        values = {getattr(denial, field) for repeats in all_repeats for denial in repeats.denials}
        fields[field] = values.pop() if len(values) == 1 else f"{len(values)} {plural}"
    return make_result(listed(fill(wording.output, fields), all_repeats, wording, now_s, notes), wording)


def quiet_result(all_repeats: Collection[Repeats], wording: Wording, now_s: float) -> CheckResult:
    """Return the OK that tells of quiet clients."""
    return make_result(listed(QUIET_HEAD, all_repeats, wording, now_s), wording, 0)


def listed(
    head: str, all_repeats: Collection[Repeats], wording: Wording, now_s: float, notes: Collection[str] = ()
) -> str:
    """Return an output that begins with `head` and lists the most frequent texts below it."""
    room = MAX_PLUGIN_OUTPUT_BYTES - ROOM_FOR_THE_REST
    lines = [_counted(head, all_repeats, wording, now_s, notes, room)]
    room -= len(lines[0].encode())
    top = sorted(all_repeats, key=lambda repeats: -repeats.count)
    for repeats in top[:LISTED]:
        line = f"{repeats.shown(wording).partition('|')[0].strip()}: {repeats.count}"
        room -= len(line.encode()) + 1
        if room < 0:
            break
        lines.append(line)
    left = len(top) - len(lines) + 1
    if left:
        lines.append(f"and {left} more")
    return "\n".join(lines)


def end_result(text: str, wording: Wording, notes: Collection[str]) -> CheckResult:
    """Return the result that tells that an episode has ended, and no denial more."""
    visible, _, performance_data = text.partition("|")
    end = f" (no more, {', '.join(notes)})|{f'{performance_data} denied=0 clients=0'.strip()}"
    output = cut(visible.rstrip(), MAX_PLUGIN_OUTPUT_BYTES - len(end.encode())) + end
    return make_result(output, wording, wording.end_return_code)


def make_result(output: str, wording: Wording, return_code: int | None = None) -> CheckResult:
    """Return a check result of this host's service, in the state of a denial or in another one."""
    state = wording.return_code if return_code is None else return_code
    return CheckResult(wording.host_name, wording.service_description, state, output)


def clock(at_s: float, now_s: float) -> str:
    """Return a time of today as hours, minutes and seconds, another with its date."""
    now, at = format_time(now_s).split(), format_time(at_s)
    return at.split()[1] if at.split()[0] == now[0] else at


def _counted(
    text: str,
    all_repeats: Collection[Repeats],
    wording: Wording,
    now_s: float,
    notes: Collection[str] = (),
    max_bytes: int = MAX_PLUGIN_OUTPUT_BYTES,
) -> str:
    """Return `text` with how often and when, and the same as performance data; cut, but not these, to `max_bytes`."""
    count = sum(repeats.count for repeats in all_repeats)
    clients = {denial.client for repeats in all_repeats for denial in repeats.denials}
    first_s = min(repeats.first_s for repeats in all_repeats)
    last_s = max(repeats.last_s for repeats in all_repeats)
    visible, _, performance_data = text.partition("|")
    numbers = f"denied={count} clients={len(clients)}" if clients else f"check_results={count}"
    is_network = wording.fold_prefix and len(all_repeats) == 1 and len(clients) > 1
    facts = ["once" if count == 1 else f"{count} times", *([f"{len(clients)} clients"] if is_network else [])]
    facts += [clock(first_s, now_s) if count == 1 else _span(first_s, last_s, now_s), *notes]
    end = f" ({', '.join(facts)})|{f'{performance_data} {numbers}'.strip()}"
    return cut(visible.rstrip(), max_bytes - len(end.encode())) + end


def _span(first_s: float, last_s: float, now_s: float) -> str:
    """Return two times of today as hours, minutes and seconds, else with their dates."""
    today, first, last = (format_time(at_s) for at_s in (now_s, first_s, last_s))
    if first.split()[0] == last.split()[0] == today.split()[0]:
        return f"{first.split()[1]} to {last.split()[1]}"
    return f"{first} to {last}"
