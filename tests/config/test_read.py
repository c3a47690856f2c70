"""The configuration: a stock send_nsca.cfg works, each wrong line is told where and why, the password stays secret."""

from __future__ import annotations

import os
import tempfile
import traceback
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwrap_alert.config import read as config_module
from tcpwrap_alert.config.read import (
    DEFAULT_SPOOL_DIR,
    config_warning,
    find_config,
    find_spool_dirs,
    load_config,
    set_server,
)
from tcpwrap_alert.errors import ConfigError
from tcpwrap_alert.nsca.server import Server

KEYS = (
    "password, encryption_method, legacy_2_7_mode, escape_newlines, verdict, receiver, server, port, timeout, "
    "host_name, service_description, return_code, output, fold, max_entries, max_age, spool_dir"
)
METHODS = (
    "0 none, 1 XOR, 2 DES, 3 3DES, 4 CAST-128, 5 CAST-256, 6 xTEA, 8 Blowfish, 9 Twofish, 10 LOKI97, 11 RC2, "
    "14 RIJNDAEL-128 (AES), 15 RIJNDAEL-192, 16 RIJNDAEL-256, 20 Serpent, 23 GOST, 26 SAFER+"
)
STATES = "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN"
FIELDS = "{daemon}, {client}, {address}, {user}"
NO_SERVER = "is not a name, an address, name:port or [address]:port"
DEFAULT_SPOOL = "/var/spool/tcpwrap-alert"

# The file that Debian's nsca-client 2.10.2 installs, shortened; the comments and blank lines are its own.
STOCK = b"""\
####################################################
# Sample NSCA Client Config File
# Written by: Ethan Galstad (nagios@nagios.org)
####################################################


# ENCRYPTION PASSWORD
# IMPORTANT: You don't want all the users on this system to be able
# to read the password you specify here, so make sure to set
# restrictive permissions on this config file!

#password=



# ENCRYPTION METHOD
# Values:
# \t0 = None\t(Do NOT use this option)
#       1 = Simple XOR  (No security, just obfuscation, but very fast)
#
#       14 = RIJNDAEL-128
#

encryption_method=1

# Run in version 2.7  backward compatibility mode
# Sent packets are limited to 512 bytes
# This can also be set as a command-line option, but the config file option \n\
# takes precedence.
# legacy_2_7_mode=true"""


@pytest.fixture
def write(tmp_path):
    """Write the test's configuration, for its owner only, and return its path."""

    def write_bytes(content):
        path = tmp_path / "send_nsca.cfg"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)
        return str(path)

    return write_bytes


@pytest.fixture
def load(write):
    """Write a configuration and load it."""
    return lambda content: load_config(write(content))


def test_a_stock_file_works_unchanged(load):
    config = load(STOCK)
    monitor = config.monitor
    assert (monitor.password, monitor.encryption_method, monitor.legacy_2_7_mode) == (b"", 1, False)
    with pytest.raises(ConfigError, match=r"no monitor to send to; add a line like server=nagios.example$"):
        config.require_server()


def test_a_stock_file_with_our_lines_added_names_a_monitor(load):
    config = load(STOCK.replace(b"#password=", b"password=ham") + b"\nserver=nagios.example\n")
    config.require_server()
    assert (config.monitor.host, config.monitor.port, config.monitor.password) == ("nagios.example", 5667, b"ham")


# Debian's own comment proposes "true". The C client takes true and yes for the old layout, false for the new one.
@pytest.mark.parametrize(
    ("value", "is_legacy"), [(b"true", True), (b"yes", True), (b"1", True), (b"false", False), (b"0", False)]
)
def test_the_old_layout_is_switched_on_as_the_stock_file_proposes(load, value, is_legacy):
    assert (
        load(STOCK.replace(b"# legacy_2_7_mode=true", b"legacy_2_7_mode=" + value)).monitor.legacy_2_7_mode is is_legacy
    )


