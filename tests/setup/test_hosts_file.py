"""The lines of setup in hosts.allow and hosts.deny: where they go, and that the file without them is as it was."""

from __future__ import annotations

import pytest

from tcpwrap_alert.setup.hosts_file import BEGIN, BEGIN_OF_NEW_FILE, END, HostsFile
from tcpwrap_alert.setup.step import NotDone

LINES = ["ALL: 192.0.2.10", "ALL: 198.51.100.0/24"]
BLOCK = b"\n".join([BEGIN, *(line.encode() for line in LINES), END, b""])


def allow(text):
    return HostsFile("/etc/hosts.allow", True, text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", BLOCK),
        (b"# mine\n", b"# mine\n" + BLOCK),
        (b"sshd: .example\n\n", b"sshd: .example\n\n" + BLOCK),
        (b"ALL: ALL: deny\n", BLOCK + b"ALL: ALL: deny\n"),
        (b"sshd: 192.0.2.1\n# all\nALL: ALL: deny\n", b"sshd: 192.0.2.1\n# all\n" + BLOCK + b"ALL: ALL: deny\n"),
        (b"ALL EXCEPT sshd: ALL: deny\n", b"ALL EXCEPT sshd: ALL: deny\n" + BLOCK),
    ],
)
def test_lines_go_and_come_back_out(before, after):
    assert allow(before).with_lines(LINES).text == after
    assert allow(after).without_lines().text == before


@pytest.mark.parametrize(
    ("before", "ended"),
    [(b"sshd: 192.0.2.1", b"sshd: 192.0.2.1\n"), (b"sshd: 192.0.2.1 \\\n", b"sshd: 192.0.2.1 \\\n\n")],
)
def test_open_end_does_not_swallow_lines(before, ended):
    file = allow(before).with_lines(LINES)
    assert file.text == ended + BLOCK
    assert file.unreadable_line() is None
    assert [rule.clients.names[0] for rule in file.rules()] == ["192.0.2.1", "192.0.2.10", "198.51.100.0/24"]


def test_new_file_goes_again():
    file = allow(None).with_lines(LINES)
    assert file.text.startswith(BEGIN_OF_NEW_FILE)
    assert file.without_lines().text is None
    assert file._replace(text=file.text + b"# mine\n").without_lines().text == b"# mine\n"


def test_lines_that_are_there_are_not_written_again():
    assert allow(b"ALL:  192.0.2.10\nALL: 198.51.100.0/24").with_lines(LINES).text.count(b"192.0.2.10") == 1
    assert allow(BLOCK).with_lines(LINES) == allow(BLOCK)
    assert allow(BLOCK).with_lines(["ALL: 203.0.113.9"]).text == BLOCK.replace(END, b"ALL: 203.0.113.9\n" + END)


@pytest.mark.parametrize("text", [BLOCK.replace(END, b""), BLOCK.replace(BEGIN, b""), END + b"\n" + BEGIN + b"\n"])
def test_lost_mark_is_told_with_its_line(text):
    with pytest.raises(NotDone, match=r"^/etc/hosts\.allow:[1-4]: one of the two marks"):
        allow(text).without_lines()
