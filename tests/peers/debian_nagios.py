"""Nagios 4 as Debian configures it, in directories of this test's own; /etc and /run have to be private already."""

from __future__ import annotations

from pathlib import Path

from peers.nsca_daemon import wait_for
from support import namespaces

COMMAND_FILE = Path("/var/lib/nagios4/rw/nagios.cmd")
LOG = Path("/var/log/nagios4/nagios.log")
OWN = ("/var/lib/nagios4", "/var/log/nagios4")
DIRECTORIES = (*OWN, "/var/lib/nagios4/rw", "/var/lib/nagios4/spool/checkresults", "/run/nagios4")
# What the start of its unit comes to, as a shell's command: it ends when Nagios reads its command file.
START = f"nagios4 -d /etc/nagios4/nagios.cfg && until [ -p {COMMAND_FILE} ]; do sleep 0.1; done"
PROCESSES = ("nagios4 -d /etc/nagios4/nagios.cfg", "nagios4 --worker")


class DebianNagios:
    """Its directories, and what it logs there."""

    def __init__(self) -> None:
        for path in OWN:
            namespaces.mount_tmpfs(path)
        for path in DIRECTORIES:
            Path(path).mkdir(parents=True, exist_ok=True)
        namespaces.run("chown", "-R", "nagios:nagios", *OWN, "/run/nagios4")

    def start(self) -> None:
        """Start it."""
        namespaces.run("sh", "-c", START)

    def stop(self) -> None:
        """Stop it, and give the machine its directories back."""
        for words in PROCESSES:
            namespaces.end_processes(words)
        for path in OWN:
            namespaces.run("umount", "--lazy", path)

    def logged(self, beginning: str) -> list[str]:
        """Return what follows `beginning` in the lines of the log that begin so, behind their time."""
        texts = [line.partition("] ")[2] for line in LOG.read_text().splitlines()]
        return [text[len(beginning) :].strip() for text in texts if text.startswith(beginning)]

    def wait_for_log(self, beginning: str, expected: list[str]) -> None:
        """Wait until the log has just these lines that begin so."""
        wait_for(lambda: self.logged(beginning) == expected, f"not logged: {beginning}{expected}", 60)
