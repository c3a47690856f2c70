"""The real Icinga 2 of Debian, with its own configuration and the example, in directories of this test's own."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

from peers.nsca_daemon import wait_for
from support import namespaces

ETC = Path("/etc/icinga2")
DATA = Path("/var/lib/icinga2")
COMMAND_FILE = Path("/run/icinga2/cmd/icinga2.cmd")
LOG = Path("/var/log/icinga2/icinga2.log")
COMPAT_LOG = LOG.with_name("compat") / "icinga.log"
EXAMPLE = Path(__file__).parents[2] / "examples" / "icinga2" / "tcp-wrappers.conf"
PREPARE = ("/usr/lib/icinga2/prepare-dirs", "/usr/lib/icinga2/icinga2")  # what its unit runs before the daemon
OWN = ("/run", str(DATA), "/var/log/icinga2", "/var/cache/icinga2", "/var/spool/icinga2")
# Its certificate is for its name, so that has to be ours.
NODE_NAME = "localhost"
CERTIFICATES = DATA / "certs"
SUBJECT = ("-subj", f"/CN={NODE_NAME}", "-addext", f"subjectAltName=DNS:{NODE_NAME}")
USAGE = ("-addext", "keyUsage=digitalSignature,keyCertSign", "-days", "2")
API_PORT = 5665
API_USER = """\
object ApiUser "test" {
  password = "s3cret"
  permissions = [ "objects/query/Service" ]
}
"""
PROCESSES = ("sbin/icinga2 ", "mail-service-notification", "/run/mail/")
SERVICES = "/v1/objects/services/firestorm!"
HEADERS = {"Accept": "application/json", "Authorization": f"Basic {base64.b64encode(b'test:s3cret').decode()}"}
# Debian's notification script calls `mail` for each notification; ours keeps each, whole, in a file of its own.
MAIL_DIR = Path("/run/mail")
MAIL = f"""\
#!/bin/sh
file=$(mktemp {MAIL_DIR}/part.XXXXXX)
{{ echo "$2"; cat; }} >"$file"
mv "$file" "${{file%/*}}/sent${{file##*/part}}"
"""
INFO = re.compile(r"\[([A-Z]+)\] TCP Wrappers on firestorm is ([A-Z]+)!\n.*?\nInfo:    (.*?)\n\nWhen: ", re.DOTALL)


class Icinga:
    """One Icinga 2 with the features `command` and `api`; `quiet` and `silent` are for its 2h and 15m."""

    def __init__(self, program: str, openssl: str, quiet: str = "2h", silent: str = "15m") -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        for path in OWN:
            _cover(path)
        namespaces.run("cp", "-a", str(ETC), "/run/packaged")
        _cover(str(ETC))
        namespaces.run("cp", "-a", "/run/packaged/.", str(ETC))
        namespaces.run(*PREPARE)
        example = EXAMPLE.read_text()
        assert example.count("= 2h ") == example.count("= 15m\n") == 1
        (ETC / "conf.d" / "tcp-wrappers.conf").write_text(
            example.replace("= 2h ", f"= {quiet} ").replace("= 15m\n", f"= {silent}\n")
        )
        (ETC / "conf.d" / "api-users.conf").write_text(API_USER)
        self._certify(openssl)
        MAIL_DIR.mkdir()
        (MAIL_DIR / "mail").write_text(MAIL)
        (MAIL_DIR / "mail").chmod(0o755)
        for path in (MAIL_DIR, DATA):
            namespaces.run("chown", "-R", "nagios:nagios", str(path))
        self._run("feature", "enable", "command", "api")

    def verify(self) -> str:
        """Return what `icinga2 daemon -C` says about the configuration; it must find nothing wrong."""
        return self._run("daemon", "-C", f"-DNodeName={NODE_NAME}")

    def start(self) -> None:
        """Start, and return when it reads its command file and answers.

        It does not watch this machine, as Debian's configuration would have it do.
        """
        (ETC / "conf.d" / "hosts.conf").unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [self._program, "daemon", f"-DNodeName={NODE_NAME}"],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PATH": f"{MAIL_DIR}:{os.environ['PATH']}"},
            umask=0o007,  # as its unit has it
        )
        wait_for(self._is_ready, "Icinga 2 does not start")

    def write_compat_log(self) -> None:
        """Let it write a log as Nagios's, too, from its start on."""
        for directory in (COMPAT_LOG.parent, COMPAT_LOG.parent / "archives"):
            namespaces.run("install", "-d", "-o", "nagios", "-g", "nagios", str(directory))
        self._run("feature", "enable", "compatlog")

    def halt(self) -> None:
        """Let it end, as before a restart; the pipe stays."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Stop it, and give the machine its directories back."""
        self.halt()
        for words in PROCESSES:
            namespaces.end_processes(words)
        for path in (str(ETC), *OWN):
            namespaces.unbind(path)

    def service(self, name: str = "TCP Wrappers") -> dict[str, Any]:
        """Return a service as the API has it: its attributes."""
        context = ssl.create_default_context(cafile=str(CERTIFICATES / "ca.crt"))
        connection = http.client.HTTPSConnection(NODE_NAME, API_PORT, timeout=10, context=context)
        try:
            connection.request("GET", SERVICES + name.replace(" ", "%20"), headers=HEADERS)
            answer = json.load(connection.getresponse())
        finally:
            connection.close()
        (result,) = answer["results"]
        attributes: dict[str, Any] = result["attrs"]
        return attributes

    def result(self) -> dict[str, Any]:
        """Return the service's last check result; empty before the first."""
        return self.service()["last_check_result"] or {}

    def commands(self) -> int:
        """Return how many external commands it has executed."""
        return LOG.read_text().count(" Executing external command: ")

    def notified(self, kind: str, state: str) -> list[str]:
        """Return the texts of the mails of this kind, PROBLEM or RECOVERY, for this state."""
        found = [INFO.search(path.read_text()) for path in MAIL_DIR.glob("sent.*")]
        assert all(found)
        return [match[3] for match in found if match and match.group(1, 2) == (kind, state)]

    def _certify(self, openssl: str) -> None:
        CERTIFICATES.mkdir()
        key, certificate = CERTIFICATES / f"{NODE_NAME}.key", CERTIFICATES / f"{NODE_NAME}.crt"
        kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        files = ("-keyout", str(key), "-out", str(certificate))
        namespaces.run(openssl, "req", "-x509", *kind, *SUBJECT, *USAGE, *files)
        shutil.copy(certificate, CERTIFICATES / "ca.crt")

    def _run(self, *argv: str) -> str:
        done = subprocess.run([self._program, *argv], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def _is_ready(self) -> bool:
        try:
            os.close(os.open(COMMAND_FILE, os.O_WRONLY | os.O_NONBLOCK))
            return bool(self.service())
        except OSError:
            return False


def _cover(path: str) -> None:
    """Let the directory be empty, with the same owner."""
    was = os.stat(path)
    namespaces.mount_tmpfs(path)
    os.chown(path, was.st_uid, was.st_gid)
