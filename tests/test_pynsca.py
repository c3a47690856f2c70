"""pynsca's names: compared with the published package, its packets reproduced, and where ours raises instead."""

from __future__ import annotations

import base64
import errno
import inspect
import json
import socket
import struct
import time
from pathlib import Path

import pynsca as published
import pytest
from peers.fake_daemon import FakeDaemon, closes, holds, open_packet, resets, sends, sends_init, stock

from tcpwrap_alert import pynsca
from tcpwrap_alert.errors import ConnectError, DeliveryError, OutcomeUnknown, ProtocolError, RejectedError

DOCUMENT = json.loads(Path(__file__).parent.joinpath("data", "pynsca-vectors.json").read_text())
NAMES = ("host_name", "svc_description", "return_code", "plugin_output")
CLOSED_PORT = 1


def public_names(module):
    return {name for name, value in vars(module).items() if name[0] != "_" and not inspect.ismodule(value)}


METHODS = ["__init__", "host_result", "svc_result"]


def parameters(cls, method):
    """Return name, kind and default of each parameter that can be given by position."""
    found = inspect.signature(getattr(cls, method)).parameters.values()
    return [(each.name, each.kind, each.default) for each in found if each.kind is not each.KEYWORD_ONLY]


def test_the_module_has_every_public_name():
    assert set(pynsca.__all__) == public_names(published)


@pytest.mark.parametrize("name", sorted(public_names(published) - {"NSCANotifier"}))
def test_the_constants_are_the_same(name):
    assert getattr(pynsca, name) == getattr(published, name)


def test_class_has_every_public_method():
    methods = {name for name, value in vars(published.NSCANotifier).items() if name[0] != "_" and callable(value)}
    assert methods | {"__init__"} == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_parameters_are_named_and_ordered_as_pynscas(method):
    assert parameters(pynsca.NSCANotifier, method) == parameters(published.NSCANotifier, method)


def test_our_own_parameters_are_optional_keywords():
    found = inspect.signature(pynsca.NSCANotifier).parameters.values()
    extra = {each.name: each.default for each in found if each.kind is each.KEYWORD_ONLY}
    assert set(extra) == {"legacy_2_7_mode", "padding"}
    assert inspect.Parameter.empty not in extra.values()


@pytest.mark.parametrize("arguments", [("monitor",), ("monitor", 1234, 16, "s3cret")])
def test_attributes_have_the_names_of_the_parameters(arguments):
    theirs = vars(published.NSCANotifier(*arguments))
    ours = vars(pynsca.NSCANotifier(*arguments))
    assert {name: ours[name] for name in theirs} == theirs


def decoded(name):
    return base64.b64decode(DOCUMENT[name])


def texts_of(vector):
    return [vector[name] for name in NAMES]


def reads_to_the_end(connection):
    connection.read(1 << 20)


def sent(texts, mode=0, password=None, init_packet=None, **options):
    """Return what a notifier sends for a service result."""
    behaviour = sends(init_packet or decoded("init_packet"), reads_to_the_end)
    with FakeDaemon(behaviour) as daemon:
        notifier = pynsca.NSCANotifier(daemon.address, daemon.port, mode, password, **options)
        notifier.svc_result(*texts)
        return daemon.connection().received


def sent_as_pynsca(*args):
    return sent(*args, legacy_2_7_mode=True, padding=bytes)


@pytest.mark.parametrize("vector", DOCUMENT["packets"], ids=lambda vector: vector["id"])
def test_a_packet_of_pynsca_is_reproduced(vector):
    init_packet = decoded("iv") + struct.pack(">I", DOCUMENT["timestamp"])
    packet = sent_as_pynsca(texts_of(vector), vector["mode"], vector["password"], init_packet)
    assert packet == base64.b64decode(vector["packet"])


def test_what_pynsca_sends_is_sent():
    vector = DOCUMENT["network"]
    packet = sent_as_pynsca(texts_of(vector), vector["mode"], vector["password"])
    assert packet == base64.b64decode(vector["packet"])


