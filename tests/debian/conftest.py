"""Debian 12 and 13 as `make test-deb` makes them, booted, and the packages that it builds."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import namespaces
from support.booted import Debian, booted
from support.documents import ROOT
from support.missing import skip_or_fail
from support.offline import copy_checkout

ROOTS = Path(os.environ.get("DEBIAN_ROOTS", ROOT / ".venv" / "roots"))
SUITES = ("bookworm", "trixie")


@pytest.fixture(autouse=True)
def environment() -> None:
    """A forwarder of a booted machine goes on when a test of a module ends, as on any machine."""


@pytest.fixture(scope="module", params=SUITES)
def debian(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    """A fresh Debian with our checkout in /usr/src; the tests of a module change it one after the other."""
    lower = ROOTS / request.param
    if not namespaces.entered or not lower.is_dir():
        skip_or_fail(f"no root {lower}: make test-deb")
    with booted(lower, tmp_path_factory.mktemp(request.param)) as machine:
        copy_checkout(machine.root / "usr" / "src" / "tcpwrap-alert")
        shutil.rmtree(machine.root / "usr" / "src" / "tcpwrap-alert" / "dist", ignore_errors=True)
        yield machine


@pytest.fixture(scope="module")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of a later version, in which a module that every forwarder loads has another name."""
    (package,) = (ROOT / "dist").glob("tcpwrap-alert_*_all.deb")
    tree = tmp_path_factory.mktemp("next") / "tree"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    (modules,) = tree.glob("usr/lib/python3/dist-packages/tcpwrap_alert")
    (modules / "system_log.py").rename(modules / "syslog_lines.py")
    for path in modules.glob("**/*.py"):
        path.write_text(path.read_text().replace("system_log import", "syslog_lines import"))
    control = tree / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 99:"))
    subprocess.run(["dpkg-deb", "-b", tree, tree.parent / "next.deb"], check=True, stdout=subprocess.DEVNULL)
    return tree.parent / "next.deb"
