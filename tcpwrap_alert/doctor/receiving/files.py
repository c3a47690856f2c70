"""A file with a line for each setting, and what a finding says of one: where it stands, and what to write there."""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

from ..finding import WARN, Finding

COMMENTED = re.compile(r"\s*#+\s*(\w+)\s*=")


class Setting(NamedTuple):
    """A `key=value`, and where it stands, lines counted from 1."""

    key: str
    value: str
    path: str
    lineno: int

    @property
    def place(self) -> str:
        """Path and line."""
        return f"{self.path}:{self.lineno}"


class SettingsFile:
    """The settings of a file, and of those that it includes, in their order."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.settings: list[Setting] = []
        self._commented: dict[str, str] = {}
        self.add(path, text)

    def add(self, path: str, text: str) -> None:
        """Take in the lines of a file."""
        for lineno, line in enumerate(text.splitlines(), 1):
            key, separator, value = line.strip().partition("=")
            if separator and not key.startswith("#"):
                self.settings.append(Setting(key.strip(), value.strip(), path, lineno))
            elif match := COMMENTED.match(line):
                self._commented.setdefault(match[1], f"{path}:{lineno}")

    def all(self, key: str) -> list[Setting]:
        """Return each setting with this key."""
        return [setting for setting in self.settings if setting.key == key]

    def get(self, key: str, default: str = "") -> str:
        """Return the value that counts, the last one."""
        return next((setting.value for setting in reversed(self.settings) if setting.key == key), default)

    def place(self, key: str) -> str:
        """Return where the setting stands that counts; where it would stand, if there is none."""
        active = next((setting.place for setting in reversed(self.settings) if setting.key == key), None)
        return active or self._commented.get(key, self.path)

    def finding(self, key: str, text: str, line: str, remark: str = "", state: str = WARN) -> Finding:
        """Return what to say of a setting, with the line to write in its place."""
        return Finding(self.place(key), state, text, write(line, remark))


def write(line: str, remark: str = "") -> str:
    """Return what to do: write a line, and what to know about it."""
    return f"write: {line} ({remark})" if remark else f"write: {line}"


def faults_of_modes(path: str, secret: str, group: str) -> list[Finding]:
    """Return who may read the `secret` in a file, if it has one, or change it, and should not.

    Args:
        group: of the program that reads the file.
    """
    mode = os.stat(path).st_mode
    found = []
    if mode & stat.S_IWOTH:
        found.append(Finding(path, WARN, "everybody may change it", f"run: chmod o-w {path}"))
    if secret and mode & stat.S_IROTH and _everybody_may_reach(path):
        todo = f"run: chgrp {group} {path} && chmod 640 {path}"
        found.append(Finding(path, WARN, f"everybody on this machine may read {secret}", todo))
    return found


def _everybody_may_reach(path: str) -> bool:
    above = os.path.dirname(os.path.realpath(path))
    return bool(os.stat(above).st_mode & stat.S_IXOTH) and (above == "/" or _everybody_may_reach(above))