def test_an_absolute_path_is_a_command_file_and_the_last_server_counts(load):
    config = load("server=nagios.example\nserver=/var/lib/nagios4/rw/nagios.cmd")
    config.require_server()
    assert config.command_file == config.destination == "/var/lib/nagios4/rw/nagios.cmd"
    config = load("server=/var/lib/nagios4/rw/nagios.cmd\nserver=nagios.example")
    assert (config.command_file, config.destination) == ("", "nagios.example:5667")


@pytest.mark.parametrize(("value", "is_on"), [("true", True), ("1", True), ("no", False)])
def test_newlines_are_escaped_when_the_file_says_so(load, value, is_on):
    assert load(f"escape_newlines={value}").monitor.escape_newlines is is_on


@pytest.mark.parametrize(("value", "age_s"), [("7d", 604800), ("12h", 43200), ("30m", 1800), ("1s", 1)])
def test_max_age_has_its_unit(load, value, age_s):
    assert load(f"max_age={value}").max_age_s == age_s


@pytest.mark.parametrize("value", ["7", "0d", "d", "-1d", "1.5h", "7 d", "7D", "", "\u0667d"])
def test_any_other_max_age_is_told(write, value):
    path = write(f"max_age={value}")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    expected = f"{path}:1: max_age '{value}' is not a number from 1 on with its unit, like 7d, 12h, 30m or 90s"
    assert str(caught.value) == expected


def test_how_much_may_wait_by_default(load):
    assert (load("").max_entries, load("").max_age_s) == (100_000, 7 * 86400)


def test_max_entries_is_a_number(load):
    assert load("max_entries=1").max_entries == 1


@pytest.mark.parametrize("value", ["0", "-1", "1e5", "no", ""])
def test_any_other_max_entries_is_told(write, value):
    path = write(f"max_entries={value}")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}:1: max_entries ")


@pytest.mark.parametrize(("value", "fold"), [("no", 0), ("1", 1), ("500", 500)])
def test_fold_is_a_number_or_no(load, value, fold):
    assert load(f"fold={value}").fold == fold


@pytest.mark.parametrize("value", ["0", "-1", "yes", "", "1.5"])
def test_any_other_fold_is_told(write, value):
    path = write(f"fold={value}")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}:1: fold ")


def test_an_empty_file_has_the_defaults_of_the_c_client_and_ours(load):
    config = load("")
    monitor = config.monitor
    assert (monitor.host, monitor.port, monitor.password, monitor.encryption_method) == ("", 5667, b"", 1)
    assert (monitor.legacy_2_7_mode, monitor.escape_newlines, monitor.timeout_s) == (False, False, 10.0)
    assert (config.host_name, config.service_description) == (os.uname().nodename, "TCP Wrappers")
    assert (config.return_code, config.output) == (2, "Denied {daemon}-{client}")


def test_every_key_is_read_and_its_value_stripped(load):
    config = load(
        " server =  nagios.example:5668 \ntimeout= 2.5 \nencryption_method = 14 \nlegacy_2_7_mode= 1 \n"
        "host_name = fïre storm \nservice_description= TCP = Wräppers # 1 \nreturn_code = warning \n"
        "output = {user}@{client} \nspool_dir = /var/spool/x \nport= 5669 \npassword=ham\n"
    )
    monitor = config.monitor
    assert (monitor.host, monitor.port, monitor.timeout_s) == ("nagios.example", 5669, 2.5)
    assert (monitor.encryption_method, monitor.legacy_2_7_mode, monitor.password) == (14, True, b"ham")
    assert (config.host_name, config.service_description) == ("fïre storm", "TCP = Wräppers # 1")
    assert (config.return_code, config.output) == (1, "{user}@{client}")


def test_comments_and_blank_lines_are_passed_over(load):
    assert load("# server=a\n\n   \n\t# server=b\n  #\nserver=c\n").monitor.host == "c"


def test_the_last_of_two_lines_counts(load):
    assert load("server=a:1\nserver=b\npassword=x\npassword=y\n").monitor.password == b"y"


def test_crlf_line_ends_are_line_ends(load):
    config = load(b"# comment\r\n\r\nserver=nagios.example\r\npassword= ham \r\nencryption_method=14\r\n")
    monitor = config.monitor
    assert (monitor.host, monitor.password, monitor.encryption_method) == ("nagios.example", b" ham ", 14)


