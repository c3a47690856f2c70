"""What 1000 results cost by each transport, beside the program that people use there; all at real servers but NRDP's.

Ours is `replay` of a spool of 1000 queue files, the start of Python included. Scripts start one curl for each result.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from measure import PASSWORD, Row, Subject, Usage, program, run, take_turns, workplace
from peers import icinga_api
from peers.alertmanager import Alertmanager
from peers.nrdp import Nrdp
from peers.nsca_daemon import NscaDaemon, wait_for
from peers.nsca_ng import NscaNg
from peers.pki import Authority

from tcpwrap_alert import nsca
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.queue_file import encode_queue_file

if TYPE_CHECKING:
    from tcpwrap_alert.spool.entry import Content

COUNT = 1000
STARTS = 200  # of a program for one result; each costs the same
ROUNDS = 3
NODE = "icinga-a"
PSK = "s3cret-psk"
CURL = ("-sS", "--fail", "-o", "/dev/null", "--cacert")
RESULTS = [nsca.CheckResult("firestorm", "TCP Wrappers", 2, f"Denied sshd-203.0.113.7 ({n})") for n in range(COUNT)]
DENIALS = [Denial("sshd", f"host{number}.example") for number in range(COUNT)]


def nsca_ng() -> Subject:
    """NSCA-ng, beside Debian's own client, which has one session for all results, too."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        server = NscaNg(program("nsca-ng"), directory / "server")
        server.start()
        config, records = directory / "send_nsca.cfg", directory / "records"
        config.write_text(f'identity="sensor1"\npassword="{PSK}"\nserver="127.0.0.1"\nport="{server.port}"\n')
        fields = ((r.host_name, r.service_description, str(r.return_code), r.plugin_output) for r in RESULTS)
        records.write_text("\n\x17".join(map("\t".join, fields)))
        client = [program("send_nsca-ng"), "-c", str(config)]
        each = _loop(["sh", "-c", 'printf "firestorm\\tTCP Wrappers\\t2\\tDenied" | "$@"', "sh", *client])
        peers = {
            "send_nsca of NSCA-ng, one session": lambda: run(client, str(records)),
            f"send_nsca of NSCA-ng, {STARTS} times": lambda: run(each),
        }
        with workplace(server=f"nsca-ng://sensor1@127.0.0.1:{server.port}", password=PSK) as place:
            usages = _beside(place, peers)
        wait_for(lambda: len(server.lines()) == ROUNDS * (2 * COUNT + STARTS), "results are missing")
        server.stop()
    ours, session, starts = usages.values()
    rows = [
        Row("results per CPU second, of its client's", session.cpu_s / ours.cpu_s, "x", 1.5, is_limit=False),
        _row_of_starts("its client", ours, starts),
        _rate(ours),
    ]
    return Subject(f"{COUNT} results to the real NSCA-ng server", rows, usages)


def icinga2() -> Subject:
    """Icinga 2's API, beside curl."""
    with tempfile.TemporaryDirectory() as name:
        zone = icinga_api.IcingaZone(program("icinga2"), Path(name) / "zone", NODE)
        zone.start()
        port, password = zone.nodes[NODE].port, icinga_api.PASSWORD
        body = '{"type":"Service","service":"firestorm!TCP Wrappers","exit_status":2,"plugin_output":"Denied"}'
        headers = ("-u", f"test:{password}", "-H", "Accept: application/json")
        url = f"https://{NODE}:{port}/v1/actions/process-check-result"
        curl = [
            program("curl"),
            *CURL,
            zone.ca_file,
            "--resolve",
            f"{NODE}:{port}:127.0.0.1",
            *headers,
            "-d",
            body,
            url,
        ]
        keys = {"password": password, "ca_file": zone.ca_file, "tls_name": NODE}
        with workplace(server=f"icinga2://test@127.0.0.1:{port}", **keys) as place:
            subject = _beside_curl("the real Icinga 2", place, curl)
        zone.stop()
    return subject


def nrdp() -> Subject:
    """NRDP, at a stand-in, beside curl."""
    with tempfile.TemporaryDirectory() as name:
        authority = Authority(Path(name))
        server = Nrdp(authority.leaf("nrdp", "127.0.0.1"))
        url = f"https://127.0.0.1:{server.port}/nrdp/"
        one = {"checkresult": {"type": "service"}, "hostname": "firestorm", "servicename": "TCP Wrappers"}
        document = json.dumps({"checkresults": [{**one, "state": "2", "output": "Denied"}]})
        form = ("-d", f"token={server.token}", "-d", "cmd=submitcheck", "--data-urlencode", f"json={document}")
        with workplace(server=f"nrdp+{url}", token=server.token, ca_file=authority.ca_file) as place:
            curl = [program("curl"), *CURL, str(authority.ca_file), *form, url]
            subject = _beside_curl("a stand-in for NRDP", place, curl)
        assert len(server.results) == ROUNDS * (COUNT + STARTS), "results are missing"
        server.close()
    return subject


