"""C send_nsca and `tcpwrap-alert send`, side by side: the same input gives packets that say the same."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import tempfile

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from peers import libmcrypt
from peers.fake_daemon import OLD_PACKET_SIZE, PACKET_SIZE, TIMESTAMP, FakeDaemon, open_packet
from support.missing import skip_or_fail

from tcpwrap_alert.commands import run

PASSWORD = "s3cret with a blank"
METHODS = [0, 1, *libmcrypt.ALGORITHMS]
LEGACY = "--legacy-2-7-mode"

SERVICE = b"firestorm\tTCP Wrappers\t2\tDenied sshd-203.0.113.7 | latency=0.5s;1;2\n"
HOST = b"firestorm\t1\tgone\n"
LINES = rb"firestorm	Backup	1	2 of 3 done\n" + b"\nC:\\new\\table\n\n  the third \\\n\\\\\n"
FULL = b"h" * 63 + b"\t" + b"s" * 127 + b"\t3\t" + b"o" * 4095
UTF8 = "größer.example\tTCP Wräppers ✓\t0\tGröße 😀\n".encode()
ETB = b"\x17"

INPUTS = {
    "all kinds of records": (ETB.join([SERVICE, HOST, LINES, FULL, UTF8, SERVICE]), ()),
    "the 2.7 layout": (b"firestorm\tTCP Wrappers\t2\t" + b"o" * 511, (LEGACY,)),
}
MORE_INPUTS = {
    "a service": (SERVICE, ()),
    "a host": (HOST, ()),
    "lines and backslashes": (LINES, ()),
    "no line end": (SERVICE.rstrip(), ()),
    "CRLF": (b"h\ts\t0\tfine\r\n", ()),
    "blanks in and around the fields": (b" h \t my s\t 2 \t out\t x \t\n\n", ()),
    "end bytes at the end": (SERVICE + ETB + HOST + ETB + ETB, ()),
    "the longest before an end byte": (b"h\ts\t0\t".ljust(1000, b"o") + b" " * 4119 + ETB + HOST, ()),
    "full lengths in UTF-8": ("ä".encode() * 31 + b"\t" + "é".encode() * 63 + b"\t3\t" + "ö".encode() * 2047, ()),
    "many": (b"".join(b"host%d\tservice %d\t%d\toutput %d\n\x17" % (n, n, n % 4, n) for n in range(100)), ()),
    "-d ;": (b"h;s;2;out;x\t\n", ("-d", ";")),
    "-d 0x2c": (b"h,s,2,out,x\n\x17h,1,y", ("-d", "0x2c")),
    "-ds 0x0a": (b"h\ts\t0\tfine\nh\ts\t1\twell\n\nh\t1\tgone\n", ("-ds", "0x0a")),
    "-ds 0X0A": (b"h\ts\t0\tfine\nh\ts\t1\twell\n", ("-ds", "0X0A")),
    "-ds @": (b"h\ts\t0\tfine\nline@h\ts\t1\twell@", ("-ds", "@")),
    "-d and -ds": (b"h;s;0;fine\tline|h;1;gone|", ("-d", "0x3b", "-ds", "0x7C")),
    "the 2.7 layout of a host": (HOST, (LEGACY,)),
    "lines and backslashes in the 2.7 layout": (LINES, (LEGACY,)),
}


def takes_all(connection):
    """Take bytes to the client's end; the test decrypts them."""
    connection.send_init_packet()
    connection.read(1 << 30)


def send_nsca(arguments, data):
    """Run the C client; return its exit status and output."""
    program = shutil.which("send_nsca") or skip_or_fail("send_nsca is not installed")
    done = subprocess.run([program, *arguments], input=data, stdout=subprocess.PIPE, check=False, timeout=20)
    return done.returncode, done.stdout.decode()


def tcpwrap_alert_send(arguments, data):
    """Run ours, in this process; return its exit status and output."""
    saved = os.dup(0)
    with tempfile.TemporaryFile() as file, contextlib.redirect_stdout(io.StringIO()) as stdout:
        file.write(data)
        file.seek(0)
        os.dup2(file.fileno(), 0)
        try:
            return run(["send", *arguments]), stdout.getvalue()
        finally:
            os.dup2(saved, 0)
            os.close(saved)


def outcome(client, data, method, flags):
    """Return what a client says, and what its packets say: time, return code, host, service, output."""
    decrypt = libmcrypt.make_decryptor(method, PASSWORD.encode())
    with tempfile.NamedTemporaryFile("w") as config, FakeDaemon(takes_all, method=0) as daemon:
        verdict = "verdict=direct\n" * (client is tcpwrap_alert_send)
        config.write(f"encryption_method={method}\npassword={PASSWORD}\n{verdict}")
        config.flush()
        said = client(["-H", daemon.address, "-p", str(daemon.port), "-c", config.name, *flags], data)
        received = daemon.connection().received
    size = OLD_PACKET_SIZE if LEGACY in flags else PACKET_SIZE
    packets = [open_packet(decrypt(received[at : at + size])) for at in range(0, len(received) - size + 1, size)]
    assert None not in packets  # each has version 3 and the right checksum
    assert len(received) - size * len(packets) == (client is tcpwrap_alert_send and LEGACY not in flags)
    return said, [packet[1:] for packet in packets]


def is_the_same_from_both(data, flags=(), method=0):
    theirs, ours = (outcome(client, data, method, flags) for client in (send_nsca, tcpwrap_alert_send))
    assert ours == theirs
    return ours


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", INPUTS)
def test_with_every_method(method, case):
    data, flags = INPUTS[case]
    (status, text), packets = is_the_same_from_both(data, flags, method)
    count = data.count(ETB) + 1
    assert (status, text) == (0, f"{count} data packet(s) sent to host successfully.\n")
    assert len(packets) == count
    assert packets[0][:4] == (TIMESTAMP, 2, "firestorm", "TCP Wrappers")


@pytest.mark.parametrize("case", MORE_INPUTS)
def test_with_every_input(case):
    (status, _), packets = is_the_same_from_both(*MORE_INPUTS[case])
    assert (status, len(packets) > 0) == (0, True)


NAMES = st.text("hö.x1 _-", min_size=1, max_size=8)
SERVICES = st.text("sß/: 2", max_size=8)
STATES = st.sampled_from(["0", "1", "2", " 2", "1 ", "02", "+1", "2.0", "-0"])
OUTPUTS = st.text("oö\\n\\|=% ;\t", max_size=20).map(lambda text: "o" + text)


@given(
    records=st.lists(st.tuples(NAMES, SERVICES, STATES, OUTPUTS), min_size=1, max_size=6),
    delimiter=st.sampled_from(["\t", ";", "|"]),
    end=st.sampled_from(["\x17", "\n\x17", " \n\n\x17", "@"]),
    is_ended=st.booleans(),
)
@settings(
    deadline=None, max_examples=150, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)  # to shrink takes minutes
def test_with_any_records(records, delimiter, end, is_ended):
    def record(host, service, state, output):
        # A delimiter in the output of a host would make it the fourth field, of a service.
        return delimiter.join(
            [host, service, state, output] if service else [host, state, output.replace(delimiter, ",")]
        )

    data = end.join(record(*each) for each in records) + end * is_ended
    flags = ("-d", delimiter, *(("-ds", "@") if end == "@" else ()))
    _, packets = is_the_same_from_both(data.encode(), flags)
    assert len(packets) == len(records)
