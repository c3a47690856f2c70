"""Every daemon with libwrap, each rule that it may be used with: one denied connection, up to the real nsca daemon.

What is measured is recorded for `make docs`, which makes the table of docs/daemons.md from it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest
from peers.daemons import ALLOWED, CASES, CLASSIC, DAEMONS, DENIED, PLAIN, ROOT, RULES, SPAWN, TWIST
from peers.nsca_daemon import wait_for
from peers.running_daemon import Client, RunningDaemon
from support import namespaces
from support.spools import wait_until_left

SPOOL = "/var/spool/tcpwrap-alert"
README = (ROOT / "README.md").read_text()
DOCUMENT = ROOT / "docs" / "daemons.md"
ACCOUNTS = (  # what README's useradd makes
    ("/etc/passwd", "tcpwrap-alert:x:64001:64001::/nonexistent:/usr/sbin/nologin"),
    ("/etc/group", "tcpwrap-alert:x:64001:"),
)
# After a plain refusal libwrap itself sleeps for five seconds; a client that is let go at once is let go before that.
SLEEP_S = 5.0
ENDED_S = 8.0
AT_ONCE_S = 4.0


def shown(value):
    """Return how the name of a test shows a daemon, a rule or a client."""
    return getattr(value, "name", value)


by_name = pytest.mark.parametrize("daemon", DAEMONS, ids=shown)
NAMED = {daemon.name: daemon for daemon in DAEMONS}


@pytest.fixture
def machine(installed):
    """The spool and the configuration as README's "Install" lays them out, with its user, and an empty /run."""
    for path, line in ACCOUNTS:
        namespaces.bind_over(path, Path(path).read_text() + line + "\n")
    for command in re.findall(r"^install -d .*/var/spool/.*$", README, re.MULTILINE):
        subprocess.run(command.split(), check=True)
    subprocess.run(["chgrp", "tcpwrap-alert", "/etc/send_nsca.cfg"], check=True)
    os.chmod("/etc/send_nsca.cfg", 0o640)
    namespaces.mount_tmpfs("/run")
    yield installed
    for path in ("/run", "/etc/group", "/etc/passwd"):
        namespaces.unbind(path)


@pytest.fixture
def start(machine, hosts_deny, peer):
    """Start a daemon with rules in force."""
    running = []

    def start(daemon, deny, allow=""):
        hosts_deny(deny, allow)
        running.append(RunningDaemon(daemon, peer))
        running[-1].start()
        return running[-1]

    try:
        yield start
        wait_until_left(SPOOL)
    finally:
        for daemon in running:
            daemon.stop()


@pytest.fixture
def connect(start):
    """Connect to a daemon, from an address."""
    clients = []

    def connect(daemon, source=DENIED):
        clients.append(Client(daemon, source))
        return clients[-1]

    yield connect
    for client in clients:
        client.leave()


@pytest.fixture
def is_served(connect):
    """Say whether an allowed client is served, or let go without a word."""

    def is_served(daemon):
        client = connect(daemon, ALLOWED)
        wait_for(lambda: daemon.serves in client.received or client.closed_s is not None, "neither served nor let go")
        client.leave()
        return daemon.serves in client.received

    return is_served


@pytest.fixture
def record(request, record_property):
    """Record values as one property, with the name of the test and what it is parametrized with."""

    def record(**values):
        parameters = {name: shown(value) for name, value in request.node.callspec.params.items()}
        record_property("daemon", json.dumps({"test": request.node.originalname, **parameters, **values}))

    return record


