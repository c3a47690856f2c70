"""Programs other than nsca that take NSCA packets, as behaviours of a FakeDaemon: each takes one per connection."""

from __future__ import annotations

import contextlib

from peers.fake_daemon import OLD_PACKET_SIZE, PACKET_SIZE, Connection

TO_THE_END = 1 << 30


def nscatools(connection: Connection) -> None:
    """Read all to the end, and take it if it is as long as a packet (tubemogul/nscatools, datapacket.go, Read)."""
    connection.send_init_packet()
    data = connection.read(TO_THE_END)
    if len(data) in (OLD_PACKET_SIZE, PACKET_SIZE):
        connection.take(data)


def alignak(connection: Connection) -> None:
    """The same, with fields that are UTF-8 in all their length (alignak-module-nsca, nsca.py, read_check_result)."""
    nscatools(connection)
    for packet in list(connection.packets):
        with contextlib.suppress(UnicodeDecodeError):
            for field in (packet.clear[14:78], packet.clear[78:206], packet.clear[206:-2]):
                field.decode()
            continue
        connection.packets.remove(packet)


def nsclient(connection: Connection) -> None:
    """Take one packet and close, whatever follows."""
    connection.send_init_packet()
    connection.read_packet()


RECEIVERS = {"nscatools": nscatools, "Alignak": alignak, "NSClient++": nsclient}
