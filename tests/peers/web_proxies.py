"""The real squid and tinyproxy, which tunnel to one port only, and want a user and a password if a test says so."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from peers.programs import Program, free_port

USER, PASSWORD = "firestorm", "s3cret-proxy"
SQUID = """\
http_port 127.0.0.1:{port}
pid_filename none
cache_log /dev/null
access_log none
logfile_rotate 0
cache deny all
pinger_enable off
netdb_filename none
shutdown_lifetime 0 seconds
auth_param basic program /usr/lib/squid/basic_ncsa_auth {users}
acl allowed port {allowed}
http_access deny !allowed
{authentication}
http_access allow all
"""
TINYPROXY = """\
Listen 127.0.0.1
Port {port}
Allow 127.0.0.1
Timeout 20
MaxClients 20
LogLevel Connect
ConnectPort {allowed}
{authentication}
"""


class Squid(Program):
    """A squid under a name of its own, as its shared memory has that name and outlives kill -9."""

    users: Path

    def stop(self) -> None:
        """End it, and remove its shared memory."""
        super().stop()
        for path in Path("/dev/shm").glob(f"squid{self.port}-*"):
            path.unlink()
        self.users.unlink(missing_ok=True)


def make_squid(program: str, directory: Path, allowed: int, wants_password: bool) -> Program:
    """Return a squid that tunnels to the port `allowed`."""
    directory.mkdir()
    hashing = ("openssl", "passwd", "-apr1", PASSWORD)
    password_hash = subprocess.run(hashing, check=True, capture_output=True, text=True).stdout
    # Squid becomes another user, who must reach the file: it is no secret, and not in the test's own directory.
    with tempfile.NamedTemporaryFile("w", prefix="squid-users", delete=False) as users:
        users.write(f"{USER}:{password_hash}")
    os.chmod(users.name, 0o644)
    authentication = "acl known proxy_auth REQUIRED\nhttp_access deny !known" if wants_password else ""
    port = free_port()
    text = SQUID.format(port=port, users=users.name, allowed=allowed, authentication=authentication)
    (directory / "squid.conf").write_text(text)
    argv = (program, "-N", "-d", "1", "-n", f"squid{port}", "-f", str(directory / "squid.conf"))
    squid = Squid(argv, port, directory / "log")
    squid.users = Path(users.name)
    return squid


def make_tinyproxy(program: str, directory: Path, allowed: int, wants_password: bool) -> Program:
    """Return a tinyproxy that tunnels to the port `allowed`."""
    directory.mkdir()
    port = free_port()
    authentication = f"BasicAuth {USER} {PASSWORD}" if wants_password else ""
    (directory / "tinyproxy.conf").write_text(
        TINYPROXY.format(port=port, allowed=allowed, authentication=authentication)
    )
    return Program((program, "-d", "-c", directory / "tinyproxy.conf"), port, directory / "log")


MAKERS = {"squid": make_squid, "tinyproxy": make_tinyproxy}
