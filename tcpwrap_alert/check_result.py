"""The check result: host name, service description, return code and plugin output, with their limits.

A `CheckResult` is validated when it is built, so nobody below checks again. What the caller chose (host name,
service description) is an error when it does not fit, because a cut name is another host. The plugin output is
cleaned and cut instead, because a long text must not hide the state it explains; its line breaks and tabs stay.

Limits: 63 bytes of host name, 127 of service description, 4095 of plugin output, all in UTF-8, from the sizes of
the fields in NSCA's data packet less the closing NUL (nsca 2.10.2, include/common.h, data_packet_struct). A `;`
or a newline in a name would shift the fields of `PROCESS_SERVICE_CHECK_RESULT;host;service;code;output`, which
every nsca version passes on unchanged; so names hold neither.

Scripts hand on `$?` as the return code of a service: 127 says that the plugin was not found. Such a code becomes
3 UNKNOWN, as Nagios has it. The output begins with the code, because a cut takes the end.
"""

from __future__ import annotations

import time

from .errors import CheckResultError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    # Words, and how often they came, when first and when last (ns since the epoch): see spool/tally.py.
    Counted = tuple[tuple[str, ...], tuple[int, int, int]]

MAX_HOST_NAME_BYTES = 63
MAX_SERVICE_DESCRIPTION_BYTES = 127
MAX_PLUGIN_OUTPUT_BYTES = 4095
MIN_TEXT_BYTES = 40  # the longest "(return code ...)" has 33

SERVICE_STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
HOST_STATES = ("UP", "DOWN", "UNREACHABLE")
UNKNOWN = 3
MAX_DIGITS = 18  # of a return code; no program ends with more, and they fit 64 bits
CUT_MARK = "..."

# What stays in an output although `str.isprintable` says no: line break, tab, and the blanks of Unicode (category Zs).
OUTPUT_BLANKS = frozenset("\n\t\xa0\u1680\u202f\u205f\u3000").union(map(chr, range(0x2000, 0x200B)))


class CheckResult:
    """One check result as the monitor takes it; an empty service description makes it a host check.

    A service's return code other than 0-3 becomes 3 UNKNOWN, and the output begins with `(return code 127)`.

    Raises:
        CheckResultError: a name is empty, too long, not UTF-8 or holds a control character or `;`, or the return
            code is no whole number, or not one of 0-2 for a host check.
    """

    __slots__ = ("host_name", "plugin_output", "return_code", "service_description")

    kind = "check_result"
    tally_kind = "check_results"

    def __init__(self, host_name: str, service_description: str, return_code: int, plugin_output: str) -> None:
        if not host_name:
            raise CheckResultError("the host name is empty")
        _check_name("host name", host_name, MAX_HOST_NAME_BYTES)
        _check_name("service description", service_description, MAX_SERVICE_DESCRIPTION_BYTES)
        output = _clean_output(plugin_output)
        if not _is_state(return_code, is_host_check=not service_description):
            told = f"(return code {return_code:d})"
            return_code, output = UNKNOWN, f"{told} {output}" if output else told
        self.host_name = host_name
        self.service_description = service_description
        self.return_code = return_code
        self.plugin_output = cut(output, MAX_PLUGIN_OUTPUT_BYTES)

    def __repr__(self) -> str:
        return f"CheckResult{self._fields()!r}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CheckResult) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def _fields(self) -> tuple[str, str, int, str]:
        return self.host_name, self.service_description, self.return_code, self.plugin_output

    def fields(self) -> dict[str, str]:
        """Return what a queue file holds of it."""
        names = ("host_name", "service_description", "return_code", "plugin_output")
        return {name: str(getattr(self, name)) for name in names}

    @classmethod
    def from_fields(cls, fields: dict[str, str]) -> CheckResult:
        """Return the check result with these fields. Raises KeyError or ValueError if they are none."""
        return_code = int(fields["return_code"])
        return cls(fields["host_name"], fields["service_description"], return_code, fields["plugin_output"])

    def counted(self, at_ns: int) -> Iterator[Counted]:
        """Yield what a tally counts of it."""
        yield (f"{self.host_name};{self.service_description};{self.return_code}",), (1, at_ns, at_ns)

    def dated(self, at_s: float) -> CheckResult:
        """Return this result with its own time in the output, for a delivery that comes late.

        The NSCA server stamps what it receives with its own clock (nsca 2.10.2, src/nsca.c), so the time of the event
        can travel only in the text. It goes before the performance data of the first line and survives a cut.
        Performance data that would leave less than `MIN_TEXT_BYTES` to a longer text goes instead.
        """
        first_line, newline, long_output = self.plugin_output.partition("\n")
        text, bar, performance_data = first_line.partition("|")
        text = text.rstrip()
        stamp = f" (at {format_time(at_s)})"
        end = f"{stamp} {bar}{performance_data}" if bar else stamp
        room = MAX_PLUGIN_OUTPUT_BYTES - len(end.encode())
        if room < min(MIN_TEXT_BYTES, len(text.encode())):
            end, room = stamp, MAX_PLUGIN_OUTPUT_BYTES - len(stamp)
        output = cut(text, room) + end
        room = MAX_PLUGIN_OUTPUT_BYTES - len(output.encode())
        if room > len(CUT_MARK):
            output += cut(newline + long_output, room)
        return CheckResult(self.host_name, self.service_description, self.return_code, output)

    def external_command(self, at_s: float) -> str:
        """Return the line that submits this result through Nagios's command file (Nagios Core, External Commands).

        It is what nsca from 2.10.1 on writes, with the output's newlines and backslashes escaped.
        """
        if self.service_description:
            what = f"PROCESS_SERVICE_CHECK_RESULT;{self.host_name};{self.service_description}"
        else:
            what = f"PROCESS_HOST_CHECK_RESULT;{self.host_name}"
        return f"[{int(at_s)}] {what};{self.return_code};{escape_newlines(self.plugin_output)}"


