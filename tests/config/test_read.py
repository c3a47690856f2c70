"""Finding and reading the configuration: once, as C send_nsca reads it, and the password stays secret."""

from __future__ import annotations

import os
import tempfile
import traceback
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwrap_alert.config import read as config_module
from tcpwrap_alert.config.keys import KEYS
from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.errors import ConfigError

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


def fault_of(path):
    with pytest.raises(ConfigError) as caught:
        read_config(path).sections  # noqa: B018 - asked for what it raises
    return str(caught.value)


def test_a_stock_file_works_unchanged(read):
    config = read(STOCK)
    assert config.sections[""] == {"encryption_method": 1}
    server = config.server("h")
    assert (server.password, server.encryption_method, server.legacy_2_7_mode) == (b"", 1, False)
    assert str(config.fault).endswith("no monitor to send to; add a line like server=nagios.example")


def test_stock_file_with_our_lines_names_a_monitor(read):
    config = read(STOCK.replace(b"#password=", b"password=ham") + b"\nserver=nagios.example\n")
    server = config.monitors[0].targets[0]
    assert (server.host, server.port, server.password) == ("nagios.example", 5667, b"ham")
    assert config.fault is None


# Debian's own comment proposes "true". The C client takes true and yes for the old layout, false for the new one.
@pytest.mark.parametrize(
    ("value", "is_legacy"), [(b"true", True), (b"yes", True), (b"1", True), (b"false", False), (b"0", False)]
)
def test_old_layout_is_set_as_the_stock_file_proposes(read, value, is_legacy):
    config = read(STOCK.replace(b"# legacy_2_7_mode=true", b"legacy_2_7_mode=" + value))
    assert config.server("h").legacy_2_7_mode is is_legacy


def test_comments_and_blank_lines_are_passed_over(read):
    config = read("# server=a\n\n   \n\t# server=b\n  #\nserver=c\n")
    assert list(config.sections[""]) == ["server"]
    assert config.monitors[0].targets[0].host == "c"


def test_the_last_of_two_lines_counts(read):
    config = read("server=a:1\nserver=b\npassword=x\npassword=y\n")
    assert str(config.monitors[0]) == "b:5667"
    assert config.monitors[0].targets[0].password == b"y"


def test_crlf_line_ends_are_line_ends(read):
    config = read(b"# comment\r\n\r\nserver=nagios.example\r\npassword= ham \r\nencryption_method=14\r\n")
    server = config.monitors[0].targets[0]
    assert (server.host, server.password, server.encryption_method) == ("nagios.example", b" ham ", 14)


@pytest.mark.parametrize(
    "password", [b"ham", b"", b"  two blanks  ", b"\ttab\t", b"a=b", b"=", b"#1", b"a #b", b"\xff\xfe"]
)
@pytest.mark.parametrize("end", [b"\n", b""])
def test_password_is_everything_after_the_equals_sign(read, password, end):
    assert read(b"password=" + password + end).sections[""] == {"password": password}


def test_carriage_return_inside_the_password_is_kept(read):
    assert read(b"password=ha\rm\n").sections[""] == {"password": b"ha\rm"}


def test_line_without_equals_sign_is_told_with_place(write):
    path = write("server=h\nlegacy_2_7_mode\n")
    assert fault_of(path) == f"{path}:2: not of the form key=value"


def test_reading_raises_nothing_until_a_value_is_asked(read):
    config = read("spool_dir=/s\nbroken")
    assert config.warning == ""
    for ask in (lambda: config.sections, lambda: config.monitors[0], lambda: config.server("h")):
        with pytest.raises(ConfigError, match=r":2: not of the form key=value$"):
            ask()
    assert str(config.fault).endswith(":2: not of the form key=value")


def test_what_was_read_stays_when_the_file_goes(read, monkeypatch):
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
    config = read("server=before\nspool_dir=/before\npassword=ham")
    os.unlink(config.path)
    assert str(config.monitors[0]) == "before:5667"
    assert config.spool_dirs == ["/before", DEFAULT_SPOOL]
    assert (config.fault, config.warning, config.server().password) == (None, "", b"ham")


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
    error = read_config(write(content)).fault
    told = [str(error), repr(error), *error.lines, *traceback.format_exception(type(error), error, error.__traceback__)]
    assert SECRET.decode() not in "".join(told)


