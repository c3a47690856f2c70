"""pynsca's names: compared with the published package, its packets reproduced, and where ours raises instead."""

from __future__ import annotations

import base64
import inspect
import json
import socket
import struct
import time
from pathlib import Path

import pynsca as published
import pytest
from peers.fake_daemon import FakeDaemon, closes, holds, open_packet, sends, sends_init

from tcpwrap_alert import pynsca
from tcpwrap_alert.errors import ConnectError, OutcomeUnknown, ProtocolError, RejectedError
from tcpwrap_alert.nsca.packet import INIT_PACKET_LENGTH, LEGACY_DATA_PACKET_LENGTH, PACKET_VERSION

# What neither pynsca's documentation nor its tests call; our counterparts are in nsca/.
HELPERS = {"_apply_cipher", "_encrypt_packet", "_escape_newlines", "_force_str", "_pad_password"}

DOCUMENT = json.loads(Path(__file__).parent.joinpath("data", "pynsca-vectors.json").read_text())
NAMES = ("host_name", "svc_description", "return_code", "plugin_output")
IV = bytes(128)
CLOSED_PORT = 1


def public_names(module):
    return {name for name, value in vars(module).items() if name[0] != "_" and not inspect.ismodule(value)}


def attributes(cls):
    return {name for name in vars(cls) if not name.startswith("__")}


SHARED = sorted(attributes(published.NSCANotifier) - HELPERS)
METHODS = ["__init__", *(name for name in SHARED if callable(getattr(published.NSCANotifier, name)))]
VALUES = [name for name in SHARED if name not in METHODS]


def parameters(cls, method):
    """Return name, kind and default of each parameter that can be given by position."""
    found = inspect.signature(getattr(cls, method)).parameters.values()
    return [(each.name, each.kind, each.default) for each in found if each.kind is not each.KEYWORD_ONLY]


def test_the_module_has_every_public_name():
    assert set(pynsca.__all__) == public_names(published)


@pytest.mark.parametrize("name", sorted(public_names(published) - {"NSCANotifier"}))
def test_the_constants_are_the_same(name):
    assert getattr(pynsca, name) == getattr(published, name)


def test_the_class_has_every_attribute():
    assert attributes(published.NSCANotifier) - attributes(pynsca.NSCANotifier) == HELPERS


def test_this_test_compares_what_it_should():
    assert METHODS == ["__init__", "_decode_from_server", "_encode_to_server", "host_result", "svc_result"]
    assert VALUES == ["fromserver_fmt", "fromserver_fmt_size", "proto_version", "toserver_fmt", "toserver_fmt_size"]


@pytest.mark.parametrize("method", METHODS)
def test_parameters_have_the_same_names_order_and_defaults(method):
    assert parameters(pynsca.NSCANotifier, method) == parameters(published.NSCANotifier, method)


def test_what_ours_takes_beyond_that_is_by_keyword_and_optional():
    found = inspect.signature(pynsca.NSCANotifier).parameters.values()
    extra = {each.name: each.default for each in found if each.kind is each.KEYWORD_ONLY}
    assert set(extra) == {"legacy_2_7_mode", "padding"}
    assert inspect.Parameter.empty not in extra.values()


@pytest.mark.parametrize("name", VALUES)
def test_the_class_attributes_are_the_same(name):
    assert getattr(pynsca.NSCANotifier, name) == getattr(published.NSCANotifier, name)


@pytest.mark.parametrize("arguments", [("monitor",), ("monitor", 1234, 16, "s3cret")])
def test_an_instance_keeps_what_it_was_given_under_the_same_names(arguments):
    theirs = vars(published.NSCANotifier(*arguments))
    ours = vars(pynsca.NSCANotifier(*arguments))
    assert {name: ours[name] for name in theirs} == theirs


def test_the_formats_describe_the_packets():
    cls = pynsca.NSCANotifier
    packet = old_notifier()._encode_to_server(IV, 7, 2, "h", "s", "o", 0)
    version, _, timestamp, return_code, host, service, output = struct.unpack(cls.toserver_fmt, packet)
    assert (version, timestamp, return_code) == (cls.proto_version, 7, 2)
    assert (host.strip(b"\0"), service.strip(b"\0"), output.strip(b"\0")) == (b"h", b"s", b"o")
    assert cls.proto_version == PACKET_VERSION
    assert (cls.fromserver_fmt_size, cls.toserver_fmt_size) == (INIT_PACKET_LENGTH, LEGACY_DATA_PACKET_LENGTH)


def old_notifier(*arguments):
    """Return a notifier whose packets are to be pynsca's own."""
    return pynsca.NSCANotifier(*(arguments or ("monitor",)), legacy_2_7_mode=True, padding=bytes)


