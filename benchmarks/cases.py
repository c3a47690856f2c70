"""What is compared: one function per subject, each returning its figures beside their aims."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from measure import (
    BARE_PYTHON,
    PASSWORD,
    Row,
    Subject,
    Usage,
    compare,
    peak_mib,
    program,
    run,
    sink,
    take_turns,
    workplace,
)
from peers.nsca_daemon import NscaDaemon, wait_for
from support import namespaces

from tcpwrap_alert import nsca
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.queue_file import encode_queue_file

if TYPE_CHECKING:
    from tcpwrap_alert.spool.entry import Content

# The chain of Nagios's manual: a shell script that calls a shell script that pipes an echo into C send_nsca.
CHAIN = {
    "handle": '#!/bin/sh\n{0}/submit firestorm "TCP Wrappers" 2 "Denied $2-$1" >/dev/null 2>/dev/null\nexit 0\n',
    "submit": (
        '#!/bin/sh\n/bin/echo -e "$1\\t$2\\t$3\\t$4\\n" |\n'
        "{1} -H 127.0.0.1 -p {2} -c {0}/c_send_nsca.cfg >/dev/null 2>&1\n"
    ),
}
CLASSIC = "classic chain"
RECORD = "firestorm\tTCP Wrappers\t2\tDenied sshd-203.0.113.7\n\x17"
SENT = 10000
STORM = 1000
SLOW_DENIALS = int(os.environ.get("SLOW_DENIALS", "150"))  # five minutes; set less for a quick look
AT_A_TIME = 20
CLIENTS = 100
MIB = 2**20


def drop() -> Subject:
    """handle_tcp_wrapper while a forwarder works: only a queue file is written."""
    with _daemon() as (directory, daemon):
        (directory / "spool" / "leader").touch()
        commands = {
            "handle_tcp_wrapper": [program("handle_tcp_wrapper"), "203.0.113.7", "sshd"],
            CLASSIC: [_chain(directory, daemon.port), "203.0.113.7", "sshd"],
            "dash -c :": ["dash", "-c", ":"],
        }
        rounds = 200
        usages = compare(commands, rounds)
        daemon.wait_for_results(rounds + 1)
        assert len(os.listdir(directory / "spool" / "new")) == rounds + 1, "the drop lost alerts"
    ours, chain, dash = (usage.cpu_s for usage in usages.values())
    rows = [
        Row("CPU, of the classic chain with C send_nsca", ours / chain, "x", 0.25),
        Row("CPU, of dash -c :", ours / dash, "x", 1.6),
    ]
    return Subject("a drop while a forwarder works", rows, usages)


def send(method: int, aim: float) -> Subject:
    """`send` with 10000 records on standard input, beside C send_nsca, both to the sink."""
    with sink() as port, workplace(port=port, encryption_method=method) as directory:
        records = directory / "records"
        records.write_text(RECORD * SENT)
        options = ["-H", "127.0.0.1", "-p", str(port), "-to", "120", "-c"]  # for C send_nsca the time of the whole run
        commands = {
            "tcpwrap-alert send": [program("tcpwrap-alert"), "send", *options, str(directory / "send_nsca.cfg")],
            "C send_nsca": [program("send_nsca"), *options, str(directory / "c_send_nsca.cfg")],
        }
        usages = compare(commands, 3, str(records), f"{SENT} data packet(s) sent to host successfully.\n")
    ours, peer = usages.values()
    rows = [
        Row("results per CPU second, of C send_nsca's", peer.cpu_s / ours.cpu_s, "x", aim, is_limit=False),
        Row("results per second, of C send_nsca's", peer.wall_s / ours.wall_s, "x", aim, is_limit=False),
    ]
    return Subject(f"{SENT} results on one connection, method {method} {nsca.METHODS[method].name}", rows, usages)


def single() -> Subject:
    """One result or none, beside a start of Python: what each check and each minute of cron costs."""
    result = ["firestorm", "TCP Wrappers", "2", "Denied sshd-203.0.113.7"]
    usages = {}
    with sink() as port:
        for method in (1, 14):
            with workplace(port=port, encryption_method=method):
                label = f"submit_check_result, method {method}"
                commands = {label: [program("submit_check_result"), *result], "python3 -c pass": BARE_PYTHON}
                usages[method] = compare(commands, 40)
        with workplace(port=port):
            commands = {"replay": [program("tcpwrap-alert"), "replay"], "python3 -c pass": BARE_PYTHON}
            usages[0] = compare(commands, 60)
    ratios = {key: ours.cpu_s / bare.cpu_s for key, (ours, bare) in ((k, u.values()) for k, u in usages.items())}
    rows = [
        Row("CPU of submit_check_result until delivered, XOR", ratios[1], "x", 2.2),
        Row("CPU of submit_check_result until delivered, AES", ratios[14], "x", 4.0),
        Row("CPU of replay with an empty spool", ratios[0], "x", 1.5),
    ]
    return Subject("one result, or none, of a bare python3 -c pass", rows, {**usages[1], **usages[14], **usages[0]})


def storm() -> Subject:
    """Many denials at a time, until all are at the real nsca daemon, beside the classic chain."""
    connections: dict[str, list[int]] = {"daemon": [], "single": []}
    processes: list[int] = []
    lost = 0

    def ours(mode: str, directory: Path) -> Usage:
        accepted = namespaces.connections_accepted()
        with _watch(processes):
            usage = _storm(program("handle_tcp_wrapper"), "sshd", lambda: not os.listdir(directory / "spool" / "new"))
        connections[mode].append(namespaces.connections_accepted() - accepted)
        return usage

    with _daemon("daemon") as (directory, daemon):
        chain = _chain(directory, daemon.port)
        runs = {
            "handle_tcp_wrapper": lambda: ours("daemon", directory),
            CLASSIC: lambda: _storm(chain, "ftpd", lambda: True),
        }
        usages = take_turns(runs, 3)
        lost += abs(3 * STORM - _denied(daemon, "sshd"))
    with _daemon("single") as (directory, daemon):
        usages.update(take_turns({"handle_tcp_wrapper, nsca --single": lambda: ours("single", directory)}, 3))
        lost += abs(3 * STORM - _denied(daemon, "sshd"))
    ratio = usages["handle_tcp_wrapper"].cpu_s / usages[CLASSIC].cpu_s
    rows = [
        Row("CPU, of the classic chain's", ratio, "x", 0.35),
        Row("lost or counted twice", lost, "", 0),
        Row("connections to nsca --daemon", max(connections["daemon"]), "", 20),
        Row("connections to nsca --single", max(connections["single"]), "", 20),
        Row("processes of ours at once, sampled each 10 ms", max(processes), "", 25),
    ]
    return Subject(f"a storm of {STORM} denials, {AT_A_TIME} at a time, to the real nsca daemon", rows, usages)


def slow_attack() -> Subject:
    """One denial every two seconds for five minutes, or for as many denials as SLOW_DENIALS says."""

    def attack(script: str, denied_by: str) -> Usage:
        others, cpu_s, start = _children(), _children_cpu_s(), time.perf_counter()
        for number in range(SLOW_DENIALS):
            subprocess.run([script, "203.0.113.7", denied_by], check=True, close_fds=False)
            time.sleep(max(0.0, start + 2 * (number + 1) - time.perf_counter()))
        for pid in _children() - others:  # the forwarder, which would stay for five minutes more
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: _reap() or _children() <= others, "the forwarder does not end", 60)
        return Usage(_children_cpu_s() - cpu_s, time.perf_counter() - start, None)

    with _daemon("single", window="5m") as (directory, daemon):
        chain = _chain(directory, daemon.port)
        usages = {
            "handle_tcp_wrapper": attack(program("handle_tcp_wrapper"), "sshd"),
            CLASSIC: attack(chain, "ftpd"),
        }
    ours, classic = (usage.cpu_s for usage in usages.values())
    rows = [Row("CPU, of the classic chain's", ours / classic, "x", 0.30)]
    return Subject(f"one denial every 2 s, {SLOW_DENIALS} of them, an episode on", rows, usages)


def _reap() -> None:
    """Take leave of children that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def replay() -> Subject:
    """`replay` of a great spool, to the sink."""
    kinds: dict[str, tuple[int, Callable[[int], Content]]] = {
        "10000 check results": (10000, _check_result),
        "100000 check results": (100000, _check_result),
        "100000 denials, fold=no": (100000, lambda number: Denial("sshd", f"host{number}.example")),
    }
    with sink() as port, workplace(port=port, fold="no") as directory:

        def once(count: int, make: Callable[[int], Content]) -> Callable[[], Usage]:
            return lambda: _replay(directory / "spool" / "new", count, make)

        usages = take_turns({label: once(*kind) for label, kind in kinds.items()}, 3)
        for label, kind in kinds.items():
            _fill(directory / "spool" / "new", *kind)
            usages[label] = usages[label]._replace(peak_mib=peak_mib([program("tcpwrap-alert"), "replay"]))
    small, great, denials = usages.values()
    rows = [
        Row("100000 check results: per second", 100000 / great.wall_s, "/s", 15000, is_limit=False),
        Row("100000 check results: peak memory", great.peak_mib or 0, "MiB", 64),
        Row("10 x the check results: the time", great.wall_s / small.wall_s, "x", 11),
        Row("100000 denials, fold=no: per second", 100000 / denials.wall_s, "/s", 15000, is_limit=False),
        Row("100000 denials, fold=no: peak memory", denials.peak_mib or 0, "MiB", 64),
    ]
    return Subject("replay of a great spool to a sink", rows, usages)


