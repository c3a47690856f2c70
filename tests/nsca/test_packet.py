"""NSCA's packets, against layouts written here from nsca's include/common.h, which share nothing with packet.py."""

from __future__ import annotations

import random
import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.errors import ProtocolError
from tcpwrap_alert.nsca.packet import (
    decode_data_packet,
    decode_init_packet,
    encode_data_packet,
    encode_init_packet,
)

TIMESTAMP = 0x01020304
LENGTHS = (4304, 720)
# version, padding, CRC-32, timestamp, return code, host name, service description, plugin output, padding
LAYOUTS = {length: struct.Struct(f"!h2sIIh64s128s{length - 208}s2s") for length in LENGTHS}
OUTPUT_SIZES = {4304: 4096, 720: 512}
OFFSETS = {
    "version": 0,
    "padding": 2,
    "crc": 4,
    "timestamp": 8,
    "return_code": 12,
    "host": 14,
    "service": 78,
    "output": 206,
}

# host name, service description, return code, plugin output: the same cases drive encode and decode.
CASES = [
    ("firestorm", "TCP Wrappers", 2, "Denied sshd-203.0.113.7"),
    ("firestorm", "", 1, "gone"),
    ("h", "s", 0, ""),
    ("h" * 63, "s" * 127, 3, "o" * 511),
    ("fïre", "TCP Wräppers ✓", 1, "Größe 😀"),
]


def padding_of(length):
    """Return random bytes without a NUL, so that a text without its own NUL would show."""
    return bytes(random.Random(length).choices(range(1, 256), k=length))


def build(
    length=4304, *, version=3, timestamp=TIMESTAMP, return_code=2, host=b"h\0", service=b"s\0", output=b"o\0", crc=None
):
    """Return a data packet as a C client builds it; a text comes with its NUL, or without on purpose."""
    fields = (timestamp, return_code, host, service, output, b"P2")
    blank = LAYOUTS[length].pack(version, b"P1", 0, *fields)
    return LAYOUTS[length].pack(version, b"P1", zlib.crc32(blank) if crc is None else crc, *fields)


def with_crc(data):
    blank = data[:4] + bytes(4) + data[8:]
    return data[:4] + struct.pack("!I", zlib.crc32(blank)) + data[8:]


def values(result):
    return result.host_name, result.service_description, result.return_code, result.plugin_output


def is_rejected(data):
    try:
        decode_data_packet(data)
    except ProtocolError:
        return True
    return False


@pytest.mark.parametrize("length", LENGTHS)
def test_layouts_of_this_test_are_those_of_common_h(length):
    assert LAYOUTS[length].size == length
    assert length == OFFSETS["output"] + OUTPUT_SIZES[length] + 2


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("case", CASES)
def test_each_field_is_at_its_offset_and_ends_in_nul(length, case):
    packet = encode_data_packet(CheckResult(*case), TIMESTAMP, padding_of(length))
    version, _, _, timestamp, return_code, *texts, _ = LAYOUTS[length].unpack(packet)
    assert len(packet) == length
    assert (version, timestamp, return_code) == (3, TIMESTAMP, case[2])
    assert [text.partition(b"\0")[0].decode() for text in texts] == [case[0], case[1], case[3]]
    assert all(b"\0" in text for text in texts)


def test_the_bytes_of_the_head_are_big_endian():
    packet = encode_data_packet(CheckResult("h", "s", 2, "o"), TIMESTAMP, padding_of(4304))
    assert packet[:2] == b"\0\3"
    assert packet[8:14] == b"\1\2\3\4\0\2"
    assert packet[14:16] == b"h\0"
    assert packet[78:80] == b"s\0"
    assert packet[206:208] == b"o\0"


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("case", CASES)
def test_checksum_covers_packet_with_its_field_zero(length, case):
    packet = encode_data_packet(CheckResult(*case), TIMESTAMP, padding_of(length))
    assert with_crc(packet) == packet


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("case", CASES)
def test_whatever_is_no_field_keeps_its_random_bytes(length, case):
    padding = padding_of(length)
    packet = encode_data_packet(CheckResult(*case), TIMESTAMP, padding)
    starts = [OFFSETS[name] for name in ("host", "service", "output")]
    ends = [*starts[1:], length - 2]
    gaps = [
        slice(start + len(text.encode()) + 1, end)
        for start, end, text in zip(starts, ends, (case[0], case[1], case[3]))
    ]
    random_parts = [slice(2, 4), *gaps, slice(length - 2, length)]
    assert [packet[part] for part in random_parts] == [padding[part] for part in random_parts]


