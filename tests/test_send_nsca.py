"""The names of Yelp's send_nsca: compared with the published ones, and what ours makes of the calls."""

from __future__ import annotations

import errno
import inspect
import json
import logging
import socket
from pathlib import Path

import pytest
from peers.fake_daemon import OLD_PACKET_SIZE, FakeDaemon, holds, sends_init
from support import namespaces

from tcpwrap_alert import send_nsca
from tcpwrap_alert.errors import ConfigError, ConnectError, RejectedError

PUBLISHED = json.loads(Path(__file__).parent.joinpath("data", "send_nsca-signatures.json").read_text())
# It reads an open file; ours is given the path.
HELPERS = {"parse_config"}
PASSWORD = "s3cret"
CLOSED_PORT = 1
SENT_BY = {"nsca_ok": 0, "nsca_warning": 1, "nsca_critical": 2, "nsca_unknown": 3}


@pytest.fixture
def daemon():
    with FakeDaemon(password=PASSWORD.encode(), method=14) as daemon:
        yield daemon


@pytest.fixture
def config(write_config):
    return str(write_config(password=PASSWORD, encryption_method=14))


@pytest.fixture
def sender(daemon, config):
    return send_nsca.NscaSender(daemon.address, config, daemon.port)


def received(daemon, number=0):
    return [packet[2:] for packet in daemon.connection(number).packets]


def signature(function):
    found = inspect.signature(function)
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in found.parameters.values()]
    return str(found.replace(parameters=plain, return_annotation=inspect.Signature.empty))


def test_constants_are_the_same():
    assert {name: getattr(send_nsca, name) for name in PUBLISHED["constants"]} == PUBLISHED["constants"]
    assert send_nsca.States == dict(enumerate(PUBLISHED["States"]))
    assert send_nsca.log is logging.getLogger(PUBLISHED["logger"])


@pytest.mark.parametrize("name", PUBLISHED["functions"])
def test_functions_have_the_same_signatures(name):
    assert signature(getattr(send_nsca, name)) == PUBLISHED["functions"][name]


@pytest.mark.parametrize("name", sorted(set(PUBLISHED["NscaSender"]) - HELPERS))
def test_methods_have_the_same_signatures(name):
    assert signature(getattr(send_nsca.NscaSender, name)) == PUBLISHED["NscaSender"][name]


def test_every_public_name_is_there():
    names = {*PUBLISHED["constants"], *PUBLISHED["functions"], "NscaSender", "States"}
    assert set(send_nsca.__all__) == names


def test_attributes_have_the_same_names(sender, daemon):
    values = {name: getattr(sender, name) for name in PUBLISHED["attributes"]}
    assert values == {
        "port": daemon.port,
        "timeout": 10,
        "password": PASSWORD.encode(),
        "encryption_method_i": 14,
        "remote_host": daemon.address,
        "send_to_all": True,
    }


def test_sender_may_be_reached_as_in_the_package():
    assert send_nsca.nsca.NscaSender is send_nsca.NscaSender


def test_service_and_host_results_are_sent(sender, daemon):
    sender.connect()
    sender.send_service("h", "s", send_nsca.STATE_CRITICAL, "out")
    sender.send_host(b"h", "1", b"gone")
    sender.disconnect()
    assert [received(daemon, number) for number in range(2)] == [[(2, "h", "s", "out")], [(1, "h", "", "gone")]]


@pytest.mark.parametrize("name", SENT_BY)
def test_each_function_sends_its_state(daemon, config, name):
    getattr(send_nsca, name)("h", "s", "out", daemon.address, config_path=config, port=str(daemon.port))
    assert received(daemon) == [(SENT_BY[name], "h", "s", "out")]


def test_function_takes_its_arguments_by_name(daemon, config):
    send_nsca.send_nsca(
        status=1,
        host_name="h",
        service_name="s",
        text_output="out",
        remote_host=daemon.address,
        config_path=config,
        port=daemon.port,
        timeout=5,
        send_to_all=False,
    )
    assert received(daemon) == [(1, "h", "s", "out")]


@pytest.mark.parametrize("method", [14, "14"])
def test_without_configuration_attributes_say_it_all(daemon, method):
    sender = send_nsca.NscaSender(daemon.address, config_path=None)
    assert (sender.password, sender.encryption_method_i) == (b"", 1)
    sender.password, sender.encryption_method_i, sender.port = PASSWORD, method, daemon.port
    sender.send_service("h", "s", 0, "out")
    assert received(daemon) == [(0, "h", "s", "out")]


def test_configuration_of_an_old_server_is_heeded(write_config):
    config = write_config(password=PASSWORD, legacy_2_7_mode="true", port=CLOSED_PORT, server="192.0.2.7")
    with FakeDaemon(password=PASSWORD.encode(), packet_size=OLD_PACKET_SIZE) as daemon:
        sender = send_nsca.NscaSender(daemon.address, str(config), daemon.port)
        sender.send_service("h", "s", 0, "one\ntwo")
        assert received(daemon) == [(0, "h", "s", "one\ntwo")]