def other_transports() -> Subject:
    """The transports that have no program of their own beside us; NSCA has, see `send`."""
    usages = {}
    for label, (make_keys, contents) in OTHERS.items():
        with tempfile.TemporaryDirectory() as name, make_keys(Path(name)) as keys, workplace(**keys) as place:
            usages.update(take_turns({label: partial(_replay, place, contents)}, ROUNDS))
    rows = [Row(f"{label}: results per second", COUNT / usage.wall_s, "/s") for label, usage in usages.items()]
    return Subject(f"{COUNT} results by each of the other transports", rows, usages)


TRANSPORT_CASES: Sequence[Callable[[], Subject]] = (nsca_ng, icinga2, nrdp, other_transports)


def _beside(place: Path, peers: Mapping[str, Callable[[], Usage]]) -> dict[str, Usage]:
    return take_turns({"replay": lambda: _replay(place, RESULTS), **peers}, ROUNDS)


def _beside_curl(where: str, place: Path, curl: Sequence[str]) -> Subject:
    usages = _beside(place, {f"curl, {STARTS} times": lambda: run(_loop(curl))})
    ours, peer = usages.values()
    return Subject(f"{COUNT} results to {where}", [_row_of_starts("curl", ours, peer), _rate(ours)], usages)


def _loop(argv: Sequence[str]) -> list[str]:
    """Return a script that starts a program again and again, as scripts do that send results."""
    return ["sh", "-c", f'i=0; while [ $i -lt {STARTS} ]; do "$@" || exit; i=$((i + 1)); done', "sh", *argv]


def _row_of_starts(name: str, ours: Usage, peer: Usage) -> Row:
    ratio = (COUNT / ours.cpu_s) / (STARTS / peer.cpu_s)
    return Row(f"results per CPU second, of {name}'s, started for each", ratio, "x", 5, is_limit=False)


def _rate(usage: Usage) -> Row:
    return Row("results per second", COUNT / usage.wall_s, "/s")


def _replay(place: Path, contents: Sequence[Content]) -> Usage:
    for number, content in enumerate(contents):
        (place / "spool" / "new" / f"{number}.0").write_bytes(encode_queue_file(content))
    usage = run([program("tcpwrap-alert"), "replay"])
    assert not os.listdir(place / "spool" / "new"), "something still waits"
    return usage


@contextmanager
def _nsca(directory: Path) -> Iterator[Mapping[str, object]]:
    daemon = NscaDaemon(program("nsca"), directory / "nsca", password=PASSWORD, mode="daemon")
    daemon.start()
    yield {"port": daemon.port}
    daemon.stop()


@contextmanager
def _command_file(directory: Path) -> Iterator[Mapping[str, object]]:
    path = directory / "cmd"
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDWR)  # to write, too: so it never ends
    threading.Thread(target=lambda: all(iter(lambda: os.read(pipe, 65536), b"")), daemon=True).start()
    yield {"server": path}


@contextmanager
def _result_folder(directory: Path) -> Iterator[Mapping[str, object]]:
    (directory / "checkresults").mkdir()
    yield {"server": f"{directory}/checkresults/"}


@contextmanager
def _alertmanager(directory: Path) -> Iterator[Mapping[str, object]]:
    node = Alertmanager(program("prometheus-alertmanager"), directory / "node")
    node.start()
    yield {"server": f"alertmanager+http://127.0.0.1:{node.port}", "allow_cleartext": "true", "fold": "no"}
    assert len(node.alerts()) == COUNT, "alerts are missing"
    node.stop()


@contextmanager
def _program(_directory: Path) -> Iterator[Mapping[str, object]]:
    yield {"server": f"exec:{program('cat')}"}


OTHERS: dict[str, tuple[Callable[[Path], AbstractContextManager[Mapping[str, object]]], Sequence[Content]]] = {
    "NSCA, at the real nsca --daemon": (_nsca, RESULTS),
    "command file": (_command_file, RESULTS),
    "result folder": (_result_folder, RESULTS),
    "Alertmanager": (_alertmanager, DENIALS),
    "exec, with cat": (_program, RESULTS),
}
