"""How many hosts one monitor takes: 1000 spools, each delivered by a connection of its own, AT_ONCE at a time.

Each host is the package's `replay` on its spool, in a process that has loaded it already, so that what is left is
the monitor's affair. CPU time is of the monitor's processes. Each monitor gets 1000 hosts with one result each, and
again with 20 each. The difference says what a result costs, and the rest what a connection costs.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from measure import PASSWORD, machine, program
from peers import icinga_api
from peers.nsca_daemon import MODES, NscaDaemon, wait_for
from support import namespaces

from tcpwrap_alert import nsca
from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.errors import TcpwrapAlertError
from tcpwrap_alert.forwarding.replay import replay
from tcpwrap_alert.spool.queue_file import encode_queue_file

HOSTS = int(os.environ.get("HOSTS", "1000"))
ENTRIES = (1, 20)
AT_ONCE = 50
SWEEP = 10_000
MINUTE_S = 60
ATTEMPTS = 20
ONE_NODE, ALL_AT_ONE = "Icinga 2, one node", "Icinga 2, two nodes, all at one"
PROGRAMS = ("nsca", "inetd", "icinga2")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# A service each: of results for one service that several connections bring at once, a node drops some as older.
HOST_OBJECTS = f"""
for (number in range({HOSTS})) {{
  object Host "host" + number {{ check_command = "none" ; enable_active_checks = false }}
  object Service "TCP Wrappers" use (number) {{
    host_name = "host" + number ; check_command = "none" ; enable_active_checks = false ; volatile = true
  }}
}}
"""

Keys = Mapping[str, object]


class Monitor(NamedTuple):
    """What hosts deliver to: their configuration, and how many results it has."""

    keys: Keys
    taken: Callable[[], int]


Start = Callable[[Path], "AbstractContextManager[Monitor]"]


class Load(NamedTuple):
    """What one run cost the monitor, with the runs of `replay` that had to be repeated."""

    wall_s: float
    cpu_s: float
    repeated: int


def main() -> None:
    """Print a line for each monitor and number of results, and what follows from both."""
    namespaces.enter()
    print(", ".join(f"{name} {value}" for name, value in machine().items()), flush=True)
    print(f"\n{HOSTS} hosts, {AT_ONCE} at once\n{'':34}{'results':>9}{'wall s':>8}{'/s':>8}{'CPU s':>8}{'again':>7}")
    costs = {}
    for label, start in MONITORS.items():
        loads = []
        for entries in ENTRIES:
            with tempfile.TemporaryDirectory() as name, start(Path(name)) as monitor:
                loads.append(_measure(Path(name), monitor, entries))
            wall_s, cpu_s, repeated = loads[-1]
            count = HOSTS * entries
            print(f"{label:34}{count:9}{wall_s:8.1f}{count / wall_s:8.0f}{cpu_s:8.2f}{repeated:7}", flush=True)
        costs[label] = _costs(*loads)
    print(f"\nOf one result each: a = CPU of {HOSTS} / {HOSTS}. Of 20 each: b. A result is (b - a) / 19,")
    print("a connection is a minus a result. A sweep is one result from each host.\n")
    for label, (connection_ms, result_ms) in costs.items():
        one_ms = connection_ms + result_ms
        print(f"{label}: a connection {connection_ms:.2f} ms, a result {result_ms:.3f} ms")
        print(f"    a sweep over {SWEEP} hosts: {SWEEP} x {one_ms:.2f} ms = {SWEEP * one_ms / 1000:.0f} s of CPU")
        print(f"    hosts in a minute, half of one core: {MINUTE_S * 500} ms / {one_ms:.2f} ms = {_hosts(one_ms)}")
    alone_ms, both_ms = (sum(costs[label]) for label in (ONE_NODE, ALL_AT_ONE))
    print(f"a result that a partner passes on, with what was to send it: {both_ms:.2f} - {alone_ms:.2f} ms", end=" ")
    print(f"= {both_ms - alone_ms:.2f} ms; of 20 per connection {costs[ALL_AT_ONE][1] - costs[ONE_NODE][1]:.3f} ms")


def _costs(one: Load, many: Load) -> tuple[float, float]:
    """Return the milliseconds of CPU of a connection, and of a result."""
    single_ms, several_ms = (1000 * load.cpu_s / HOSTS for load in (one, many))
    result_ms = (several_ms - single_ms) / (ENTRIES[1] - ENTRIES[0])
    return single_ms - result_ms, result_ms


def _hosts(one_ms: float) -> int:
    return int(MINUTE_S * 500 / one_ms)


def _measure(directory: Path, monitor: Monitor, entries: int) -> Load:
    """Fill the spools, deliver all, and see that all has come."""
    spools = [_fill(directory / "spools" / f"host{number}", entries) for number in range(HOSTS)]
    config = _write_config(directory / "send_nsca.cfg", monitor.keys)
    cpu_s = _cpu_s()
    start = time.monotonic()
    with multiprocessing.get_context("fork").Pool(AT_ONCE) as pool:
        jobs = [(str(spool), str(config)) for spool in spools]
        repeated = sum(pool.imap_unordered(_deliver, jobs))
        wall_s = time.monotonic() - start
        wait_for(lambda: monitor.taken() >= HOSTS * entries, "results are missing")
        cpu_s = _cpu_s() - cpu_s  # before the pool ends, whose processes are not the monitor's
    assert monitor.taken() >= HOSTS * entries
    return Load(wall_s, cpu_s, repeated)


def _fill(spool: Path, entries: int) -> Path:
    (spool / "new").mkdir(parents=True)
    for number in range(entries):
        text = f"Denied sshd-203.0.113.{number}"
        result = nsca.CheckResult(spool.name, "TCP Wrappers", 2, text)
        (spool / "new" / f"{number}.0").write_bytes(encode_queue_file(result))
    return spool


def _write_config(path: Path, keys: Keys) -> Path:
    path.write_text("".join(f"{key}={value}\n" for key, value in {"host_name": "firestorm", **keys}.items()))
    path.chmod(0o600)
    return path


def _deliver(job: tuple[str, str]) -> int:
    """Be one host: replay its spool. Return how often that had to be repeated."""
    spool, config_path = job
    os.environ["TCPWRAP_ALERT_SPOOL"] = spool
    for repeated in range(ATTEMPTS):
        try:
            replay(read_config(config_path))
        except TcpwrapAlertError as error:
            reason = error
            time.sleep(1)
        else:
            assert not os.listdir(f"{spool}/new"), "something still waits"
            return repeated
    raise reason


def _cpu_s() -> float:
    """Return the CPU seconds of the monitor's processes: those that live, and those that ended.

    nsca's children become ours when their parents end, and only the times of those that were waited for are exact.
    """
    living = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            pid, _, rest = path.read_text().partition(" (")
            name, _, values = rest.rpartition(") ")
            fields = values.split()
            if name not in PROGRAMS:
                continue
            if fields[0] == "Z" and int(fields[1]) == os.getpid():
                os.waitpid(int(pid), 0)
            else:
                living += sum(map(int, fields[11:15]))
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return living / TICKS_PER_S + ended.ru_utime + ended.ru_stime


def _nsca(mode: str) -> Start:
    @contextmanager
    def start(directory: Path) -> Iterator[Monitor]:
        inetd = program("inetd") if mode == "inetd" else ""
        daemon = NscaDaemon(program("nsca"), directory / "nsca", password=PASSWORD, mode=mode, inetd=inetd)
        daemon.start()
        keys = {"server": f"nsca://127.0.0.1:{daemon.port}", "password": PASSWORD, "encryption_method": 1}
        keys["verdict"] = "direct"
        yield Monitor(keys, lambda: len(daemon.lines()))
        daemon.stop()

    return start


def _icinga(*names: str) -> Start:
    """Return how to start a zone of these nodes; all hosts have the first of them first."""

    @contextmanager
    def start(directory: Path) -> Iterator[Monitor]:
        zone = icinga_api.IcingaZone(program("icinga2"), directory / "zone", *names)
        for node in zone.nodes.values():
            with open(node.directory / "icinga2.conf", "a") as config:
                config.write(HOST_OBJECTS)
        zone.start()
        keys = {
            "server": ";".join(f"icinga2://test@127.0.0.1:{node.port}" for node in zone.nodes.values()),
            "password": icinga_api.PASSWORD,
            "ca_file": zone.ca_file,
            "tls_name": ";".join(zone.nodes),
        }
        first, *partners = zone.nodes.values()
        yield Monitor(keys, lambda: _taken(first))
        for partner in partners:
            print(f"    the partner has {_taken(partner)} of them", flush=True)
        zone.stop()

    return start


def _taken(node: icinga_api.IcingaNode) -> int:
    """Return how many results a node has, from us or from its partner: its own count of a quarter of an hour.

    A partner's is printed and not waited for: it may still be behind.
    """
    return int(node.ask("GET", "/v1/status/CIB")["results"][0]["status"]["passive_service_checks_15min"])


MONITORS: dict[str, Start] = {
    **{f"nsca --{mode}": _nsca(mode) for mode in MODES},
    ONE_NODE: _icinga("icinga-a"),
    ALL_AT_ONE: _icinga("icinga-a", "icinga-b"),
}


if __name__ == "__main__":
    main()
