"""The relays that people put around NSCA: programs that end TCP and pass on what comes, with TLS, ssh or nothing.

Each is started before a server and listens on a port of its own, which `relay` yields; on leaving it is ended.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from peers.nsca_daemon import free_port, is_listening, wait_for

ADDRESS = "127.0.0.1"
Find = Callable[[str], str]  # from the name of a program to its path


@contextlib.contextmanager
def relay(name: str, find: Find, directory: Path, port: int) -> Iterator[int]:
    """Start the relay `name`, a key of RELAYS, before the server at `port`; yield the port to connect to."""
    directory.mkdir()
    with contextlib.ExitStack() as stack:
        yield RELAYS[name](stack, find, directory, port)


def _start(stack: contextlib.ExitStack, argv: list[str], directory: Path, *ports: int) -> None:
    """Start a program, and return when it listens on `ports`."""
    with open(directory / "log", "ab") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.kill)

    def is_ready() -> bool:
        assert process.poll() is None, (directory / "log").read_text()
        return all(is_listening(ADDRESS, port) for port in ports)

    wait_for(is_ready, f"{argv[0]} does not listen")


def _socat(stack: contextlib.ExitStack, find: Find, directory: Path, port: int) -> int:
    ours = free_port(ADDRESS)
    listen = f"TCP-LISTEN:{ours},bind={ADDRESS},reuseaddr,fork,backlog=128"
    _start(stack, [find("socat"), listen, f"TCP:{ADDRESS}:{port}"], directory, ours)
    return ours


def _haproxy(stack: contextlib.ExitStack, find: Find, directory: Path, port: int) -> int:
    ours = free_port(ADDRESS)
    (directory / "haproxy.cfg").write_text(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        f"listen nsca\n  bind {ADDRESS}:{ours}\n  server nsca {ADDRESS}:{port}\n"
    )
    _start(stack, [find("haproxy"), "-db", "-f", str(directory / "haproxy.cfg")], directory, ours)
    return ours


def _stunnel(stack: contextlib.ExitStack, find: Find, directory: Path, port: int) -> int:
    """Both ends: TLS from the client's stunnel to the server's."""
    ours, middle = free_port(ADDRESS), free_port(ADDRESS)
    key, certificate = directory / "key", directory / "certificate"
    subject = ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    request = [find("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject]
    subprocess.run(request, check=True, capture_output=True)
    head = "foreground = yes\npid =\n[nsca]\n"
    (directory / "server").write_text(
        f"{head}accept = {ADDRESS}:{middle}\nconnect = {ADDRESS}:{port}\ncert = {certificate}\nkey = {key}\n"
    )
    (directory / "client").write_text(
        f"{head}client = yes\naccept = {ADDRESS}:{ours}\nconnect = {ADDRESS}:{middle}\n"
        f"CAfile = {certificate}\nverifyPeer = yes\n"
    )
    for end, listens in (("server", middle), ("client", ours)):
        _start(stack, [find("stunnel4"), str(directory / end)], directory, listens)
    return ours


def _ssh(stack: contextlib.ExitStack, find: Find, directory: Path, port: int) -> int:
    """`ssh -L`, to a sshd of its own."""
    ours, middle = free_port(ADDRESS), free_port(ADDRESS)
    for name in ("host_key", "user_key"):
        keygen = [find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)]
        subprocess.run(keygen, check=True, capture_output=True)
    (directory / "sshd_config").write_text(
        f"ListenAddress {ADDRESS}:{middle}\nHostKey {directory}/host_key\nAuthorizedKeysFile {directory}/user_key.pub\n"
        "StrictModes no\nPermitRootLogin yes\nUsePAM no\nPidFile none\n"
    )
    # sshd wants a directory of its own in /run, which is the machine's.
    alone = [find("unshare"), "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec "$@"']
    _start(stack, [*alone, "-", find("sshd"), "-D", "-f", str(directory / "sshd_config")], directory, middle)
    options = ["StrictHostKeyChecking=no", f"UserKnownHostsFile={directory}/known", "ExitOnForwardFailure=yes"]
    tunnel = ["-N", "-L", f"{ADDRESS}:{ours}:{ADDRESS}:{port}", "-p", str(middle), "-i", str(directory / "user_key")]
    command = [find("ssh"), "-F", "none", *(f"-o{option}" for option in options), *tunnel, f"root@{ADDRESS}"]
    _start(stack, command, directory, ours)
    return ours


RELAYS: dict[str, Callable[[contextlib.ExitStack, Find, Path, int], int]] = {
    "socat": _socat,
    "haproxy": _haproxy,
    "stunnel": _stunnel,
    "ssh": _ssh,
}
