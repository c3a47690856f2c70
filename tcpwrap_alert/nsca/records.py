"""The standard input of `send`: bytes, in pieces of any size, to check results.

A record is what C send_nsca takes (nsca 2.10.2, src/send_nsca.c): host name, service description, state and plugin
output, or host name, state and output for a host check, with a delimiter between them. It ends

    at an end byte, 0x17 or the caller's       as the C client has it; newlines belong to the output
    without one in the first 5120 bytes        before a line that begins a record; other lines continue the output
    at the end of the input                    if the caller says so

The C client takes no record longer than 5120 bytes, so whoever writes for it shows the end byte by then. Without, it
would take everything for one record; but the client of 2.7 ended a record at the newline, and scripts still write so.
By line, output may look like a record. Three fields after a record of a service are one only if their host had a record
before, because the table of a plugin must not set the state of hosts.

What the C client would corrupt without a word is a fault: it drops empty fields and moves the rest up, takes any word
for state 0, and cuts names. A fault has its line number and costs no other record. Memory is bounded, whatever comes.
"""

from __future__ import annotations

import re

from ..arguments import parse_state, whole_number
from ..check_result import HOST_STATES, MAX_HOST_NAME_BYTES, SERVICE_STATES, CheckResult, shown
from ..errors import CheckResultError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ETB = b"\x17"
MAX_C_RECORD_BYTES = 5120  # nsca 2.10.2, include/common.h, MAX_INPUT_BUFFER
MAX_RECORD_BYTES = 65536  # far more than a packet holds; what is behind would be cut anyway

LINE_ENDS = b"\r\n"
MAX_HOSTS = 10_000  # whose names are remembered, twice

BLANKS = " \t\r\n"  # what the C client takes off the end of a record, and nothing else: not NBSP, not VT

NO_NAME = b"`~!$%^&*|'\"<>?,()="  # nagioscore 4, sample-config/nagios.cfg: illegal_object_name_chars

_STATE_WORDS = {word.lower().encode() for word in (*SERVICE_STATES, *HOST_STATES)}