@pytest.mark.parametrize(
    "password", [b"ham", b"", b"  two blanks  ", b"\ttab\t", b"a=b", b"=", b"#1", b"a #b", b"\xff\xfe"]
)
@pytest.mark.parametrize("end", [b"\n", b""])
def test_the_password_is_everything_after_the_equals_sign(load, password, end):
    assert load(b"password=" + password + end).monitor.password == password


def test_a_carriage_return_inside_the_password_belongs_to_it_as_for_the_c_client(load):
    assert load(b"password=ha\rm\n").monitor.password == b"ha\rm"


@pytest.mark.parametrize("length", [510, 511])
def test_a_password_up_to_its_limit_is_taken_whole(load, length):
    assert load(b"password=" + b"x" * length).monitor.password == b"x" * length


BAD_LINES = [
    ("pasword=x", f"unknown key 'pasword'; known keys: {KEYS}"),
    ("PASSWORD=x", f"unknown key 'PASSWORD'; known keys: {KEYS}"),
    ("receiver=go", "receiver 'go' is not one of stock, single"),
    ("verdict=maybe", "verdict 'maybe' is not one of auto, direct, relay"),
    ("=x", f"unknown key ''; known keys: {KEYS}"),
    (b"x\x1by=1", f"unknown key 'x?y'; known keys: {KEYS}"),
    ("server=h password=ham", "more than one key on the line"),
    ("no_such_key=password=ham", "more than one key on the line"),
    (b"\xff=x", f"unknown key '\ufffd'; known keys: {KEYS}"),
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
    ("encryption_method=1 # XOR", "encryption_method '1 # XOR' is not a whole number"),
    ("port=0", "port 0 is not between 1 and 65535"),
    ("port=65536", "port 65536 is not between 1 and 65535"),
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
    ("server=http://h", "server 'http://h': no transport for 'http:'; known: nsca:"),
    ("server=://h", "server '://h': no transport for ':'; known: nsca:"),
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
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == f"{path}:3: {message}"


def test_a_line_without_an_equals_sign_is_told_with_file_and_line(write):
    path = write("server=h\nlegacy_2_7_mode\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert "key=value" in str(caught.value)


@pytest.mark.parametrize("key", ["legacy_2_7_mode", "escape_newlines"])
@pytest.mark.parametrize("value", ["2", "-1", "", "on the left", "maybe"])
def test_a_switch_that_is_neither_on_nor_off_is_told_with_what_it_may_be(write, key, value):
    path = write(f"{key}={value}")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}:1: {key} is '{value}', not ")


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
def test_a_server_is_a_name_or_an_address_with_or_without_a_port(load, server, host, port):
    monitor = load(f"server={server}\n").monitor
    assert (monitor.host, monitor.port) == (host, port)


@pytest.mark.parametrize(
    ("before", "then", "port"),
    [
        ("port=5700", "h", 5700),
        ("server=h:5700", "h", 5700),
        ("server=h:5700", "other", 5667),
        ("server=h:5700", "other:5800", 5800),
    ],
)
def test_another_host_does_not_take_over_the_port(load, before, then, port):
    config = load(before)
    set_server(config, then)
    assert (config.monitor.host, config.monitor.port) == (then.partition(":")[0], port)


@pytest.mark.parametrize(("host", "text"), [("h", "h:5667"), ("1.2.3.4", "1.2.3.4:5667"), ("::1", "[::1]:5667")])
def test_a_monitor_is_shown_as_the_configuration_would_name_it(load, host, text):
    assert str(Server(host)) == text
    assert str(load(f"server={text}").monitor) == text


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("timeout=0.001", lambda config: config.monitor.timeout_s == 0.001),
        ("timeout=300", lambda config: config.monitor.timeout_s == 300),
        ("port=1", lambda config: config.monitor.port == 1),
        ("port=65535", lambda config: config.monitor.port == 65535),
        ("encryption_method=0", lambda config: config.monitor.encryption_method == 0),
        ("host_name=" + "h" * 63, lambda config: config.host_name == "h" * 63),
        ("service_description=" + "s" * 127, lambda config: config.service_description == "s" * 127),
        ("return_code=0", lambda config: config.return_code == 0),
        ("return_code=3", lambda config: config.return_code == 3),
        ("output=", lambda config: config.output == ""),
    ],
)
def test_a_value_at_its_limit_is_taken(load, line, read):
    assert read(load(line))


