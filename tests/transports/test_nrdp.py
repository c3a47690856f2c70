"""NRDP, against a stand-in for its server: what arrives, and what each of its answers means."""

from __future__ import annotations

import json
import time

import pytest
from peers.nrdp import XML, Nrdp
from peers.pki import Authority
from support.parcels import deliver, parcel

from tcpwrap_alert.config.values import Endpoint, Tls
from tcpwrap_alert.errors import ConnectError, DeliveryError, ProtocolError, RejectedError
from tcpwrap_alert.transports.nrdp import open_transport

TOKEN = "s3cret-token"


@pytest.fixture
def nrdp():
    server = Nrdp()
    yield server
    server.close()


def endpoint(server, token=TOKEN, path="/nrdp/", **values):
    return Endpoint("127.0.0.1", server.port, 5.0, path, token=token, is_in_clear="tls" not in values, **values)


def send(server, *parcels, **values):
    with open_transport(endpoint(server, **values), {}) as transport:
        return deliver(transport, parcels)


def parcels(count):
    return [parcel(f"Denied sshd-203.0.113.{number}", at_s=time.time()) for number in range(count)]


def outputs(server):
    return [result["output"] for result in server.results]


def test_service_result_has_every_field(nrdp):
    assert send(nrdp, parcel("Denied; a\\b\nmore", at_s=time.time())) == [""]
    assert nrdp.results == [
        {
            "checkresult": {"type": "service", "checktype": "1"},
            "hostname": "firestorm",
            "servicename": "TCP Wrappers",
            "state": "2",
            "output": "Denied; a\\\\b\nmore",  # NRDP does not escape backslashes, and Nagios reads them as escapes
        }
    ]


def test_host_result_names_no_service(nrdp):
    assert send(nrdp, parcel("up", service_description="", return_code=0, at_s=time.time())) == [""]
    (result,) = nrdp.results
    assert result["checkresult"]["type"] == "host"
    assert "servicename" not in result


def test_late_result_tells_its_time(nrdp):
    assert send(nrdp, parcel("Denied")) == [""]
    assert outputs(nrdp) == ["Denied (at 2026-11-20 12:00:00 +0000)"]


def test_tls_takes_a_server_that_is_known(tmp_path):
    authority = Authority(tmp_path / "pki")
    server = Nrdp(authority.leaf("nrdp", "nrdp.example"))
    try:
        assert send(server, *parcels(1), tls=Tls(str(authority.ca_file), name="nrdp.example")) == [""]
        with pytest.raises(ConnectError, match="set ca_file to"):
            send(server, *parcels(1), tls=Tls(name="nrdp.example"))
    finally:
        server.close()
    assert len(server.results) == 1


def test_thousand_results_go_in_batches_of_500(nrdp):
    assert send(nrdp, *parcels(1001)) == [""] * 1001
    assert [len(batch) for batch in nrdp.batches] == [500, 500, 1]
    assert outputs(nrdp) == [one.result.plugin_output for one in parcels(1001)]


def test_long_results_go_in_smaller_batches(nrdp):
    assert send(nrdp, *[parcel("x" * 4000, at_s=time.time()) for _ in range(200)]) == [""] * 200
    assert len(nrdp.batches) == 3


def test_batch_is_halved_until_the_server_takes_it(nrdp):
    nrdp.max_bytes = 4000
    assert send(nrdp, *parcels(50)) == [""] * 50
    assert sorted(outputs(nrdp)) == sorted(one.result.plugin_output for one in parcels(50))


def test_result_too_large_is_rejected_by_itself(nrdp):
    nrdp.max_bytes = 4000
    told = send(nrdp, *parcels(3), parcel("x" * 4000, at_s=time.time()), *parcels(3))
    assert told == ["", "", "", "too large for the server", "", "", ""]
    assert len(nrdp.results) == 6


def test_bad_json_rejects_the_one_at_fault(nrdp):
    nrdp.bad_text = "113.77"
    told = send(nrdp, *parcels(100))
    assert [number for number, reason in enumerate(told) if reason] == [77]
    assert told[77] == "BAD JSON"
    assert len(nrdp.results) == 99
    assert nrdp.requests <= 2 * 8


