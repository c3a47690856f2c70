"""An NSCA server as a value: complete when it is made, never changed, and with the layout that it wants."""

from __future__ import annotations

import pytest

from tcpwrap_alert.nsca import Proxy, Server

VALUES = {
    "host": "nagios.example",
    "port": 5668,
    "password": b"s3cret",
    "encryption_method": 14,
    "legacy_2_7_mode": True,
    "timeout_s": 2.5,
    "escape_newlines": True,
    "verdict": "relay",
    "receiver": "single",
    "proxy": Proxy("proxy.example", 3128, "u", b"s3cret"),
}


def values_of(server):
    return {name: getattr(server, name) for name in VALUES}


@pytest.mark.parametrize("name", [*VALUES, "layout", "other"])
def test_no_attribute_of_a_server_can_be_written(name):
    server = Server(**VALUES)
    with pytest.raises(AttributeError, match=rf"Server\.{name} cannot be changed; use replace\(\)"):
        setattr(server, name, 1)
    assert values_of(server) == VALUES


def test_password_of_a_proxy_is_not_shown():
    assert "s3cret" not in f"{VALUES['proxy']!r} {VALUES['proxy']} {Server(**VALUES)!r}"


def test_no_attribute_of_a_layout_can_be_written():
    with pytest.raises(AttributeError, match=r"Layout\.escapes cannot be changed"):
        Server("h").layout.escapes = True


@pytest.mark.parametrize("name", VALUES)
def test_a_copy_has_the_change_and_all_else(name):
    plain = Server("h")
    changed = plain.replace(**{name: VALUES[name]})
    assert values_of(changed) == {**values_of(plain), name: VALUES[name]}
    assert changed != plain


def test_a_copy_has_the_layout_of_its_change():
    assert Server("h").replace(legacy_2_7_mode=True).layout.takes_one
    assert not Server("h").layout.takes_one


def test_a_change_that_cannot_be_is_an_error():
    with pytest.raises(ValueError, match="port 0"):
        Server("h").replace(port=0)


def test_servers_with_the_same_values_are_equal():
    assert Server(**VALUES) == Server(**VALUES)
    assert Proxy("p", 1, "u", b"x") == Proxy("p", 1, "u", b"x") != Proxy("p", 1, "u", b"y")
    assert len({Server(**VALUES), Server(**VALUES), Server("h")}) == 2


LAYOUTS = {
    "stock": ({}, (4304, False, False, True)),
    "before 2.10.1": ({"escape_newlines": True}, (4304, True, False, True)),
    "one packet per connection": ({"receiver": "single"}, (4304, False, True, False)),
    "2.7": ({"legacy_2_7_mode": True}, (720, False, True, False)),
    "2.7, escaped": ({"legacy_2_7_mode": True, "escape_newlines": True}, (720, True, True, False)),
    "2.7, single": ({"legacy_2_7_mode": True, "receiver": "single"}, (720, False, True, False)),
}


@pytest.mark.parametrize(("changes", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_each_kind_of_server_has_its_layout(changes, expected):
    layout = Server("h", **changes).layout
    assert (layout.packet_length, layout.escapes, layout.takes_one, layout.tells_outcome) == expected
