"""The real Prometheus Alertmanager, one node or a pair, and a receiver of its webhooks that counts."""

from __future__ import annotations

import http.client
import http.server
import json
import signal
import threading
from pathlib import Path
from typing import Any

from peers.programs import Program, free_port

CONFIG = """\
route:
  receiver: test
  group_by: [client]
  group_wait: 10s
  group_interval: 10s
  repeat_interval: 1h
receivers:
  - name: test
    webhook_configs:
      - url: http://127.0.0.1:{webhook}/
"""
WEB = """\
tls_server_config:
  cert_file: {crt}
  key_file: {key}
basic_auth_users:
  alerts: {password_hash}
"""


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


class Alertmanager:
    """One node; give it the cluster port of another to make a pair. With `web`, it has TLS and wants a password."""

    def __init__(
        self, program: str, directory: Path, webhook: int = 9, peer_port: int = 0, web: Path | None = None
    ) -> None:
        directory.mkdir()
        self.port, self.cluster_port = free_port(), free_port()
        (directory / "config.yml").write_text(CONFIG.format(webhook=webhook))
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

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/api/v2/alerts")
        alerts: list[dict[str, Any]] = json.loads(connection.getresponse().read())
        connection.close()
        return alerts
