"""The keys of the configuration: what each of them takes, and that anything else is told with file and line."""

from __future__ import annotations

import pytest
from support.configs import fault_of

from tcpwrap_alert.config.keys import KEYS

KNOWN = (
    "password, encryption_method, legacy_2_7_mode, escape_newlines, verdict, receiver, server, port, timeout, "
    "host_name, service_description, heartbeat_service, return_code, output, fold, window, end_return_code, "
    "fold_prefix, quiet, max_entries, max_age, spool_dir, metrics_file, password_file, token, token_file, ca_file, "
    "cert_file, key_file, tls_name, allow_cleartext, proxy, proxy_password_file, no_proxy, hold"
)
METHODS = (
    "0 none, 1 XOR, 2 DES, 3 3DES, 4 CAST-128, 5 CAST-256, 6 xTEA, 8 Blowfish, 9 Twofish, 10 LOKI97, 11 RC2, "
    "14 RIJNDAEL-128 (AES), 15 RIJNDAEL-192, 16 RIJNDAEL-256, 20 Serpent, 23 GOST, 26 SAFER+"
)
STATES = "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN"
FIELDS = "{daemon}, {client}, {address}, {user}"
SCHEMES = "nsca:, nsca-ng:, icinga2:, nrdp+https:, nrdp+http:, alertmanager+https:, alertmanager+http:, exec:"
NO_SERVER = "is not a name, an address, name:port or [address]:port"


def test_every_key_is_in_the_table():
    assert ["password", *KEYS] == KNOWN.split(", ")


# Debian's own comment proposes "true". The C client takes true and yes for the old layout, false for the new one.
@pytest.mark.parametrize("key", ["legacy_2_7_mode", "escape_newlines"])
@pytest.mark.parametrize(
    ("value", "is_on"), [("true", True), ("yes", True), ("1", True), ("false", False), ("no", False), ("0", False)]
)
def test_a_switch_is_on_or_off(read, key, value, is_on):
    assert read(f"{key}={value}").sections[""] == {key: is_on}


@pytest.mark.parametrize("key", ["legacy_2_7_mode", "escape_newlines"])
@pytest.mark.parametrize("value", ["2", "-1", "", "on the left", "maybe"])
def test_wrong_switch_is_told_with_its_allowed_values(write, key, value):
    path = write(f"{key}={value}")
    assert fault_of(path) == f"{path}:1: {key} is '{value}', not one of 1, true, yes, 0, false, no"


@pytest.mark.parametrize("line", ["encryption_method=14   # AES", "encryption_method= 14 #"])
def test_comment_behind_a_number_is_none_of_it(read, line):
    assert read(line).sections[""] == {"encryption_method": 14}


def test_comment_behind_a_switch_is_none_of_it(read):
    assert read("legacy_2_7_mode=false # no").sections[""] == {"legacy_2_7_mode": False}


@pytest.mark.parametrize(("value", "age_s"), [("7d", 604800), ("12h", 43200), ("30m", 1800), ("1s", 1)])
def test_max_age_has_its_unit(read, value, age_s):
    assert read(f"max_age={value}").sections[""] == {"max_age": age_s}


@pytest.mark.parametrize("value", ["7", "0d", "d", "-1d", "1.5h", "7 d", "7D", "", "\u0667d"])
def test_any_other_max_age_is_told(write, value):
    path = write(f"max_age={value}")
    expected = f"{path}:1: max_age '{value}' is not a number from 1 on with its unit, like 7d, 12h, 30m or 90s"
    assert fault_of(path) == expected


def test_max_entries_is_a_number(read):
    assert read("max_entries=1").sections[""] == {"max_entries": 1}


@pytest.mark.parametrize("value", ["0", "-1", "1e5", "no", ""])
def test_any_other_max_entries_is_told(write, value):
    path = write(f"max_entries={value}")
    assert fault_of(path).startswith(f"{path}:1: max_entries ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("window=0", "window '0' is not a number from 1 on with its unit, like 7d, 12h, 30m or 90s; write no "),
        ("window=5", "window '5' is not a number from 1 on with its unit"),
        ("window=2d", "window 2d is longer than a day"),
        ("fold_prefix=33", "fold_prefix '33' is neither no nor two prefixes, for IPv4 and IPv6, like 24/64"),
        ("fold_prefix=33/64", "fold_prefix 33/64: 33 is not a prefix from 1 to 32"),
        ("fold_prefix=24/129", "fold_prefix 24/129: 129 is not a prefix from 1 to 128"),
        ("quiet=192.0.2.300", "quiet '192.0.2.300' is not an address, a network, a name or the path of a file"),
        ("quiet=/nowhere/quiet", "quiet '/nowhere/quiet' cannot be read: No such file or directory"),
    ],
)
def test_wrong_line_about_episodes_is_told(write, line, message):
    assert fault_of(write(line)).startswith(f"{write(line)}:1: {message}")


