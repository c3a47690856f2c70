"""A stand-in for NRDP 2.0.6: it takes and answers what server/plugins/nagioscorepassivecheck does, and keeps results.

Each of its attributes may be set by a test: what it wants, what it can take, or what it answers instead.
"""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import urllib.parse
from typing import Any

XML = "<?xml version='1.0' encoding='utf-8'?><result><status>{}</status><message>{}</message></result>"


class Nrdp:
    """A server on loopback, with TLS if it has a certificate and key."""

    def __init__(self, certificate: tuple[str, str] | None = None) -> None:
        self.token = "s3cret-token"
        self.path = "/nrdp/"
        self.max_bytes = 8 << 20
        self.bad_text = ""
        self.answer: tuple[int, str] | None = None
        self.location = ""
        self.batches: list[list[dict[str, Any]]] = []
        self.requests = 0
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def results(self) -> list[dict[str, Any]]:
        """All results that were taken."""
        return [result for batch in self.batches for result in batch]

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def respond(self, path: str, body: bytes) -> tuple[int, str]:
        """Return status and body of the answer to a POST."""
        self.requests += 1
        if self.answer:
            return self.answer
        if len(body) > self.max_bytes:
            return 413, "<html>413 Request Entity Too Large</html>"
        if path != self.path:
            return 404, "<html>404 Not Found</html>"
        form = {key: values[0] for key, values in urllib.parse.parse_qs(body.decode()).items()}
        if form.get("token") != self.token:
            message = "BAD TOKEN" if "token" in form else "NO TOKEN"
            in_json = json.dumps({"result": {"status": -1, "message": message}})
            return 200, in_json if "json" in form else XML.format(-1, message)
        if form.get("cmd") != "submitcheck":
            return 200, "No command specified or request handler"
        return 200, json.dumps({"result": self._submit(form.get("json", ""))})

    def _submit(self, text: str) -> dict[str, Any]:
        try:
            results = json.loads(text)["checkresults"]
        except (ValueError, KeyError):
            return {"status": -1, "message": "BAD JSON"}
        if self.bad_text and any(self.bad_text in result["output"] for result in results):
            return {"status": -1, "message": "BAD JSON"}
        self.batches.append(results)
        return {"status": 0, "message": "OK", "meta": {"output": f"{len(results)} checks processed"}}

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        nrdp = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                status, text = nrdp.respond(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                if nrdp.location:
                    self.send_header("Location", nrdp.location)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler
