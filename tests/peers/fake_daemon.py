"""A fake NSCA daemon in threads of this process: behaves like a stock one, or misbehaves in a chosen way.

Written from the description of the protocol alone: it shares no code with the package, so that a mistake in one of
them cannot hide in the other. A *behaviour* is a function that is called with each `Connection`.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

PACKET_SIZE = 4304
OLD_PACKET_SIZE = 720
INIT_SIZE = 132
INIT_VECTOR = bytes((7 * number + 3) % 256 for number in range(128))
TIMESTAMP = 978307200  # 2001, so that nobody takes it for our own clock
DEADLINE_S = 20.0

SSH_BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"
HTTP_ANSWER = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
TLS_ALERT = bytes([21, 3, 3, 0, 2, 2, 10])  # fatal, unexpected_message


class Packet(NamedTuple):
    """A data packet, decrypted and found to be right."""

    clear: bytes
    timestamp: int
    return_code: int
    host_name: str
    service_description: str
    plugin_output: str


class Connection:
    """One client, and all that it sent: `received` as it came, `packets` decrypted, `saw_end` or `saw_reset`."""

    def __init__(self, daemon: FakeDaemon, sock: socket.socket) -> None:
        self.accepted_at = time.monotonic()
        self.received = b""
        self.packets: list[Packet] = []
        self.saw_end = False
        self.saw_reset = False
        self.closed = threading.Event()
        self._daemon = daemon
        self._sock = sock
        self._decrypt = DECRYPTORS[daemon.method](daemon.password)

    def send(self, data: bytes) -> None:
        """Send, to a client that may be gone already."""
        with contextlib.suppress(ConnectionError):
            self._sock.sendall(data)

    def send_init_packet(self, more: bytes = b"") -> None:
        """Send the init packet, and `more` in one piece with it."""
        self.send(INIT_VECTOR + struct.pack(">I", self._daemon.timestamp) + more)

    def read(self, count: int) -> bytes:
        """Read `count` bytes, or what comes before the client's end."""
        data = b""
        while len(data) < count and not (self.saw_end or self.saw_reset):
            try:
                chunk = self._sock.recv(count - len(data))
                self.saw_end = not chunk
                data += chunk
            except ConnectionError:
                self.saw_reset = True
        self.received += data
        return data

    def read_packet(self) -> bool:
        """Read one packet; false at the end or if the packet is bad."""
        size = self._daemon.packet_size
        data = self.read(size)
        return len(data) in (size, OLD_PACKET_SIZE) and self.take(data)

    def take(self, data: bytes) -> bool:
        """Decrypt a packet and keep it; false if it is bad."""
        packet = open_packet(self._decrypt(data))
        if packet:
            self.packets.append(packet)
        return packet is not None

    def close(self) -> None:
        """Close as `close(2)` does: the kernel makes it a reset if bytes are unread."""
        self._sock.close()
        self.closed.set()

    def end(self) -> None:
        """End our direction; the client may go on sending."""
        with contextlib.suppress(OSError):  # it may have gone
            self._sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a reset, whatever is unread."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def hold(self) -> None:
        """Do nothing until the test is over."""
        self._daemon.stopping.wait(DEADLINE_S)

    def is_over_after(self, seconds: float) -> bool:
        """Wait; true when the test is over."""
        return self._daemon.stopping.wait(seconds)

    def delay_small_segments(self) -> None:
        """Let what is sent from now on travel together with the end, in one segment."""
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)


Behaviour = Callable[[Connection], None]


class FakeDaemon:
    """Listens from `with` to its end; `connections` has one entry per client, in their order.

    Args:
        behaviour: what to do with a connection; it is closed afterwards.
        packet_size: 4304, or 720 for a daemon of version 2.7.
        receive_buffer: bytes that the kernel takes for us, 0 for its default.
        segment_size: largest TCP segment that we announce, 0 for the default.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        password: bytes = b"",
        method: int = 1,
        address: str = "127.0.0.1",
        port: int = 0,
        timestamp: int = TIMESTAMP,
        packet_size: int = PACKET_SIZE,
        receive_buffer: int = 0,
        segment_size: int = 0,
    ) -> None:
        self.behaviour = behaviour or stock
        self.password = password
        self.method = method
        self.address = address
        self.timestamp = timestamp
        self.packet_size = packet_size
        self.connections: list[Connection] = []
        self.stopping = threading.Event()
        self._arrived = threading.Condition()
        self._listener = listening_socket(address, port, receive_buffer, segment_size)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> FakeDaemon:
        self._threads[0].start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._threads[0].join(DEADLINE_S)
        self._listener.close()
        for thread in self._threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()

    def connection(self, number: int = 0) -> Connection:
        """Wait until connection `number` has come and was closed by us, and return it."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.connections) > number, DEADLINE_S)
        assert self.connections[number].closed.wait(DEADLINE_S)
        return self.connections[number]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                assert self.stopping.is_set()
                return
            connection = Connection(self, sock)
            with self._arrived:
                self.connections.append(connection)
                self._arrived.notify_all()
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: Connection) -> None:
        try:
            self.behaviour(connection)
        finally:
            connection.close()


def stock(connection: Connection) -> None:
    """Do as nsca does: take packets until the end or until one is bad, then close."""
    connection.send_init_packet()
    while connection.read_packet():
        pass


def behind_a_relay(connection: Connection) -> None:
    """Do as nsca does, but let a relay that ends TCP pass it on: there is no reset, ever."""
    stock(connection)
    connection.end()
    while connection.read(PACKET_SIZE):
        pass


def silent(connection: Connection) -> None:
    """Accept, and never send the init packet, as with a stuck command pipe."""
    connection.hold()


def sends(data: bytes, then: Behaviour) -> Behaviour:
    """Send something else than an init packet."""

    def behave(connection: Connection) -> None:
        connection.send(data)
        then(connection)

    return behave


def sends_init(then: Behaviour, more: bytes = b"") -> Behaviour:
    """Send the init packet and `more`, and then do not read packets."""

    def behave(connection: Connection) -> None:
        connection.send_init_packet(more)
        then(connection)

    return behave


def sends_init_and_end(connection: Connection) -> None:
    """Send the init packet and the end of file in one segment."""
    connection.delay_small_segments()
    connection.send_init_packet()


def byte_per_second(connection: Connection) -> None:
    """Send the init packet far too slowly."""
    for byte in INIT_VECTOR:
        connection.send(bytes([byte]))
        if connection.is_over_after(1.0):
            return


def sends_in_drips(data: bytes, every_s: float) -> Behaviour:
    """Send byte by byte, each within any time that is reasonable for one."""

    def behave(connection: Connection) -> None:
        for byte in data:
            connection.send(bytes([byte]))
            if connection.is_over_after(every_s):
                return

    return behave


def reads_in_drips(count: int, every_s: float) -> Behaviour:
    """Send the init packet, then read `count` bytes, and again, until the end."""

    def behave(connection: Connection) -> None:
        connection.send_init_packet()
        while connection.read(count) and not connection.is_over_after(every_s):
            pass
        connection.hold()

    return behave


def takes(count: int, then: Behaviour) -> Behaviour:
    """Take `count` packets as nsca does."""

    def behave(connection: Connection) -> None:
        connection.send_init_packet()
        for _ in range(count):
            connection.read_packet()
        then(connection)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Treat the first connection as the first behaviour says, and so on; the last one for all the rest."""
    left = list(behaviours)

    def behave(connection: Connection) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(connection)

    return behave


def reads(count: int, then: Behaviour) -> Behaviour:
    """Read `count` bytes after the init packet."""

    def behave(connection: Connection) -> None:
        connection.send_init_packet()
        connection.read(count)
        then(connection)

    return behave


def reads_all(then: Behaviour) -> Behaviour:
    """Take packets to the end of the client's direction."""

    def behave(connection: Connection) -> None:
        stock(connection)
        then(connection)

    return behave


def closes(connection: Connection) -> None:
    """Close; a reset if something is unread."""
    connection.close()


def resets(connection: Connection) -> None:
    """Close with a reset."""
    connection.reset()


def resets_soon(connection: Connection) -> None:
    """Close with a reset, when the client's connect() has returned."""
    connection.is_over_after(0.05)
    connection.reset()


def holds(connection: Connection) -> None:
    """Say nothing more and read nothing more."""
    connection.hold()


def answers(connection: Connection) -> None:
    """Send something where a daemon only ends."""
    connection.send(b"thank you\r\n")
    connection.hold()


def sends_endlessly(connection: Connection) -> None:
    """Send for as long as the client is there."""
    while not connection.is_over_after(0.001):
        connection.send(bytes(1024))


@contextlib.contextmanager
def black_hole(address: str, port: int) -> Iterator[None]:
    """Let attempts to connect to `address` go unanswered: the backlog is full. Needs tcp_syncookies=0."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(listening_socket(address, port, backlog=0))
        for _ in range(3):
            filler = stack.enter_context(socket.socket(listener.family))
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield


def listening_socket(
    address: str, port: int, receive_buffer: int = 0, segment_size: int = 0, backlog: int = 128
) -> socket.socket:
    """Return a listening socket whose connections have these sizes."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if segment_size:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment_size)
    sock.bind((address, port))
    sock.listen(backlog)
    return sock


def open_packet(clear: bytes) -> Packet | None:
    """Return what a decrypted packet says, or nothing if it is bad."""
    version, checksum, timestamp, return_code = struct.unpack_from(">hxxIIh", clear)
    if version != 3 or crc32(clear[:4] + bytes(4) + clear[8:]) != checksum:
        return None
    texts = (clear[14:78], clear[78:206], clear[206:-2])
    assert all(b"\0" in text for text in texts), "a text without NUL: the daemon would read on"
    return Packet(clear, timestamp, return_code, *(text.partition(b"\0")[0].decode() for text in texts))


def crc32(data: bytes) -> int:
    """Return the CRC-32 of ISO 3309, reflected polynomial EDB88320."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0xEDB88320 if byte & 1 else 0)
    return byte


CRC_TABLE = [_crc_of_byte(byte) for byte in range(256)]


def _plain(_password: bytes) -> Callable[[bytes], bytes]:
    return lambda packet: packet


def _xor(password: bytes) -> Callable[[bytes], bytes]:
    """First the vector, then the password, each from its start in every packet."""

    def decrypt(packet: bytes) -> bytes:
        clear = bytearray(packet)
        for key in (INIT_VECTOR, password):
            if key:
                clear = bytearray(byte ^ key[index % len(key)] for index, byte in enumerate(clear))
        return bytes(clear)

    return decrypt


def _aes(password: bytes) -> Callable[[bytes], bytes]:
    """AES with the password as a 32-byte key, in 8-bit CFB: each byte of key stream comes from the 16 bytes before."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    block_cipher = Cipher(algorithms.AES((password + bytes(32))[:32]), modes.ECB())
    register = INIT_VECTOR[:16]

    def decrypt(packet: bytes) -> bytes:
        nonlocal register
        stream = register + packet
        blocks = b"".join(stream[index : index + 16] for index in range(len(packet)))
        register = stream[-16:]
        key_stream = block_cipher.encryptor().update(blocks)[::16]
        return bytes(byte ^ key for byte, key in zip(packet, key_stream))

    return decrypt


DECRYPTORS = {0: _plain, 1: _xor, 14: _aes}