def decoded(name):
    return base64.b64decode(DOCUMENT[name])


def texts_of(vector):
    return {name: vector[name] for name in NAMES}


def test_decode_from_server():
    init_packet = decoded("init_packet")
    expected = (init_packet[:128], DOCUMENT["init_packet_timestamp"])
    assert pynsca.NSCANotifier("monitor")._decode_from_server(init_packet) == expected
    assert pynsca.NSCANotifier("monitor")._decode_from_server(bytes=init_packet) == expected


@pytest.mark.parametrize("vector", DOCUMENT["packets"], ids=lambda vector: vector["id"])
def test_a_packet_of_pynsca_is_reproduced(vector):
    values = {"iv": decoded("iv"), "timestamp": DOCUMENT["timestamp"], **texts_of(vector)}
    packet = old_notifier()._encode_to_server(**values, mode=vector["mode"], password=vector["password"])
    assert packet == base64.b64decode(vector["packet"])


def test_arguments_of_encode_to_server_by_position_and_by_default():
    vector = DOCUMENT["packets"][0]
    values = [vector[name] for name in ("return_code", "host_name", "svc_description", "plugin_output")]
    packet = old_notifier()._encode_to_server(decoded("iv"), DOCUMENT["timestamp"], *values)
    assert packet == base64.b64decode(vector["packet"])


def test_what_pynsca_sends_is_sent():
    vector = DOCUMENT["network"]
    with FakeDaemon(sends(decoded("init_packet"), reads_to_the_end)) as daemon:
        old_notifier(daemon.address, daemon.port).svc_result(*texts_of(vector).values())
        assert daemon.connection().received == base64.b64decode(vector["packet"])


def reads_to_the_end(connection):
    connection.read(LEGACY_DATA_PACKET_LENGTH + 1)


@pytest.mark.parametrize("length", [720, 4304])
def test_padding_is_random_unless_asked_otherwise(length):
    def packet(**changes):
        notifier = pynsca.NSCANotifier("monitor", legacy_2_7_mode=length == 720, **changes)
        return notifier._encode_to_server(IV, 0, 0, "h", "s", "o", 0)

    assert len(packet()) == len(packet(padding=bytes)) == length
    assert packet() != packet()
    assert packet(padding=bytes)[208:] == bytes(length - 208)


TEXTS = ("fïrestorm", "TCP Wräppers ✓", "Größe 😀", "pässwörd")


@pytest.mark.parametrize("as_bytes", range(4))
def test_bytes_are_the_same_as_str_in_utf8(as_bytes):
    def packet(host_name, svc_description, plugin_output, password):
        return old_notifier()._encode_to_server(IV, 0, 1, host_name, svc_description, plugin_output, 1, password)

    mixed = [text.encode() if number == as_bytes else text for number, text in enumerate(TEXTS)]
    assert packet(*mixed) == packet(*TEXTS)
    assert packet(*mixed)[:207] != packet("h", "s", "o", "")[:207]


@pytest.mark.parametrize("mode", [1, 14])
@pytest.mark.parametrize(("password", "same"), [(None, ""), (None, b""), ("p\udcff", b"p\xff")])
def test_a_password_is_none_or_bytes_or_what_python_makes_of_bytes(mode, password, same):
    packets = [old_notifier()._encode_to_server(IV, 0, 0, "h", "s", "o", mode, each) for each in (password, same)]
    assert packets[0] == packets[1]


@pytest.mark.parametrize("encode", [str, str.encode])
def test_str_and_bytes_arrive(encode):
    host_name, svc_description, plugin_output, password = map(encode, TEXTS)
    with FakeDaemon(password=TEXTS[3].encode()) as daemon:
        notifier = pynsca.NSCANotifier(encode(daemon.address), daemon.port, password=password)
        notifier.svc_result(host_name, svc_description, pynsca.WARNING, plugin_output)
        (packet,) = daemon.connection().packets
        assert packet[2:] == (1, *TEXTS[:3])


def test_output_that_is_not_utf8_arrives_marked():
    packet = old_notifier()._encode_to_server(IV, 0, 0, "h", "s", b"Gr\xf6\xdfe", 0)
    assert open_packet(packet).plugin_output == "Gr??e"


@pytest.mark.parametrize(
    ("legacy_2_7_mode", "output"), [(False, "one\ntwo\\three\tfour"), (True, "one\\ntwo\\\\three\tfour")]
)
def test_newlines_are_escaped_in_the_2_7_layout_only(legacy_2_7_mode, output):
    notifier = pynsca.NSCANotifier("monitor", legacy_2_7_mode=legacy_2_7_mode)
    packet = notifier._encode_to_server(IV, 0, 0, "h", "s", "one\ntwo\\three\tfour", 0)
    assert open_packet(packet).plugin_output == output


