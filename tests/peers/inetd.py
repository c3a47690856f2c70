"""Real inetd with one service, in the environment that a boot gives it."""

from __future__ import annotations

import subprocess
from pathlib import Path


def start_inetd(
    program: str, config: Path, address: str, port: int, user: str, command: str
) -> subprocess.Popen[bytes]:
    """Start `program` with a service on this address: for each connection `user` runs `command`, path and arguments.

    It does not wait for the port to answer.
    """
    protocol = "tcp6" if ":" in address else "tcp4"
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    # By default inetd takes a service down for ten minutes after 256 connections in one.
    config.write_text(f"{place} stream {protocol} nowait.1000000 {user} {command}\n")
    return subprocess.Popen([program, "-i", str(config)], stdin=subprocess.DEVNULL, env={"LANG": "C"}, cwd="/")
