"""What the history counts: each denial once, whichever way it went and however many monitors there are."""

from __future__ import annotations

import pytest

from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.forwarding.replay import replay
from tcpwrap_alert.forwarding.submit import submit
from tcpwrap_alert.spool.bounds import keep_within_bounds
from tcpwrap_alert.spool.history import counts_since, sums
from tcpwrap_alert.spool.state import State


@pytest.fixture
def configure(write_config, tmp_path):
    """Write a configuration with so many monitors that take everything."""

    def write(monitors):
        folders = [tmp_path / f"results{number}" for number in range(monitors)]
        for folder in folders:
            folder.mkdir()
        first, *others = (f"{folder}/" for folder in folders)
        path = write_config(server=first, host_name="firestorm")
        path.write_text(path.read_text() + "".join(f"[m{n}]\nserver={other}\n" for n, other in enumerate(others)))
        return read_config(str(path))

    return write


def denied(spool):
    return sorted((daemon, client, count) for _, daemon, client, count in counts_since(spool.path, 0))


@pytest.mark.parametrize("monitors", [1, 2, 3])
def test_each_denial_is_counted_once(configure, spool, monitors):
    config = configure(monitors)
    for client in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        spool.enqueue(Denial("sshd", client))
    replay(config)
    submit(Denial("vsftpd", "192.0.2.3"), config)
    assert denied(spool) == [("sshd", "192.0.2.1", 2), ("sshd", "192.0.2.2", 1), ("vsftpd", "192.0.2.3", 1)]


def test_what_was_folded_by_bounds_is_counted_in_full(configure, spool):
    config = configure(1)
    for number in range(10):
        spool.enqueue(Denial("sshd", f"192.0.2.{number % 2}"))
    keep_within_bounds(spool, State(), 1, 3600)
    replay(config)
    assert denied(spool) == [("sshd", "192.0.2.0", 5), ("sshd", "192.0.2.1", 5)]


def test_what_waits_is_not_counted_yet(configure, spool):
    config = configure(1)
    spool.enqueue(Denial("sshd", "192.0.2.1"))
    assert denied(spool) == []
    replay(config)
    replay(config)
    assert denied(spool) == [("sshd", "192.0.2.1", 1)]
    assert {key: one.count for key, one in sums(spool.path).items()} == {("denied", "sshd"): 1, ("delivered", ""): 1}
