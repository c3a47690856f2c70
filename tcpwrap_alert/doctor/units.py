"""systemd's units as files: each with its drop-ins, without asking systemd, which may not run.

A setting that is given again adds to a list; an empty one empties it (systemd.unit(5), systemd.exec(5)).
"""

from __future__ import annotations

import functools
import glob
import os
from typing import NamedTuple

# The first that has a file of this name counts; drop-ins count from all of them, by their names.
DIRECTORIES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
PREFIXES = "@-:+!|"  # of a program in ExecStart
TRUE = ("1", "yes", "true", "on")


class Unit(NamedTuple):
    """A unit: its name, its file, and the values of each key, in their order."""

    name: str
    path: str
    values: dict[str, list[str]]

    def last(self, key: str) -> str:
        """Return what a key that takes one value has; empty without."""
        return self.values.get(key, [""])[-1]

    def words(self, *keys: str) -> list[str]:
        """Return the words of keys that take lists."""
        return [word.strip('"') for key in keys for value in self.values.get(key, []) for word in value.split()]

    def is_on(self, key: str) -> bool:
        """Return whether a switch is on."""
        return self.last(key).lower() in TRUE

    @property
    def programs(self) -> list[str]:
        """The programs that it starts."""
        commands = [value.split() for value in self.values.get("ExecStart", [])]
        return [words[0].lstrip(PREFIXES) for words in commands if words]


@functools.lru_cache(None)
def read_units(suffix: str) -> tuple[Unit, ...]:
    """Return the units with this suffix, such as .service, that are not masked; an alias is no unit of its own."""
    paths: dict[str, str] = {}
    for directory in DIRECTORIES:
        for path in sorted(glob.glob(f"{directory}/*{suffix}")):
            paths.setdefault(os.path.basename(path), path)
    return tuple(_read(name, path) for name, path in sorted(paths.items()) if _is_unit(name, path))


def _is_unit(name: str, path: str) -> bool:
    return not os.path.islink(path) or os.path.basename(os.path.realpath(path)) == name


def _read(name: str, path: str) -> Unit:
    values: dict[str, list[str]] = {}
    for file in (path, *_drop_ins(name)):
        for key, value in _lines(file):
            values[key] = [*values.get(key, []), value] if value else []
    return Unit(name, path, {key: found for key, found in values.items() if found})


def _drop_ins(name: str) -> list[str]:
    """Return the drop-ins of a unit: of its name, and of each beginning of it that ends in a dash."""
    stem, dot, suffix = name.rpartition(".")
    template = f"{stem.partition('@')[0]}@" if "@" in stem else stem
    parts = template.split("-")
    beginnings = [f"{'-'.join(parts[:count])}-" for count in range(1, len(parts))]
    found: dict[str, str] = {}
    for one in (*beginnings, template, stem, None):
        for directory in DIRECTORIES:
            place = f"{directory}/{suffix}.d" if one is None else f"{directory}/{one}{dot}{suffix}.d"
            for path in glob.glob(f"{glob.escape(place)}/*.conf"):
                found.setdefault(os.path.basename(path), path)
    return [found[name] for name in sorted(found)]


def _lines(path: str) -> list[tuple[str, str]]:
    try:
        with open(path, errors="replace") as file:
            text = file.read().replace("\\\n", " ")
    except OSError:
        return []
    lines = [line.strip() for line in text.splitlines() if "=" in line and line.strip()[0] not in "#;"]
    return [(key.strip(), value.strip()) for key, _, value in (line.partition("=") for line in lines)]
