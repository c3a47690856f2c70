"""The real Prometheus Alertmanager, one node or a pair, and a receiver of its webhooks that counts."""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import signal
import ssl
import threading
from pathlib import Path
from typing import Any

from peers.programs import Program, free_port

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "alertmanager" / "alertmanager.yml"
WEB = """\
tls_server_config:
  cert_file: {crt}
  key_file: {key}
basic_auth_users:
  {user}: {password_hash}
"""
USER, PASSWORD = "alerts", "s3cret-alerts"
PASSWORD_HASH = "$2b$04$issMg2O7z7fkBXq.mC6GnuXCvH7d7AKB/fFh8p.TR2ujDmQgLW5xa"  # bcrypt


def configuration(webhook: int) -> str:
    """Return the example, with a webhook in place of its mail, and a third of its patience."""
    text, mail, _ = EXAMPLE.read_text().partition("    email_configs:\n")
    assert mail
    assert text.count("group_wait: 30s") == 1
    webhooks = f"    webhook_configs:\n      - url: http://127.0.0.1:{webhook}/\n"
    return text.replace("group_wait: 30s", "group_wait: 10s") + webhooks


class Webhooks:
    """Receives notifications; `received` has the documents."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        received = self.received

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Receive no more."""
        self._server.shutdown()
        self._server.server_close()


def write_web_config(directory: Path, certificate: tuple[str, str]) -> Path:
    """Write a web.config with TLS and a user with a password; return its path."""
    crt, key = certificate
    path = directory / "web.yml"
    path.write_text(WEB.format(crt=crt, key=key, user=USER, password_hash=PASSWORD_HASH))
    return path


class Alertmanager:
    """One node; give it the cluster port of another to make a pair. With `web`, it has TLS and wants a password."""

    def __init__(
        self, program: str, directory: Path, webhook: int = 9, peer_port: int = 0, web: Path | None = None
    ) -> None:
        directory.mkdir()
        self.port, self.cluster_port = free_port(), free_port()
        (directory / "config.yml").write_text(configuration(webhook))
        argv = [
            program,
            f"--config.file={directory}/config.yml",
            f"--storage.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--cluster.listen-address=127.0.0.1:{self.cluster_port}",
            "--cluster.settle-timeout=1s",
            "--log.level=error",
        ]
        argv += [f"--cluster.peer=127.0.0.1:{peer_port}"] if peer_port else []
        argv += [f"--web.config.file={web}"] if web else []
        self._program = Program(argv, self.port, directory / "log")

    def start(self) -> None:
        """Start it, and return when it listens."""
        self._program.start()

    def pause(self) -> None:
        """Stop it as SIGSTOP does."""
        self._program.pause()

    def go_on(self) -> None:
        """Let it go on."""
        self._program.pause(signal.SIGCONT)

    def stop(self) -> None:
        """End it."""
        self._program.stop()

    def alerts(self, ca_file: str = "") -> list[dict[str, Any]]:
        """Return the alerts that are up; a node with `web` wants to be asked by TLS, with the password."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {}
        if ca_file:
            context = ssl.create_default_context(cafile=ca_file)
            context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
            headers["Authorization"] = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        connection.request("GET", "/api/v2/alerts", headers=headers)
        alerts: list[dict[str, Any]] = json.loads(connection.getresponse().read())
        connection.close()
        return alerts