@pytest.mark.parametrize("return_code", [pynsca.UP, 1, pynsca.DOWN, pynsca.UNREACHABLE])
def test_a_host_result_is_sent_with_its_return_code_as_given(return_code):
    with FakeDaemon() as daemon:
        notifier = pynsca.NSCANotifier(monitoring_server=daemon.address, monitoring_port=daemon.port)
        notifier.host_result(host_name="firestorm", return_code=return_code, plugin_output="gone")
        (packet,) = daemon.connection().packets
        assert packet[2:] == (return_code, "firestorm", "", "gone")


def test_attributes_may_change_between_calls():
    notifier = pynsca.NSCANotifier("monitor.invalid", CLOSED_PORT, 0, "wrong")
    with FakeDaemon(password=b"right", method=14) as daemon:
        notifier.monitoring_server, notifier.monitoring_port = daemon.address, daemon.port
        notifier.encryption_mode, notifier.password = 14, "right"
        notifier.svc_result("h", "s", 0, "long")
        notifier.legacy_2_7_mode, notifier.padding = True, bytes
        daemon.packet_size = 720
        notifier.svc_result("h", "s", 0, "short")
        packets = [daemon.connection(number).packets[0] for number in range(2)]
        assert [(len(packet.clear), packet.plugin_output) for packet in packets] == [(4304, "long"), (720, "short")]


@pytest.mark.parametrize("timeout", [5, 2.5, None])
def test_a_timeout_is_given_by_position_or_keyword(timeout):
    with FakeDaemon() as daemon:
        notifier = pynsca.NSCANotifier(daemon.address, daemon.port)
        notifier.svc_result("h", "s", 0, "o", timeout)
        notifier.svc_result("h", "s", 0, "o", timeout=timeout)
        assert [len(daemon.connection(number).packets) for number in range(2)] == [1, 1]


# Where pynsca sends something else than it was asked for, or does not know that nothing came of it, ours raises.

BAD_MODES = {
    99: r"^encryption_method 99 does not exist; known: 0 none, 1 XOR",
    -1: r"^encryption_method -1 does not exist; known: 0 none, 1 XOR",
    "3": r"^encryption_method 3 does not exist; known: 0 none, 1 XOR",
    None: r"^encryption_method None does not exist; known: 0 none, 1 XOR",
    7: r"^encryption_method 7 \(3-WAY\): no NSCA server can use it",
}


@pytest.mark.parametrize("mode", BAD_MODES)
def test_a_mode_that_cannot_be_used_is_refused_at_construction(mode):
    with pytest.raises(ValueError, match=BAD_MODES[mode]):
        pynsca.NSCANotifier("monitor", encryption_mode=mode)


@pytest.mark.parametrize("mode", BAD_MODES)
@pytest.mark.parametrize("send", ["svc_result", "host_result"])
def test_a_mode_that_cannot_be_used_is_refused_before_anything_is_sent(mode, send):
    notifier = pynsca.NSCANotifier("127.0.0.1", CLOSED_PORT)
    notifier.encryption_mode = mode
    arguments = ("h", "s", 0, "o") if send == "svc_result" else ("h", 0, "o")
    with pytest.raises(ValueError, match=BAD_MODES[mode]):
        getattr(notifier, send)(*arguments)


@pytest.mark.parametrize("mode", BAD_MODES)
def test_a_mode_that_cannot_be_used_encodes_nothing(mode):
    with pytest.raises(ValueError, match=BAD_MODES[mode]):
        old_notifier()._encode_to_server(IV, 0, 0, "h", "s", "o", mode, "s3cret")


TOO_LONG = [
    (False, ("h" * 64, "s", "o"), "^host name 'h+[.]{3}' has 64 bytes, the limit is 63$"),
    (False, ("h", "s" * 128, "o"), "^service description 's+[.]{3}' has 128 bytes, the limit is 127$"),
    (False, ("h", "s", "o" * 4096), "^plugin output has 4096 bytes, the limit is 4095$"),
    (False, ("h", "s", "ä" * 2048), "^plugin output has 4096 bytes, the limit is 4095$"),
    (False, ("h", "s", b"\xff" * 4096), "^plugin output has 4096 bytes, the limit is 4095$"),
    (True, ("h", "s", "o" * 512), "^plugin output has 512 bytes, the limit is 511$"),
    (True, ("h", "s", "o" * 500 + "\\" * 6), "^plugin output has 512 bytes, the limit is 511$"),
    (True, ("h", "s", "\n" * 255 + "oo"), "^plugin output has 512 bytes, the limit is 511$"),
]
EXACT = [
    (False, ("h" * 63, "s" * 127, "o" * 4095)),
    (False, ("ä" * 31 + "h", "ä" * 63 + "s", "ä" * 2047 + "o")),
    (True, ("h" * 63, "s" * 127, "o" * 511)),
    (True, ("h", "s", "\n" * 255 + "o")),
]


