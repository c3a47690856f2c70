"""A program written for Yelp's send_nsca, with its import line changed, at the real nsca daemon."""

from __future__ import annotations

import logging

import pytest

from tcpwrap_alert import send_nsca

METHODS = (0, 1, 2, 3, 4, 8, 11)  # all that Yelp's can do
PASSWORD = "s3cret"


@pytest.mark.parametrize("method", METHODS)
def test_results_arrive_once(start_nsca, write_config, method):
    daemon = start_nsca("inetd", method=method, password=PASSWORD)
    config = str(write_config(password=PASSWORD, encryption_method=method))
    sender = send_nsca.NscaSender(daemon.address, config_path=config, port=daemon.port)
    sender.send_service("firestorm", "Backup", send_nsca.STATE_WARNING, "2 of 3 done")
    sender.send_host("firestorm", 1, "gone")
    sender.disconnect()
    send_nsca.nsca_critical("firestorm", "Disk", "full | a=1", daemon.address, config_path=config, port=daemon.port)
    expected = ["firestorm;Backup;1;2 of 3 done", "firestorm;1;gone", "firestorm;Disk;2;full | a=1"]
    assert daemon.results() == expected


def test_wrong_password_is_logged(start_nsca, write_config, caplog):
    daemon = start_nsca(password=PASSWORD)
    config = str(write_config(password="wrong"))
    send_nsca.nsca_ok("firestorm", "Backup", "fine", daemon.address, config_path=config, port=daemon.port)
    assert daemon.results() == []
    assert [(name, level) for name, level, _ in caplog.record_tuples] == [("send_nsca", logging.ERROR)]
    assert "wrong password" in caplog.text
