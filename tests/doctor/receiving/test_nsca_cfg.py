"""`check server` on nsca.cfg: Debian's own, one that is made as it says, and each advice of docs/security.md."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces
from support.documents import ROOT
from support.missing import skip_or_fail

STOCK = Path("/etc/nsca.cfg")
PASSWORD = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def pipe(isolated):
    """A command file where everybody may look, and nagios may write."""
    namespaces.mount_tmpfs("/srv", "mode=755")
    shutil.copy("/etc/passwd", "/srv/passwd")
    os.mkfifo("/srv/nagios.cmd", 0o660)
    shutil.chown("/srv/nagios.cmd", "nagios", "nagios")
    os.chmod("/srv/nagios.cmd", 0o660)
    yield Path("/srv/nagios.cmd")
    namespaces.unbind("/srv")


@pytest.fixture
def examine(run, tmp_path):
    """Return what is said of a file with this text: state, line, text and what to do."""
    path = tmp_path / "a.cfg"

    def check(text, mode=0o640):
        path.write_text(text)
        path.chmod(mode)
        done = run("tcpwrap-alert", "check", "server", "--json", str(path))
        found = json.loads(done.stdout)
        assert (done.stderr, done.returncode) == ("", any(finding["state"] != "ok" for finding in found))
        return [
            (
                one["state"],
                int(one["subject"].replace(f"{path}:", "").replace(str(path), "0")),
                one["text"],
                one["todo"],
            )
            for one in found
        ]

    return check


HARDENED = f"""\
server_address=127.0.0.1
password={PASSWORD}
decryption_method=14
aggregate_writes=1
nsca_user=nagios
max_packet_age=30
command_file=/srv/nagios.cmd
"""
NOTHING = [("ok", 0, "nothing to change", "")]


def debians():
    return STOCK.read_text() if STOCK.exists() else skip_or_fail("nsca is not installed")


def as_told(text, todo, lineno):
    """Return a file with a line put in the place that was told."""
    lines = text.splitlines()
    line = re.fullmatch(r"write: (.*?)(?: \(.*\))?", todo)[1]
    values = {"password=…": f"password={PASSWORD}", "command_file=…": "command_file=/srv/nagios.cmd"}
    lines[lineno - 1] = values.get(line, line.replace("192.0.2.10", "127.0.0.1"))
    return "\n".join(lines) + "\n"


def test_debians_own_file_is_told_line_by_line(examine, isolated):
    text = debians()
    found = examine(text)
    lines = text.splitlines()
    told = {lines[lineno - 1].lstrip("#").partition("=")[0] for _, lineno, _, _ in found}
    assert told == {"server_address", "password", "decryption_method", "aggregate_writes", "command_file"}
    assert [state for state, *_ in found if state == "fail"] == ["fail"]


def test_debians_file_made_as_told_starts_nsca(examine, pipe, peer, tmp_path):
    """Nothing is left to say, and the real server takes each line."""
    text = debians()
    for _, lineno, _, todo in examine(text):
        text = as_told(text, todo, lineno)
    assert examine(text) == NOTHING
    path = tmp_path / "nsca.cfg"
    path.write_text(text.replace("pid_file=/run/nagios/nsca.pid", f"pid_file={tmp_path}/pid"))
    with subprocess.Popen([peer("nsca"), "-c", str(path), "--daemon", "-f"]) as nsca:
        try:
            wait_for(lambda: f"Uid:\t{_uid('nagios')}\t" in Path(f"/proc/{nsca.pid}/status").read_text(), "not started")
            wait_for(lambda: "0100007F:1623 " in Path("/proc/net/tcp").read_text(), "it does not listen on 127.0.0.1")
        finally:
            nsca.send_signal(signal.SIGKILL)


def _uid(name):
    return subprocess.check_output(["id", "-u", name], text=True).strip()


def test_hardened_file_has_nothing_to_change(examine, pipe):
    assert examine(HARDENED) == NOTHING


def changed(line, by):
    return HARDENED.replace(f"{line}\n", f"{by}\n")


@pytest.mark.parametrize(
    ("line", "by", "state", "text", "todo"),
    [
        ("server_address=127.0.0.1", "server_address=0.0.0.0", "warn", "every address", "server_address="),
        ("decryption_method=14", "decryption_method=0", "warn", "method 0 encrypts nothing", "decryption_method=14"),
        ("decryption_method=14", "decryption_method=1", "warn", "method 1 is XOR", "decryption_method=14"),
        ("decryption_method=14", "decryption_method=77", "fail", "77 does not exist", "decryption_method=14"),
        (f"password={PASSWORD}", "password=ham", "warn", "a password of 3 bytes can be guessed", "password=…"),
        ("aggregate_writes=1", "aggregate_writes=0", "warn", "thrown away", "aggregate_writes=1"),
        ("nsca_user=nagios", "nsca_user=root", "warn", "nsca runs as root", "nsca_user=nagios"),
        ("nsca_user=nagios", "nsca_user=nosuch", "fail", "there is no user nosuch", "nsca_user=nagios"),
        ("nsca_user=nagios", "nsca_user=nobody", "fail", "nobody may not write to /srv/nagios.cmd", "nsca_user=nagios"),
        ("max_packet_age=30", "max_packet_age=0", "warn", "may send it again at any time", "max_packet_age=30"),
        ("max_packet_age=30", "max_packet_age=10", "warn", "throw away what comes late", "max_packet_age=30"),
        ("max_packet_age=30", "max_packet_age=901", "fail", "900 s at most", "max_packet_age=30"),
        ("command_file=/srv/nagios.cmd", "command_file=/srv/none", "fail", "No such file", "command_file="),
        ("command_file=/srv/nagios.cmd", "command_file=/srv/passwd", "fail", "is no pipe", "rm /srv/passwd"),
        ("command_file=/srv/nagios.cmd", "command_file=", "fail", "no command file is named", "command_file="),
        ("command_file=/srv/nagios.cmd", "check_result_path=/srv/none", "fail", "no directory", "install -d"),
        ("command_file=/srv/nagios.cmd", "check_result_path=/srv", "fail", "may not write to /srv", "nsca_user=root"),
    ],
)
def test_each_fault_has_its_line_and_what_to_write(examine, pipe, line, by, state, text, todo):
    ((told, lineno, what, do),) = examine(changed(line, by))
    assert (told, lineno > 0) == (state, True)
    assert text in what
    assert todo in do


@pytest.mark.parametrize("key", ["server_address", "password", "nsca_user", "aggregate_writes", "command_file"])
def test_what_is_missing_is_told_of_the_file(examine, pipe, key):
    text = re.sub(rf"^{key}=.*\n", "", HARDENED, flags=re.MULTILINE)
    ((_, lineno, _, _),) = examine(text)
    assert lineno == 0
    ((_, lineno, _, _),) = examine(f"{text}#{key}=something\n")
    assert lineno == len(text.splitlines()) + 1


def test_pipe_for_everybody_is_told(examine, pipe):
    pipe.chmod(0o666)
    ((state, _, text, todo),) = examine(HARDENED)
    assert (state, todo) == ("warn", "run: chmod o-w /srv/nagios.cmd")
    assert "everybody may give the monitor commands" in text


@pytest.mark.parametrize(("mode", "text"), [(0o644, "may read the password"), (0o602, "may change it")])
def test_mode_of_the_file_is_told(run, pipe, mode, text):
    path = Path("/srv/nsca.cfg")
    path.write_text(HARDENED)
    path.chmod(mode)
    done = run("tcpwrap-alert", "check", "server", str(path))
    assert (done.returncode, text in done.stdout) == (1, True)
    command = re.search(r"run: (.*)", done.stdout)[1]
    subprocess.run(["sh", "-c", command], check=True)
    assert run("tcpwrap-alert", "check", "server", str(path)).stdout == f"ok   {path}: nothing to change\n"


def test_file_that_nobody_can_reach_may_be_readable(run, pipe):
    """As Icinga 2's files in Debian, below a directory of its own."""
    Path("/srv/own").mkdir(mode=0o750)
    Path("/srv/own/nsca.cfg").write_text(HARDENED)
    assert run("tcpwrap-alert", "check", "server", "/srv/own/nsca.cfg").returncode == 0


def test_password_is_never_shown(run, tmp_path):
    path = tmp_path / "nsca.cfg"
    path.write_text("decryption_method=1\npassword=geheim\n")
    for option in ((), ("--json",), ("--debug",)):
        done = run("tcpwrap-alert", "check", "server", *option, str(path))
        assert "geheim" not in done.stdout + done.stderr


def advice():
    """Return the lines that docs/security.md wants in nsca.cfg."""
    section = (ROOT / "docs" / "security.md").read_text().partition("## Harden the monitor")[2]
    return re.search(r"```text\n(.*?)```", section, re.DOTALL)[1]


@pytest.mark.parametrize("line", advice().splitlines())
def test_each_advice_of_the_guide_is_looked_for(examine, pipe, line):
    text = advice().replace("192.0.2.10", "127.0.0.1") + "command_file=/srv/nagios.cmd\n"
    assert examine(text) == NOTHING
    key = line.partition("=")[0]
    ((_, _, _, todo),) = examine(re.sub(rf"^{key}=.*\n", "", text, flags=re.MULTILINE))
    assert todo.startswith(f"write: {key}=")