SECRET = b"hush"


@pytest.mark.parametrize(
    "content",
    [
        b"password=" + SECRET * 200,
        b"password=" + SECRET + b"\0" + SECRET,
        b"password=" + SECRET + b"\nserver=-x",
        b"password=" + SECRET + b"\nno equals sign",
        b"password=" + SECRET + b"\nencryption_method=99",
        b"pasword=" + SECRET,
        b"password " + SECRET,
        b"password: " + SECRET,
        b"password " + SECRET + b"==",
        b"password\t" + SECRET + b"=ham",
        b"password=x\r" + SECRET,
        b"server=h password=" + SECRET,
        b"port=" + SECRET + b" password=ham",
        b"pasword=x password=" + SECRET,
        SECRET,
    ],
)
def test_no_error_tells_the_password(write, content):
    path = write(content)
    try:
        load_config(path)
    except ConfigError as error:
        told = [
            str(error),
            repr(error),
            error.line,
            *traceback.format_exception(type(error), error, error.__traceback__),
        ]
        assert SECRET.decode() not in "".join(told)


def test_neither_configuration_nor_monitor_shows_the_password(load):
    config = load(b"server=h\npassword=" + SECRET)
    assert config.monitor.password == SECRET
    shown = f"{config} {config!r} {config.monitor} {config.monitor!r} {vars(config)}"
    assert SECRET.decode() not in shown


@pytest.mark.parametrize("mode", [0o602, 0o666, 0o777])
def test_a_configuration_that_everybody_may_write_to_is_not_used(write, monkeypatch, mode):
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
    path = write("server=h\nspool_dir=/elsewhere")
    os.chmod(path, mode)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == f"{path}: everybody may write to it, so it is not used; run chmod o-w {path}"
    assert find_spool_dirs(path) == [DEFAULT_SPOOL_DIR]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o664])
def test_a_password_that_everybody_may_read_is_warned_of(write, mode):
    path = write("password=ham")
    os.chmod(path, mode)
    warning = config_warning(path)
    assert path in warning
    assert warning.endswith(f"everybody may read the password; run chmod o-r {path}")
    assert "ham" not in warning.replace(path, "")


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        ("password=ham", 0o600),
        ("password=ham", 0o640),
        ("password=", 0o644),
        ("server=h", 0o644),
        ("password=ham\nbroken", 0o644),
    ],
)
def test_without_a_password_for_everybody_or_a_usable_file_there_is_no_warning(write, content, mode):
    path = write(content)
    os.chmod(path, mode)
    assert config_warning(path) == ""


def test_without_a_file_there_is_no_warning(tmp_path):
    assert config_warning(str(tmp_path / "none")) == ""


def make_directory(path):
    path.mkdir()


def make_loop(path):
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file or directory"),
        (make_directory, "not a regular file"),
        (make_loop, "Too many levels of symbolic links"),
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (lambda path: path.symlink_to("nowhere"), "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_path(tmp_path, make, reason):
    path = tmp_path / "other.cfg"
    make(path)
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    assert str(caught.value) == f"{path}: cannot read the configuration: {reason}"


def test_the_name_of_this_host_may_be_too_long_until_another_is_set(write, monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename="n" * 64))
    path = write("server=h")
    with pytest.raises(ConfigError, match=r"limit is 63; set host_name to this host's name at the monitor$"):
        load_config(path)
    assert load_config(write("host_name=n")).host_name == "n"


def test_the_environment_names_the_configuration(write, monkeypatch):
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", write("server=from.environment"))
    assert load_config().monitor.host == "from.environment"


def test_a_file_that_the_environment_names_is_not_looked_for_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"/none: cannot read the configuration: No such file"):
        load_config()


def test_an_argument_goes_before_the_environment(write, tmp_path, monkeypatch):
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", str(tmp_path / "none"))
    assert load_config(write("server=from.argument")).monitor.host == "from.argument"


