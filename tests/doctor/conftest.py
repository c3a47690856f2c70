"""A host as an administrator has it, whose every part a test may spoil, and what `check` says about it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import namespaces

HOOK = Path("/var/spool/handle_tcp_wrapper")
RULE = f"ALL: ALL: spawn ({HOOK} %h %d) &: deny\n"
ALLOWED = "ALL: 127.0.0.0/8 [::1]/128\n"
LINE = "* * * * * daemon tcpwrap-alert replay\n"
COVERED = ("/etc/cron.d", "/etc/systemd/system", "/usr/local/bin")


class Host:
    """Rules, spool of the user daemon, configuration and cron; all of it in order."""

    spool = Path("/var/spool/tcpwrap-alert")
    config = Path("/var/spool/send_nsca.cfg")
    cron_d = Path("/etc/cron.d/tcpwrap-alert")
    units = Path("/etc/systemd/system")

    def __init__(self) -> None:
        self.rules(ALLOWED, RULE)
        HOOK.write_text("#!/bin/sh\n# tcpwrap-alert's\n")
        HOOK.chmod(0o755)
        (self.spool / "new").chmod(0o1730)
        self.spool.chmod(0o710)
        for path in (self.spool, self.spool / "new"):
            shutil.chown(path, "daemon", "daemon")
        self.write_config(server="/var/spool/nagios.cmd")
        os.mkfifo("/var/spool/nagios.cmd")
        shutil.chown("/var/spool/nagios.cmd", "daemon")
        self._reader = os.open("/var/spool/nagios.cmd", os.O_RDWR | os.O_NONBLOCK)
        program = Path("/usr/local/bin/tcpwrap-alert")
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        self.cron_d.write_text(f"PATH=/usr/local/bin:/usr/bin:/bin\n{LINE}")
        shutil.copy(shutil.which("sleep") or "/bin/sleep", "/var/spool/cron")  # cron, as far as anybody can see
        self._cron = subprocess.Popen(["/var/spool/cron", "600"])

    def rules(self, allow: str, deny: str) -> None:
        """Write hosts.allow and hosts.deny."""
        Path("/etc/hosts.allow").write_text(allow)
        Path("/etc/hosts.deny").write_text(deny)

    def write_config(self, text: str = "", **values: object) -> None:
        """Write the configuration, which the user daemon may read."""
        values.setdefault("host_name", "firestorm")
        self.config.write_text("".join(f"{key}={value}\n" for key, value in values.items()) + text)
        self.config.chmod(0o640)
        shutil.chown(self.config, "root", "daemon")

    def end_cron(self) -> None:
        """Let cron end."""
        self._cron.kill()
        self._cron.wait()

    def commands(self) -> str:
        """Return what was written to the command file."""
        try:
            return os.read(self._reader, 65536).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        """Let go of all."""
        self.end_cron()
        os.close(self._reader)


@pytest.fixture
def host(default_spool: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A host whose alerts arrive."""
    for name in ("allow", "deny"):
        namespaces.bind_over(f"/etc/hosts.{name}", "")
    for path in COVERED:
        namespaces.mount_tmpfs(path)
    monkeypatch.setenv("TCPWRAP_ALERT_CONFIG", str(Host.config))
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    host = Host()
    yield host
    host.close()
    for path in (*COVERED, "/etc/hosts.allow", "/etc/hosts.deny"):
        namespaces.unbind(path)


@pytest.fixture
def check(run: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., list[tuple[str, str, str, str]]]:
    """Run `check --json`; return what it found: subject, state, text and what to do."""

    def run_check(*arguments: str, **environment: str) -> list[tuple[str, str, str, str]]:
        env = {**os.environ, "SSH_CONNECTION": "127.0.0.1 50000 127.0.0.1 22", **environment}
        done = run("tcpwrap-alert", "check", "--json", *arguments, env=env)
        assert done.stderr == ""
        rows = [tuple(row.values()) for row in json.loads(done.stdout)]
        assert done.returncode == any(state != "ok" for _, state, _, _ in rows)
        return rows

    return run_check


@pytest.fixture
def faults(check: Callable[..., list[tuple[str, str, str, str]]]) -> Callable[..., list[str]]:
    """Return what is not as it should be about some subject: "state text"."""

    def find(subject: str, *arguments: str, **environment: str) -> list[str]:
        users = ("cannot add to it",)  # of daemons that this machine happens to have
        rows = check(*arguments, **environment)
        told = [f"{state} {text}" for name, state, text, _ in rows if name == subject and state != "ok"]
        return [text for text in told if not text.endswith(users) and not any(word in text for word in users)]

    return find
