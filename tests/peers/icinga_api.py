"""The real Icinga 2 with its API, in directories of the test's own: one node or a zone, with Icinga's own PKI."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from peers.nsca_daemon import is_listening, wait_for
from peers.programs import free_port

PASSWORD = "s3cret"
CONFIG = """\
object ApiListener "api" {{
  bind_host = "{address}"
  bind_port = {port}
}}
{endpoints}
object Zone "zone" {{ endpoints = [ {names} ] }}
object CheckCommand "none" {{ command = [ "/bin/true" ] }}
object Host "firestorm" {{ check_command = "none" ; enable_active_checks = false }}
object Service "TCP Wrappers" {{
  host_name = "firestorm" ; check_command = "none" ; enable_active_checks = false
  volatile = true ; max_check_attempts = 1
}}
object Service "Closed" {{
  host_name = "firestorm" ; check_command = "none" ; enable_passive_checks = false ; enable_active_checks = false
}}
object ApiUser "test" {{ password = "{password}" ; permissions = [ "*" ] }}
object ApiUser "least" {{
  password = "{password}"
  permissions = [ {{ permission = "actions/process-check-result"
    filter = {{{{ service && service.name == "TCP Wrappers" }}}} }} ]
}}
object ApiUser "by-certificate" {{ client_cn = "forwarder" ; permissions = [ "actions/process-check-result" ] }}
"""


class IcingaZone:
    """A zone of the nodes `names`, each in a directory below `directory`; its authority's certificate is `ca_file`.

    Each listens at `address`: that of loopback, or 0.0.0.0 for all.
    """

    def __init__(self, program: str, directory: Path, *names: str, address: str = "127.0.0.1") -> None:
        directory.mkdir()
        self.nodes = {name: IcingaNode(program, directory / name, name, address) for name in names}
        first = self.nodes[names[0]]
        first.pki("new-ca")
        for name, node in self.nodes.items():
            if node is not first:
                shutil.copytree(first.directory / "lib" / "ca", node.directory / "lib" / "ca", dirs_exist_ok=True)
            node.certify(name)
            node.configure(self.nodes)
        self.ca_file = str(first.certificates / "ca.crt")
        self.client = first.certify("forwarder")

    def start(self) -> None:
        """Start all nodes."""
        for node in self.nodes.values():
            node.start()

    def stop(self) -> None:
        """End all nodes."""
        for node in self.nodes.values():
            node.stop()


class IcingaNode:
    """One endpoint of a zone."""

    def __init__(self, program: str, directory: Path, name: str, address: str) -> None:
        self.directory = directory
        self.certificates = directory / "lib" / "certs"
        self.port = free_port()
        self._name = name
        self._address = address
        for part in ("lib/certs", "lib/ca", "log", "cache", "spool", "run"):
            (directory / part).mkdir(parents=True)
        places = {"DataDir": "lib", "LogDir": "log", "CacheDir": "cache", "SpoolDir": "spool", "InitRunDir": "run"}
        defines = [f"-D{key}={directory / part}" for key, part in places.items()]
        self._program = program
        self._defines = [*defines, "-DRunAsUser=root", "-DRunAsGroup=root", f"-DNodeName={name}", "-DZoneName=zone"]
        self._process: subprocess.Popen[bytes] | None = None

    def pki(self, action: str, *arguments: str) -> None:
        """Run `icinga2 pki`."""
        subprocess.run([self._program, "pki", action, *self._defines, *arguments], check=True, capture_output=True)

    def certify(self, name: str) -> tuple[str, str]:
        """Make a certificate of Icinga's authority for `name`; return the paths of it and its key."""
        paths = {suffix: str(self.certificates / f"{name}.{suffix}") for suffix in ("key", "csr", "crt")}
        self.pki("new-cert", "--cn", name, "--key", paths["key"], "--csr", paths["csr"])
        self.pki("sign-csr", "--csr", paths["csr"], "--cert", paths["crt"])
        shutil.copy(self.directory / "lib" / "ca" / "ca.crt", self.certificates)
        return paths["crt"], paths["key"]

    def configure(self, nodes: dict[str, IcingaNode]) -> None:
        """Write the configuration: each node knows all."""
        endpoints = "\n".join(
            f'object Endpoint "{name}" {{ host = "127.0.0.1" ; port = {node.port} }}' for name, node in nodes.items()
        )
        names = ", ".join(f'"{name}"' for name in nodes)
        text = CONFIG.format(address=self._address, port=self.port, endpoints=endpoints, names=names, password=PASSWORD)
        (self.directory / "icinga2.conf").write_text(text)

    def start(self) -> None:
        """Start it, and return when its API answers."""
        with open(self.directory / "output", "ab") as output:
            self._process = subprocess.Popen(
                [self._program, "daemon", *self._defines, "-c", str(self.directory / "icinga2.conf")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(lambda: is_listening(self._address, self.port), f"{(self.directory / 'output').read_text()[-600:]}")

    def stop(self) -> None:
        """End it at once, and what it has started."""
        if self._process:
            self._signal("KILL")
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop all its processes as SIGSTOP does."""
        self._signal("STOP")

    def go_on(self) -> None:
        """Let them go on."""
        self._signal("CONT")

    def _signal(self, name: str) -> None:
        assert self._process is not None
        subprocess.run(["pkill", f"-{name}", "-s", str(self._process.pid)], check=False)

    def ask(self, method: str, path: str, document: object = None) -> Any:
        """Return the answer of its API."""
        with self._request(method, path, document) as answer:
            return json.loads(answer.read())

    def listen(self, on_result: Callable[[str, float], None]) -> None:
        """Call `on_result` with the output of each result that it takes from now on, and the time, until it ends."""
        stream = contextlib.ExitStack()
        wanted = {"queue": "all", "types": ["CheckResult"]}
        answer = stream.enter_context(self._request("POST", "/v1/events", wanted, timeout_s=None))

        def pass_on() -> None:
            with stream, contextlib.suppress(OSError, http.client.HTTPException):
                while line := answer.readline():
                    event = json.loads(line)
                    on_result(event["check_result"]["output"], event["timestamp"])

        threading.Thread(target=pass_on, daemon=True).start()

    @contextlib.contextmanager
    def _request(
        self, method: str, path: str, document: object, timeout_s: float | None = 10
    ) -> Iterator[http.client.HTTPResponse]:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=timeout_s)
        credentials = base64.b64encode(f"test:{PASSWORD}".encode()).decode()
        headers = {"Accept": "application/json", "Authorization": f"Basic {credentials}"}
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(document) if document else None, headers)
            yield connection.getresponse()

    def service(self, name: str = "TCP%20Wrappers") -> dict[str, Any]:
        """Return the attributes of a service of firestorm."""
        attributes: dict[str, Any] = self.ask("GET", f"/v1/objects/services/firestorm!{name}")["results"][0]["attrs"]
        return attributes
