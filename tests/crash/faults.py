"""One fault at one system call of an installed script, by strace's injection, and what becomes of the alerts.

`Bench.record` runs a scenario under strace and returns its system calls. `Bench.run` runs it again, in a spool of its
own, with a fault at one of them: the process is killed as it makes the call, or the call fails and does nothing. Then
it looks where each alert is, lets `tcpwrap-alert replay` finish the job and looks again. The monitors are real nsca;
each run has a host name of its own, so that the command file tells what of it arrived, and how often.

An alert is known by its text, and each monitor is counted by itself. A script has to keep those that waited before, and
the one that it brings, if its exit status says that it has it. These are accepted; then

    accepted - waiting - delivered      is lost: nothing ever may be
    waiting + delivered - accepted      comes twice: only where packets had been sent, or a tally of what waits
                                        written, when the fault came

With several monitors the faults are those of the first thread: it hands over, and then delivers to the first of them
while others deliver to theirs.

Only a file that is not whole may be set aside; a whole one there is lost. While the interpreter loads the script
(`Call.is_start`), it speaks for itself, and the shell's exit status means nothing. Nothing waits for a clock: pauses of
a script end at once, by another injection, `leader` ages by utime, and what the spool's state says of files that are
not whole by an earlier time there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from peers.nsca_daemon import wait_for
from support.namespaces import PR_SET_CHILD_SUBREAPER
from support.spools import let_grace_pass

import tcpwrap_alert
from tcpwrap_alert import scripts
from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.config.values import Wording
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import QueueFileCorrupt
from tcpwrap_alert.forwarding.fold import make_check_result
from tcpwrap_alert.spool.entry import Entry, decode_content
from tcpwrap_alert.spool.episodes import Episode, Episodes
from tcpwrap_alert.spool.episodes_file import EpisodesFile
from tcpwrap_alert.spool.leader import Leader
from tcpwrap_alert.spool.queue_file import encode_queue_file
from tcpwrap_alert.spool.spool import Spool
from tcpwrap_alert.spool.state import uptime_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing import Queue

BIN_DIR = Path(sys.executable).parent
PACKAGE_DIR = str(Path(tcpwrap_alert.__file__).parent)

IS_FULL = os.environ.get("CRASH_MATRIX") == "full"  # by `make crash`

KILL = "KILL"
ERRORS = ("ENOSPC", "EIO", "EINTR", "EACCES", "EMFILE")

# These never return an error, or none of those above: the kernel has none for them.
NEVER_FAIL = (
    "futex",
    *("arch_prctl", "brk", "exit", "exit_group", "getegid", "geteuid", "getgid", "getpid", "getppid", "gettid"),
    *("getuid", "rt_sigreturn", "set_robust_list", "set_tid_address", "umask"),
)
# These change nothing that others can see; to a process that is killed, its descriptors are closed anyway.
LOOKING = (
    *("access", "close", "dup2", "faccessat", "faccessat2", "fcntl", "fstat", "fsync", "getdents64", "getsockopt"),
    *("ioctl", "lseek", "lstat", "newfstatat", "poll", "read", "readlink", "recvfrom", "setsockopt", "socket", "stat"),
)
PAUSES = "?clock_nanosleep,?select,?pselect6"  # what time.sleep makes, by Python's version and the processor

DEADLINE_S = 60
NOWHERE = "127.0.0.1:1"  # nobody listens there
KEPT = (0, 75, 77, 78)  # the exit statuses that say that the alert is safe
OLD_S = 120.0  # no process is at work any more on a file of this age
STAYING = {"new", "corrupt", "state", "state.new", "history", "episodes.new", "for"}  # of what is in a spool
FINISHING = 3  # replays: one that meets a file that is not whole, one that sets it aside, one that finds nothing

TALLY = "tcpwrap-alert 1 denials"
BAD_FILE = b"tcpwrap-alert 1 denial\0\nclient=203.0"
CLIENT = "203.0.113.9"
DROP = ("handle_tcp_wrapper", CLIENT, "sshd")
STORM = (("203.0.113.1", 2), ("203.0.113.2", 1))


class Scenario(NamedTuple):
    """What is run, and where.

    Args:
        argv: the script; {spool} and {host_name} are replaced.
        brings: the text of the alert that the script is given.
        waiting: the clients whose denials wait already, and how often; a check result and a bad file wait beside them.
        leader: which `leader` there is: "" none, "at work" a locked one, "new" as a drop makes it, "stale" an old one.
        up: whether each monitor can be reached.
        is_silent: the script must not print anything, whatever happens.
        settings: further lines of the configuration.
        counted: how many denials of the first client in `waiting` wait for the end of a window, which is over.
    """

    argv: tuple[str, ...]
    brings: str = ""
    waiting: tuple[tuple[str, int], ...] = (("203.0.113.1", 1),)
    leader: str = ""
    up: tuple[bool, ...] = (True,)
    is_silent: bool = False
    settings: str = ""
    counted: int = 0

    @property
    def monitors(self) -> tuple[str, ...]:
        """The names of the monitors."""
        return monitor_names(self.up)


def monitor_names(up: Sequence[bool]) -> tuple[str, ...]:
    """Return the names of so many monitors; a single one has none."""
    return ("",) if len(up) == 1 else tuple("ab"[: len(up)])


SCENARIOS = {
    "drop": Scenario(DROP, f"Denied sshd-{CLIENT}", leader="at work", is_silent=True),
    "drop, lead": Scenario(DROP, f"Denied sshd-{CLIENT}", is_silent=True),
    "enqueue": Scenario(("submit_check_result", "{host_name}", "Disk", "1", "90 % full"), "90 % full", up=(False,)),
    "forward": Scenario(("tcpwrap-alert", "forward", "{spool}"), waiting=STORM, leader="new", is_silent=True),
    "defer": Scenario(("tcpwrap-alert", "replay"), waiting=STORM, up=(False,)),
    "defer, too much": Scenario(
        ("tcpwrap-alert", "replay"), waiting=(("203.0.113.1", 4),), up=(False,), settings="max_entries=2"
    ),
    "replay": Scenario(("tcpwrap-alert", "replay"), waiting=STORM, leader="stale"),
    "a window ends": Scenario(("tcpwrap-alert", "replay"), waiting=STORM, settings="window=5m", counted=3),
    "hand over to two monitors": Scenario(("tcpwrap-alert", "replay"), waiting=STORM, up=(True, True)),
    "one of two down": Scenario(("tcpwrap-alert", "replay"), waiting=STORM, up=(True, False)),
    "enqueue for two monitors": Scenario(
        ("submit_check_result", "{host_name}", "Disk", "1", "90 % full"), "90 % full", up=(False, True)
    ),
}


class Call(NamedTuple):
    """One system call of a recorded run."""

    is_start: bool  # of the interpreter, which is still loading the script

    name: str
    nth: int  # of the calls of this name, from 1
    touches: bool  # the spool, the configuration, a socket or another process
    changes: bool  # something outside the process
    may_repeat: bool  # before it something may have been sent to a monitor, or a tally written of what waits
    text: str  # as strace shows it
    after: str  # the last call before it that touches

    @property
    def place(self) -> tuple[str, str]:
        """What it does, and after what, without what differs from run to run."""
        return re.sub(r"0x[0-9a-f]+|\d+", "0", self.after), re.sub(r"0x[0-9a-f]+|\d+", "0", self.text)


class Job(NamedTuple):
    """One run: `fault` at `call`."""

    host_name: str
    scenario: str
    call: Call
    fault: str

    def __str__(self) -> str:
        return f"{self.host_name}: {self.scenario}, {self.fault} at {self.call.name} {self.call.nth}: {self.call.text}"


class Outcome(NamedTuple):
    """What became of a run."""

    job: Job
    was_reached: bool
    lost: int
    duplicates: int
    problems: list[str]


class Monitor(NamedTuple):
    """The nsca daemon of a bench."""

    server: str
    password: str
    command_file: Path


class Place:
    """The spool and the configuration of one run."""

    def __init__(self, directory: Path, host_name: str) -> None:
        self.directory = directory
        self.host_name = host_name
        self.spool = directory / "spool"
        self.new = self.spool / "new"
        self.corrupt = self.spool / "corrupt"
        self.leader = self.spool / "leader"
        self.config = directory / "send_nsca.cfg"
        self.calls = directory / "calls"  # as strace shows them
        self.printed = directory / "printed"
        self.new.mkdir(parents=True)

    def write_config(self, servers: dict[str, str], password: str, settings: str = "") -> None:
        """Let `servers` be the monitors, by name; a single one has none."""
        lines = [
            f"password={password}",
            f"host_name={self.host_name}",
            "timeout=5",
            "verdict=direct",
            "" if "window" in settings else "window=no",
            settings,
        ]
        for name, server in servers.items():
            lines += [*([f"[{name}]"] if name else []), f"server={server}"]
        self.config.write_text("\n".join([*lines, ""]))
        self.config.chmod(0o600)

    def fill(self, scenario: Scenario) -> None:
        """Make what is in the scenario's spool before it begins."""
        contents = [Denial("sshd", client) for client, count in scenario.waiting for _ in range(count)]
        contents.append(CheckResult(self.host_name, "Load", 0, "load 0.1"))
        for number, content in enumerate(contents):
            (self.new / f"{number}.0").write_bytes(encode_queue_file(content))
        (self.new / "bad").write_bytes(BAD_FILE)
        spool = Spool(str(self.spool))
        state = spool.read_state()
        state.unfinished["bad"] = uptime_s() - OLD_S
        spool.write_state(state)
        if scenario.counted:
            self._begin_episode(scenario.waiting[0][0], scenario.counted)
        if scenario.leader:
            self.leader.touch()
        if scenario.leader == "stale":
            age(self.leader)

    def _begin_episode(self, client: str, count: int) -> None:
        """Let an episode be on whose window has ended, with so many denials that wait for that."""
        now_ns = time.time_ns()
        episodes = Episodes()
        episodes.on[f"=Denied sshd-{client}"] = Episode(now_ns - 301 * 10**9, now_ns - 10**9, 300, 1, now_ns)
        episodes.tally.add(("sshd", client, "unknown", "unknown"), count, now_ns, now_ns)
        EpisodesFile(Spool(str(self.spool))).write(episodes)

    def waiting(self, monitors: Sequence[str]) -> Counter[tuple[str, str]]:
        """Return monitor and text of the alerts that wait. What is in new/ waits for each of them."""
        waiting: Counter[tuple[str, str]] = Counter()
        for monitor in monitors:
            texts: Counter[str] = Counter()
            files: dict[str, str] = {}  # by name: a copy for one monitor has the name of the file in new/
            for spool in [self.spool, *([self.spool / "for" / monitor] if monitor else [])]:
                episodes = EpisodesFile(Spool(str(spool))).look()
                for (daemon, client, *_), (count, _, _) in episodes.tally:
                    texts[f"Denied {daemon}-{client}"] += count
                counted = {name for _, name in episodes.counted}
                new = spool.glob("new/*")
                files.update({path.name: output_of(path) for path in new if path.name not in counted})
            for output in filter(None, files.values()):
                count_in(output, texts)
            waiting.update({(monitor, text): count for text, count in texts.items()})
        return waiting

    def left(self) -> set[str]:
        """Return the names of all that is in the spool and below it, but for what was set aside."""
        return {path.name for spool in self.spools() for path in (*spool.iterdir(), *spool.glob("new/*"))}

    def spools(self) -> list[Path]:
        """Return the spool, and those of several monitors below it."""
        return [self.spool, *self.spool.glob("for/*")]

    def count_set_aside(self, data: bytes) -> int:
        """Return how many files with these bytes were set aside."""
        return sum(path.read_bytes() == data for path in self.corrupt.iterdir()) if self.corrupt.exists() else 0

    def let_time_pass(self) -> None:
        """Make old what somebody might still be at work on: `leader`, and files that a reader saw not to be whole."""
        for spool in self.spools():
            let_grace_pass(spool)
        age(self.leader)

    def was_reached(self, job: Job) -> bool:
        """Return whether the run came as far as to its fault."""
        return ("+++ killed by SIGKILL" if job.fault == KILL else f"-1 {job.fault} ") in self.calls.read_text()

    def environment(self) -> dict[str, str]:
        """Return the environment of the scripts; the same in each run, so that their calls are."""
        return {
            "PATH": f"{BIN_DIR}:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "TCPWRAP_ALERT_SPOOL": str(self.spool),
            "TCPWRAP_ALERT_CONFIG": str(self.config),
        }