def kept_connection() -> Subject:
    """A connection that is kept for many results, beside one for each, at the real nsca daemon; no aim."""
    results = [nsca.CheckResult("firestorm", f"Service {number}", 0, "OK") for number in range(20)]
    with _daemon("daemon", encryption_method=14) as (_, daemon):
        monitor = nsca.Server("127.0.0.1", daemon.port, PASSWORD.encode(), 14)

        def kept() -> None:
            with nsca.Connection(monitor) as connection:
                for result in results:
                    connection.send([result])

        def each() -> None:
            for result in results:
                nsca.send_check_results(monitor, [result])

        runs = {"one kept connection": lambda: _timed(kept), "a connection for each": lambda: _timed(each)}
        usages = take_turns(runs, 5)
        daemon.wait_for_results(5 * 2 * len(results))
    ratio = usages["one kept connection"].wall_s / usages["a connection for each"].wall_s
    rows = [Row("time of one kept connection, of a connection for each", ratio, "x")]
    return Subject(f"{len(results)} results from Python to the real nsca daemon", rows, usages)


CASES: Sequence[Callable[[], Subject]] = (
    drop,
    lambda: send(1, 4),
    lambda: send(14, 4),
    lambda: send(16, 2),
    single,
    storm,
    slow_attack,
    replay,
    kept_connection,
)


