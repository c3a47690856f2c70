"""Wheel and sdist as `make dist` builds them: what is in them, that they are the same each time, that they install."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support import offline
from support.documents import ROOT

from tcpwrap_alert import __version__

BUILD = ROOT / "tools" / "build-dist"
SCRIPTS = {"handle_tcp_wrapper", "submit_check_result", "tcpwrap-alert"}
DIST_INFO = {"licenses/LICENSE", "METADATA", "RECORD", "WHEEL", "top_level.txt"}
SHIPPED = ("bin", "completions", "debian", "docs", "examples", "man", "packaging", "tcpwrap_alert")
FILES = {
    "CHANGELOG.md",
    "LICENSE",
    "MANIFEST.in",
    "PKG-INFO",
    "README.md",
    "pyproject.toml",
    "send_nsca.cfg.example",
    "setup.cfg",
}


def build(directory):
    subprocess.run([BUILD, sys.executable, directory], cwd=ROOT, check=True)
    return directory


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def sdist(dist):
    (path,) = dist.glob("*.tar.gz")
    return path


def our_files(*directories):
    """Return the paths of our files, as git has them, below some directories."""
    found = {path.relative_to(ROOT) for name in directories for path in (ROOT / name).rglob("*") if path.is_file()}
    return {str(path) for path in found if "__pycache__" not in path.parts}


def test_wheel_has_our_modules_and_scripts_only(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    scripts = {f"tcpwrap_alert-{__version__}.data/scripts/{name}" for name in SCRIPTS}
    about = {f"tcpwrap_alert-{__version__}.dist-info/{name}" for name in DIST_INFO}
    shared = {name for name in names if f"tcpwrap_alert-{__version__}.data/data/share/" in name}
    assert names - shared == our_files("tcpwrap_alert") | scripts | about


def test_sdist_has_what_is_shipped_and_nothing_else(sdist):
    with tarfile.open(sdist) as archive:
        names = {Path(*Path(member.name).parts[1:]) for member in archive if member.isfile()}
    shown = {str(name) for name in names if "egg-info" not in str(name)}
    assert shown == FILES | our_files(*SHIPPED)


def test_two_builds_are_the_same_bytes(dist, tmp_path):
    umask = os.umask(0o077)
    try:
        again = build(tmp_path)
    finally:
        os.umask(umask)
    names = sorted(os.listdir(dist))
    assert names == sorted(os.listdir(again))
    assert [name for name in names if (dist / name).read_bytes() != (again / name).read_bytes()] == []


def test_index_would_take_them(dist):
    """It shows README as the description."""
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.count("PASSED")) == (0, 2), done.stdout


def test_wheel_runs_in_a_bare_environment(wheel, tmp_path):
    offline.put_python3(tmp_path / "bin")
    subprocess.run([tmp_path / "bin" / "python3", "-m", "venv", tmp_path / "venv"], check=True)
    scripts = tmp_path / "venv" / "bin"
    subprocess.run([scripts / "pip", "install", wheel], check=True)
    done = subprocess.run([scripts / "tcpwrap-alert", "--version"], capture_output=True, text=True, check=True)
    assert __version__ in done.stdout
    assert all(os.access(scripts / name, os.X_OK) for name in SCRIPTS)


def test_all_packages_are_of_the_same_version():
    changelog = (ROOT / "debian" / "changelog").read_text()
    assert changelog.startswith(f"tcpwrap-alert ({__version__}) ")
    for path, pattern in (
        ("rpm/tcpwrap-alert.spec", r"^Version: +(.*)$"),
        ("freebsd/Makefile", r"^DISTVERSION=\t(.*)$"),
    ):
        assert re.findall(pattern, (ROOT / "packaging" / path).read_text(), re.MULTILINE) == [__version__]