def output_of(path: Path) -> str:
    """Return what the monitor would get to read of a queue file; empty if the file is not whole, or gone."""
    try:
        entry = Entry(path.name, 0, decode_content(path.read_bytes()))
    except (QueueFileCorrupt, FileNotFoundError):
        return ""
    return make_check_result(entry, Wording()).plugin_output


# Time, or number and span, performance data and long output are not of the text by which an alert is known.
OUTPUT = re.compile(r"(.*?)(?: \((?:at|once,|\d+ times,) [^)]*\))?(?:\|denied=(\d+) clients=1.*)?", re.DOTALL)


def count_in(output: str, texts: Counter[str]) -> None:
    """Count the alerts that an output stands for."""
    text, count = OUTPUT.fullmatch(output).groups()
    texts[text] += int(count or 1)


def age(path: Path) -> None:
    """Let a file, if it is there, have changed long ago."""
    changed = time.time() - OLD_S
    with contextlib.suppress(FileNotFoundError):
        os.utime(path, (changed, changed))


class Received:
    """What the daemon wrote for Nagios: how often each text, by host name; a folded result counts as what it folds."""

    LINE = re.compile(r"\[\d+\] PROCESS_SERVICE_CHECK_RESULT;([^;]*);[^;]*;\d;(.*)")

    def __init__(self, command_file: Path) -> None:
        self._command_file = command_file
        self._read = 0  # bytes, up to the end of a line
        self._texts: dict[str, Counter[str]] = {}

    def of(self, host_name: str) -> Counter[str]:
        """Return what has come so far of one run."""
        with self._command_file.open("rb") as file:
            file.seek(self._read)
            lines = file.read().splitlines(keepends=True)
        for line in (line for line in lines if line.endswith(b"\n")):
            self._read += len(line)
            name, output = self.LINE.fullmatch(line.decode().rstrip("\n")).groups()
            count_in(output, self._texts.setdefault(name, Counter()))
        return Counter(self._texts.get(host_name))


