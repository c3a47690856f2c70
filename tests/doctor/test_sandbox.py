"""Units of daemons that use libwrap: whether their hook could write the spool from there."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from .conftest import ALLOWED, RULE

UNIT = "ssh.service"
SPOOL = "/var/spool/tcpwrap-alert"
LOST = f"{UNIT}: its hook cannot write {SPOOL} ({{}}), so its alerts are lost"
WAITS = f"{UNIT}: a forwarder that its hook starts cannot send ({{}}); its alerts wait for the next replay"


@pytest.fixture
def settings(host, peer):
    """Give the unit of sshd these settings."""
    sshd = peer("sshd")
    (host.units / UNIT).write_text(f"[Service]\nExecStart=-{sshd} -D $OPTIONS\n")

    def write(text):
        (host.units / f"{UNIT}.d").mkdir(exist_ok=True)
        (host.units / f"{UNIT}.d" / "own.conf").write_text(f"# what we try\n[Service]\n{text}\n")

    return write


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", None),
        ("ProtectSystem=full", None),
        ("ProtectSystem=yes", None),
        ("ProtectSystem=strict", "ProtectSystem=strict"),
        (f"ProtectSystem=strict\nReadWritePaths=-{SPOOL}", None),
        ("ProtectSystem=strict\nReadWritePaths=/var/log /var/spool", None),
        ("ProtectSystem=strict\nReadWritePaths=/var/spool\nReadWritePaths=", "ProtectSystem=strict"),
        ("ReadOnlyPaths=/var", "ReadOnlyPaths=/var"),
        ("ReadOnlyPaths=/var \\\n  /srv", "ReadOnlyPaths=/var"),
        (f"ReadOnlyPaths=/var\nReadWritePaths={SPOOL}", None),
        (f"ReadWritePaths=/var\nInaccessiblePaths={SPOOL}/new/..", f"InaccessiblePaths={SPOOL}/new/.."),
        ("TemporaryFileSystem=/var:ro", "TemporaryFileSystem=/var:ro"),
        ("TemporaryFileSystem=/var\nBindPaths=/var/spool", None),
        ("PrivateTmp=yes\nProtectHome=yes\nNoNewPrivileges=yes", None),
        ("DynamicUser=yes", "ProtectSystem=strict"),
        ("RootDirectory=/srv/jail", "RootDirectory=/srv/jail"),
    ],
)
def test_paths_decide_whether_it_can_write(settings, faults, text, why):
    settings(text)
    assert faults("units") == ([f"fail {LOST.format(why)}"] if why else [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("CapabilityBoundingSet=~CAP_SYS_ADMIN", None),
        ("CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_SETUID CAP_SETGID", None),
        ("CapabilityBoundingSet=~CAP_DAC_OVERRIDE", f"fail {UNIT}: root may not write others' files there, "),
        ("CapabilityBoundingSet=~CAP_SETUID", f"warn {WAITS.format('CapabilityBoundingSet without CAP_SETUID')[:40]}"),
        ("RestrictAddressFamilies=AF_UNIX", f"warn {WAITS.format('RestrictAddressFamilies')}"),
        ("RestrictAddressFamilies=AF_UNIX AF_INET", None),
        ("RestrictAddressFamilies=~AF_PACKET", None),
        ("PrivateNetwork=yes", f"warn {WAITS.format('PrivateNetwork=yes')}"),
    ],
)
def test_capabilities_and_sockets_count(settings, faults, text, told):
    settings(text)
    found = faults("units")
    assert len(found) == bool(told)
    assert not told or found[0].startswith(told)


def test_sudo_needs_new_privileges(settings, host, faults):
    settings("NoNewPrivileges=yes")
    assert faults("units") == []
    host.rules(ALLOWED, RULE.replace("(", "(/usr/bin/sudo "))
    told = f"fail {UNIT}: NoNewPrivileges=yes keeps sudo from working, so the rule's hook does not run there"
    assert faults("units") == [told]


def test_a_temporary_spool_is_hidden(settings, host, faults, tmp_path):
    settings("PrivateTmp=yes")
    shutil.copytree(host.spool, tmp_path / "spool")
    why = f"{UNIT}: its hook cannot write {tmp_path}/spool (PrivateTmp=yes), so its alerts are lost"
    hidden = f"fail {why}"
    assert (hidden in faults("units", TCPWRAP_ALERT_SPOOL=str(tmp_path / "spool"))) == str(tmp_path).startswith("/tmp/")


def test_a_user_of_a_unit_must_be_able_to_add(settings, check):
    settings("User=nobody")
    found = [row[1:3] for row in check() if row[0] == "spool" and UNIT in row[2]]
    assert found == [("fail", f"{SPOOL}: nobody, the user of {UNIT}, cannot add to it, so its alerts are lost")]


def test_what_is_forbidden_is_so_in_truth(settings, faults):
    """The kernel's own word, with the mounts that systemd makes for these settings."""
    settings("ReadOnlyPaths=/var/spool")
    assert faults("units")
    script = f"mount --bind -o ro /var/spool /var/spool && mount -o remount,bind,ro /var/spool && : >{SPOOL}/new/x"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert "Read-only file system" in done.stderr