def test_the_random_bytes_given_are_not_changed():
    padding = bytearray(padding_of(720))
    before = bytes(padding)
    encode_data_packet(CheckResult("h", "s", 0, "o"), TIMESTAMP, padding)
    assert padding == before


@pytest.mark.parametrize("timestamp", [0, 1, 2**31, 2**32 - 1])
def test_the_timestamp_is_sent_back_as_it_came(timestamp):
    packet = encode_data_packet(CheckResult("h", "s", 0, "o"), timestamp, padding_of(4304))
    assert packet[8:12] == timestamp.to_bytes(4, "big")
    assert decode_data_packet(packet)[1] == timestamp


@pytest.mark.parametrize(
    ("length", "output", "on_the_wire"),
    [
        (4304, "o" * 4095, "o" * 4095),
        (4304, "o" * 4096, "o" * 4092 + "..."),
        (720, "o" * 510, "o" * 510),
        (720, "o" * 511, "o" * 511),
        (720, "o" * 512, "o" * 508 + "..."),
        (720, "o" * 4095, "o" * 508 + "..."),
        (720, "x" + "ä" * 256, "x" + "ä" * 253 + "..."),
        (720, "😀" * 128, "😀" * 127 + "..."),
    ],
)
def test_output_is_cut_to_the_layout_and_marked(length, output, on_the_wire):
    packet = encode_data_packet(CheckResult("h" * 63, "s" * 127, 0, output), TIMESTAMP, padding_of(length))
    field = packet[OFFSETS["output"] : length - 2]
    assert field.partition(b"\0")[0].decode() == on_the_wire
    assert len(on_the_wire.encode()) < OUTPUT_SIZES[length]


def output_on_the_wire(output, length=4304, escape=False):
    packet = encode_data_packet(CheckResult("h", "s", 0, output), TIMESTAMP, padding_of(length), escape)
    return packet[OFFSETS["output"] : length - 2].partition(b"\0")[0].decode()


MULTI_LINE = [
    "CHECK_MULTI CRITICAL\n[ 1] disk OK - 5% used\n[ 2] load WARN - 3",
    "a\n[OK] all well\n[WARN] x_y = 1\narray[0]: value_x",
    "C:\\new\n\\\ttab",
    "a\n[x] disable_foo says\n[y] Add user\n[z]  ADD_HOST",
]


@pytest.mark.parametrize("output", MULTI_LINE)
def test_lines_and_backslashes_travel_as_they_are(output):
    assert output_on_the_wire(output) == output


@pytest.mark.parametrize(
    "command",
    [
        "[1700000000] SHUTDOWN_PROGRAM",
        "[1] shutdown_program ",
        "[1] ADD_HOST_COMMENT;h;1;x;y",
        "text [1] SHUTDOWN_PROGRAM",
        "[1]\tSHUTDOWN_PROGRAM",
        "[1]xSHUTDOWN_PROGRAM;",
        "[] _CUSTOM",
        "foo [x]\nSHUTDOWN_PROGRAM",
        "foo [\nbar\nbaz] SHUTDOWN_PROGRAM;",
        "[abc] SHUTDOWN_PROGRAM\nmore",
    ],
)
@pytest.mark.parametrize("place", ["x\n{}", "x\n{}\ny", "{}\nx"])
def test_output_with_a_command_travels_on_one_line(command, place):
    output = place.format(command)
    assert output_on_the_wire(output) == " ".join(output.rstrip("\n").split("\n"))


def test_command_within_one_line_of_output_is_text():
    assert output_on_the_wire("x [1] SHUTDOWN_PROGRAM") == "x [1] SHUTDOWN_PROGRAM"