def test_configuration_and_server_hide_the_password(read):
    config = read(b"server=h\npassword=" + SECRET)
    monitor = config.monitors[0]
    assert monitor.targets[0].password == SECRET
    shown = f"{config} {config!r} {monitor} {monitor!r} {monitor.targets[0]} {monitor.targets[0]!r}"
    assert SECRET.decode() not in shown


@pytest.mark.parametrize("mode", [0o602, 0o666, 0o777])
def test_world_writable_configuration_is_not_used(write, monkeypatch, mode):
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
    path = write("server=h\nspool_dir=/elsewhere")
    os.chmod(path, mode)
    assert fault_of(path) == f"{path}: everybody may write to it, so it is not used; run chmod o-w {path}"
    assert read_config(path).spool_dirs == [DEFAULT_SPOOL]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o664])
def test_world_readable_password_is_warned_of(write, mode):
    path = write("password=ham")
    os.chmod(path, mode)
    warning = read_config(path).warning
    assert path in warning
    assert warning.endswith(f"everybody may read the password; run chmod o-r {path}")
    assert "ham" not in warning.replace(path, "")


def test_world_readable_token_is_warned_of(write):
    path = write("token=ham")
    os.chmod(path, 0o644)
    warning = read_config(path).warning
    assert warning.endswith(f"everybody may read the token; run chmod o-r {path}")


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
def test_private_password_or_bad_file_has_no_warning(write, content, mode):
    path = write(content)
    os.chmod(path, mode)
    assert read_config(path).warning == ""


def test_without_a_file_there_is_no_warning(tmp_path):
    assert read_config(str(tmp_path / "none")).warning == ""


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
def test_unreadable_file_is_told_with_its_path(tmp_path, make, reason):
    path = tmp_path / "other.cfg"
    make(path)
    assert fault_of(str(path)) == f"{path}: cannot read the configuration: {reason}"


def test_the_environment_names_the_configuration(write, monkeypatch):
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", write("server=from.environment"))
    assert read_config().monitors[0].targets[0].host == "from.environment"


def test_file_of_the_environment_is_the_only_one_tried(tmp_path, monkeypatch):
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", str(tmp_path / "none"))
    assert fault_of(None).startswith(f"{tmp_path}/none: cannot read the configuration: No such file")


def test_an_argument_goes_before_the_environment(write, tmp_path, monkeypatch):
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", str(tmp_path / "none"))
    assert read_config(write("server=from.argument")).monitors[0].targets[0].host == "from.argument"


@pytest.fixture
def etc(tmp_path, monkeypatch):
    """Let a directory of the test be /etc, and return the two paths where a configuration may be."""
    monkeypatch.delenv("TCPWRAP_ALERT_CONFIG")
    paths = (tmp_path / "ours.cfg", tmp_path / "stock.cfg")
    monkeypatch.setattr(config_module, "CONFIG_PATHS", tuple(map(str, paths)))
    return paths


def test_our_file_in_etc_goes_before_the_stock_one(etc):
    etc[1].touch()
    assert read_config().path == str(etc[1])
    etc[0].symlink_to("nowhere")
    assert read_config().path == str(etc[0])


def test_without_configuration_both_places_are_told(etc):
    expected = f"{etc[0]}: no configuration here, nor in {etc[1]}; see send_nsca.cfg.example"
    assert fault_of(None) == str(read_config().fault) == expected


@pytest.fixture
def no_spool_in_environment(monkeypatch):
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")


def spool_dirs_of(path=None):
    return read_config(path).spool_dirs


def test_the_environment_names_the_only_spool(write, monkeypatch):
    monkeypatch.setenv("TCPWRAP_ALERT_SPOOL", "/from/environment")
    assert spool_dirs_of(write("spool_dir=/other")) == ["/from/environment"]


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
def test_configured_spool_is_first_in_a_broken_file(write, no_spool_in_environment, content, first):
    assert spool_dirs_of(write(content)) == [first, DEFAULT_SPOOL]


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
def test_without_spool_dir_the_default_is_named_once(write, no_spool_in_environment, content):
    assert spool_dirs_of(write(content)) == [DEFAULT_SPOOL]


