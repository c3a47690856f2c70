"""What the lines of a monitor's log say about denials.

    [1795644469] EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7
    [1795644469] PASSIVE SERVICE CHECK: firestorm;TCP Wrappers;0;(null)
    [1795644469] SERVICE ALERT: firestorm;TCP Wrappers;CRITICAL;HARD;1;Denied sshd-203.0.113.7
    [2026-11-25 22:07:50 +0000] information/ExternalCommandListener: Executing external command: [1795644470]
        PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7       (one line of icinga2.log)

Seen in real logs of Nagios 4.4.6 and Icinga 2.13: EXTERNAL COMMAND has what was submitted, with performance data and
long output. SERVICE ALERT has its first line without performance data, and is the only one for what came by another
way than the command file. PASSIVE SERVICE CHECK has the text of the result before, so it is not read. What Icinga 2
gets by its API is in none of its lines.

A SERVICE ALERT that follows an EXTERNAL COMMAND for the same host is about the same result, and does not count again.
"""

from __future__ import annotations

import re

from ..denial import MAX_FIELD_BYTES, OUTPUT_FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SAME_RESULT_S = 120  # within so many seconds Nagios makes the alert of a command
WORD = r"[^\s|\\]"  # of a denial's names; bounded where it is used, for a line of thousands must not take seconds
MAX_COUNT = 10**9  # in one line: a host that says more is not believed, and the sums fit into SQLite's integers
LONG_OUTPUT = b"\\n"  # as both monitors log a line break
COMMAND = rb"(?:\[[^\]\n]{10,40}\] information/ExternalCommandListener: Executing external command: )?"
DATED = re.compile(rb" \(at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})\)")


class Seen:
    """So many denials of a client by a daemon of a host, when first and last (s since the epoch); names are bytes."""

    __slots__ = ("at_s", "client", "count", "daemon", "first_s", "host")

    def __init__(self, at_s: int, host: bytes, daemon: bytes, client: bytes, count: int) -> None:
        self.at_s = self.first_s = at_s
        self.host = host
        self.daemon = daemon
        self.client = client
        self.count = count

    def take_in(self, other: Seen) -> None:
        """Count another of the same, unless it is this one."""
        if other is not self:
            self.count += other.count
            self.first_s = min(self.first_s, other.first_s)
            self.at_s = max(self.at_s, other.at_s)


class Texts:
    """Reads lines.

    Args:
        service_description, output: of the denials, as the hosts' configurations have them.
        commanded_at: by host, when its last result came by the command file (s since the epoch).

    Attributes:
        commanded_at: the same, with what was read.
    """

    def __init__(self, service_description: str, output: str, commanded_at: dict[bytes, int] | None = None) -> None:
        service = re.escape(service_description.encode())
        text = _pattern(output)
        self._line = re.compile(
            rb"^" + COMMAND + rb"\[(\d{9,11})\] "
            rb"(?:(?:EXTERNAL COMMAND: )?PROCESS_SERVICE_CHECK_RESULT;([^;\n]+);" + service + rb";[1-9]\d{0,9};"
            rb"|SERVICE ALERT: ([^;\n]+);" + service + rb";(?:WARNING|CRITICAL|UNKNOWN);[^;\n]*;\d+;)"
            rb"(.*)$",
            re.MULTILINE,
        )
        self._head = re.compile(
            text + rb"(?: \((once|no more|(\d{1,18}) times)[^)]*\))?(?: \(at [^)]*\))?(?: *\|([^\\]*))?(?=\\n|$)"
        )
        self._listed = re.compile(text + rb": (\d{1,18})")
        names = re.findall(r"\{(daemon|client)\}", output)
        self._daemon, self._client = (names.index(name) + 1 if name in names else 0 for name in ("daemon", "client"))
        self._after = len(names)
        self.commanded_at = commanded_at if commanded_at is not None else {}

    def find(self, block: bytes) -> Iterator[Seen]:
        """Yield what whole lines say."""
        for line in self._line.finditer(block):
            at, commanded, alerted, output = line.groups()
            at_s = int(at)
            if commanded:
                self.commanded_at[commanded] = at_s
            elif at_s - self.commanded_at.get(alerted, -SAME_RESULT_S) < SAME_RESULT_S:
                continue
            yield from self._denials(at_s, commanded or alerted, output)

    def _denials(self, at_s: int, host: bytes, output: bytes) -> Iterator[Seen]:
        head = self._head.match(output)
        if head:
            if b" (at " in output:
                at_s = _time_of(output, at_s)
            facts, times, performance_data = head.groups()[self._after :]
            count = _count(facts, times, performance_data)
            if count:
                yield Seen(at_s, host, self._word(head, self._daemon), self._word(head, self._client), count)
            return
        for line in output.split(LONG_OUTPUT)[1:]:  # of a summary
            listed = self._listed.fullmatch(line)
            if listed:
                count = min(int(listed[self._after + 1]), MAX_COUNT)
                yield Seen(at_s, host, self._word(listed, self._daemon), self._word(listed, self._client), count)

    def _word(self, match: re.Match[bytes], number: int) -> bytes:
        return match[number] if number else b""


def _pattern(output: str) -> bytes:
    """Return what matches the text of one denial: daemon and client are groups, in the order of the template."""
    parts = re.split(r"\{(\w+)\}", output.partition("|")[0].strip())
    pattern = ""
    seen: set[str] = set()
    for number, part in enumerate(parts):
        if number % 2 == 0:
            pattern += re.escape(part)
        elif part in ("daemon", "client") and part not in seen:
            seen.add(part)
            # A daemon is as short as can be: a client's name may hold the character between them.
            pattern += f"({WORD}{{1,{MAX_FIELD_BYTES}}}?)" if part == "daemon" else f"({WORD}{{1,{MAX_FIELD_BYTES}}})"
        elif part in OUTPUT_FIELDS:
            pattern += f"{WORD}{{0,{MAX_FIELD_BYTES}}}?"
    return pattern.encode()


def _count(facts: bytes | None, times: bytes | None, performance_data: bytes | None) -> int:
    if performance_data:
        for word in performance_data.split():
            if word.startswith(b"denied=") and word[7:].isdigit():
                return min(int(word[7:25]), MAX_COUNT)
    return min(int(times), MAX_COUNT) if times else 0 if facts == b"no more" else 1


def _time_of(output: bytes, at_s: int) -> int:
    """Return when a denial that came late was denied."""
    from datetime import datetime

    dated = DATED.search(output)
    try:
        return int(datetime.strptime(dated[1].decode(), "%Y-%m-%d %H:%M:%S %z").timestamp()) if dated else at_s
    except (ValueError, OverflowError):
        return at_s
