"""What is told at the end of a window: the denials that waited for it, or that the episode has ended.

An episode is known by its key:

    =TEXT    of a text
    others   of all texts that have none of their own
    quiet    of quiet clients
"""

from __future__ import annotations

import binascii
import time

from ..check_result import CheckResult
from ..denial import OUTPUT_FIELDS, Denial, fill
from ..spool.entry import Entry
from ..spool.tally import DENIALS, Tally
from ..transports import Parcel
from .summary import clock, end_result, one_result, quiet_result, repeats_of, summary_result, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..check_result import Counted
    from ..config.values import Wording
    from ..spool.episodes import Episode, Episodes

OTHERS = "others"
QUIET = "quiet"
TEXT = "="
S = 10**9  # ns


class Told:
    """A parcel of the tally, and what becomes of the tally and the episodes when the monitor has it.

    Attributes:
        keys: of the episodes; none, if the tally has what belongs to no episode, as after a change of `output`.
        words: what leaves the tally; nothing, if this is the end of the episodes.
        count: how many denials that is.
        last_ns: when the last of them came.
        is_quiet: whether the monitor is told, too, that no more come.
    """

    def __init__(self, keys: list[str], lines: list[Counted], last_ns: int, is_quiet: bool) -> None:
        self.keys = keys
        self.words = [words for words, _ in lines]
        self.count = sum(count for _, (count, _, _) in lines)
        self.last_ns = last_ns
        self.is_quiet = is_quiet
        self._tally = Tally(DENIALS)
        for words, counted in lines:
            self._tally.add(words, *counted)

    def parcel(self, result: CheckResult, total: int, at_ns: int) -> Parcel:
        """Return the parcel, of the time `at_ns`.

        Its name is another for each thing that is told, and the same when it is told again.
        """
        key = binascii.crc32("\n".join(self.keys).encode(errors="replace"))
        name = f"episode.{self.last_ns}.{total + self.count}.{key:08x}"
        return Parcel(result, at_ns / 1e9, True, [Entry(name, at_ns, self._tally)])


def is_all_clear(entry: Entry, wording: Wording) -> bool:
    """Say whether an entry is an OK that somebody submits to the service."""
    result = entry.content
    return result.kind == CheckResult.kind and (
        (result.host_name, result.service_description, result.return_code)
        == (wording.host_name, wording.service_description, 0)
    )


def key_of(denial: Denial, wording: Wording) -> str:
    """Return the key of the episode that a denial begins."""
    return TEXT + text_of(denial, wording)


def waiting_by_key(episodes: Episodes, wording: Wording) -> dict[str, list[Counted]]:
    """Return what the tallies have, by key. What belongs to no episode, as after a change of `output`, has none."""
    lines: dict[str, list[Counted]] = {}
    for counted in episodes.tally:
        key = key_of(Denial(*counted[0]), wording)
        key = key if key in episodes.on else OTHERS if OTHERS in episodes.on else ""
        lines.setdefault(key, []).append(counted)
    if quiet := list(episodes.quiet):
        lines[QUIET] = quiet
    return lines


def tell_window(
    key: str, lines: list[Counted], episode: Episode | None, wording: Wording, at_ns: int
) -> tuple[Told, Parcel]:
    """Return what tells of the denials that waited; of those that belong to no episode, the key is empty."""
    now_s = time.time()
    last_ns = max(last_ns for _, (_, _, last_ns) in lines)
    is_quiet = episode is not None and now_s * S - last_ns >= episode.window_s * S / 2
    told = Told([key] if episode else [], lines, last_ns, is_quiet)
    all_repeats = repeats_of(lines, wording)
    notes = _notes(episode, told.count, last_ns if is_quiet else 0, now_s) if episode else []
    if key == QUIET:
        result = quiet_result(all_repeats, wording, now_s)
    elif key == OTHERS or len(all_repeats) > 1:
        result = summary_result(all_repeats, wording, now_s, notes)
    else:
        result = one_result(next(iter(all_repeats)), wording, now_s, notes)
    return told, told.parcel(result, episode.total if episode else 0, at_ns)


def tell_end(keys: list[str], first: Episode, wording: Wording, at_ns: int) -> tuple[Told, Parcel]:
    """Return what tells that episodes have ended; the text is that of the first, `first`."""
    now_s = time.time()
    text = fill(wording.output, dict.fromkeys(OUTPUT_FIELDS, OTHERS)) if keys[0] == OTHERS else keys[0][len(TEXT) :]
    told = Told(keys, [], first.last_ns, True)
    result = end_result(text, wording, _notes(first, 0, first.last_ns, now_s))
    return told, told.parcel(result, first.total, at_ns)


def _notes(episode: Episode, count: int, quiet_since_ns: int, now_s: float) -> list[str]:
    notes = [f"{episode.total + count} since {clock(episode.began_ns / 1e9, now_s)}"]
    return notes + ([f"quiet since {clock(quiet_since_ns / 1e9, now_s)}"] if quiet_since_ns else [])