@pytest.mark.parametrize("length", [720, 4304])
def test_padding_is_random_unless_asked_otherwise(length):
    def packet(**changes):
        return sent(("h", "s", 0, "o"), legacy_2_7_mode=length == 720, **changes)[:length]

    assert len(packet()) == len(packet(padding=bytes)) == length
    assert packet() != packet()
    assert packet(padding=bytes)[208:] == bytes(length - 208)


TEXTS = ("fïrestorm", "TCP Wräppers ✓", "Größe 😀", "pässwörd")


@pytest.mark.parametrize("as_bytes", range(4))
def test_bytes_are_the_same_as_str_in_utf8(as_bytes):
    def packet(host_name, svc_description, plugin_output, password):
        return sent_as_pynsca((host_name, svc_description, 1, plugin_output), 1, password)

    mixed = [text.encode() if number == as_bytes else text for number, text in enumerate(TEXTS)]
    assert packet(*mixed) == packet(*TEXTS)
    assert packet(*mixed)[:207] != packet("h", "s", "o", "")[:207]


@pytest.mark.parametrize("mode", [1, 14])
@pytest.mark.parametrize(("password", "same"), [(None, ""), (None, b""), ("p\udcff", b"p\xff")])
def test_password_is_none_or_bytes_or_made_of_bytes(mode, password, same):
    packets = [sent_as_pynsca(("h", "s", 0, "o"), mode, each) for each in (password, same)]
    assert packets[0] == packets[1]


@pytest.mark.parametrize("encode", [str, str.encode])
def test_str_and_bytes_arrive(encode):
    host_name, svc_description, plugin_output, password = map(encode, TEXTS)
    with FakeDaemon(password=TEXTS[3].encode()) as daemon:
        notifier = pynsca.NSCANotifier(encode(daemon.address), daemon.port, password=password)
        notifier.svc_result(host_name, svc_description, pynsca.WARNING, plugin_output)
        (packet,) = daemon.connection().packets
        assert packet[2:] == (1, *TEXTS[:3])


def clear(texts, length=4304):
    """Return the packet of a service result, read as the daemon reads it."""
    return open_packet(sent(texts, legacy_2_7_mode=length == 720)[:length])


def test_output_that_is_not_utf8_arrives_marked():
    assert clear(("h", "s", 0, b"Gr\xf6\xdfe")).plugin_output == "Gr??e"


@pytest.mark.parametrize(("length", "output"), [(4304, "one\ntwo\\three\tfour"), (720, "one\\ntwo\\\\three\tfour")])
def test_newlines_are_escaped_in_the_2_7_layout_only(length, output):
    assert clear(("h", "s", 0, "one\ntwo\\three\tfour"), length).plugin_output == output


CUT = [
    (4304, "o" * 4096, "o" * 4092 + "..."),
    (4304, "ä" * 2048, "ä" * 2046 + "..."),
    (4304, b"\xff" * 4096, "?" * 4092 + "..."),
    (4304, "x" * 100_000, "x" * 4092 + "..."),
    (720, "o" * 512, "o" * 508 + "..."),
    (720, "o" * 505 + "\\" * 6, "o" * 505 + "\\" * 2 + "..."),
    (720, "\n" * 255 + "oo", "\\n" * 254 + "..."),
]
WHOLE = [
    (4304, ("h" * 63, "s" * 127, "o" * 4095)),
    (4304, ("ä" * 31 + "h", "ä" * 63 + "s", "ä" * 2047 + "o")),
    (720, ("h" * 63, "s" * 127, "o" * 511)),
    (720, ("h", "s", "\n" * 255 + "o")),
]


@pytest.mark.parametrize(("length", "output", "arrives"), CUT)
def test_output_that_is_too_long_is_cut_with_its_mark(length, output, arrives):
    assert clear(("h", "s", 0, output), length)[3:] == ("h", "s", arrives)


@pytest.mark.parametrize(("length", "texts"), WHOLE)
def test_a_text_that_just_fits_is_whole(length, texts):
    host_name, svc_description, plugin_output = texts
    packet = clear((host_name, svc_description, 0, plugin_output), length)
    assert packet[3:] == (host_name, svc_description, plugin_output.replace("\n", "\\n"))


