"""A program written for pynsca, with its import line changed, at the real nsca daemon."""

from __future__ import annotations

import pytest

from tcpwrap_alert import pynsca

MODES = (0, 1, 2, 3, 4, 8, 16)  # all that pynsca knows
PASSWORD = "s3cret with a blank"


def by_position(daemon):
    notifier = pynsca.NSCANotifier(daemon.address, daemon.port, daemon.method, PASSWORD)
    notifier.svc_result("firestorm", "TCP Wrappers", pynsca.CRITICAL, "Denied sshd-203.0.113.7", 10)


def by_keyword(daemon):
    notifier = pynsca.NSCANotifier(
        monitoring_server=daemon.address,
        monitoring_port=daemon.port,
        encryption_mode=daemon.method,
        password=PASSWORD,
    )
    notifier.svc_result(
        host_name="firestorm",
        svc_description="TCP Wrappers",
        return_code=pynsca.CRITICAL,
        plugin_output="Denied sshd-203.0.113.7",
        timeout=10,
    )


@pytest.mark.parametrize("send", [by_position, by_keyword])
@pytest.mark.parametrize("mode", MODES)
def test_a_service_result_arrives(start_nsca, mode, send):
    daemon = start_nsca(method=mode, password=PASSWORD)
    send(daemon)
    assert daemon.results() == ["firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7"]


@pytest.mark.parametrize("mode", MODES)
def test_service_result_arrives_in_pynscas_own_packet(start_nsca, mode):
    daemon = start_nsca(method=mode, password=PASSWORD)
    notifier = pynsca.NSCANotifier(daemon.address, daemon.port, mode, PASSWORD, legacy_2_7_mode=True, padding=bytes)
    notifier.svc_result("firestorm", "TCP Wrappers", pynsca.WARNING, "Größe 😀")
    assert daemon.wait_for_results(1) == ["firestorm;TCP Wrappers;1;Größe 😀"]


def test_a_host_result_arrives(start_nsca):
    daemon = start_nsca(password=PASSWORD)
    notifier = pynsca.NSCANotifier(daemon.address, daemon.port, password=PASSWORD)
    notifier.host_result("firestorm", pynsca.DOWN, "gone")
    notifier.host_result(host_name=b"firestorm", return_code=pynsca.UP, plugin_output=b"back")
    ends = [line.partition("] ")[2] for line in daemon.lines()]
    assert ends == ["PROCESS_HOST_CHECK_RESULT;firestorm;2;gone", "PROCESS_HOST_CHECK_RESULT;firestorm;0;back"]


def test_lines_of_output_are_escaped_once(start_nsca):
    daemon = start_nsca()
    notifier = pynsca.NSCANotifier(daemon.address, daemon.port)
    notifier.svc_result("firestorm", "Disk", pynsca.OK, "fine | a=1\nC:\\new\n\tempty")
    assert daemon.results() == [r"firestorm;Disk;0;fine | a=1\nC:\\new\n" + "\tempty"]


@pytest.mark.parametrize("mode", MODES[1:])
def test_a_wrong_password_raises_and_nothing_arrives(start_nsca, mode):
    daemon = start_nsca(method=mode, password=PASSWORD)
    notifier = pynsca.NSCANotifier(daemon.address, daemon.port, mode, "wrong")
    with pytest.raises(
        OSError, match=rf"^127\.0\.0\.1:{daemon.port}: the NSCA server rejected the packets; .*wrong password"
    ):
        notifier.svc_result("firestorm", "TCP Wrappers", pynsca.CRITICAL, "Denied sshd-203.0.113.7")
    assert daemon.results() == []
