"""The configuration and the programs: what is there, whether it can be used, and who may change it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import stat
from typing import TYPE_CHECKING

from .finding import FAIL, OK, WARN, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.read import Config

SUBJECT = "configuration"
LIBRARIES = ("click", "cryptography")


def examine_configuration(config: Config, version: str) -> Iterator[Finding]:
    """Look at the configuration."""
    yield Finding(SUBJECT, OK, f"tcpwrap-alert {version}, Python {platform.python_version()}, {_libraries()}")
    if fault := config.fault:
        yield Finding(SUBJECT, FAIL, str(fault))
        return
    found = list(_faults_of_file(config))
    yield from found
    if not found:
        yield Finding(SUBJECT, OK, f"{config.path}: {_monitors(config)}")


def _libraries() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _faults_of_file(config: Config) -> Iterator[Finding]:
    if config.warning:
        warning, _, todo = config.warning.removeprefix("warning: ").partition("; ")
        yield Finding(SUBJECT, WARN, warning, f"{todo[:1].upper()}{todo[1:]}.")
    mode = os.stat(config.path).st_mode
    if mode & stat.S_IWGRP:
        what = f"{config.path}: its group may write to it, and so choose where alerts go"
        yield Finding(SUBJECT, WARN, what, f"Run chmod g-w {config.path}.")


def _monitors(config: Config) -> str:
    return ", ".join(f"[{monitor.name}] {monitor}" if monitor.name else str(monitor) for monitor in config.monitors)
