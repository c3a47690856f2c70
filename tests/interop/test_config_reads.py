"""Each run opens the configuration once, and the forwarder once for each attempt: counted by strace.

What is read travels: a file that changes in between cannot make one run act on two configurations.
"""

from __future__ import annotations

import re

import pytest

from tcpwrap_alert.denial import Denial
from tcpwrap_alert.forwarding.lead import PAUSES_S
from tcpwrap_alert.spool.spool import Spool

OPENS = "?open,openat,?openat2"
PAUSES = "?clock_nanosleep,?select,?pselect6"  # what time.sleep makes, by Python's version and the processor
NOBODY = "127.0.0.1:1"
RECORD = "h\ts\t0\to\n"

COMMANDS = {
    "deny": ("tcpwrap-alert", "deny", "sshd", "203.0.113.7"),
    "submit": ("tcpwrap-alert", "submit", "h", "s", "0", "o"),
    "submit_check_result": ("submit_check_result", "h", "s", "0", "o"),
    "send": ("tcpwrap-alert", "send"),
    "send --spool": ("tcpwrap-alert", "send", "--spool"),
    "queue": ("tcpwrap-alert", "queue"),
    "check-spool": ("tcpwrap-alert", "check-spool"),
    "replay": ("tcpwrap-alert", "replay"),
    "replay --all": ("tcpwrap-alert", "replay", "--all"),
    "forward": ("tcpwrap-alert", "forward", "{spool}"),
    "forward of a drop": ("tcpwrap-alert", "forward", "{spool}", "203.0.113.8", "sshd", "203.0.113.8", "unknown"),
}


@pytest.fixture
def daemon(start):
    return start(password=b"")


@pytest.fixture
def spool(default_spool, tmp_path):
    """The spool that the configuration names; the default one is looked after, too."""
    (tmp_path / "configured" / "new").mkdir(parents=True)
    return Spool(str(tmp_path / "configured"))


@pytest.fixture
def trace(run, peer, tmp_path, spool):
    """Run a command under strace; return its status, how often it opened the configuration, and strace's lines."""
    peer("strace")

    def traced(argv, *options, calls=OPENS):
        log = tmp_path / "calls"
        argv = [word.format(spool=spool.path) for word in argv]
        done = run("strace", "-f", "-qq", "-o", str(log), "-e", f"trace={calls}", *options, *argv, input=RECORD)
        lines = log.read_text().splitlines()
        opened = re.compile(rf"\bopen\w*\(.*{re.escape(str(tmp_path / 'send_nsca.cfg'))}\"")
        return done.returncode, sum(bool(opened.search(line)) for line in lines), lines

    return traced


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_opens_the_configuration_once(trace, daemon, spool, write_config, command, is_busy):
    write_config(server=f"127.0.0.1:{daemon.port}", spool_dir=spool.path)
    if is_busy:
        spool.enqueue(Denial("sshd", "203.0.113.7"))
    assert trace(COMMANDS[command])[:2] == (0, 1)


@pytest.mark.parametrize("command", ["deny", "submit", "submit_check_result", "send --spool", "replay"])
def test_a_run_in_vain_opens_it_once_too(trace, spool, write_config, command):
    write_config(server=NOBODY, spool_dir=spool.path)
    spool.enqueue(Denial("sshd", "203.0.113.7"))
    assert trace(COMMANDS[command])[:2] == (75, 1)


@pytest.mark.parametrize("command", ["deny", "submit", "submit_check_result", "send --spool", "replay"])
def test_a_broken_configuration_is_opened_once_too(trace, spool, write_config, command):
    write_config(server=NOBODY, spool_dir=spool.path, pasword="typo")
    spool.enqueue(Denial("sshd", "203.0.113.7"))
    assert trace(COMMANDS[command])[:2] == (78, 1)


def test_the_forwarder_reads_it_for_each_attempt(trace, spool, write_config):
    """So that a repair counts. Its pauses end at once here."""
    write_config(server=NOBODY, spool_dir=spool.path)
    spool.enqueue(Denial("sshd", "203.0.113.7"))
    no_pauses = ("-e", f"inject={PAUSES}:retval=0")
    status, opens, lines = trace(COMMANDS["forward"], *no_pauses, calls=f"{OPENS},connect,{PAUSES}")
    attempts = sum("connect(" in line and "htons(1)" in line for line in lines)
    assert (status, opens, attempts) == (75, 1 + len(PAUSES_S), 1 + len(PAUSES_S))
