"""Reads the samples of rules in tests/libwrap/samples; README there says how one is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "libwrap" / "samples"
HOOK = "/opt/tcpwrap-alert/bin/handle_tcp_wrapper"
FILES = ("hosts.allow", "hosts.deny")
SPELT_OUT = {"<TAB>": "\t", "<CR>": "\r", "<NBSP>": "\u00a0", "<ZWSP>": "\u200b"}
PROGRAMS = ("sshd", "vsftpd", "nrpe", "in.tftpd")


class Expected(NamedTuple):
    """A finding: the file, the line (from 1; None: the whole file) and the text, in which … stands for anything."""

    file: str
    lineno: int | None
    text: str

    def is_met_by(self, file: str, lineno: int | None, text: str) -> bool:
        """Return whether this finding is the expected one."""
        pattern = ".*".join(map(re.escape, self.text.split("…")))
        return (self.file, self.lineno) == (file, lineno) and bool(re.fullmatch(pattern, text))


class Question(NamedTuple):
    """A connection and its outcome: `allowed`, `denied`, `alert` (denied with one), or `twist`, maybe with more."""

    client: str
    name: str
    daemon: str
    outcome: str


class Sample(NamedTuple):
    """One file of samples/."""

    name: str
    sections: dict[str, str]
    expected: list[Expected]
    questions: list[Question]
    one_process: list[Question]  # asked one after the other by the same process; the outcome says nothing of alerts
    programs: list[str]

    def rules(self, file: str) -> str:
        """Return the text of hosts.allow or hosts.deny."""
        return self.sections.get(file, "")

    def other_files(self) -> dict[str, str]:
        """Return the other files of the machine, by their paths."""
        return {path: text for path, text in self.sections.items() if path.startswith("/")}


def read_sample(path: Path) -> Sample:
    """Read one sample."""
    _, *parts = re.split(r"^== (.+) ==\n", path.read_text(), flags=re.MULTILINE)
    texts = {name: text.strip("\n") + "\n" for name, text in zip(parts[::2], parts[1::2])}
    sections = {name: _unescape(text) for name, text in texts.items()}
    expected = [finding for file in FILES for finding in _expected(file, texts.get(file, ""))]
    questions = [_question(line) for line in sections["libwrap"].splitlines() if line]
    one_process = [_question(line) for line in sections.get("libwrap, one process", "").splitlines() if line]
    programs = sections.get("programs", "\n".join(PROGRAMS)).split("\n")
    return Sample(path.name, sections, expected, questions, one_process, [name for name in programs if name])


def all_samples() -> list[Sample]:
    """Read all samples."""
    return [read_sample(path) for path in sorted(FOLDER.glob("*.rules"))]


def _unescape(text: str) -> str:
    text = text.partition("<no newline>")[0]
    for word, char in SPELT_OUT.items():
        text = text.replace(word, char)
    return text


def _expected(file: str, text: str) -> list[Expected]:
    found = []
    begin, is_continued = None, False
    for lineno, line in enumerate(text.split("\n"), 1):
        if line.startswith("#> "):
            found.append(Expected(file, begin, line[3:]))
        elif not is_continued:
            begin = lineno
        is_continued = line.endswith("\\")
    return found


def _question(line: str) -> Question:
    found = re.fullmatch(r"(\S+)(?: \((\S+)\))? -> (\S+): (.+)", line)
    assert found, line
    return Question(found[1], found[2] or "unknown", found[3], found[4])
