"""NRDP itself, where its source is at hand: what Nagios gets, and that the stand-in of the other tests answers alike.

Set NRDP_SOURCE to the folder of its source; php-cli runs it.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.parse
from pathlib import Path

import pytest
from peers.nrdp import Nrdp
from peers.nrdp_php import NrdpPhp
from support.parcels import deliver, parcel

from tcpwrap_alert.config.values import Endpoint
from tcpwrap_alert.errors import DeliveryError, RejectedError
from tcpwrap_alert.transports.nrdp import open_transport

SOURCE = os.environ.get("NRDP_SOURCE", "")
pytestmark = pytest.mark.skipif(not SOURCE, reason="NRDP_SOURCE names no folder with the source of NRDP")


@pytest.fixture
def start_php(peer, tmp_path, isolated):
    servers = []

    def start(**values):
        servers.append(NrdpPhp(peer("php"), Path(SOURCE), tmp_path / f"nrdp{len(servers)}", **values))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def send(server, *parcels, token="", path="/nrdp/"):
    target = Endpoint("127.0.0.1", server.port, 20.0, path, token=token or server.token, is_in_clear=True)
    with open_transport(target, {}) as transport:
        return deliver(transport, parcels)


def results(count, text="Denied"):
    return [parcel(f"{text} {number}", at_s=time.time()) for number in range(count)]


def test_nagios_gets_a_passive_service_result(start_php):
    server = start_php()
    assert send(server, parcel("Denied; a\\b\nmore|denied=1", at_s=time.time())) == [""]
    (result,) = server.results
    assert (result["host_name"], result["service_description"]) == ("firestorm", "TCP Wrappers")
    assert (result["return_code"], result["check_type"]) == ("2", "1")
    assert result["output"].startswith("Denied; a\\\\b")


def test_nagios_gets_a_host_result_without_a_service(start_php):
    server = start_php()
    assert send(server, parcel("up", service_description="", return_code=0, at_s=time.time())) == [""]
    (result,) = server.results
    assert "service_description" not in result
    assert result["return_code"] == "0"


def test_thousand_results_are_all_there(start_php):
    server = start_php()
    assert send(server, *results(1000)) == [""] * 1000
    assert {one["output"].removesuffix("\\n") for one in server.results} == {f"Denied {n}" for n in range(1000)}


def test_wrong_token_takes_nothing(start_php):
    server = start_php()
    with pytest.raises(RejectedError, match="said 'BAD TOKEN'"):
        send(server, *results(2), token="wrong")
    assert server.results == []


def test_https_that_it_wants_holds_all(start_php):
    server = start_php(require_https=True)
    with pytest.raises(RejectedError, match="HTTPS"):
        send(server, *results(1))


def test_missing_folder_of_nagios_is_tried_again(start_php):
    server = start_php()
    server.lose_spool()
    with pytest.raises(DeliveryError, match="CHECK RESULTS DIR") as caught:
        send(server, *results(1))
    assert not isinstance(caught.value, RejectedError)


GOOD = json.dumps({"checkresults": [{"checkresult": {"type": "host"}, "hostname": "h", "state": "0", "output": "o"}]})


@pytest.mark.parametrize(
    "form",
    [
        {"token": "s3cret-token", "cmd": "submitcheck", "json": GOOD},
        {"token": "s3cret-token", "cmd": "submitcheck", "json": "{"},
        {"token": "s3cret-token", "cmd": "nothing", "json": GOOD},
        {"token": "wrong", "cmd": "submitcheck", "json": GOOD},
        {"cmd": "submitcheck", "json": GOOD},
    ],
    ids=["good", "bad JSON", "another command", "wrong token", "no token"],
)
def test_stand_in_answers_alike(start_php, form):
    stand_in = Nrdp()
    try:
        assert essence(start_php(), form) == essence(stand_in, form)
    finally:
        stand_in.close()


def essence(server, form):
    """Return the status of an answer and which of the words that we look at are in it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/nrdp/", urllib.parse.urlencode(form), headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    words = (
        "1 checks processed",
        "BAD JSON",
        "BAD TOKEN",
        "NO TOKEN",
        "No command specified",
        '"status":0',
        "<status>-1",
    )
    return response.status, [word for word in words if word in text.replace('": ', '":').replace("\t", "")]