def test_quiet_file_is_never_cut_to_a_larger_network(write, tmp_path):
    (tmp_path / "quiet").write_text("#" * (1 << 20) + "\n192.0.2.0/24\n")
    path = write(f"quiet={tmp_path}/quiet")
    assert fault_of(path) == f"{path}:1: quiet '{tmp_path}/quiet' has more than 1048576 bytes"


@pytest.mark.parametrize(("value", "fold"), [("no", 0), ("1", 1), ("500", 500)])
def test_fold_is_a_number_or_no(read, value, fold):
    assert read(f"fold={value}").sections[""] == {"fold": fold}


@pytest.mark.parametrize("value", ["0", "-1", "yes", "", "1.5"])
def test_any_other_fold_is_told(write, value):
    path = write(f"fold={value}")
    assert fault_of(path).startswith(f"{path}:1: fold ")


BAD_LINES = [
    ("pasword=x", "unknown key 'pasword'; did you mean password?"),
    ("PASSWORD=x", "unknown key 'PASSWORD'; did you mean password?"),
    ("=x", f"unknown key ''; known keys: {KNOWN}"),
    (b"x\x1by=1", f"unknown key 'x?y'; known keys: {KNOWN}"),
    ("server=h password=ham", "more than one key on the line"),
    ("no_such_key=password=ham", "more than one key on the line"),
    (b"\xff=x", f"unknown key '\ufffd'; known keys: {KNOWN}"),
    ("password=" + "x" * 512, "the password has 512 bytes, the limit is 511"),
    ("password=" + "ä" * 256, "the password has 512 bytes, the limit is 511"),
    ("password=ham\0eggs", "the password of 8 bytes holds a NUL byte"),
    ("encryption_method=99", f"encryption_method 99 does not exist; known: {METHODS}"),
    (
        "encryption_method=12",
        "encryption_method 12 (ARCFOUR): no NSCA server can use it, because libmcrypt does not have it; "
        "nsca ends before it sends an init packet",
    ),
    ("encryption_method=-1", "encryption_method '-1' is not a whole number"),
    ("encryption_method=", "encryption_method '' is not a whole number"),
    ("encryption_method=AES", "encryption_method 'AES' is not a whole number"),
    ("encryption_method=\uff11", "encryption_method '\uff11' is not a whole number"),
    ("encryption_method=1 XOR", "encryption_method '1 XOR' is not a whole number"),
    ("encryption_method=1# XOR", "encryption_method '1# XOR' is not a whole number"),
    (
        "decryption_method=1",
        "unknown key 'decryption_method'; this is the server's nsca.cfg; here the key is encryption_method",
    ),
    (
        "command_file=/x",
        "unknown key 'command_file'; this is the server's nsca.cfg, and here goes what C send_nsca reads",
    ),
    ('identity = "x"', "unknown key 'identity'; this is a file of NSCA-ng"),
    ("receiver=go", "receiver 'go' is not one of stock, single"),
    ("verdict=yes", "verdict 'yes' is not one of auto, direct, relay"),
    ("port=0", "port 0 is not between 1 and 65535"),
    ("port=65536", "port 65536 is not between 1 and 65535"),
    ("port=" + "9" * 5000, f"port {'9' * 992}..."),
    ("max_entries=" + "9" * 5000, "max_entries has 5000 digits, more than any"),
    ("fold=" + "9" * 5000, f"fold '{'9' * 57}...' is neither a number from 1 on nor no"),
    ("port=-1", "port '-1' is not a whole number"),
    ("port=nsca", "port 'nsca' is not a whole number"),
    ("port=", "port '' is not a whole number"),
    ("port=5667.0", "port '5667.0' is not a whole number"),
    ("timeout=0", "timeout 0 is not above 0 and up to 300 seconds"),
    ("timeout=-1", "timeout -1 is not above 0 and up to 300 seconds"),
    ("timeout=300.1", "timeout 300.1 is not above 0 and up to 300 seconds"),
    ("timeout=nan", "timeout nan is not above 0 and up to 300 seconds"),
    ("timeout=inf", "timeout inf is not above 0 and up to 300 seconds"),
    ("timeout=abc", "timeout 'abc' is not a number of seconds"),
    ("timeout=10s", "timeout '10s' is not a number of seconds"),
    ("timeout=", "timeout '' is not a number of seconds"),
    ("server=", f"server '' {NO_SERVER}"),
    ("server=a b", f"server 'a b' {NO_SERVER}"),
    ("server=a\tb", f"server 'a b' {NO_SERVER}"),
    ("server=localhost\0.example", f"server 'localhost?.example' {NO_SERVER}"),
    ("server=a\x1b[31m", f"server 'a?[31m' {NO_SERVER}"),
    ("server=a b\rc\x0bd\u2028e", f"server 'a b c d e' {NO_SERVER}"),
    ("server=-x", f"server '-x' {NO_SERVER}"),
    ("server=-x:5667", f"server '-x:5667' {NO_SERVER}"),
    ("server=/path\0", f"server '/path?' {NO_SERVER}"),
    ("server=nsca://h/path", f"server 'nsca://h/path' {NO_SERVER}"),
    ("server=nsca://", f"server 'nsca://' {NO_SERVER}"),
    ("server=a,b", f"server 'a,b' {NO_SERVER}"),
    ("server=:5667", f"server ':5667' {NO_SERVER}"),
    ("server=[]:5667", f"server '[]:5667' {NO_SERVER}"),
    ("server=[::1", "server '[::1' is not of the form [address]:port"),
    ("server=[::1]5667", "server '[::1]5667' is not of the form [address]:port"),
    ("server=http://h", f"server 'http://h': no transport for 'http:'; known: {SCHEMES}"),
    ("server=://h", f"server '://h': no transport for ':'; known: {SCHEMES}"),
    ("server=h:0", "port 0 is not between 1 and 65535"),
    ("server=h:65536", "port 65536 is not between 1 and 65535"),
    ("server=h:nsca", "port 'nsca' is not a whole number"),
    ("host_name=", "the host name is empty"),
    ("host_name=" + "h" * 64, f"host name '{'h' * 57}...' has 64 bytes, the limit is 63"),
    ("host_name=a;b", "host name 'a;b' holds a control character, a ';' or bytes that are not UTF-8"),
    (b"host_name=\xff", "the value of host_name is not UTF-8"),
    ("service_description=", "service_description is empty"),
    (
        "service_description=" + "s" * 128,
        f"service description '{'s' * 57}...' has 128 bytes, the limit is 127",
    ),
    ("return_code=4", f"state '4' of a service is not one of {STATES}"),
    ("return_code=CRIT", f"state 'CRIT' of a service is not one of {STATES}"),
    ("return_code=", f"state '' of a service is not one of {STATES}"),
    ("output={host}", f"'{{host}}' is not one of {FIELDS}"),
    ("output={daemon", f"'{{daemon' is not one of {FIELDS}"),
    ("output={daemon.x}", f"'{{daemon.x}}' is not one of {FIELDS}"),
    ("spool_dir=spool", "spool_dir 'spool' is not an absolute path"),
    ("spool_dir=", "spool_dir '' is not an absolute path"),
    ("spool_dir=/a\0b", "spool_dir '/a?b' is not an absolute path"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_a_wrong_line_is_told_with_file_and_line(write, line, message):
    path = write(b"# a comment\n\n" + (line if isinstance(line, bytes) else line.encode()) + b"\nserver=h\n")
    assert fault_of(path) == f"{path}:3: {message}"


@pytest.mark.parametrize(
    ("server", "host", "port"),
    [
        ("nagios", "nagios", 5667),
        ("nagios.example", "nagios.example", 5667),
        ("nagios.example:5668", "nagios.example", 5668),
        ("1.2.3.4", "1.2.3.4", 5667),
        ("1.2.3.4:5", "1.2.3.4", 5),
        ("1.2.3.4:1", "1.2.3.4", 1),
        ("1.2.3.4:65535", "1.2.3.4", 65535),
        ("::1", "::1", 5667),
        ("2001:db8::5667", "2001:db8::5667", 5667),
        ("[::1]", "::1", 5667),
        ("[::1]:5668", "::1", 5668),
        ("[fe80::1%eth0]:5668", "fe80::1%eth0", 5668),
        ("nsca://h", "h", 5667),
        ("nsca://h/", "h", 5667),
        ("nsca://h:1", "h", 1),
        ("nsca://[::1]:1", "::1", 1),
        ("nsca://::1", "::1", 5667),
    ],
)
def test_server_is_a_name_or_address_and_maybe_a_port(read, server, host, port):
    target = read(f"server={server}\n").monitors[0].targets[0]
    assert (target.host, target.port) == (host, port)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("timeout=0.001", "timeout", 0.001),
        ("timeout=300", "timeout", 300),
        ("port=1", "port", 1),
        ("port=65535", "port", 65535),
        ("encryption_method=0", "encryption_method", 0),
        ("host_name=" + "h" * 63, "host_name", "h" * 63),
        ("service_description=" + "s" * 127, "service_description", "s" * 127),
        ("return_code=0", "return_code", 0),
        ("return_code=3", "return_code", 3),
        ("output=", "output", ""),
    ],
)
def test_a_value_at_its_limit_is_taken(read, line, key, value):
    assert read(line).sections[""] == {key: value}


@pytest.mark.parametrize("length", [510, 511])
def test_a_password_up_to_its_limit_is_taken_whole(read, length):
    assert read(b"password=" + b"x" * length).sections[""] == {"password": b"x" * length}