def parse_calls(text: str, directory: str) -> list[Call]:
    """Return the calls in strace's output that its first process made, but for the one that started the script."""
    found = [match.groups() for match in map(re.compile(r"(\d+) +(\w+)(\(.*)").match, text.splitlines()) if match]
    calls: list[Call] = []
    times: Counter[str] = Counter()
    is_start = True
    may_repeat = False
    after = ""
    for name, rest in [(name, rest) for pid, name, rest in found if pid == found[0][0]][1:]:
        times[name] += 1
        is_start_of_other = name in ("clone", "clone3", "vfork")
        touches = any(word in rest for word in (directory, "<TCP", "<UNIX")) or name == "socket" or is_start_of_other
        changes = touches and name not in LOOKING and (name != "openat" or "O_CREAT" in rest)
        is_start = is_start and not any(word in rest for word in (f"{directory}/sp", f"{directory}/send", "/proc/"))
        calls.append(Call(is_start, name, times[name], touches, changes, may_repeat, name + rest, after))
        after = name + rest if touches else after
        is_start = is_start and not (name == "read" and "handle_tcp_wrapper>" in rest)
        may_repeat = may_repeat or (name == "sendto" and "<TCP" in rest) or (name == "write" and TALLY in rest)
        may_repeat = may_repeat or (is_start_of_other and "CLONE_THREAD" in rest)
    return calls