@pytest.mark.parametrize("make", [lambda path: None, make_directory, make_loop, os.mkfifo])
def test_unreadable_file_has_the_default_spool(tmp_path, no_spool_in_environment, make):
    path = tmp_path / "other.cfg"
    make(path)
    assert spool_dirs_of(str(path)) == [DEFAULT_SPOOL]


def test_no_configuration_means_the_default_spool(etc, no_spool_in_environment):
    assert spool_dirs_of() == [DEFAULT_SPOOL]


def test_spool_comes_from_the_environments_file(write, no_spool_in_environment):
    write("spool_dir=/from/file")  # where the environment of every test says
    assert spool_dirs_of() == ["/from/file", DEFAULT_SPOOL]


@contextmanager
def as_file(content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name


lines = st.lists(
    st.builds(lambda key, value: key.encode() + b"=" + value, st.sampled_from(["password", *KEYS, "x"]), st.binary())
    | st.binary()
)


@given(lines.map(b"\n".join))
@settings(deadline=None)
def test_any_bytes_are_read_or_an_error_with_a_line(content):
    with as_file(content) as path:
        config = read_config(path)
        assert str(config.fault or f"{config.path}:").startswith(f"{path}:")
        assert config.wording.output is not None


@given(lines.map(b"\n".join))
@settings(deadline=None)
def test_no_bytes_keep_the_spool_from_being_found(content):
    with as_file(content) as path, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
        assert read_config(path).spool_dirs[-1] == DEFAULT_SPOOL


def test_byte_order_mark_before_the_first_key_is_none(read):
    assert read(b"\xef\xbb\xbfserver=h\npassword=x\n").server().password == b"x"


def test_byte_order_mark_does_not_hide_the_spool(read, monkeypatch):
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
    assert read(b"\xef\xbb\xbfspool_dir=/s\n").spool_dirs[0] == "/s"


@pytest.mark.parametrize("name", ["a/b", "", ".x", "x" * 64, "a b", "\x1b"])
def test_section_that_cannot_be_a_directory_is_told(write, name):
    path = write(f"server=h\n[{name}]\n")
    assert fault_of(path).startswith(f"{path}:2: ")
    assert "is no section; write [name]" in fault_of(path)


def test_section_that_is_there_twice_is_told(write):
    path = write("[a]\nserver=h\n[a]\nserver=i\n")
    assert fault_of(path) == f"{path}:3: section [a] is here twice"


def test_sections_have_defaults_from_above(read):
    config = read("password=top\nhost_name=firestorm\n[a]\nserver=h:1\n[b]\nserver=i\npassword=own\n")
    assert [(monitor.name, str(monitor)) for monitor in config.monitors] == [("a", "h:1"), ("b", "i:5667")]
    assert [monitor.targets[0].password for monitor in config.monitors] == [b"top", b"own"]
    assert {monitor.wording.host_name for monitor in config.monitors} == {"firestorm"}


def test_server_above_the_sections_is_a_monitor_too(read):
    config = read("server=h\n[a]\nserver=i\n")
    assert [monitor.name for monitor in config.monitors] == ["default", "a"]


def test_section_without_a_server_is_told(read):
    with pytest.raises(ConfigError, match=r"no monitor to send to in \[a\]; add a line like server="):
        read("server=h\n[a]\nfold=no\n").monitors  # noqa: B018 - asked for what it raises


def test_nodes_of_one_monitor_are_tried_in_their_order(read):
    (monitor,) = read("server=a:1;b\nport=2\n").monitors
    assert [str(target) for target in monitor.targets] == ["a:1", "b:2"]
    assert str(monitor) == "a:1;b:2"


def test_nodes_of_two_schemes_are_told(write):
    path = write("server=a;/nagios.cmd\n")
    assert "has nodes of two schemes, file and nsca" in fault_of(path)
