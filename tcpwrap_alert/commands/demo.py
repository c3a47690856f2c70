"""`tcpwrap-alert demo`: the way of an alert, shown with the installed scripts and a small monitor of our own.

Everything lives in a temporary directory and on loopback. The denials are fired as libwrap fires them, and the place
of the denied client is taken by a socket pair, so that the demo can count what the client would have seen.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import TcpwrapAlertError
from ..nsca.receiver import Receiver
from ..spool.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..check_result import CheckResult

HOST_NAME = "firestorm"
DENIED = (("203.0.113.7", "sshd"), ("198.51.100.23", "vsftpd"), ("192.0.2.44", "in.telnetd"), ("2001:db8::7", "sshd"))
AES = 14
WAIT_S = 15.0


@click.command("demo")
def command() -> None:
    """Show the path of an alert.

    Needs no server, no root and no configuration.

    Example: tcpwrap-alert demo
    """
    if not run_demo(click.echo):
        raise click.ClickException("an alert was lost, or the denied client received something")


def run_demo(echo: Callable[[str], None]) -> bool:
    """Run the demo, printing with `echo`; return whether every alert arrived and the client saw nothing."""
    script = shutil.which("handle_tcp_wrapper", path=os.path.dirname(os.path.abspath(sys.argv[0])))
    if script is None:
        raise TcpwrapAlertError("handle_tcp_wrapper is not installed beside tcpwrap-alert; install with pip first")
    with tempfile.TemporaryDirectory(prefix="tcpwrap-alert-demo-") as directory:
        demo = _Demo(Path(directory), os.path.dirname(script), echo)
        try:
            return demo.run()
        finally:
            demo.stop_monitor()
            demo.wait_for(lambda: not os.path.exists(os.path.join(directory, "spool", "leader")))


class _Demo:
    def __init__(self, directory: Path, bin_dir: str, echo: Callable[[str], None]) -> None:
        self._echo = echo
        self._bin_dir = bin_dir
        self._config = directory / "send_nsca.cfg"
        self._spool = Spool(str(directory / "spool"))
        os.makedirs(self._spool.new)
        self._password = secrets.token_hex(16)
        self._port = 0
        self._monitor: Receiver | None = None
        self._received: list[CheckResult] = []
        self._fired = 0
        self._client_bytes = 0

    def run(self) -> bool:
        self._echo("1. A monitor starts on loopback: NSCA, AES (method 14), a password of its own.")
        self.start_monitor()
        self._write_config()
        self._echo("\n2. Four connections are denied; hosts.deny calls handle_tcp_wrapper %h %d for each:")
        self._fire()
        self._show_received()
        self._echo("\n3. The monitor stops, and four more connections are denied:")
        self.stop_monitor()
        self._fire()
        self.wait_for(lambda: bool(self._spool.read_state().reason))
        self._echo("   The monitor received nothing, but nothing is lost; tcpwrap-alert queue:")
        self._run("queue")
        self._echo("\n4. The monitor is back, and cron runs tcpwrap-alert replay:")
        self.start_monitor()
        self._run("replay")
        self._show_received()
        lost = self._fired - len(self._received)
        self._echo(f"\nThe denied clients received {self._client_bytes} bytes.")
        self._echo(f"fired {self._fired}, delivered {len(self._received)}, lost {lost}")
        return lost == 0 and self._client_bytes == 0

    def start_monitor(self) -> None:
        self._monitor = Receiver(self._port, self._password.encode(), AES, self._received.append, self._echo)
        self._port = self._monitor.port
        threading.Thread(target=self._monitor.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop_monitor(self) -> None:
        if self._monitor:
            self._monitor.shutdown()
            self._monitor.server_close()
            self._monitor = None

    @staticmethod
    def wait_for(is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not is_done() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _write_config(self) -> None:
        self._config.touch(0o600)
        self._config.write_text(
            f"server=127.0.0.1:{self._port}\nencryption_method={AES}\npassword={self._password}\n"
            f"host_name={HOST_NAME}\nwindow=no\nverdict=direct\n"
        )

    def _fire(self) -> None:
        for client, daemon in DENIED:
            command = f"(handle_tcp_wrapper {client} {daemon}) &"
            self._echo(f"     /bin/sh -c {shlex.quote(command)}")
            ours, theirs = socket.socketpair()
            with ours, theirs:
                fd = theirs.fileno()
                subprocess.run(["/bin/sh", "-c", command], stdin=fd, stdout=fd, stderr=fd, env=self._env(), check=True)
                theirs.close()
                while data := ours.recv(4096):
                    self._client_bytes += len(data)
        self._fired += len(DENIED)

    def _show_received(self) -> None:
        before = self._fired - len(DENIED)
        self.wait_for(lambda: len(self._received) >= self._fired)
        self._echo("   The monitor received:")
        for result in self._received[before:]:
            self._echo(f"     {result.external_command(time.time())}")

    def _run(self, command: str) -> None:
        script = os.path.join(self._bin_dir, "tcpwrap-alert")
        done = subprocess.run([script, command], env=self._env(), capture_output=True, text=True, check=False)
        for line in (done.stdout + done.stderr).splitlines():
            self._echo(f"     {line}")

    def _env(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": self._bin_dir + os.pathsep + os.environ.get("PATH", os.defpath),
            "TCPWRAP_ALERT_CONFIG": str(self._config),
            "TCPWRAP_ALERT_SPOOL": self._spool.path,
        }