def injection(job: Job) -> list[str]:
    """Return strace's options for the job's fault. A child of the script, or a second thread, is not traced."""
    fault = f"signal={KILL}" if job.fault == KILL else f"error={job.fault}"
    options = ["-e", f"trace={job.call.name},{PAUSES}", "-e", f"inject={PAUSES}:retval=0"]
    options += ["-e", f"inject={job.call.name}:{fault}:when={job.call.nth}"]
    # Stops the process at these calls only, which is faster; but a signal does not arrive then (strace 6.1).
    is_alone = SCENARIOS[job.scenario].argv != DROP and len(SCENARIOS[job.scenario].up) == 1
    return options + (["-f", "--seccomp-bpf"] if job.fault != KILL and is_alone else [])


class Bench:
    """Makes runs. Its process is the parent of all orphans, so that it can wait for what the scripts started."""

    def __init__(self, base: Path, monitors: Sequence[Monitor]) -> None:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._base = base
        self._monitors = monitors
        self._received = [Received(monitor.command_file) for monitor in monitors]

    def record(self, name: str) -> list[Call]:
        """Return the system calls of the scenario's script, from the first that touches something of ours.

        What Python does before that is the same whatever it is going to run; of the shell it is all.
        """
        scenario = SCENARIOS[name]
        place = self._make_place("record", scenario)
        self._start(place, scenario, ["-f", "-yy", f"-s{len(TALLY)}", "-e", f"inject={PAUSES}:retval=0"])
        calls = parse_calls(place.calls.read_text(), str(place.directory))
        shutil.rmtree(place.directory)
        return calls[next(i for i, call in enumerate(calls) if scenario.argv == DROP or PACKAGE_DIR in call.text) :]

    def run(self, job: Job) -> Outcome:
        """Make one run. What it left stays for a look if there is something wrong with it."""
        scenario = SCENARIOS[job.scenario]
        place = self._make_place(job.host_name, scenario)
        accepted = place.waiting(scenario.monitors)
        status, printed = self._start(place, scenario, injection(job))
        waiting, delivered = place.waiting(scenario.monitors), self._delivered(job)
        brought = Counter([(monitor, scenario.brings) for monitor in scenario.monitors if scenario.brings])
        # Without a report that it is safe, the alert may be anywhere or nowhere.
        is_reported = status in KEPT and not job.call.is_start
        accepted += brought if is_reported else brought & (waiting + delivered - accepted)
        problems = [] if job.call.is_start else [*complaints(job, status, printed, waiting)]
        if gone := accepted - waiting - delivered:
            problems.append(f"lost: {dict(gone)}")
        if (surplus := waiting + delivered - accepted) and not job.call.may_repeat:
            problems.append(f"twice: {dict(surplus)}")
        problems += self._finish(job, place, waiting, delivered)
        received = self._delivered(job)
        lost, duplicates = accepted - received, received - accepted
        if place.count_set_aside(BAD_FILE) != 1:
            problems.append("the bad file was not set aside")
        was_reached = place.was_reached(job)
        if not problems:
            shutil.rmtree(place.directory)
        problems = [f"{job}: exit status {status}; {what}" for what in problems]
        return Outcome(job, was_reached, sum(lost.values()), sum(duplicates.values()), problems)

    def _delivered(self, job: Job) -> Counter[tuple[str, str]]:
        """Return monitor and text of what has come so far of one run."""
        delivered: Counter[tuple[str, str]] = Counter()
        for monitor, received in zip(SCENARIOS[job.scenario].monitors, self._received):
            delivered.update({(monitor, text): count for text, count in received.of(job.host_name).items()})
        return delivered

    def _finish(
        self, job: Job, place: Place, waiting: Counter[tuple[str, str]], delivered: Counter[tuple[str, str]]
    ) -> list[str]:
        """Let replays without a fault finish the job; return what is wrong afterwards."""
        monitors = SCENARIOS[job.scenario].monitors
        self._write_config(place, [True for _ in monitors])
        problems = []
        for number in range(FINISHING):
            if number and place.left() <= STAYING.union(monitors):
                break
            place.let_time_pass()
            age(place.spool / "episodes")  # its windows end
            status, printed = replay(place)
            problems += [] if status == 0 else [f"replay {number}: exit status {status}: {printed}"]
            if number == 0 and (kept := place.waiting(monitors)):
                problems.append(f"not delivered by the first replay: {dict(kept)}")
        if missing := waiting - (self._delivered(job) - delivered):
            problems.append(f"not delivered by replay: {dict(missing)}")
        if left := place.left() - STAYING.union(monitors):
            problems.append(f"left by replay: {left}")
        return problems

    def _write_config(self, place: Place, up: Sequence[bool], settings: str = "") -> None:
        servers = [monitor.server if is_up else NOWHERE for monitor, is_up in zip(self._monitors, up)]
        place.write_config(dict(zip(monitor_names(up), servers)), self._monitors[0].password, settings)

    def _make_place(self, name: str, scenario: Scenario) -> Place:
        place = Place(self._base / name, name)
        self._write_config(place, scenario.up, scenario.settings)
        place.fill(scenario)
        return place

    def _start(self, place: Place, scenario: Scenario, options: list[str]) -> tuple[int, str]:
        """Run the scenario's script under strace until all that it started has ended; return status and output."""
        argv = [word.format(spool=place.spool, host_name=place.host_name) for word in scenario.argv]
        leader = Leader(str(place.leader))
        if scenario.leader == "at work":
            assert leader.take()
        with open(place.printed, "wb") as output:
            status = subprocess.run(
                ["strace", "-qq", "-o", place.calls, *options, *argv],
                env=place.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=DEADLINE_S,
                check=False,
            ).returncode
        wait_for_orphans(place)
        leader.resign()
        return status, place.printed.read_text()