@pytest.mark.parametrize(("legacy_2_7_mode", "texts", "message"), TOO_LONG)
def test_a_text_that_does_not_fit_is_refused_before_anything_is_sent(legacy_2_7_mode, texts, message):
    host_name, svc_description, plugin_output = texts
    notifier = pynsca.NSCANotifier("127.0.0.1", CLOSED_PORT, legacy_2_7_mode=legacy_2_7_mode)
    with pytest.raises(ValueError, match=message):
        notifier.svc_result(host_name, svc_description, 0, plugin_output)
    with pytest.raises(ValueError, match=message):
        notifier._encode_to_server(IV, 0, 0, host_name, svc_description, plugin_output)


@pytest.mark.parametrize(("legacy_2_7_mode", "texts"), EXACT)
def test_a_text_that_just_fits_is_whole(legacy_2_7_mode, texts):
    notifier = pynsca.NSCANotifier("monitor", legacy_2_7_mode=legacy_2_7_mode)
    host_name, svc_description, plugin_output = texts
    packet = open_packet(notifier._encode_to_server(IV, 0, 0, host_name, svc_description, plugin_output, 0))
    assert packet[3:] == (host_name, svc_description, plugin_output.replace("\n", "\\n"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "s", 0, "o"), "the host name is empty"),
        (("h;1", "s", 0, "o"), "';'"),
        (("h", "s\n", 0, "o"), "control character"),
        ((b"h\xff", "s", 0, "o"), "not UTF-8"),
        (("h", "s", 4, "o"), "return code 4 is not one of 0 OK"),
        (("h", "", 3, "o"), "return code 3 is not one of 0 UP"),
    ],
)
def test_what_is_no_check_result_is_refused_before_anything_is_sent(arguments, message):
    with pytest.raises(ValueError, match=message):
        pynsca.NSCANotifier("127.0.0.1", CLOSED_PORT).svc_result(*arguments)


def sends_init_in_pieces(connection):
    for start in range(0, INIT_PACKET_LENGTH, 33):
        connection.send(decoded("init_packet")[start : start + 33])
        connection.is_over_after(0.02)
    reads_to_the_end(connection)


def test_an_init_packet_in_pieces_is_read_whole():
    with FakeDaemon(sends_init_in_pieces) as daemon:
        old_notifier(daemon.address, daemon.port).svc_result(*texts_of(DOCUMENT["network"]).values())
        assert daemon.connection().received == base64.b64decode(DOCUMENT["network"]["packet"])


def test_an_init_packet_that_ends_early_is_an_error():
    with FakeDaemon(sends(bytes(131), closes)) as daemon:
        notifier = pynsca.NSCANotifier(daemon.address, daemon.port)
        with pytest.raises(ProtocolError, match="closed after 131 of the 132 bytes of an init packet"):
            notifier.svc_result("h", "s", 0, "o")


@pytest.mark.parametrize("mode", [1, 14])
def test_a_wrong_password_is_refused(mode):
    with FakeDaemon(password=b"right", method=mode) as daemon:
        notifier = pynsca.NSCANotifier(daemon.address, daemon.port, mode, "wrong")
        with pytest.raises(RejectedError, match="wrong password"):
            notifier.svc_result("h", "s", 0, "o")
        assert daemon.connection().packets == []


def test_no_verdict_in_time_is_an_error():
    with FakeDaemon(sends_init(holds)) as daemon:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown, match=r"no outcome within 0\.4 s"):
            pynsca.NSCANotifier(daemon.address, daemon.port).svc_result("h", "s", 0, "o", timeout=0.4)
        assert 0.4 <= time.monotonic() - started < 5


@pytest.mark.parametrize("address", ["127.0.0.1", b"127.0.0.1"])
def test_no_connection_is_an_error(address):
    with pytest.raises(ConnectError, match=r"^127\.0\.0\.1:1: connection refused"):
        pynsca.NSCANotifier(address, CLOSED_PORT).host_result("h", 0, "o")


@pytest.mark.parametrize("error", [ConnectError, ProtocolError, RejectedError, OutcomeUnknown])
def test_a_program_that_catches_socket_errors_catches_ours(error):
    assert issubclass(error, socket.error)
