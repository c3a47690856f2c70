"""README and docs/*.md as programs: their sections, the blocks of code in them, and a shell that runs these.

The language of a block says what it is:

    sh       commands that one types; each must succeed
    console  commands after `# ` or `$ `, each with what it prints below it; `…` stands for anything in a line
    python   a program
    text     the rest: pictures, contents of files
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = ("sh", "console")
LANGUAGES = (*COMMANDS, "python", "text")
HEADING_OR_BLOCK = re.compile(r"^#+ ([^\n]*)$|^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"^[#$] (.*)\n((?:(?![#$] ).*\n)*)", re.MULTILINE)
MARK = "--- end of these commands"


class Block(NamedTuple):
    """A block of code, and the title of the section that it stands in."""

    section: str
    language: str
    text: str


def read_blocks(page: Path, *languages: str) -> list[Block]:
    """Return the blocks of a page, in their order; those in `languages` only, if there are any."""
    found = []
    section = ""
    for title, language, text in HEADING_OR_BLOCK.findall(page.read_text()):
        if title:
            section = title
        elif not languages or language in languages:
            found.append(Block(section, language, text))
    return found


class Shell:
    """One bash that gets blocks as its user would paste them; variables and jobs live on from one to the next."""

    def __init__(self, environment: dict[str, str], directory: Path, command: Sequence[str] = ("bash",)) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=directory,
            text=True,
        )

    def follow(self, page: Path, section: str) -> str:
        """Run the blocks with commands of a section, and return what they printed."""
        blocks = [block for block in read_blocks(page, *COMMANDS) if block.section == section]
        assert blocks, f"{page.name} has no commands in '{section}'"
        return "".join(map(self.run, blocks))

    def run(self, block: Block) -> str:
        """Run a block and return what it printed. A command of `sh` that fails, or another output, is a failure."""
        if block.language == "sh":
            return self.type(f"set -e\n{block.text}set +e\n")
        typed = TYPED.findall(block.text)
        assert sum(1 + output.count("\n") for _, output in typed) == block.text.count("\n"), block.text
        for command, expected in typed:
            printed = self.type(f"{command}\n")
            pattern = re.escape(expected).replace("…", ".*")
            assert re.fullmatch(pattern, printed), f"{block.section}: {command}\nprinted\n{printed}not\n{expected}"
        return ""

    def type(self, text: str) -> str:
        """Type `text`, lines with their ends, and return what is printed until all of it has been run."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{text}_status=$?; echo '{MARK}'; (exit $_status)\n")
        self._process.stdin.flush()
        printed = ""
        for line in self._process.stdout:
            if line == f"{MARK}\n":
                return printed
            printed += line.replace("\0", "")  # which no terminal shows
        raise AssertionError(f"the shell ended in\n{text}after\n{printed}")

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        """End the shell; what it has left in the background stays."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it may have ended in a command that failed
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