@contextmanager
def _daemon(mode: str = "single", encryption_method: int = 1, **keys: object) -> Iterator[tuple[Path, NscaDaemon]]:
    """Yield a workplace and the real nsca daemon in it.

    Mode "single" answers at once; "daemon", Debian's, looks for new connections once a second.
    """
    with workplace(encryption_method=encryption_method, **keys) as directory:
        path = directory / "nsca"
        daemon = NscaDaemon(program("nsca"), path, password=PASSWORD, method=encryption_method, mode=mode)
        with open(directory / "send_nsca.cfg", "a") as config:
            config.write(f"port={daemon.port}\n")
        daemon.start()
        yield directory, daemon
        daemon.stop()


def _chain(directory: Path, port: int) -> str:
    for script, text in CHAIN.items():
        (directory / script).write_text(text.format(directory, program("send_nsca"), port))
        (directory / script).chmod(0o755)
    return str(directory / "handle")


def _storm(script: str, denied_by: str, is_delivered: Callable[[], bool]) -> Usage:
    """Call `script` for each denial; return when all is delivered and every process of it has ended."""

    def deny(number: int) -> None:
        subprocess.run([script, f"203.0.113.{number % CLIENTS}", denied_by], check=True, close_fds=False)

    others, cpu_s, start = _children(), _children_cpu_s(), time.perf_counter()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(deny, range(STORM)))
    peaks = [0.0]

    def is_over() -> bool:
        for pid in _children() - others:  # the forwarder: its shell has ended, so it is ours
            ended, _, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                peaks.append(usage.ru_maxrss / 1024)
        return is_delivered() and _children() <= others

    wait_for(is_over, "the storm does not end", 60)
    return Usage(_children_cpu_s() - cpu_s, time.perf_counter() - start, max(peaks) or None)


def _children() -> set[int]:
    found = ""
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
            found += (task / "children").read_text() + " "
    return set(map(int, found.split()))


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _watch(found: list[int]) -> Iterator[None]:
    """Append to `found` how many processes of ours lived at once, as often as one can look."""
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(0.01):
            found.append(
                len(namespaces.processes("handle_tcp_wrapper")) + len(namespaces.processes("tcpwrap-alert forward"))
            )

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _denied(daemon: NscaDaemon, denied_by: str) -> int:
    """Return of how many denials by `denied_by` the daemon was told."""
    results = [result for result in daemon.results() if f"Denied {denied_by}-" in result]
    counts = (re.search(r"\bdenied=(\d+)", result) for result in results)
    return sum(int(count[1]) if count else 1 for count in counts)


def _check_result(number: int) -> nsca.CheckResult:
    return nsca.CheckResult("firestorm", f"Service {number}", number % 4, f"Output {number}")


def _fill(new: Path, count: int, make: Callable[[int], Content]) -> None:
    for number in range(count):
        (new / f"{number}.0").write_bytes(encode_queue_file(make(number)))


def _replay(new: Path, count: int, make: Callable[[int], Content]) -> Usage:
    _fill(new, count, make)
    usage = run([program("tcpwrap-alert"), "replay"])
    assert not os.listdir(new), "something still waits"
    return usage


def _timed(call: Callable[[], None]) -> Usage:
    cpu_s, start = time.process_time(), time.perf_counter()
    call()
    return Usage(time.process_time() - cpu_s, time.perf_counter() - start)