@pytest.mark.parametrize(("return_code", "length"), [(127, 4304), (-1, 4304), (b"0255", 4304), (127, 720)])
def test_other_return_code_is_unknown_and_told(return_code, length):
    packet = clear(("h", "s", return_code, "o" * 9999), length)
    assert packet.return_code == 3
    assert packet.plugin_output.startswith(f"(return code {int(return_code)}) ooo")


@pytest.mark.parametrize("as_given", [str, lambda number: str(number).encode(), lambda number: f" 0{number}\n"])
def test_numbers_may_be_given_as_text(as_given):
    with FakeDaemon(password=b"s3cret", method=14) as daemon:
        notifier = pynsca.NSCANotifier(daemon.address, as_given(daemon.port), as_given(14), "s3cret")
        notifier.svc_result("h", "s", as_given(2), "o")
        notifier.host_result("h", as_given(1), "o")
        codes = [daemon.connection(number).packets[0].return_code for number in range(2)]
    assert codes == [2, 1]


@pytest.mark.parametrize("return_code", [pynsca.UP, 1, pynsca.DOWN, pynsca.UNREACHABLE])
def test_host_result_is_sent_with_its_return_code(return_code):
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
    "99": r"^encryption_method 99 does not exist; known: 0 none, 1 XOR",
    "AES": r"^encryption_mode 'AES' is not a number$",
    None: r"^encryption_method None does not exist; known: 0 none, 1 XOR",
    7: r"^encryption_method 7 \(3-WAY\): no NSCA server can use it",
}


@pytest.mark.parametrize("mode", BAD_MODES)
def test_unusable_mode_is_an_error_at_construction(mode):
    with pytest.raises(ValueError, match=BAD_MODES[mode]):
        pynsca.NSCANotifier("monitor", encryption_mode=mode)


@pytest.mark.parametrize("mode", BAD_MODES)
@pytest.mark.parametrize("send", ["svc_result", "host_result"])
def test_unusable_mode_is_an_error_before_sending(mode, send):
    notifier = pynsca.NSCANotifier("127.0.0.1", CLOSED_PORT)
    notifier.encryption_mode = mode
    arguments = ("h", "s", 0, "o") if send == "svc_result" else ("h", 0, "o")
    with pytest.raises(ValueError, match=BAD_MODES[mode]):
        getattr(notifier, send)(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "s", 0, "o"), "the host name is empty"),
        (("h;1", "s", 0, "o"), "';'"),
        (("h", "s\n", 0, "o"), "control character"),
        ((b"h\xff", "s", 0, "o"), "not UTF-8"),
        (("h" * 64, "s", 0, "o"), "^host name 'h+[.]{3}' has 64 bytes, the limit is 63$"),
        (("h", "s" * 128, 0, "o"), "^service description 's+[.]{3}' has 128 bytes, the limit is 127$"),
        (("h", "", 3, "o"), "return code 3 is not one of 0 UP"),
        (("h", "", "3", "o"), "return code 3 is not one of 0 UP"),
        (("h", "s", "CRITICAL", "o"), "^return_code 'CRITICAL' is not a number$"),
        (("h", "s", b"", "o"), "^return_code '' is not a number$"),
        (("h", "s", None, "o"), "^a return code is a whole number, not None of type NoneType$"),
        (("h", "s", True, "o"), "^a return code is a whole number, not True of type bool$"),
    ],
)
def test_no_check_result_is_an_error_before_sending(arguments, message):
    with pytest.raises(ValueError, match=message):
        pynsca.NSCANotifier("127.0.0.1", CLOSED_PORT).svc_result(*arguments)


@pytest.mark.parametrize(
    ("port", "message"),
    [
        ("nsca", "^monitoring_port 'nsca' is not a number$"),
        ("0", "^port 0 is not between"),
        (65536, "^port 65536 is not"),
    ],
)
def test_port_that_is_none_is_an_error(port, message):
    with pytest.raises(ValueError, match=message):
        pynsca.NSCANotifier("127.0.0.1", port).svc_result("h", "s", 0, "o")