def states(*, is_host_check: bool) -> tuple[str, ...]:
    """Return the words of the states, in the order of their return codes."""
    return HOST_STATES if is_host_check else SERVICE_STATES


def named_states(*, is_host_check: bool) -> str:
    """Return the states for a message: `0 UP, 1 DOWN, 2 UNREACHABLE`."""
    return ", ".join(f"{number} {word}" for number, word in enumerate(states(is_host_check=is_host_check)))


def format_time(at_s: float) -> str:
    """Return a time in seconds since the epoch as local time with its offset from UTC."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at_s))
    except (OverflowError, OSError, ValueError):  # a file system can hold times that no calendar has
        return "a time out of range"


def clean(text: str) -> str:
    """Return `text` on one line: tabs and line ends as blanks, anything else that is not printable as `?`.

    What is not UTF-8 arrives here as surrogates (PEP 383), which are not printable either.
    """
    if text.isprintable():
        return text
    text = " ".join(text.replace("\t", " ").splitlines())
    return "".join(char if char.isprintable() else "?" for char in text)


def escape_newlines(text: str) -> str:
    """Return `text` on one line as Nagios reads it back: a newline as `\\n`, a backslash as two of them."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def cut(text: str, max_bytes: int) -> str:
    """Return `text` within `max_bytes` of UTF-8, cut between characters and marked with `...` if it was longer."""
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    return encoded[: max_bytes - len(CUT_MARK)].decode(errors="ignore") + CUT_MARK


def shown(text: str) -> str:
    """Return `text` quoted for a message: on one line, and not longer than a line."""
    return "'" + cut(clean(text), 60) + "'"


def _clean_output(text: str) -> str:
    """Return `text` with newlines as its only line ends, none of them last, and `?` for what else is not printable."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    return "".join(char if char.isprintable() or char in OUTPUT_BLANKS else "?" for char in text)


def _is_state(return_code: int, *, is_host_check: bool) -> bool:
    """Return whether `return_code` is a state's; raise CheckResultError unless it can at least be told as a number."""
    if not isinstance(return_code, int) or isinstance(return_code, bool):
        given = f"{cut(clean(repr(return_code)), 60)} of type {type(return_code).__name__}"
        raise CheckResultError(f"a return code is a whole number, not {given}")
    if 0 <= return_code < len(states(is_host_check=is_host_check)):
        return True
    known = named_states(is_host_check=is_host_check)
    if abs(return_code) >= 10**MAX_DIGITS:
        raise CheckResultError(f"a return code of more than {MAX_DIGITS} digits is not one of {known}")
    if is_host_check:
        raise CheckResultError(f"return code {return_code} is not one of {known}")
    return False


def _check_name(field: str, name: str, max_bytes: int) -> None:
    if not name.isprintable() or ";" in name:
        raise CheckResultError(f"{field} {shown(name)} holds a control character, a ';' or bytes that are not UTF-8")
    length = len(name.encode())
    if length > max_bytes:
        raise CheckResultError(f"{field} {shown(name)} has {length} bytes, the limit is {max_bytes}")
