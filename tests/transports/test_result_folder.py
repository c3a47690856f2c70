"""The check result folder: what a real Nagios 4 makes of it, with the time of the event and in order."""

from __future__ import annotations

import errno
import os
import time

import pytest
from peers.nagios import ROOT, Nagios
from peers.nsca_daemon import wait_for
from support.parcels import deliver, parcel

from tcpwrap_alert.config.values import CommandFile
from tcpwrap_alert.errors import ConnectError
from tcpwrap_alert.transports.result_folder import ResultFolderTransport, open_transport

FOLDER = f"{ROOT}/spool/checkresults/"


@pytest.fixture
def nagios(peer, isolated):
    nagios = Nagios(peer("nagios4"))
    with open(nagios.config, "a") as config:
        config.write("max_check_result_file_age=604800\n")
    nagios.start()
    yield nagios
    nagios.stop()


def send(folder, *parcels):
    with open_transport(CommandFile(str(folder), 5.0), {}) as transport:
        return deliver(transport, parcels)


def alerts(nagios):
    return [line.rpartition(";")[2] for line in nagios.logged("SERVICE ALERT") if "TCP Wrappers;CRITICAL" in line]


def test_result_arrives_with_the_time_of_the_event(nagios):
    at_s = time.time() - 600
    assert send(FOLDER, parcel("Denied sshd-203.0.113.7|denied=3\nsecond; line\\n", at_s=at_s)) == [""]
    wait_for(lambda: nagios.service()["current_state"] == "2", "no CRITICAL")
    service = nagios.service()
    assert service["plugin_output"] == "Denied sshd-203.0.113.7"
    assert service["performance_data"] == "denied=3"
    assert service["long_plugin_output"].startswith("second")
    assert int(service["last_check"]) == int(at_s)


def test_many_results_are_taken_in_their_order(nagios):
    texts = [f"result {number}" for number in range(200)]
    assert send(FOLDER, *(parcel(text, at_s=time.time()) for text in texts)) == [""] * 200
    wait_for(lambda: len(alerts(nagios)) == 200, f"{len(alerts(nagios))}")
    assert alerts(nagios) == texts


def test_results_wait_there_while_nagios_is_down(nagios):
    nagios.halt()
    assert send(FOLDER, parcel("while it was down", at_s=time.time() - 7200)) == [""]
    for name in os.listdir(FOLDER):
        os.chown(FOLDER + name, *nagios_ids())
    nagios.start()
    wait_for(lambda: "while it was down" in alerts(nagios), f"{alerts(nagios)}")


def nagios_ids():
    status = os.stat(ROOT)
    return status.st_uid, status.st_gid


def test_names_in_an_output_forge_no_result(nagios):
    send(FOLDER, parcel("one\n\nhost_name=other\nreturn_code=0", at_s=time.time()))
    wait_for(lambda: alerts(nagios) == ["one"], f"{alerts(nagios)}")


def test_missing_folder_is_told(tmp_path):
    with pytest.raises(ConnectError, match=f"^{tmp_path}/none/: cannot write: No such file"):
        send(f"{tmp_path}/none/", parcel())


def test_full_disk_leaves_no_file(tmp_path, monkeypatch):
    def fail(fd):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ConnectError, match="cannot write: No space left"):
        send(f"{tmp_path}/", parcel())
    assert os.listdir(tmp_path) == []


def test_configuration_delivers_through_the_spool(nagios, spool_dir, write_config, run):
    write_config(server=FOLDER, host_name="firestorm")
    assert run("tcpwrap-alert", "deny", "sshd", "203.0.113.7").returncode == 0
    wait_for(lambda: alerts(nagios) == ["Denied sshd-203.0.113.7"], f"{alerts(nagios)}")


@pytest.mark.parametrize(("code", "is_asked"), [(errno.EPERM, True), (errno.EACCES, True), (errno.ENOSPC, False)])
def test_folder_that_may_not_be_written_is_told(tmp_path, monkeypatch, code, is_asked):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(ResultFolderTransport, "_write", fail)
    with pytest.raises(ConnectError) as caught:
        send(tmp_path, parcel())
    assert f"cannot write: {os.strerror(code)}" in str(caught.value)
    assert ("; may the owner of the spool write to it?" in str(caught.value)) == is_asked
