"""The daemons of Debian 12 that ask TCP wrappers: how each is started, what there is to know of it, and the rules.

To add one, add it to DAEMONS, and its package to the Makefile's PEERS. Then run `make docs`: the table of
docs/daemons.md is made of results of tests/interop/test_daemons.py.
"""

from __future__ import annotations

import contextlib
import ssl
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "examples" / "hosts.deny").read_text()
HOOK = "/opt/tcpwrap-alert/bin/handle_tcp_wrapper %h %d"

# What each daemon may use of these says `is_resident`: such a one must not be twisted.
SPAWN, TWIST, CLASSIC = "spawn (…) &: deny", "twist (…) &", "RFC931: twist (…) &"
RULES = {
    SPAWN: EXAMPLE,
    TWIST: f"ALL: ALL: twist ({HOOK}) &\n",
    CLASSIC: f"ALL: ALL: RFC931: twist ({HOOK}) &\n",
    "spawn (…) &: twist /bin/true": f"ALL: ALL: spawn ({HOOK}) &: twist /bin/true\n",
}
PLAIN = "ALL: ALL\n"

DENIED = "127.66.0.9"
ALLOWED = "127.77.0.1"


class Daemon(NamedTuple):
    """One daemon; in `arguments`, `config` and `prepare` stand $directory, $config and the paths of $programs."""

    name: str
    package: str
    programs: tuple[str, ...]  # the first one is started; all are needed
    arguments: str
    config: str
    port: int
    named: str  # %d
    serves: bytes  # what an allowed client gets, among other things
    sends: bytes = b""  # what a client has to say first
    refuses: bytes = b""  # what the daemon itself says to a client that it denies
    address: str = "127.0.0.1"  # where it listens, the last one if there are several
    prepare: str = ":"  # shell commands
    runs_hook_as: str = "root:root"
    is_dual_stack: bool = False  # one socket for IPv4 and IPv6, so that %h of an IPv4 client begins with ::ffff:
    clients: tuple[str, ...] = (DENIED,)
    is_resident: bool = False  # it asks TCP wrappers in a process that serves others, too
    lets_go: bool = True  # it closes the connection of a client that it denies

    def rules(self) -> list[str]:
        """Return the rules that it may be used with."""
        return [rule for rule in RULES if not (self.is_resident and "twist" in rule)]

    def handed(self, client: str) -> str:
        """Return %h of a client."""
        return f"::ffff:{client}" if self.is_dual_stack and ":" not in client else client


def nrpe_packet(packet_type: int, text: bytes = b"") -> bytes:
    """Return a packet of NRPE's second version (nrpe, common.h: v2_packet), the CRC in its place."""
    head, rest = struct.pack(">hh", 2, packet_type), struct.pack(">h1024s2x", 0, text)
    return head + struct.pack(">I", zlib.crc32(head + bytes(4) + rest)) + rest


def rpc_call(program: int, version: int, procedure: int) -> bytes:
    """Return a call without arguments as one TCP record (RFC 5531, 9 and 11)."""
    call = struct.pack(">10I", RPC_XID, 0, 2, program, version, procedure, 0, 0, 0, 0)
    return struct.pack(">I", 0x80000000 | len(call)) + call


def rpc_denial() -> bytes:
    """Return the reply MSG_DENIED, AUTH_ERROR, AUTH_TOOWEAK as one TCP record."""
    reply = struct.pack(">5I", RPC_XID, 1, 1, 1, 5)
    return struct.pack(">I", 0x80000000 | len(reply)) + reply


def client_hello() -> bytes:
    """Return the first bytes of a TLS client."""
    context, outgoing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


RPC_XID = 0x7C9A11
RPC_ACCEPTED = struct.pack(">3I", RPC_XID, 1, 0)
NRPE_CONFIG = """\
server_address=127.0.0.1
server_port=5666
nrpe_user=nagios
nrpe_group=nagios
allowed_hosts=127.0.0.0/8
pid_file=$directory/pid
"""