def complaints(job: Job, status: int, printed: str, waiting: Counter[tuple[str, str]]) -> Iterator[str]:
    """Yield what is wrong about what a script has said."""
    scenario = SCENARIOS[job.scenario]
    is_at_message = job.call.text.startswith("write(2<")
    if "Traceback" in printed or (scenario.is_silent and printed):
        yield f"printed {printed!r}"
    if status > 0 and not scenario.is_silent and not printed and not is_at_message:
        yield "no message"
    if status == 0 and waiting and scenario.argv != DROP:
        yield f"success, but there waits {dict(waiting)}"


def wait_for_orphans(place: Place) -> None:
    """Wait, while time passes there, until this process has no child; after the deadline that is an error."""

    def is_alone() -> bool:
        place.let_time_pass()
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        return False

    wait_for(is_alone, "a forwarder is still at work", DEADLINE_S)


def replay(place: Place) -> tuple[int, str]:
    """Run `tcpwrap-alert replay` as its script does; in a copy of this process, which saves a start of Python."""
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            os.environ.update(place.environment())
            sys.argv[:] = ["tcpwrap-alert", "replay"]
            with place.printed.open("w") as sys.stdout:
                sys.stderr = sys.stdout
                status = scripts.tcpwrap_alert()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), place.printed.read_text()


_bench: list[Bench] = []


def set_up(base: Path, monitors: Queue[Sequence[Monitor]]) -> None:
    """Let this process have a bench of its own."""
    import_module("tcpwrap_alert.commands")  # once, for all replays
    _bench.append(Bench(base, monitors.get()))


def record(name: str) -> list[Call]:
    """See Bench."""
    return _bench[0].record(name)


def run(job: Job) -> Outcome:
    """See Bench."""
    return _bench[0].run(job)
