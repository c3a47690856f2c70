"""A tally: how often each of many denials or check results came, and when; what stays of those that may wait no longer.

A queue file holds it as one field, with a line for each different one: count, first and last time in ns since the
epoch, and its words, with tabs between. No word can hold a tab: a denial's have no blank at all (denial.py), the names
of a check result no control character (check_result.py). Who may write to new/ may forge a tally, so what is read is
checked.

When there are too many different ones, the rarest are counted together: how many they were is then a lower bound.
"""

from __future__ import annotations

from ..check_result import CheckResult
from ..denial import Denial
from .queue_file import MAX_QUEUE_FILE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..check_result import Counted

DENIALS = Denial.tally_kind
CHECK_RESULTS = CheckResult.tally_kind
WORDS = {DENIALS: 4, CHECK_RESULTS: 1}
OTHERS = "others"

MAX_DIFFERENT = 10_000
MAX_BYTES = MAX_QUEUE_FILE_BYTES - 1000  # of the field; the file has a few more lines
MAX_WORD_CHARACTERS = 255
MAX_DIGITS = 28  # a file system may hold times of 63 bits in seconds, and whoever may add a file may set its time


class Tally:
    """How often, and when, the same words came: daemon, client, address, user of a denial, or the one word
    `host name;service description;return code` of a check result. `kind` says which.
    """

    __slots__ = ("_counts", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._counts: dict[tuple[str, ...], tuple[int, int, int]] = {}

    @property
    def tally_kind(self) -> str:
        """The kind of the tally that can take this one in."""
        return self.kind

    @property
    def first_ns(self) -> int:
        """When the first that it counts came, in ns since the epoch."""
        return min(first_ns for _, (_, first_ns, _) in self)

    def fields(self) -> dict[str, str]:
        """Return what a queue file holds of it."""
        return {"tally": self.encode()}

    def counted(self, _at_ns: int) -> Iterator[Counted]:
        """Yield what it counts: each has times of its own."""
        return iter(self)

    def __bool__(self) -> bool:
        """Say whether it counts anything."""
        return bool(self._counts)

    def __iter__(self) -> Iterator[Counted]:
        """Yield words and (count, first time, last time), the most frequent first; times in ns since the epoch."""
        return iter(sorted(self._counts.items(), key=lambda item: -item[1][0]))

    def add(self, words: tuple[str, ...], count: int, first_ns: int, last_ns: int) -> None:
        """Count so many more of them."""
        old_count, old_first_ns, old_last_ns = self._counts.get(words, (0, first_ns, last_ns))
        self._counts[words] = (old_count + count, min(old_first_ns, first_ns), max(old_last_ns, last_ns))
        if len(self._counts) > MAX_DIFFERENT:
            self._lump(MAX_DIFFERENT // 2)

    def encode(self) -> str:
        """Return the text of the field."""
        text = self._text()
        while len(text.encode()) > MAX_BYTES:  # of some hundred different ones at least, as no word is long
            self._lump(len(self._counts) // 2)
            text = self._text()
        return text

    def _text(self) -> str:
        return "\n".join("\t".join((*map(str, counted), *words)) for words, counted in self)

    def _lump(self, kept: int) -> None:
        """Count all but the `kept` most frequent together; a word in which they differ becomes "others"."""
        rarest = list(self)[kept:]
        together = tuple(words[0] if len(set(words)) == 1 else OTHERS for words in zip(*(key for key, _ in rarest)))
        for words, _ in rarest:
            del self._counts[words]
        for _, counted in rarest:
            self.add(together, *counted)


def decode_tally(kind: str, text: str) -> Tally:
    """Return the tally in a field's text. Raises ValueError if it is none."""
    tally = Tally(kind)
    for line in text.split("\n"):
        fields = line.split("\t")
        count, first_ns, last_ns = map(_number, fields[:3])
        words = tuple(fields[3:])
        if count < 1 or len(words) != WORDS[kind] or not all(map(_is_word, words)):
            raise ValueError("a line without a count or its words")
        tally.add(words, count, first_ns, last_ns)
    return tally


def _number(text: str) -> int:
    digits = text[1:] if text.startswith("-") else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS):
        raise ValueError("a line without its three numbers")
    return int(text)


def _is_word(text: str) -> bool:
    return text.isprintable() and len(text) <= MAX_WORD_CHARACTERS