DAEMONS = (
    Daemon(
        name="inetd + tcpd",
        package="openbsd-inetd",
        programs=("inetd", "tcpd"),
        arguments="-i $config",
        config="127.0.0.1:2323 stream tcp4 nowait.1000000 root $tcpd /bin/cat\n",
        port=2323,
        named="cat",
        sends=b"hello\n",
        serves=b"hello\n",
    ),
    Daemon(
        name="xinetd",
        package="xinetd",
        programs=("xinetd",),
        arguments="-dontfork -f $config -pidfile $directory/pid",
        config="""\
service echo-by-cat
{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    bind = 127.0.0.1
    port = 2324
    wait = no
    user = root
    server = /bin/cat
}
""",
        port=2324,
        named="cat",
        sends=b"hello\n",
        serves=b"hello\n",
    ),
    Daemon(
        name="sshd",
        package="openssh-server",
        programs=("sshd",),
        arguments="-D -f $config",
        prepare="mkdir /run/sshd; ssh-keygen -q -t ed25519 -N '' -f $directory/key",
        config="""\
ListenAddress [::1]:2222
ListenAddress 127.0.0.1:2222
HostKey $directory/key
UsePAM no
PidFile none
""",
        port=2222,
        named="sshd",
        serves=b"SSH-2.0-",
        clients=(DENIED, "::1"),
    ),
    Daemon(
        name="nrpe",
        package="nagios-nrpe-server",
        programs=("nrpe",),
        arguments="-c $config -f -n",
        config=NRPE_CONFIG,
        port=5666,
        named="nrpe",
        sends=nrpe_packet(1, b"_NRPE_CHECK"),
        serves=b"NRPE v",
        runs_hook_as="root:nagios",
    ),
    Daemon(
        name="nrpe under inetd + tcpd",
        package="nagios-nrpe-server",
        programs=("inetd", "tcpd", "nrpe"),
        arguments="-i $directory/inetd.conf",
        prepare="echo 127.0.0.1:5666 stream tcp4 nowait.1000000 nagios $tcpd $nrpe -c $config --inetd -n"
        " >$directory/inetd.conf",
        config=NRPE_CONFIG,
        port=5666,
        named="nrpe",
        sends=nrpe_packet(1, b"_NRPE_CHECK"),
        serves=b"NRPE v",
        runs_hook_as="nagios:nagios",
    ),
    Daemon(
        name="vsftpd",
        package="vsftpd",
        programs=("vsftpd",),
        arguments="$config",
        prepare="mkdir -p /run/vsftpd/empty",
        config="""\
listen=NO
listen_ipv6=YES
listen_port=2121
tcp_wrappers=YES
background=NO
secure_chroot_dir=/run/vsftpd/empty
""",
        port=2121,
        address="::",
        named="vsftpd",
        serves=b"220 ",
        refuses=b"421 Service not available.\r\n",
        is_dual_stack=True,
        clients=(DENIED, "::1"),
    ),
    Daemon(
        name="stunnel4",
        package="stunnel4",
        programs=("stunnel4",),
        arguments="$config",
        prepare="openssl req -x509 -newkey ed25519 -nodes -subj /CN=localhost -keyout $directory/pem"
        " -out $directory/certificate 2>/dev/null; cat $directory/certificate >>$directory/pem",
        config="""\
foreground = yes
pid =
[imaps]
accept = :::9993
connect = 127.0.0.1:143
cert = $directory/pem
libwrap = yes
""",
        port=9993,
        address="::",
        named="imaps",
        sends=client_hello(),
        serves=b"\x16\x03\x03",
        is_dual_stack=True,
        is_resident=True,
    ),
    Daemon(
        name="rpcbind",
        package="rpcbind",
        programs=("rpcbind",),
        arguments="-f",
        config="",
        port=111,
        address="0.0.0.0",
        named="rpcbind",
        sends=rpc_call(100000, 2, 4),  # PMAPPROC_DUMP
        serves=RPC_ACCEPTED,
        refuses=rpc_denial(),
        runs_hook_as="_rpc:nogroup",
        is_resident=True,
        lets_go=False,
    ),
)

# What the table in docs/daemons.md has a row for: daemon, rule, client.
CASES = [
    (daemon, rule, client)
    for daemon in DAEMONS
    for rule in daemon.rules()
    for client in (daemon.clients if rule == SPAWN else daemon.clients[:1])
]