# What Nagios 3, Icinga 1 and Centreon Engine read of a line of their command file at once: fgets, 8190 bytes.
@pytest.mark.parametrize(
    "output",
    [
        "\\" * 4064 + "[1700000000] SHUTDOWN_PROGRAM",
        "x" + "\\" * 4063 + "[1700000000] SHUTDOWN_PROGRAM",
        "ä" * 30 + "\\" * 4000 + "[1700000000] SHUTDOWN_PROGRAM",
        "\n" * 4094 + "x",
        "\\" * 4095,
    ],
)
def test_reader_that_cuts_a_long_line_finds_no_command(output):
    packet = encode_data_packet(CheckResult("h" * 63, "s" * 127, 0, output), TIMESTAMP, padding_of(4304))
    sent = packet[206:4302].partition(b"\0")[0].decode()
    line = CheckResult("h" * 63, "s" * 127, 0, sent).external_command(1700000000)
    assert len(line.encode()) + 1 <= 8190
    assert sent.endswith("...")


def test_output_whose_line_just_fits_is_not_cut():
    output = "\\" * 3858 + "x" * 237
    line = CheckResult("h" * 63, "s" * 127, 0, output).external_command(1700000000)
    assert len(line.encode()) + 1 == 8190
    assert output_on_the_wire(output) == output


def test_no_output_takes_long_to_search_for_a_command():
    started = time.process_time()
    for _ in range(10):
        output_on_the_wire("x\n]x" + "_" * 4000 + "!")
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("output", [*MULTI_LINE, "x\n[1] SHUTDOWN_PROGRAM"])
def test_lines_and_backslashes_are_escaped_if_asked(length, output):
    assert output_on_the_wire(output, length, escape=True) == output.replace("\\", r"\\").replace("\n", r"\n")


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("text", ["\\", "a\n", "ä\\", "ab\\"])
@pytest.mark.parametrize("shift", range(4))
def test_escaped_output_is_not_cut_within_an_escape(length, text, shift):
    limit = OUTPUT_SIZES[length] - 1
    output = output_on_the_wire("x" * shift + text * 4000, length, escape=True)
    kept = output[: -len("...")]
    assert output.endswith("...")
    assert limit - 3 <= len(output.encode()) <= limit
    assert kept.replace(r"\\", "").replace(r"\n", "").count("\\") == 0


def test_full_names_leave_room_for_their_nul_only():
    packet = encode_data_packet(CheckResult("h" * 63, "s" * 127, 0, "o" * 4095), TIMESTAMP, padding_of(4304))
    assert packet[14:206] == b"h" * 63 + b"\0" + b"s" * 127 + b"\0"
    assert packet[206:4302] == b"o" * 4095 + b"\0"


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("case", CASES)
def test_a_packet_as_the_c_client_builds_it_is_read(length, case):
    host, service, return_code, output = case
    texts = {"host": host.encode() + b"\0", "service": service.encode() + b"\0", "output": output.encode() + b"\0"}
    result, timestamp = decode_data_packet(build(length, return_code=return_code, **texts))
    assert (values(result), timestamp) == (case, TIMESTAMP)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("case", CASES)
def test_what_was_encoded_is_decoded(length, case):
    packet = encode_data_packet(CheckResult(*case), TIMESTAMP, padding_of(length))
    assert values(decode_data_packet(packet)[0]) == case


@pytest.mark.parametrize("length", LENGTHS)
def test_what_stands_after_a_nul_is_not_read(length):
    packet = build(length, host=b"h\0;\n\xff", service=b"s\0;\n\xff", output=b"o\0\n\xff")
    assert values(decode_data_packet(packet)[0]) == ("h", "s", 2, "o")


