"""What the hook and its forwarder must not do to others: write where they should not, hold what is theirs."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess

import pytest

DEADLINE_S = 10


def test_hook_writes_through_no_link(run, spool_dir, tmp_path):
    """`leader` is made only where nothing is: a link without a target, which -e does not see, is not followed."""
    outside = tmp_path / "outside"
    (spool_dir / "leader").symlink_to(outside)
    assert run("handle_tcp_wrapper", "203.0.113.7", "sshd").returncode == 0
    assert not outside.exists()
    assert len(os.listdir(spool_dir / "new")) == 1


@pytest.mark.parametrize("at_least", [3, 200, 500])
def test_forwarder_lets_go_of_every_descriptor(spool_dir, write_config, at_least):
    """It waits for a silent server, and the pipe of whoever denied the connection has no other end any more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        write_config(server=f"127.0.0.1:{silent.getsockname()[1]}", timeout=30)
        (spool_dir / "new" / "1").write_bytes(b"tcpwrap-alert 1 denial\0\nclient=c\0\ndaemon=sshd\0\nend\0\n")
        reading, writing = os.pipe()
        number = fcntl.fcntl(writing, fcntl.F_DUPFD, at_least)
        os.close(writing)
        forwarder = subprocess.Popen(["tcpwrap-alert", "forward", str(spool_dir)], pass_fds=[number])
        os.close(number)
        try:
            silent.settimeout(DEADLINE_S)
            with silent.accept()[0]:  # it is at work
                assert select.select([reading], [], [], 0)[0]
                assert os.read(reading, 1) == b""
                assert forwarder.poll() is None
        finally:
            os.close(reading)
            forwarder.kill()
            forwarder.wait()