def let_enqueue(user):
    """Run the commands of the document that let a user add to the spool."""
    commands = re.findall(rf"^setfacl .*\bu:{user}:.*$", DOCUMENT.read_text(), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        subprocess.run(command.split(), check=True)


def replay():
    """Run README's cron job."""
    (user, command) = re.search(r"^(?:\* ){5}(\S+) /opt/tcpwrap-alert/bin/(.*)$", README, re.MULTILINE).groups()
    subprocess.run(
        command.split(), check=True, user=user, group=user, extra_groups=[], env={"PATH": os.environ["PATH"]}
    )


def waiting():
    return os.listdir(f"{SPOOL}/new")


@pytest.mark.parametrize(("daemon", "rule", "client"), CASES, ids=shown)
def test_denied_connection_is_one_alert_and_no_more(start, connect, machine, record, daemon, rule, client):
    is_root = daemon.runs_hook_as.startswith("root:")
    if not is_root:
        let_enqueue(daemon.runs_hook_as.partition(":")[0])
    running = start(daemon, RULES[rule])
    denied = connect(daemon, client)
    wait_for(machine.results if is_root else waiting, "no alert")
    alert_s = denied.seconds()
    if daemon.lets_go:
        wait_for(lambda: denied.closed_s is not None, "the client is not let go")
    left = processes_left(running, denied)
    assert left == []
    wait_for(running.is_idle, "the daemon's own processes stay")
    if not is_root:
        assert machine.results() == []
        replayed = time.monotonic()
        replay()
        alert_s = time.monotonic() - replayed
    record(
        text=machine.results()[0].rpartition(";")[2],
        is_root=is_root,
        alert_s=alert_s,
        leaked=len(denied.received.replace(daemon.refuses, b"", 1)),
        says=len(daemon.refuses) if daemon.refuses in denied.received else 0,
        closed_s=denied.closed_s,
        left=len(left),
    )

    assert machine.results() == [f"firestorm;TCP Wrappers;2;Denied {daemon.named}-{client}"]
    assert waiting() == []
    assert denied.received == (b"" if "twist" in rule else daemon.refuses)
    if daemon.lets_go:
        assert denied.closed_s < (AT_ONCE_S if "twist" in rule else ENDED_S)


def processes_left(running, client):
    """Return what is left of the hook five seconds after the denial, or [] as soon as nothing is."""
    with contextlib.suppress(AssertionError):
        wait_for(lambda: not running.processes_of_hooks(), "", SLEEP_S - min(client.seconds(), SLEEP_S))
    return running.processes_of_hooks()


@by_name
def test_plain_denial_is_daemons_answer_and_no_alert(start, connect, machine, record, daemon):
    running = start(daemon, PLAIN)
    denied = connect(daemon)
    if daemon.lets_go:
        wait_for(lambda: denied.closed_s is not None, "the client is not let go")
    else:
        wait_for(lambda: len(denied.received) == len(daemon.refuses), "no answer")
    record(version=running.version(), closed_s=denied.closed_s)
    assert denied.received == daemon.refuses
    assert machine.results() == waiting() == []


@by_name
def test_an_allowed_client_is_served_and_no_alert(start, is_served, machine, daemon):
    start(daemon, RULES[SPAWN], allow=f"ALL: {ALLOWED}\n")
    assert is_served(daemon)
    assert machine.results() == waiting() == []


@pytest.fixture
def stranger(isolated):
    """The denied client has a name."""
    namespaces.bind_over("/etc/hosts", f"{DENIED} stranger.example\n")
    yield
    namespaces.unbind("/etc/hosts")


@pytest.mark.parametrize(
    ("allowed", "shown_as"),
    [(".friends.example", "stranger.example"), ("[2001:db8::1]", "stranger.example"), ("[2001:db8::1]/128", DENIED)],
)
def test_earlier_rule_by_name_names_the_client(stranger, start, connect, machine, allowed, shown_as):
    start(NAMED["xinetd"], RULES[SPAWN], allow=f"ALL: {allowed}\n")
    connect(NAMED["xinetd"])
    assert machine.wait_for_results(1) == [f"firestorm;TCP Wrappers;2;Denied cat-{shown_as}"]


@pytest.mark.parametrize(
    ("daemon", "client"), [(daemon, client) for daemon in DAEMONS for client in daemon.clients], ids=shown
)
def test_what_a_rule_gets(start, connect, machine, record, daemon, client):
    Path("/run/hook").mkdir()
    os.chmod("/run/hook", 0o777)
    start(
        daemon,
        "ALL: ALL: spawn (echo %d %h $(id -un)\\:$(id -gn) >/run/hook/part; mv /run/hook/part /run/hook/got) &\n",
    )
    connect(daemon, client)
    wait_for(Path("/run/hook/got").exists, "the rule's command was not run")
    named, handed, user = Path("/run/hook/got").read_text().split()
    record(named=named, handed=handed, user=user)
    assert named == daemon.named
    assert handed == daemon.handed(client)
    assert user == daemon.runs_hook_as


def test_user_who_cannot_enqueue_writes_to_syslog(start, connect, machine):
    """What README says of a daemon that does not run as root."""
    start(NAMED["rpcbind"], RULES[SPAWN])
    logged = len(namespaces.log)
    connect(NAMED["rpcbind"])
    lost = f"lost: denial client='{DENIED}' daemon='rpcbind'"
    wait_for(lambda: any(lost in line for line in namespaces.log[logged:]), "syslog has nothing")
    assert machine.results() == waiting() == []


def test_next_forwarder_sends_another_users_denial(start, connect, machine):
    let_enqueue("_rpc")
    start(NAMED["rpcbind"], RULES[SPAWN])
    connect(NAMED["rpcbind"])
    wait_for(waiting, "no alert")
    subprocess.run(["handle_tcp_wrapper", "203.0.113.7", "sshd"], check=True)
    expected = [f"firestorm;TCP Wrappers;2;Denied {name}" for name in (f"rpcbind-{DENIED}", "sshd-203.0.113.7")]
    assert sorted(machine.wait_for_results(2)) == expected


def test_such_a_user_can_add_and_nothing_else(start, machine):
    let_enqueue("_rpc")
    as_rpc = {"user": "_rpc", "group": "nogroup", "extra_groups": [], "capture_output": True, "check": False}
    Path(SPOOL, "new", "of-somebody-else").touch()
    assert subprocess.run(["touch", f"{SPOOL}/new/own"], **as_rpc).returncode == 0
    assert subprocess.run(["handle_tcp_wrapper", "203.0.113.7", "test"], **as_rpc).returncode == 0
    for command in (f"ls {SPOOL}/new", f"rm -f {SPOOL}/new/of-somebody-else", "cat /etc/send_nsca.cfg"):
        assert subprocess.run(command.split(), **as_rpc).returncode != 0


def test_a_denied_call_ends_a_twisted_rpcbind(start, connect, machine):
    """The rule that nobody may use: a switch that anybody can turn off, from anywhere."""
    running = start(NAMED["rpcbind"], RULES[TWIST])
    assert running.is_alive()
    connect(NAMED["rpcbind"])
    wait_for(lambda: not running.is_alive(), "rpcbind survives")
    assert machine.results() == waiting() == []


def test_denied_client_ends_a_twisted_stunnel_for_all(start, connect, is_served, machine):
    """It takes the process that is asked first about every client, and allowed ones are reset from then on."""
    stunnel = NAMED["stunnel4"]
    start(stunnel, RULES[TWIST], allow=f"ALL: {ALLOWED}\n")
    connect(stunnel)
    machine.wait_for_results(1)
    wait_for(lambda: not is_served(stunnel), "allowed clients are still served")


@pytest.mark.parametrize("name", [daemon.name for daemon in DAEMONS if daemon.is_resident])
def test_twist_in_process_that_asked_before_is_silent(start, connect, is_served, machine, name):
    """So even where such a daemon survives, the rule is of no use."""
    start(NAMED[name], RULES[TWIST], allow=f"ALL: {ALLOWED}\n")
    logged = len(namespaces.log)
    assert is_served(NAMED[name])
    connect(NAMED[name])
    wait_for(lambda: any("twist option in resident process" in line for line in namespaces.log[logged:]), "no error")
    assert is_served(NAMED[name])
    assert machine.results() == waiting() == []


@pytest.mark.parametrize("daemon", [NAMED["sshd"], NAMED["rpcbind"]], ids=shown)
def test_rules_of_the_document_let_clients_go_at_once(start, connect, machine, daemon):
    (rules,) = re.findall(r"^```text\n([^`]*twist /bin/true\n[^`]*)```$", DOCUMENT.read_text(), re.MULTILINE)
    let_enqueue("_rpc")
    running = start(daemon, rules)
    denied = connect(daemon)
    wait_for(lambda: machine.results() or waiting(), "no alert")
    if daemon.lets_go:
        wait_for(lambda: denied.closed_s is not None, "the client is not let go")
        assert denied.closed_s < AT_ONCE_S
    wait_for(running.is_idle, "its processes have changed")


@pytest.mark.parametrize(
    "rules", [RULES[CLASSIC], f"ALL: root@ALL\n{RULES[SPAWN]}", RULES[SPAWN].replace("%h %d", "%h %d %a %u")]
)
def test_rule_that_asks_for_the_user_waits_for_ident(start, connect, machine, rules):
    start(NAMED["xinetd"], rules)
    with socket.create_server((DENIED, 113)):
        denied = connect(NAMED["xinetd"])
        machine.wait_for_results(1)
        assert denied.seconds() > 10


def test_forged_result_is_not_sent_and_holds_nothing(machine, run):
    """Neither the forwarder that the next denial starts nor cron's replay: both leave again."""
    let_enqueue("_rpc")
    forged = Path(SPOOL, "new", "forged")
    fields = "host_name=dbserver\0\nservice_description=Backup\0\nreturn_code=0\0\nplugin_output=all is well\0\n"
    forged.write_text(f"tcpwrap-alert 1 check_result\0\n{fields}end\0\n")
    subprocess.run(["chown", "_rpc", str(forged)], check=True)
    assert run("handle_tcp_wrapper", "203.0.113.7", "sshd").returncode == 0
    machine.wait_for_results(1)
    wait_for(lambda: not namespaces.processes("tcpwrap-alert forward"), "the forwarder stays")
    replayed = run("tcpwrap-alert", "replay")
    assert replayed.returncode == 74
    assert "new/forged: is no denial, and of user " in replayed.stderr
    assert machine.results() == ["firestorm;TCP Wrappers;2;Denied sshd-203.0.113.7"]
    assert waiting() == ["forged"]