def test_output_that_is_not_utf8_is_read_with_marks():
    assert decode_data_packet(build(output=b"Gr\xf6\xdfe\n\0"))[0].plugin_output == "Gr??e"


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (build(version=2), "packet version 2 is not 3"),
        (build(version=-3), "packet version -3 is not 3"),
        (build(version=0x0300), "packet version 768 is not 3"),
        (build(crc=0), "the checksum does not fit"),
        (build(host=b"h" * 64), "a text without its closing NUL"),
        (build(service=b"s" * 128), "a text without its closing NUL"),
        (build(output=b"o" * 4096), "a text without its closing NUL"),
        (build(720, output=b"o" * 512), "a text without its closing NUL"),
        (build(host=b"\0"), "not a check result: the host name is empty"),
        (build(host=b"h;i\0"), "not a check result: host name 'h;i' holds"),
        (build(host=b"h\ni\0"), "not a check result: host name 'h i' holds"),
        (build(host=b"\xff\0"), "not a check result: host name '[?]' holds"),
        (build(service=b"s;\0"), "not a check result: service description 's;' holds"),
        (build(service=b"\0", return_code=3), "not a check result: return code 3 is not one of 0 UP"),
    ],
)
def test_wrong_packet_is_rejected_with_the_reason(packet, message):
    with pytest.raises(ProtocolError, match=f"^{message}"):
        decode_data_packet(packet)


@pytest.mark.parametrize("return_code", [4, -1, 127, 0x0200])
def test_packet_with_another_return_code_is_unknown(return_code):
    result, _ = decode_data_packet(build(return_code=return_code))
    assert (result.return_code, result.plugin_output.split(")")[0]) == (3, f"(return code {return_code}")


@pytest.mark.parametrize("length", [0, 1, 14, 206, 719, 721, 4303, 4305, 4304 + 720, 2 * 4304])
def test_a_packet_of_any_other_length_is_rejected(length):
    data = (build() * 3)[:length]
    with pytest.raises(ProtocolError, match=f"^{length} bytes are no data packet, that has 4304$"):
        decode_data_packet(data)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_packet_cut_anywhere_is_rejected(length):
    packet = build(length)
    assert [end for end in range(length) if not is_rejected(packet[:end])] == []


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_packet_with_any_byte_changed_is_rejected(length, flip):
    packet = build(length)
    changed = (packet[:at] + bytes([packet[at] ^ flip]) + packet[at + 1 :] for at in range(length))
    assert [at for at, data in enumerate(changed) if not is_rejected(data)] == []


@given(
    st.binary(max_size=1000) | st.sampled_from(LENGTHS).flatmap(lambda size: st.binary(min_size=size, max_size=size))
)
@settings(deadline=None, max_examples=50)
def test_any_bytes_are_rejected(data):
    assert is_rejected(data)


@given(length=st.sampled_from(LENGTHS), offset=st.integers(2, 719), junk=st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_with_a_checksum_are_read_or_wrong(length, offset, junk):
    packet = build(length, output=b"o\0")
    data = with_crc((packet[:offset] + junk + packet[offset + len(junk) :])[:length].ljust(length, b"\0"))
    assert is_rejected(data) or values(decode_data_packet(data)[0])[0]


@pytest.mark.parametrize("timestamp", [0, TIMESTAMP, 2**32 - 1])
def test_init_packet_is_vector_and_servers_clock(timestamp):
    iv = bytes(range(128, 256))
    packet = iv + struct.pack("!I", timestamp)
    assert encode_init_packet(iv, timestamp) == packet
    assert decode_init_packet(packet) == (iv, timestamp)


@given(st.binary(min_size=128, max_size=128), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_any_vector_and_clock_come_out_as_they_went_in(iv, timestamp):
    assert decode_init_packet(encode_init_packet(iv, timestamp)) == (iv, timestamp)


@pytest.mark.parametrize("length", [0, 1, 128, 131, 133, 264, 4304])
def test_an_init_packet_of_other_length_is_an_error(length):
    with pytest.raises(ProtocolError, match=f"^{length} bytes are no init packet, that has 132$"):
        decode_init_packet(bytes(length))


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_an_init_packet_or_an_error(data):
    try:
        iv, timestamp = decode_init_packet(data)
    except ProtocolError:
        assert len(data) != 132
    else:
        assert iv + timestamp.to_bytes(4, "big") == data
