"""The package as pip installs it, without what the tests need: scripts, drop, replay."""

from __future__ import annotations

import os
import subprocess

import pytest
from peers.nsca_daemon import wait_for
from support import offline
from support.spools import reason_of


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The scripts of a fresh installation, in an environment that borrows all other packages from ours."""
    directory = tmp_path_factory.mktemp("installed")
    offline.put_python3(directory / "bin")
    offline.copy_checkout(directory / "source")
    subprocess.run([directory / "bin" / "python3", "-m", "venv", directory / "venv"], check=True)
    subprocess.run([directory / "venv" / "bin" / "pip", "install", "."], cwd=directory / "source", check=True)
    return directory / "venv" / "bin"


def test_every_script_is_installed_and_runs(site):
    assert subprocess.run([site / "tcpwrap-alert", "--version"], capture_output=True, check=True).stdout
    assert subprocess.run([site / "submit_check_result", "--help"], capture_output=True, check=True).stdout
    assert os.access(site / "handle_tcp_wrapper", os.X_OK)


def test_man_pages_and_completion_are_installed(site):
    """Where man, and what reads completions of packages, look for them beside the scripts' directory."""
    share = site.parent / "share"
    man = {path.name: path.parent.name for path in (share / "man").rglob("*.[1-8]")}
    assert man == {path.name: f"man{path.suffix[1:]}" for path in (offline.ROOT / "man").iterdir()}
    installed = {path.name for path in share.rglob("*completions*/*") if path.is_file()}
    assert installed == {path.name for path in (offline.ROOT / "completions").iterdir()}


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
