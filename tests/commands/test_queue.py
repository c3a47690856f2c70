"""`queue` when one of several spools cannot be read: the others are shown, and the list is a whole one."""

from __future__ import annotations

import json

import pytest

from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.spool import Spool


@pytest.fixture
def spools(default_spool, tmp_path, write_config):
    """The spool of the configuration, and the default one, which is looked after, too."""
    (tmp_path / "configured" / "new").mkdir(parents=True)
    write_config(server="127.0.0.1:1", host_name="firestorm", spool_dir=tmp_path / "configured")
    return [tmp_path / "configured", default_spool]


@pytest.mark.parametrize("unreadable", [0, 1], ids=["first", "second"])
def test_json_is_whole_if_a_spool_cannot_be_read(run, spools, unreadable):
    for path in spools:
        Spool(str(path)).enqueue(Denial("sshd", "203.0.113.7"))
    (spools[unreadable] / "new").chmod(0o777)
    done = run("tcpwrap-alert", "queue", "--json")
    (row,) = json.loads(done.stdout)
    assert row["queue_file"].startswith(f"{spools[1 - unreadable]}/new/")
    assert row["plugin_output"] == "Denied sshd-203.0.113.7"
    assert done.returncode == 74
    assert done.stderr.startswith(f"tcpwrap-alert: {spools[unreadable]}/new: everybody may write to it")
    assert done.stderr.count("\n") == 1


def test_json_is_an_empty_list_if_no_spool_can_be_read(run, spools):
    for path in spools:
        (path / "new").chmod(0o777)
    done = run("tcpwrap-alert", "queue", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (74, [])


def test_list_for_people_is_shown_as_far_as_it_goes(run, spools):
    Spool(str(spools[0])).enqueue(Denial("sshd", "203.0.113.7"))
    (spools[1] / "new").chmod(0o777)
    done = run("tcpwrap-alert", "queue")
    assert "firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7" in done.stdout
    assert done.stdout.endswith("\n1 waiting\n")
    assert done.returncode == 74


def test_configuration_that_is_none_is_told(run, spool_dir, tmp_path):
    done = run("tcpwrap-alert", "queue", "--config", str(tmp_path / "none"))
    assert done.stdout == "0 waiting\n"
    assert done.stderr.startswith(f"tcpwrap-alert: {tmp_path}/none: cannot read the configuration: No such file")
