"""The ways to servers that `send` knows from the spool, and what it keeps there."""

from __future__ import annotations

from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.forwarding.ways import KeptWays
from tcpwrap_alert.nsca.server import Server

SERVER = Server("127.0.0.1", 1)


def note(spool, **transport):
    state = spool.read_state()
    state.transport.update(transport)
    spool.write_state(state)


def test_what_the_forwarder_knows_is_known(spool, config):
    note(spool, **{f"way.{SERVER}": "direct"})
    with KeptWays(config) as ways:
        assert not ways.may_hide_rejections(SERVER)


def test_what_is_learned_is_kept_beside_the_rest(spool, config):
    note(spool, batch="7")
    with KeptWays(config) as ways:
        assert ways.may_hide_rejections(SERVER)
        ways._memory[f"way.{SERVER}"] = "direct"
    assert spool.read_state().transport == {"batch": "7", f"way.{SERVER}": "direct"}


def test_without_a_spool_nothing_is_kept_or_made(tmp_path, write_config, monkeypatch):
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", str(tmp_path / "none"))
    with KeptWays(read_config(str(write_config(server="h")))) as ways:
        ways._memory["way.h"] = "direct"
    assert not (tmp_path / "none").exists()


def test_spool_in_use_is_left_alone(spool, config):
    with spool.lock(0), KeptWays(config) as ways:
        ways._memory["way.h"] = "direct"
    assert spool.read_state().transport == {}
