"""NSCA's two packets as bytes, without any input or output: clock and random bytes are arguments.

The server speaks first, with the init packet; the client answers with data packets, encrypted one by one by
`cipher.py`. All integers are big-endian. Layouts: nsca 2.10.2, include/common.h, `init_packet_struct` and
`data_packet_struct`, as a C compiler lays them out; the padding bytes are part of what travels and of the checksum.

    init packet, 132 bytes                  data packet, 4304 bytes (720 in the old layout)
      initialization vector    128            packet version      int16   always 3
      timestamp (server)       uint32         padding             2
                                              CRC-32              uint32  over the packet with this field zero
                                              timestamp           uint32  the init packet's, sent back
                                              return code         int16
                                              host name           64      each text ends in NUL
                                              service description 128
                                              plugin output       4096    (512 in the old layout)
                                              padding             2

What a text field holds after its NUL, and the padding, is random (`padding.py`), as with the C client: else most of the
packet would be known in advance to whoever listens.

Line breaks of the output travel as they are: a server from 2.10.1 on escapes them, and backslashes, for Nagios, and
they arrive unchanged. An older one passes them on raw, so the client must escape, as the C client of 2.9 did, if it is
told to (`escape_newlines`). The layout says nothing about that: the C client and servers of 2.10 know the 2.7 layout,
too. For an old server that the configuration does not call old, output that holds a command travels on one line; that
is not all, as Nagios may read on behind a line into what other messages left in its buffer.
"""

from __future__ import annotations

import struct
from binascii import crc32

from ..check_result import CUT_MARK, CheckResult, cut, escape_newlines
from ..errors import CheckResultError, ProtocolError

PACKET_VERSION = 3
IV_LENGTH = 128
DATA_PACKET_LENGTH = 4304
# The layout up to nsca 2.7. A server from 2.9.1 on takes it only as the single packet of a connection.
LEGACY_DATA_PACKET_LENGTH = 720

_INIT = struct.Struct("!128sI")
_HEAD = struct.Struct("!h2xIIh")
_CRC = struct.Struct("!I")
_CRC_OFFSET = 4
_HOST_NAME = (14, 64)
_SERVICE_DESCRIPTION = (78, 128)
_PLUGIN_OUTPUT_OFFSET = 206
_END_PADDING = 2

INIT_PACKET_LENGTH = _INIT.size

# What Nagios takes for a command in a raw output, wherever it stands: `]`, any one character, a command's name and its
# end (nagioscore 4.4, base/commands.c, process_external_command1; Nagios 3, Naemon, Icinga want no less). The bracket
# that opens may stand in a line before, and the one character may be the line break.
# The look-ahead finds the `_` once: `\w*_\w*` would try every pair of places in a long word, for 0.2 s a packet.
COMMAND = r"\].(?=\w*_)\w*\s*(?:;|\n|$)"

# Nagios 3, Icinga 1 and Centreon Engine read up to 8190 bytes of a line and take the rest for another (fgets in
# command_file_worker_thread). A server from 2.10.1 on writes two bytes for a line break or a backslash.
MAX_ESCAPED_BYTES = 8190 - len("[4294967295] PROCESS_SERVICE_CHECK_RESULT;;;0;\n") - 63 - 127


def encode_init_packet(iv: bytes, packet_timestamp: int) -> bytes:
    """Return the 132 bytes of an init packet; `iv` is 128 bytes, the timestamp seconds since the epoch."""
    return _INIT.pack(iv, packet_timestamp)


def decode_init_packet(data: bytes) -> tuple[bytes, int]:
    """Return initialization vector (128 bytes) and timestamp of an init packet.

    Raises:
        ProtocolError: `data` does not have 132 bytes.
    """
    if len(data) != INIT_PACKET_LENGTH:
        raise ProtocolError(f"{len(data)} bytes are no init packet, that has {INIT_PACKET_LENGTH}")
    iv, packet_timestamp = _INIT.unpack(data)
    return iv, packet_timestamp