def test_name_with_several_addresses_gets_it_once(isolated, config):
    namespaces.bind_over("/etc/hosts", "127.0.0.1 nagios.example\n::1 nagios.example\n")
    options = {"password": PASSWORD.encode(), "method": 14}
    try:
        with FakeDaemon(**options) as one, FakeDaemon(**options, address="::1", port=one.port) as other:
            assert len(socket.getaddrinfo("nagios.example", one.port, type=socket.SOCK_STREAM)) == 2
            send_nsca.NscaSender("nagios.example", config, one.port).send_service("h", "s", 0, "out")
            connections = one.connections + other.connections
            assert [[packet[2:] for packet in each.packets] for each in connections] == [[(0, "h", "s", "out")]]
    finally:
        namespaces.unbind("/etc/hosts")


@pytest.mark.parametrize(
    ("arguments", "arrives"),
    [
        (("h", "s", 127, "not found"), (3, "h", "s", "(return code 127) not found")),
        (("h", "s", 0, "o" * 5000), (0, "h", "s", "o" * 4092 + "...")),
        ((b"h", "ß".encode(), "02", "one\ntwo"), (2, "h", "ß", "one\ntwo")),
    ],
)
def test_what_is_no_error(sender, daemon, arguments, arrives):
    sender.send_service(*arguments)
    assert received(daemon) == [arrives]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "s", 0, "o"), "the host name is empty"),
        (("h" * 64, "s", 0, "o"), "has 64 bytes"),
        (("h", "s", "OK", "o"), "^state 'OK' is not a number$"),
        (("h", "", 3, "o"), "return code 3 is not one of 0 UP"),
        (("h", "s", True, "o"), "not True of type bool"),
    ],
)
def test_no_check_result_is_an_error_before_sending(sender, daemon, arguments, message):
    with pytest.raises(ValueError, match=message):
        sender.send_service(*arguments)
    assert daemon.connections == []


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("encryption_method_i", 99, "^encryption_method 99 does not exist"),
        ("encryption_method_i", "AES", "^encryption_method_i 'AES' is not a number$"),
        ("port", "nsca", "^port 'nsca' is not a number$"),
        ("timeout", 0, "timeout_s 0 is not above 0"),
    ],
)
def test_impossible_attribute_is_an_error(sender, daemon, attribute, value, message):
    setattr(sender, attribute, value)
    with pytest.raises(ValueError, match=message):
        sender.send_service("h", "s", 0, "o")
    assert daemon.connections == []


def test_rejection_is_an_error_with_errno(sender, daemon):
    sender.password = "wrong"
    with pytest.raises(RejectedError, match="wrong password") as caught:
        sender.send_service("h", "s", 0, "o")
    assert caught.value.args == (errno.EACCES, str(caught.value))
    sender.password = PASSWORD
    sender.send_service("h", "s", 0, "o")
    assert received(daemon, 1) == [(0, "h", "s", "o")]


def test_timeout_is_the_senders(config):
    with FakeDaemon(sends_init(holds)) as daemon:
        sender = send_nsca.NscaSender(daemon.address, config, daemon.port, timeout=0.4)
        with pytest.raises(OSError, match=r"within 0\.4 s") as caught:
            sender.send_service("h", "s", 0, "o")
    assert caught.value.errno == errno.ETIMEDOUT


def test_no_connection_is_an_error(config):
    with pytest.raises(ConnectError, match=r"^127\.0\.0\.1:1: connection refused"):
        send_nsca.NscaSender("127.0.0.1", config, CLOSED_PORT).send_service("h", "s", 0, "o")


@pytest.mark.parametrize("content", [None, "pasword=x\n", "encryption_method=7\n"])
def test_unusable_configuration_is_an_error(tmp_path, content):
    path = tmp_path / "send_nsca.cfg"
    if content:
        path.write_text(content)
    with pytest.raises(ConfigError, match=f"^{path}"):
        send_nsca.NscaSender("127.0.0.1", str(path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"port": CLOSED_PORT}, "127.0.0.1:1: connection refused"),
        ({"config_path": "/nowhere/send_nsca.cfg"}, "/nowhere/send_nsca.cfg: cannot read the configuration"),
        ({"host_name": ""}, "the host name is empty"),
        ({"remote_host": "two words"}, "'two words' is not a name"),
    ],
)
def test_function_logs_what_went_wrong(config, caplog, changes, message):
    arguments = {"status": 0, "host_name": "h", "service_name": "s", "text_output": "o", "remote_host": "127.0.0.1"}
    send_nsca.send_nsca(**{**arguments, "config_path": config, **changes})
    ((logger, level, text),) = caplog.record_tuples
    assert (logger, level) == ("send_nsca", logging.ERROR)
    assert text.startswith("result of s on ")
    assert message in text
    assert PASSWORD not in text


def test_function_raises_what_is_a_programs_own_fault():
    with pytest.raises(TypeError, match="encryption"):
        send_nsca.send_nsca(0, "h", "s", "o", "127.0.0.1", encryption=1)
