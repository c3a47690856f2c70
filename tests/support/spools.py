"""What a spool remembers, and how a test lets the time pass that it waits for."""

from __future__ import annotations

import os
from pathlib import Path

from peers.nsca_daemon import wait_for

from tcpwrap_alert.spool.passes import WRITING_GRACE_S
from tcpwrap_alert.spool.spool import Spool


def reason_of(spool_dir: Path | str) -> str:
    """Return why the last delivery failed; empty if none has."""
    return Spool(str(spool_dir)).read_state().reason


def failed_at_s(spool_dir: Path | str) -> float:
    """Return when the last delivery failed, in seconds since the epoch."""
    return Spool(str(spool_dir)).read_state().failed_at_s


def wait_until_left(spool_dir: Path | str) -> None:
    """Wait until no forwarder leads. One that is ended before that leaves its `leader` for ever."""
    wait_for(lambda: not os.path.lexists(os.path.join(spool_dir, "leader")), "the forwarder has not left")


def let_grace_pass(spool_dir: Path | str) -> None:
    """Let the minute pass that a file without end mark has from the time on when a reader first saw it."""
    spool = Spool(str(spool_dir))
    with spool.lock(10):
        state = spool.read_state()
        for name in state.unfinished:
            state.unfinished[name] -= WRITING_GRACE_S
        spool.write_state(state)
