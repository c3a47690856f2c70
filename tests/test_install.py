"""The package as pip installs it, without what the tests need: scripts, drop, replay."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support.spools import reason_of

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A virtual environment that borrows click and cryptography from ours and holds a fresh installation."""
    directory = tmp_path_factory.mktemp("installed")
    venv.create(directory / "venv", with_pip=False, symlinks=True)
    (packages,) = (directory / "venv").glob("lib/python3*/site-packages")
    for name in ("click", "cryptography", "cffi", "pycparser", "typing_extensions", "_cffi_backend"):
        if spec := importlib.util.find_spec(name):
            source = Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
            (packages / source.name).symlink_to(source)
    source = directory / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "build", "*.egg-info"))
    # Here is no index: pip builds with our setuptools.
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory, source)
    pip("--python", directory / "venv", "install", "--no-deps", *directory.glob("*.whl"))
    return directory / "venv" / "bin"


def pip(*arguments):
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def test_every_script_is_installed_and_runs(site):
    assert subprocess.run([site / "tcpwrap-alert", "--version"], capture_output=True, check=True).stdout
    assert subprocess.run([site / "submit_check_result", "--help"], capture_output=True, check=True).stdout
    assert os.access(site / "handle_tcp_wrapper", os.X_OK)


def test_a_drop_and_a_replay_work(site, spool_dir, write_config):
    write_config(server="127.0.0.1:1", timeout=1)
    subprocess.run([site / "handle_tcp_wrapper", "203.0.113.7", "sshd"], check=True)
    wait_for(lambda: reason_of(spool_dir), "no attempt was made")
    assert subprocess.run([site / "tcpwrap-alert", "replay"], capture_output=True, check=False).returncode == 75
    assert len(os.listdir(spool_dir / "new")) == 1


def test_a_link_to_the_drop_finds_the_forwarder(site, spool_dir, write_config, tmp_path):
    write_config(server="127.0.0.1:1", timeout=1)
    (tmp_path / "handle_tcp_wrapper").symlink_to(site / "handle_tcp_wrapper")
    subprocess.run([tmp_path / "handle_tcp_wrapper", "203.0.113.7", "sshd"], check=True)
    wait_for(lambda: reason_of(spool_dir), "no attempt was made")
