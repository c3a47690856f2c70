"""README's upgrade while denials come: the hook is there at every moment."""

from __future__ import annotations

import os
import subprocess
import threading

from peers.nsca_daemon import wait_for
from support.denials import count_denials
from support.documents import README

HOOK = "/opt/tcpwrap-alert/bin/handle_tcp_wrapper"
LINK = "/opt/tcpwrap-alert"
SPOOL = "/var/spool/tcpwrap-alert"
NOT_FOUND = 127  # as a shell says it


class Storm:
    """Denials through README's hook as fast as they come, four at a time; `ends` are their exit statuses."""

    def __init__(self, environment):
        self._environment = environment
        self._is_over = threading.Event()
        self.ends = []

    def __enter__(self):
        self._threads = [threading.Thread(target=self._deny, args=(f"203.0.113.{number}",)) for number in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _deny(self, client):
        while not self._is_over.is_set():
            try:
                done = subprocess.run([HOOK, client, "sshd"], env=self._environment, check=False)
            except FileNotFoundError:
                self.ends.append(NOT_FOUND)
            else:
                self.ends.append(done.returncode)


def test_upgrade_in_a_storm_loses_no_alert(readme, machine, nsca, shell):
    readme("2. On the host")
    with open("/etc/tcpwrap-alert/send_nsca.cfg", "a") as config:
        config.write("window=no\n")  # nothing is told minutes later
    old = os.readlink(LINK)
    with Storm(machine.environment) as storm:
        wait_for(lambda: storm.ends, "no storm")
        readme("Upgrade")
        upgraded = len(storm.ends)
        wait_for(lambda: len(storm.ends) > upgraded + 100, "the storm is over")
    assert set(storm.ends) == {0}
    assert os.readlink(LINK) != old
    assert "`rm -r $old`" in README.read_text()
    shell.type("rm -r $old\n")
    assert not os.path.exists(old)
    wait_for(lambda: not (os.listdir(f"{SPOOL}/new") or os.path.exists(f"{SPOOL}/leader")), "alerts wait")
    texts = [result.split(";", 3)[3].partition("|")[0] for result in nsca.results()[1:]]
    assert count_denials(texts) == len(storm.ends)