@pytest.mark.parametrize(("token", "told"), [("wrong", "BAD TOKEN"), ("", "NO TOKEN")])
def test_wrong_token_is_told_and_not_shown(nrdp, token, told):
    with pytest.raises(RejectedError) as caught:
        send(nrdp, *parcels(3), token=token)
    assert f"said '{told}'; see token, token_file and the server's configuration" in str(caught.value)
    assert not token or token not in str(caught.value)
    assert nrdp.requests == 1
    assert nrdp.results == []


def test_form_that_php_has_dropped_is_told(nrdp):
    """PHP drops all fields of a form that is too large, and NRDP then speaks XML."""
    nrdp.answer = (200, XML.format(-1, "NO TOKEN"))
    with pytest.raises(RejectedError, match="said 'NO TOKEN'"):
        send(nrdp, *parcels(1))


@pytest.mark.parametrize("message", ["HTTPS REQUIRED", "NOT AUTHENTICATED", "BAD_USER"])
def test_words_about_who_we_are_hold_all(nrdp, message):
    nrdp.answer = (200, json.dumps({"result": {"status": -1, "message": message}}))
    with pytest.raises(RejectedError, match=message):
        send(nrdp, *parcels(2))


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_count_that_does_not_match_is_no_success(nrdp, taken):
    meta = {"output": f"{taken} checks processed"}
    nrdp.answer = (200, json.dumps({"result": {"status": 0, "message": "OK", "meta": meta}}))
    with pytest.raises(DeliveryError, match=f"said 'OK', and took {taken} of 2"):
        send(nrdp, *parcels(2))


def test_missing_spool_of_the_server_is_tried_again(nrdp):
    nrdp.answer = (200, json.dumps({"result": {"status": -1, "message": "BAD CHECK RESULTS DIR"}}))
    with pytest.raises(DeliveryError, match="BAD CHECK RESULTS DIR") as caught:
        send(nrdp, *parcels(1))
    assert not isinstance(caught.value, RejectedError)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No command specified or request handler",
        "<html>Welcome</html>",
        "{}",
        "[]",
        "null",
        '{"result": 1}',
        '{"result": {"status": Infinity, "message": "OK", "meta": {"output": "1 checks"}}}',
        '{"result": {"status": 0, "message": "OK", "meta": [1]}}',
        "[" * 60_000,
    ],
)
def test_answer_of_something_else_is_no_success(nrdp, text):
    nrdp.answer = (200, text)
    with pytest.raises(ProtocolError, match=r"not as NRDP does; is the path of the URL right\?"):
        send(nrdp, *parcels(1))


def test_redirect_is_told_with_its_location(nrdp):
    nrdp.answer, nrdp.location = (301, ""), "https://nagios.example/nrdp/"
    with pytest.raises(RejectedError, match=r"redirect to https://nagios.example/nrdp/; write that into server"):
        send(nrdp, *parcels(1))
    assert nrdp.requests == 1


@pytest.mark.parametrize("status", [401, 403])
def test_password_of_the_web_server_is_asked_for(nrdp, status):
    nrdp.answer = (status, "<html>")
    with pytest.raises(RejectedError, match="the web server wants a user and a password"):
        send(nrdp, *parcels(1))


@pytest.mark.parametrize("status", [404, 500, 502])
def test_other_status_is_tried_again(nrdp, status):
    nrdp.answer = (status, "")
    with pytest.raises(DeliveryError, match=f"answered with status {status}"):
        send(nrdp, *parcels(1))


def test_configuration_delivers_through_the_spool(nrdp, spool_dir, tmp_path, write_config, run):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "token").chmod(0o600)
    write_config(
        server=f"nrdp+http://127.0.0.1:{nrdp.port}/nrdp/",
        token_file=tmp_path / "token",
        allow_cleartext="true",
        host_name="firestorm",
    )
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.99").returncode == 0
    assert outputs(nrdp) == ["Denied sshd-203.0.113.99"]
