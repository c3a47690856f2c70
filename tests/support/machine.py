"""A machine of a test's own, as far as `check` looks at one: its programs, libraries and configurations."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest
from support.elf import program

from tcpwrap_alert import libwrap
from tcpwrap_alert.libwrap import configured_names, daemons, linked

LINKED, NOT_LINKED = program("libc.so.6", "libwrap.so.0"), program("libc.so.6")


class Machine:
    """Files below `root` that stand for those of a whole machine, from its making on."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root

        def below(patterns: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(f"{root}{pattern}" for pattern in patterns)

        monkeypatch.setattr(daemons, "DIRECTORIES", below(daemons.DIRECTORIES))
        monkeypatch.setattr(daemons, "PARTS", {name: below(paths) for name, paths in daemons.PARTS.items()})
        monkeypatch.setattr(linked, "LIBRARY_DIRECTORIES", below(linked.LIBRARY_DIRECTORIES))
        monkeypatch.setattr(linked, "PRIVATE_DIRECTORIES", below(linked.PRIVATE_DIRECTORIES))
        for name in ("INETD", "XINETD", "STUNNEL", "STARTERS"):
            monkeypatch.setattr(configured_names, name, below(getattr(configured_names, name)))
        services = [(name, below(paths), pattern) for name, paths, pattern in configured_names.NAMED_SERVICES]
        monkeypatch.setattr(configured_names, "NAMED_SERVICES", services)
        self.forget()

    def add(self, path: str, content: str | bytes) -> Path:
        """Write a file."""
        file = Path(f"{self.root}{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(0o755)
        self.forget()
        return file

    def forget(self) -> None:
        """Let the machine be looked at anew."""
        for found in pkgutil.iter_modules(libwrap.__path__, f"{libwrap.__name__}."):
            for value in vars(importlib.import_module(found.name)).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
