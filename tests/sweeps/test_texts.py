"""What each line of a log says. The samples are of real logs of Nagios 4.4.6 and Icinga 2.13."""

from __future__ import annotations

import pytest

from tcpwrap_alert.sweeps.texts import Texts

AT = "[1795644469]"
COMMAND = f"{AT} EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;"
ALERT = f"{AT} SERVICE ALERT: firestorm;TCP Wrappers;CRITICAL;HARD;1;"
ICINGA = (
    "[2026-11-25 22:07:50 +0000] information/ExternalCommandListener: Executing external command: "
    f"{AT} PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;"
)
LIST = (
    r"Denied sshd-30 clients (35 times, 22:07:51 to 22:07:51)|denied=35 clients=30\nDenied sshd-203.0.113.0: 2"
    r"\nDenied vsftpd-203.0.113.1: 4\nand 28 more"
)

SAMPLES = [
    (COMMAND + "Denied sshd-203.0.113.7", [("sshd", "203.0.113.7", 1)]),
    (ALERT + "Denied sshd-203.0.113.7", [("sshd", "203.0.113.7", 1)]),
    (ICINGA + "Denied sshd-2001:db8::1", [("sshd", "2001:db8::1", 1)]),
    (COMMAND + "Denied sshd-ec2-198-51-100-1.example", [("sshd", "ec2-198-51-100-1.example", 1)]),
    (COMMAND + "Denied sshd-h (57 times, 14:02:11 to 14:02:40)|denied=57 clients=1", [("sshd", "h", 57)]),
    (ALERT + "Denied sshd-h (57 times, 14:02:11 to 14:02:40)", [("sshd", "h", 57)]),
    (ALERT + "Denied sshd-h (once, 12:01:00, 2 since 12:00:00, quiet since 12:01:00)", [("sshd", "h", 1)]),
    (ALERT + "Denied sshd-h (no more, 2 since 12:00:00, quiet since 12:04:00)", []),
    (COMMAND + "Denied sshd-h (no more, 2 since 12:00:00)|denied=0 clients=0", []),
    (
        COMMAND + "Denied sshd-203.0.113.0/24 (57 times, 31 clients, 1:2:3 to 1:2:4)|denied=57 clients=31",
        [("sshd", "203.0.113.0/24", 57)],
    ),
    (COMMAND + LIST, [("sshd", "203.0.113.0", 2), ("vsftpd", "203.0.113.1", 4)]),
    (ICINGA + LIST, [("sshd", "203.0.113.0", 2), ("vsftpd", "203.0.113.1", 4)]),
    (ALERT + "Denied sshd-30 clients (35 times, 22:07:51 to 22:07:51)", []),
    (f"{AT} PASSIVE SERVICE CHECK: firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7", []),
    (f"{AT} SERVICE NOTIFICATION: a;firestorm;TCP Wrappers;CRITICAL;b;Denied sshd-203.0.113.7", []),
    (f"{AT} EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;firestorm;Disk;2;Denied sshd-203.0.113.7", []),
    (f"{AT} SERVICE ALERT: firestorm;My TCP Wrappers;CRITICAL;HARD;1;Denied sshd-203.0.113.7", []),
    (f"{AT} SERVICE ALERT: firestorm;TCP Wrappers;OK;HARD;1;OK - no denied connection for an hour", []),
    (f"{AT} EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;0;Denied sshd-203.0.113.7", []),
    (COMMAND + f"Denied sshd-h ({10**18 - 1} times, 1 to 2)", [("sshd", "h", 10**9)]),
    (COMMAND + f"Denied 2 (1 times)|denied={10**18}" + r"\nDenied sshd-h: 999999999999", [("sshd", "h", 10**9)]),
    (COMMAND + "something else", []),
    ("EXTERNAL COMMAND: PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7", []),
]


def said(texts, *lines):
    block = "".join(f"{line}\n" for line in lines).encode()
    return [(one.daemon.decode(), one.client.decode(), one.count) for one in texts.find(block)]


@pytest.mark.parametrize(("line", "expected"), SAMPLES)
def test_line_says(line, expected):
    assert said(Texts("TCP Wrappers", "Denied {daemon}-{client}"), line) == expected


def test_alert_of_a_command_counts_once():
    texts = Texts("TCP Wrappers", "Denied {daemon}-{client}")
    text = "Denied sshd-203.0.113.7"
    other = ALERT.replace("firestorm", "icestorm")
    assert len(said(texts, COMMAND + text, ALERT + text, other + text)) == 2


def test_late_denial_has_its_own_time():
    texts = Texts("TCP Wrappers", "Denied {daemon}-{client}")
    line = f"{COMMAND}Denied sshd-h (at 2026-11-20 14:46:00 +0100)\n"
    (seen,) = texts.find(line.encode())
    assert seen.at_s == 1795182360


@pytest.mark.parametrize(
    ("output", "text", "expected"),
    [
        ("{client} may not use {daemon} | user={user}", "h may not use sshd", ("sshd", "h", 1)),
        ("no {daemon} for {client} at {address}", "no sshd for h at 203.0.113.7", ("sshd", "h", 1)),
        ("denied: {client}", "denied: h (2 times, 1 to 2)", ("", "h", 2)),
    ],
)
def test_other_output_is_understood(output, text, expected):
    assert said(Texts("TCP Wrappers", output), COMMAND + text) == [expected]