def sends_init_in_pieces(connection):
    for start in range(0, 132, 33):
        connection.send(decoded("init_packet")[start : start + 33])
        connection.is_over_after(0.02)
    reads_to_the_end(connection)


def test_an_init_packet_in_pieces_is_read_whole():
    vector = DOCUMENT["network"]
    with FakeDaemon(sends_init_in_pieces) as daemon:
        notifier = pynsca.NSCANotifier(daemon.address, daemon.port, legacy_2_7_mode=True, padding=bytes)
        notifier.svc_result(*texts_of(vector))
        assert daemon.connection().received == base64.b64decode(vector["packet"])


def test_an_init_packet_that_ends_early_is_an_error():
    with FakeDaemon(sends(bytes(131), closes)) as daemon:
        notifier = pynsca.NSCANotifier(daemon.address, daemon.port)
        with pytest.raises(ProtocolError, match="closed after 131 of the 132 bytes of an init packet"):
            notifier.svc_result("h", "s", 0, "o")


@pytest.mark.parametrize("mode", [1, 14])
def test_a_wrong_password_is_rejected(mode):
    with FakeDaemon(password=b"right", method=mode) as daemon:
        notifier = pynsca.NSCANotifier(daemon.address, daemon.port, mode, "wrong")
        with pytest.raises(RejectedError, match="wrong password"):
            notifier.svc_result("h", "s", 0, "o")
        assert daemon.connection().packets == []


def test_no_outcome_in_time_is_an_error():
    with FakeDaemon(sends_init(holds)) as daemon:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown, match=r"no outcome within 0\.4 s"):
            pynsca.NSCANotifier(daemon.address, daemon.port).svc_result("h", "s", 0, "o", timeout=0.4)
        assert 0.4 <= time.monotonic() - started < 5


@pytest.mark.parametrize("address", ["127.0.0.1", b"127.0.0.1"])
def test_no_connection_is_an_error(address):
    with pytest.raises(ConnectError, match=r"^127\.0\.0\.1:1: connection refused"):
        pynsca.NSCANotifier(address, CLOSED_PORT).host_result("h", 0, "o")


FAILURES = {
    "no init packet": (closes, ProtocolError, errno.EPROTO),
    "silence": (holds, DeliveryError, errno.ETIMEDOUT),
    "less than an init packet": (sends(bytes(66), holds), ProtocolError, errno.ETIMEDOUT),
    "a wrong password": (stock, RejectedError, errno.EACCES),
    "no outcome": (sends_init(holds), OutcomeUnknown, errno.ETIMEDOUT),
    "a reset": (sends(bytes(66), resets), DeliveryError, errno.ECONNRESET),
}


@pytest.mark.parametrize("case", FAILURES)
def test_program_finds_errno_and_strerror(case):
    behaviour, kind, number = FAILURES[case]
    timeout = 0.4 if number == errno.ETIMEDOUT else 5
    with FakeDaemon(behaviour, password=b"right") as daemon, pytest.raises(kind, match=r"^127\.0\.0\.1:") as caught:
        pynsca.NSCANotifier(daemon.address, daemon.port, 1, "wrong").svc_result("h", "s", 0, "o", timeout)
    is_as_socket_errors_are(caught.value)
    assert caught.value.errno == number


@pytest.mark.parametrize("server", ["127.0.0.1", "nagios.invalid"])
def test_program_finds_why_there_is_no_connection(server):
    with pytest.raises(ConnectError, match=f"^{server}:1: ") as caught:
        pynsca.NSCANotifier(server, CLOSED_PORT).svc_result("h", "s", 0, "o")
    is_as_socket_errors_are(caught.value)


def is_as_socket_errors_are(error):
    assert isinstance(error, socket.error)
    assert error.args == (error.errno, error.strerror)
    assert isinstance(error.errno, int)
    assert error.args[1] == str(error)
