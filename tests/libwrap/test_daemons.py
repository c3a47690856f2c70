"""Which daemons ask libwrap, and which of them stay: from programs and configurations of the test's own."""

from __future__ import annotations

import shutil

import pytest

from tcpwrap_alert.libwrap import daemons

PROGRAMS = {
    "sshd": "ELF libwrap.so.0 ELF",
    "in.tftpd": "libwrap.so.0",
    "rpc.mountd": "libwrap.so.0",
    "script": "#!/bin/sh\nexec /usr/sbin/vsftpd\n",
}
FILES = {
    "inetd.conf": "#x stream tcp nowait root /bin/od od\ny stream tcp nowait root /usr/sbin/tcpd /bin/cat -u\n",
    "xinetd.d/ftp": "service ftp\n{\n    server = /usr/sbin/in.ftpd\n#    server = /usr/sbin/in.oldd\n}\n",
    "stunnel/mail.conf": "cert = x\n[pop3s]\nlibwrap = yes\n[ssmtp]\n",
    "stunnel/other.conf": "libwrap = no\n[imaps]\n",
}


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """Let these be all programs and configurations there are."""
    for name, text in [(f"sbin/{name}", text) for name, text in PROGRAMS.items()] + list(FILES.items()):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for name in ("mosquitto", "od"):
        shutil.copy("/bin/true", tmp_path / "sbin" / name)
    monkeypatch.setattr(daemons, "DIRECTORIES", (str(tmp_path / "bin"), str(tmp_path / "sbin")))
    monkeypatch.setattr(daemons, "PARTS", {"sshd": (str(tmp_path / "sshd-session"),)})
    monkeypatch.setattr(daemons, "INETD", (str(tmp_path / "inetd.conf"), str(tmp_path / "xinetd.d/*")))
    monkeypatch.setattr(daemons, "STUNNEL", str(tmp_path / "stunnel/*.conf"))
    for cached in (daemons.why_never_asked, daemons.resident_daemons):
        cached.cache_clear()
    yield tmp_path
    for cached in (daemons.why_never_asked, daemons.resident_daemons):
        cached.cache_clear()


@pytest.mark.parametrize(
    "name", ["sshd", "SSHD", "in.tftpd", "tftpd", "mountd", "cat", "in.ftpd", "pop3s", "ssmtp", "script"]
)
def test_these_ask(name):
    assert daemons.why_never_asked(name) == ""


@pytest.mark.parametrize("name", ["in.oldd", "imaps", "a", "ftpd", "sshd2"])
def test_nothing_has_such_a_name(name):
    expected = f"no program, no service of inetd or xinetd and none of stunnel is called {name}"
    assert daemons.why_never_asked(name) == expected


def test_a_program_without_the_library_never_asks(machine):
    assert daemons.why_never_asked("od") == f"{machine}/sbin/od is not linked with libwrap"


def test_sshd_may_ask_in_another_program(machine):
    shutil.copy("/bin/true", machine / "sbin" / "sshd")
    assert daemons.why_never_asked("sshd") == f"{machine}/sbin/sshd is not linked with libwrap"
    (machine / "sshd-session").write_text("libwrap.so.0")
    daemons.why_never_asked.cache_clear()
    assert daemons.why_never_asked("sshd") == ""


def test_those_that_stay_in_memory():
    assert daemons.resident_daemons() == ("mountd", "pop3s", "ssmtp")


def test_a_machine_without_any_of_this(machine, monkeypatch):
    monkeypatch.setattr(daemons, "DIRECTORIES", (str(machine / "none"),))
    monkeypatch.setattr(daemons, "INETD", (str(machine / "none"),))
    monkeypatch.setattr(daemons, "STUNNEL", str(machine / "none/*.conf"))
    assert daemons.resident_daemons() == ()
    assert daemons.why_never_asked("sshd").startswith("no program, ")
