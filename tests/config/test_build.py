"""What is made of the configuration: a complete monitor, NSCA server or wording, or the reason why there is none."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from tcpwrap_alert.config.address import COMMAND_FILE, NSCA
from tcpwrap_alert.errors import ConfigError, NoServer
from tcpwrap_alert.nsca.server import Server


def test_every_key_is_read_and_its_value_stripped(read):
    monitor = read(
        " server =  nagios.example:5668 \ntimeout= 2.5 \nencryption_method = 14 \nlegacy_2_7_mode= 1 \n"
        "escape_newlines =yes\nhost_name = fïre storm \nservice_description= TCP = Wräppers # 1 \n"
        "return_code = warning \noutput = {user}@{client} \nfold = 3 \nmax_entries= 7\nmax_age = 2h \n"
        "spool_dir = /var/spool/x \nport= 5669 \npassword=ham\n"
    ).monitors[0]
    assert monitor.scheme == NSCA
    assert monitor.targets[0] == Server("nagios.example", 5669, b"ham", 14, True, 2.5, True)
    wording = monitor.wording
    assert (wording.host_name, wording.service_description) == ("fïre storm", "TCP = Wräppers # 1")
    assert (wording.return_code, wording.output, wording.fold) == (1, "{user}@{client}", 3)
    assert (monitor.max_entries, monitor.max_age_s) == (7, 7200)


def test_empty_file_has_c_clients_defaults_and_ours(read):
    config = read("")
    assert config.server("h") == Server("h", 5667, b"", 1, False, 10.0, False)
    wording = config.wording
    assert (wording.host_name, wording.service_description) == (os.uname().nodename, "TCP Wrappers")
    assert (wording.return_code, wording.output, wording.fold) == (2, "Denied {daemon}-{client}", 20)


def test_how_much_may_wait_by_default(read):
    monitor = read("server=h").monitors[0]
    assert (monitor.max_entries, monitor.max_age_s) == (100_000, 7 * 86400)


def test_without_a_server_there_is_no_monitor(read, write):
    config = read("host_name=h")
    expected = f"{config.path}: no monitor to send to; add a line like server=nagios.example"
    with pytest.raises(ConfigError) as caught:
        config.monitors[0]
    assert str(caught.value) == str(config.fault) == expected


def test_a_path_is_a_command_file_with_its_deadline(read):
    monitor = read("server=/var/lib/nagios4/rw/nagios.cmd\ntimeout=3").monitors[0]
    assert (monitor.scheme, str(monitor)) == (COMMAND_FILE, "/var/lib/nagios4/rw/nagios.cmd")
    assert (monitor.targets[0].path, monitor.targets[0].timeout_s) == ("/var/lib/nagios4/rw/nagios.cmd", 3.0)


def test_the_last_server_counts_whatever_its_kind(read):
    monitor = read("server=nagios.example\nserver=/var/lib/nagios4/rw/nagios.cmd").monitors[0]
    assert (monitor.scheme, str(monitor)) == (COMMAND_FILE, "/var/lib/nagios4/rw/nagios.cmd")
    monitor = read("server=/var/lib/nagios4/rw/nagios.cmd\nserver=nagios.example").monitors[0]
    assert (monitor.scheme, str(monitor)) == (NSCA, "nagios.example:5667")


@pytest.mark.parametrize(
    ("before", "then", "port"),
    [
        ("port=5700", "h", 5700),
        ("server=h:5700", "h", 5700),
        ("server=h:5700", "other", 5667),
        ("server=h:5700", "other:5800", 5800),
    ],
)
def test_another_host_does_not_take_over_the_port(read, before, then, port):
    expected = (then.partition(":")[0], port)
    named = read(before).server(then)
    assert (named.host, named.port) == expected
    last = read(f"{before}\nserver={then}").monitors[0].targets[0]
    assert (last.host, last.port) == expected


def test_a_named_server_has_all_else_from_the_file(read):
    server = read("server=h\npassword=ham\nencryption_method=14\ntimeout=3\nlegacy_2_7_mode=1").server("other")
    assert server == Server("other", 5667, b"ham", 14, True, 3.0)


def test_the_configured_server_is_the_default(read):
    config = read("server=h:5700\npassword=ham")
    assert config.server() == config.monitors[0].targets[0] == Server("h", 5700, b"ham")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no host to send to: name one, or add a line like server=nagios.example"),
        (
            "server=/nagios.cmd",
            "server is no NSCA server (/nagios.cmd), and send speaks NSCA; use --spool, or name a host",
        ),
    ],
)
def test_without_an_nsca_server_there_is_none(read, content, message):
    config = read(content)
    with pytest.raises(NoServer) as caught:
        config.server()
    assert str(caught.value) == f"{config.path}: {message}"


def test_a_name_that_is_none_is_a_value_error(read):
    with pytest.raises(ValueError, match=r"^server 'a b' is not a name, an address"):
        read("server=h").server("a b")


@pytest.mark.parametrize(("host", "text"), [("h", "h:5667"), ("1.2.3.4", "1.2.3.4:5667"), ("::1", "[::1]:5667")])
def test_server_is_shown_as_the_configuration_names_it(read, host, text):
    assert str(Server(host)) == text
    assert str(read(f"server={text}").monitors[0]) == text


@pytest.fixture
def long_node_name(monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename="n" * 64))


def test_long_host_name_is_an_error_until_one_is_set(read, long_node_name):
    with pytest.raises(ConfigError, match=r"limit is 63; set host_name to this host's name at the monitor$"):
        read("server=h").monitors[0]
    assert read("server=h\nhost_name=n").monitors[0].wording.host_name == "n"


def test_a_bad_file_has_the_default_wording(read):
    wording = read("host_name=h\nbroken").wording
    assert (wording.host_name, wording.output) == (os.uname().nodename, "Denied {daemon}-{client}")


def test_there_is_a_wording_without_a_usable_host_name(read, long_node_name):
    assert read("server=h").wording.service_description == "TCP Wrappers"


def test_nsca_server_has_its_proxy(read):
    (monitor,) = read("server=h\nproxy=http://u@proxy:8080\n").monitors
    proxy = monitor.targets[0].proxy
    assert (proxy.host, proxy.port, proxy.user) == ("proxy", 8080, "u")


def test_direct_way_and_a_proxy_exclude_each_other(read):
    with pytest.raises(ConfigError, match=r"verdict=direct cannot be with a proxy, which ends TCP; use auto or relay"):
        read("server=h\nverdict=direct\nproxy=http://proxy:3128\n").monitors  # noqa: B018 - asked for what it raises