class Records:
    """Takes the input piece by piece and returns the check results that are complete.

    Args:
        on_fault: called with the number, from 1, of the line where a bad record begins, and what is wrong with it.
        delimiter: one byte between fields. Where it is given twice, two of them are one, too, as in `h;;s;;2;;text`.
            Any number of blanks are one.
        end: one byte after each record; empty: all input is one record; None: 0x17 or by line, as the input shows.
    """

    def __init__(
        self, on_fault: Callable[[int, str], None], delimiter: bytes = b"\t", end: bytes | None = None
    ) -> None:
        self._on_fault = on_fault
        self._delimiter = delimiter[:1]
        most = b"" if self._delimiter == b" " else b"%d" % len(delimiter)
        self._run = None if most == b"1" else re.compile(re.escape(self._delimiter) + b"{1,%s}" % most)
        self._end = end
        self._is_undecided = end is None
        self._pending = b""  # all input while undecided, then the part whose end has not come
        self._lineno = 1  # of the pending part
        self._skipped_lines = 0  # in what was cut off the pending part
        # By line only:
        self._record = bytearray()  # the record that the next line may continue
        self._record_lineno = 0
        self._is_of_service = False
        self._hosts: set[bytes] = set()  # that have had a record
        self._older_hosts: set[bytes] = set()

    def feed(self, data: bytes) -> list[CheckResult]:
        """Return the check results that `data` completes."""
        data = self._pending + data
        if self._is_undecided:
            if len(data) < MAX_C_RECORD_BYTES and ETB not in data:
                self._pending = data
                return []
            self._decide(data)
        *parts, rest = self._split(data)
        results = list(self._take_parts(parts))
        self._keep(rest)
        return results

    def finish(self) -> list[CheckResult]:
        """Return the check results that the end of the input completes."""
        if self._is_undecided:
            self._decide(self._pending)
        results = list(self._take_parts(self._split(self._pending)))
        return results + list(self._take_record())

    def _decide(self, data: bytes) -> None:
        self._is_undecided = False
        if ETB in data[:MAX_C_RECORD_BYTES]:
            self._end = ETB

    def _split(self, data: bytes) -> list[bytes]:
        if self._end == b"":
            return [data]
        return data.split(b"\n" if self._end is None else self._end)

    def _keep(self, rest: bytes) -> None:
        """Keep what has no end yet: without the line ends before it, and one byte too many to know a long record by."""
        if self._end is not None:
            text = rest.lstrip(LINE_ENDS)
            self._lineno += rest.count(b"\n", 0, len(rest) - len(text))
            rest = text
        self._pending = rest[: MAX_RECORD_BYTES + 1]
        self._skipped_lines += rest.count(b"\n", MAX_RECORD_BYTES + 1)

    def _take_parts(self, parts: Iterable[bytes]) -> Iterator[CheckResult]:
        for part in parts:
            lineno = self._lineno
            self._lineno += part.count(b"\n") + self._skipped_lines + (self._end in (None, b"\n"))
            self._skipped_lines = 0
            if self._end is None:
                yield from self._take_line(lineno, part[:MAX_RECORD_BYTES])
                continue
            text = part.lstrip(LINE_ENDS)
            if text.strip() or len(text) > MAX_RECORD_BYTES:
                lineno += part.count(b"\n", 0, len(part) - len(text))
                yield from self._check_result(lineno, text[:MAX_RECORD_BYTES])

    def _take_line(self, lineno: int, line: bytes) -> Iterator[CheckResult]:
        fields = [field.strip() for field in self._fields(line.lstrip(self._delimiter))]
        is_record = self._begins_record(fields)
        if is_record or (line.strip() and not self._record):
            yield from self._take_record()
            self._record[:] = line
            self._record_lineno = lineno
            self._is_of_service = is_record and len(fields) == 4
            self._remember(fields[0])
        elif self._record and len(self._record) < MAX_RECORD_BYTES:
            self._record += b"\n" + line

    def _take_record(self) -> Iterator[CheckResult]:
        if self._record:
            text = bytes(self._record)
            self._record.clear()
            yield from self._check_result(self._record_lineno, text)

    def _begins_record(self, fields: list[bytes]) -> bool:
        """Say whether a line is meant as a record: whether there is something like a state where a state belongs."""
        host_name = fields[0]
        if host_name.translate(None, NO_NAME) != host_name:  # as in load1=0.1;5;10;0 with ; as the delimiter
            return False
        if len(fields) == 4:
            return not (fields[1] and fields[2]) or fields[2].isalpha() or _is_number(fields[2])
        if len(fields) == 3:
            is_like_one = fields[1].lower() in _STATE_WORDS or _is_number(fields[1]) or _is_number(fields[2])
            return is_like_one and not (self._is_of_service and self._is_new(host_name))
        return False

    def _is_new(self, host_name: bytes) -> bool:
        return host_name not in self._hosts and host_name not in self._older_hosts

    def _remember(self, host_name: bytes) -> None:
        if len(self._hosts) >= MAX_HOSTS:
            self._older_hosts, self._hosts = self._hosts, set()
        if len(host_name) <= MAX_HOST_NAME_BYTES:
            self._hosts.add(host_name)

    def _fields(self, text: bytes) -> list[bytes]:
        """Return the fields of a record, up to four, as the C client takes them; but an empty one stays one.

        Only one delimiter goes before the fourth field: what follows belongs to the output.
        """
        if self._run:
            fields = self._run.split(text.lstrip(b" ") if self._delimiter == b" " else text, 2)
            fields[2:] = fields[2].split(self._delimiter, 1) if len(fields) == 3 else []
        else:
            fields = text.split(self._delimiter, 3)
        if len(fields) == 4 and not fields[3].strip() and _is_number(fields[1]) and fields[2].strip():
            return fields if _is_number(fields[2]) else fields[:3]  # a host check, with a delimiter behind it
        return fields

    def _check_result(self, lineno: int, text: bytes) -> Iterator[CheckResult]:
        try:
            if self._end is None and ETB in text:
                raise CheckResultError("0x17 in it, but not in the first 5120 bytes; name it with -ds 0x17")
            yield _parse([field.decode(errors="surrogateescape") for field in self._fields(text)])
        except CheckResultError as error:
            self._on_fault(lineno, str(error))


def _parse(fields: list[str]) -> CheckResult:
    if len(fields) < 3:
        raise CheckResultError(f"{shown(fields[0])} is no record of host name, [service description,] state, output")
    host_name, *service, state, plugin_output = fields
    if not host_name:
        raise CheckResultError("a delimiter where the host name belongs")
    if service == [""]:
        raise CheckResultError(
            "the service description is empty; a host check has three fields: host name, state, output"
        )
    return_code = parse_state(state.strip(), is_host_check=not service)
    if not state.strip().isdigit() and whole_number(state) is None:
        raise CheckResultError(f"state {shown(state.strip())} is a word; write {return_code}")
    return CheckResult(host_name, "".join(service), return_code, plugin_output.rstrip(BLANKS))


def _is_number(text: bytes) -> bool:
    return text.isdigit() or whole_number(text.decode("latin-1")) is not None