def encode_data_packet(result: CheckResult, packet_timestamp: int, padding: bytes, escape: bool = False) -> bytes:
    """Return the data packet of `result`, not yet encrypted.

    Args:
        packet_timestamp: the timestamp of the connection's init packet.
        padding: what unused bytes hold; its length, 4304 or 720, is that of the packet.
        escape: escape line breaks and backslashes of the output, for a server older than 2.10.1.
    """
    packet = bytearray(padding)
    output_size = len(packet) - _PLUGIN_OUTPUT_OFFSET - _END_PADDING
    to_wire = _escaped if escape else _without_commands
    _HEAD.pack_into(packet, 0, PACKET_VERSION, 0, packet_timestamp, result.return_code)
    packet[2:4] = padding[2:4]
    _put_text(packet, *_HOST_NAME, result.host_name)
    _put_text(packet, *_SERVICE_DESCRIPTION, result.service_description)
    _put_text(packet, _PLUGIN_OUTPUT_OFFSET, output_size, to_wire(result.plugin_output, output_size - 1))
    _CRC.pack_into(packet, _CRC_OFFSET, crc32(packet))
    return bytes(packet)


def fields_of(packet: bytes) -> list[tuple[str, bytes]]:
    """Return the fields of a data packet that is not encrypted, without what follows each NUL."""
    output_size = len(packet) - _PLUGIN_OUTPUT_OFFSET - _END_PADDING
    texts = (("host_name", *_HOST_NAME), ("service_description", *_SERVICE_DESCRIPTION))
    found = [(name, packet[offset : offset + size]) for name, offset, size in texts]
    found.append(("return_code", str(_HEAD.unpack_from(packet)[3]).encode()))
    found.append(("plugin_output", packet[_PLUGIN_OUTPUT_OFFSET : _PLUGIN_OUTPUT_OFFSET + output_size]))
    return [(name, field.partition(b"\0")[0]) for name, field in found]


def decode_data_packet(data: bytes) -> tuple[CheckResult, int]:
    """Return check result and timestamp of a decrypted data packet of either layout.

    Raises:
        ProtocolError: wrong length, version, checksum or text; after decryption with a wrong password all of them.
    """
    if len(data) not in (DATA_PACKET_LENGTH, LEGACY_DATA_PACKET_LENGTH):
        raise ProtocolError(f"{len(data)} bytes are no data packet, that has {DATA_PACKET_LENGTH}")
    version, checksum, packet_timestamp, return_code = _HEAD.unpack_from(data)
    if version != PACKET_VERSION:
        raise ProtocolError(f"packet version {version} is not {PACKET_VERSION}")
    blank = bytearray(data)
    _CRC.pack_into(blank, _CRC_OFFSET, 0)
    if crc32(blank) != checksum:
        raise ProtocolError("the checksum does not fit the packet")
    output_size = len(data) - _PLUGIN_OUTPUT_OFFSET - _END_PADDING
    texts = (
        _get_text(data, *_HOST_NAME),
        _get_text(data, *_SERVICE_DESCRIPTION),
        _get_text(data, _PLUGIN_OUTPUT_OFFSET, output_size),
    )
    try:
        return CheckResult(texts[0], texts[1], return_code, texts[2]), packet_timestamp
    except CheckResultError as error:
        raise ProtocolError(f"not a check result: {error}") from error


def _without_commands(text: str, max_bytes: int) -> str:
    """Return `text` cut to `max_bytes`, and so that no command stands behind a line break or the end of a buffer."""
    if "\n" in text:
        import re  # as dear as a quarter of a start of Python, and a denial has one line

        if re.search(COMMAND, text, re.DOTALL):
            text = text.replace("\n", " ")
    too_long = len(escape_newlines(text).encode()) - MAX_ESCAPED_BYTES
    if too_long > 0:
        max_bytes = min(max_bytes, len(text.encode()) - too_long)
    return cut(text, max_bytes)


def _escaped(text: str, max_bytes: int) -> str:
    """Return `text` escaped for Nagios, and then cut to `max_bytes`, but not within an escape."""
    escaped = escape_newlines(text)
    shortened = cut(escaped, max_bytes)
    if shortened != escaped:
        kept = shortened[: -len(CUT_MARK)]
        if (len(kept) - len(kept.rstrip("\\"))) % 2:
            kept = kept[:-1]
        shortened = kept + CUT_MARK
    return shortened


def _put_text(packet: bytearray, offset: int, size: int, text: str) -> None:
    """Write `text` and its NUL; the limits of CheckResult and `cut` leave room for both."""
    field = text.encode() + b"\0"
    if len(field) > size:
        raise CheckResultError(f"a text of {len(field) - 1} bytes does not fit a field of {size}")
    packet[offset : offset + len(field)] = field


def _get_text(data: bytes, offset: int, size: int) -> str:
    field, nul, _ = data[offset : offset + size].partition(b"\0")
    if not nul:
        raise ProtocolError("a text without its closing NUL")
    return field.decode(errors="surrogateescape")