@pytest.fixture
def etc(tmp_path, monkeypatch):
    """Let a directory of the test be /etc, and return the two paths where a configuration may be."""
    monkeypatch.delenv("TCPWRAP_ALERT_CONFIG")
    paths = (tmp_path / "ours.cfg", tmp_path / "stock.cfg")
    monkeypatch.setattr(config_module, "CONFIG_PATHS", tuple(map(str, paths)))
    return paths


def test_our_file_in_etc_goes_before_the_stock_one(etc):
    etc[1].touch()
    assert find_config() == str(etc[1])
    etc[0].symlink_to("nowhere")
    assert find_config() == str(etc[0])


def test_without_any_configuration_both_places_are_told(etc):
    with pytest.raises(ConfigError, match=f"^{etc[0]}: no configuration here, nor in {etc[1]}; see send_nsca.cfg.exam"):
        load_config()


@pytest.fixture
def no_spool_in_environment(monkeypatch):
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")


def test_the_environment_names_the_only_spool(write, monkeypatch):
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "/from/environment")
    assert find_spool_dirs(write("spool_dir=/other")) == ["/from/environment"]


@pytest.mark.parametrize(
    ("content", "first"),
    [
        (b"spool_dir=/s", "/s"),
        (b" spool_dir = /s with blank \r\n", "/s with blank"),
        (b"spool_dir=/first\nspool_dir=/last\n", "/last"),
        (b"spool_dir=/s\nspool_dir=relative\n", "/s"),
        (b"spool_dir=/s\nspool_dir=\n", "/s"),
        (b"no equals sign\n\xff\0\nencryption_method=99\nspool_dir=/s\nserver=-x", "/s"),
        (b"spool_dir=/\xff\xfe", os.fsdecode(b"/\xff\xfe")),
    ],
)
def test_a_spool_of_the_configuration_comes_first_however_broken_the_rest_is(
    write, no_spool_in_environment, content, first
):
    assert find_spool_dirs(write(content)) == [first, DEFAULT_SPOOL]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"# spool_dir=/s",
        b"#spool_dir=/s",
        b"spool_dir=s",
        b"spool_dir /s",
        b"spool_dirs=/s",
        b"spool_dir=" + DEFAULT_SPOOL.encode(),
    ],
)
def test_without_a_spool_of_its_own_there_is_the_default_once(write, no_spool_in_environment, content):
    assert find_spool_dirs(write(content)) == [DEFAULT_SPOOL]


@pytest.mark.parametrize("make", [lambda path: None, make_directory, make_loop, os.mkfifo])
def test_without_a_readable_configuration_there_is_the_default_spool(tmp_path, no_spool_in_environment, make):
    path = tmp_path / "other.cfg"
    make(path)
    assert find_spool_dirs(str(path)) == [DEFAULT_SPOOL]


def test_without_any_configuration_there_is_the_default_spool(etc, no_spool_in_environment):
    assert find_spool_dirs() == [DEFAULT_SPOOL]


def test_the_spool_is_looked_up_in_the_configuration_of_the_environment(write, no_spool_in_environment):
    write("spool_dir=/from/file")  # where the environment of every test says
    assert find_spool_dirs() == ["/from/file", DEFAULT_SPOOL]


@contextmanager
def as_file(content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name


lines = st.lists(
    st.builds(lambda key, value: key.encode() + b"=" + value, st.sampled_from([*KEYS.split(", "), "x"]), st.binary())
    | st.binary()
)


@given(lines.map(b"\n".join))
@settings(deadline=None)
def test_any_bytes_are_a_configuration_or_a_config_error_with_a_line(content):
    with as_file(content) as path:
        try:
            message = f"{load_config(path).path}:"
        except ConfigError as error:
            message = str(error)
    assert message.startswith(f"{path}:")


@given(lines.map(b"\n".join))
@settings(deadline=None)
def test_no_bytes_keep_the_spool_from_being_found(content):
    with as_file(content) as path, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
        assert find_spool_dirs(path)[-1] == DEFAULT_SPOOL
