"""`make mutants`: change one thing in a module, run its tests, and see whether they notice.

    mutants.py [COUNT [MODULE [SEED]]]  a sample of COUNT mutants, evenly from the modules named like MODULE

A mutant is noticed if a test fails, if no test can load it or if its tests take far too long. Each runs in a fork of
this process, which has loaded what is slow to load, with a copy of the package before the installed one. The rest, the
survivors, are printed as differences. What equivalent_mutants.py names is left out: no test can notice it. COUNT 0 only
looks whether each module has its tests.
"""

from __future__ import annotations

import ast
import copy
import difflib
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from equivalent_mutants import EQUIVALENT

ROOT = Path(__file__).parent.parent
PACKAGE = "tcpwrap_alert"
ROOMS = ("spool", "forwarding", "nsca", "transports")
SNAPSHOT = Path(tempfile.mkdtemp())  # of the package as it is at the start: you may go on working
AT_ONCE = os.cpu_count() or 1
SEED = 12
TIMED_OUT = -1000  # in the place of an exit status
SPARE_S = 30.0  # beyond three times what the tests take without a change

SLOW_TO_LOAD = (
    "pytest",
    "hypothesis.stateful",
    "cryptography.hazmat.primitives.ciphers.algorithms",
    "click",
    "pynsca",
)
MODEL = "tests/model/test_spool_model.py"
# The tests of a module, the quick ones first, where they are not in tests/ROOM/test_MODULE.py.
TESTS = {
    "spool/access": "spool/test_access.py spool/test_spool.py",
    "spool/bounds": "spool/test_bounds.py forwarding/test_submit.py",
    "spool/corrupt": "spool/test_corrupt.py spool/test_passes.py",
    "spool/entry": "spool/test_entry.py spool/test_queue_file.py",
    "spool/episodes": "forwarding/test_episodes.py model/test_counts.py",
    "spool/episodes_file": "forwarding/test_episodes.py model/test_counts.py",
    "spool/files": "spool/test_files.py spool/test_spool.py spool/test_leader.py",
    "spool/history": "spool/test_history.py forwarding/test_counting.py commands/test_top.py",
    "spool/leader": "spool/test_leader.py forwarding/test_lead.py",
    "spool/passes": "spool/test_passes.py spool/test_corrupt.py forwarding/test_drain.py",
    "spool/place": "spool/test_access.py spool/test_spool.py spool/test_leader.py",
    "spool/queue_file": "spool/test_queue_file.py spool/test_entry.py",
    "spool/spool": "spool/test_spool.py spool/test_submitted.py spool/test_access.py spool/test_bounds.py",
    "spool/state": "spool/test_state.py forwarding/test_drain.py",
    "spool/submitted": "spool/test_submitted.py forwarding/test_submit.py",
    "spool/tally": "spool/test_tally.py spool/test_bounds.py forwarding/test_fold.py",
    "forwarding/account": "forwarding/test_drain.py commands/test_replay.py commands/test_speaking.py",
    "forwarding/attempt": "forwarding/test_drain.py forwarding/test_lead.py forwarding/test_submit.py",
    "forwarding/boxes": (
        "forwarding/test_boxes.py forwarding/test_lead.py forwarding/test_submit.py forwarding/test_drain.py "
        "forwarding/test_counting.py"
    ),
    "forwarding/counting": "forwarding/test_counting.py forwarding/test_metrics.py",
    "forwarding/denied": "commands/test_top.py",
    "forwarding/drain": (
        "forwarding/test_drain.py forwarding/test_drain_sync.py forwarding/test_submit.py forwarding/test_counting.py "
        "forwarding/test_episodes.py forwarding/test_metrics.py commands/test_speaking.py"
    ),
    "forwarding/health": "commands/test_check_spool.py commands/test_heartbeat.py",
    "forwarding/lead": "forwarding/test_lead.py forwarding/test_metrics.py forwarding/test_staying.py",
    "forwarding/leaving": "forwarding/test_drain.py forwarding/test_submit.py",
    "forwarding/pace": "forwarding/test_episodes.py forwarding/test_counting.py model/test_counts.py",
    "forwarding/replay": "forwarding/test_drain.py forwarding/test_metrics.py commands/test_replay.py",
    "forwarding/sharing": "forwarding/test_lead.py",
    "forwarding/staying": "forwarding/test_staying.py forwarding/test_episodes.py forwarding/test_lead.py",
    "forwarding/summary": "forwarding/test_fold.py forwarding/test_episodes.py",
    "forwarding/waiting": "forwarding/test_drain.py commands/test_queue.py commands/test_check_spool.py",
    "forwarding/ways": "forwarding/test_ways.py nsca/test_ways.py",
    "forwarding/window": "forwarding/test_episodes.py model/test_counts.py",
    "nsca/cfb8": "nsca/test_cipher.py",
    "nsca/client": "nsca/test_connection.py nsca/test_client.py",
    "nsca/addresses": "nsca/test_client.py",
    "nsca/connect": "nsca/test_client.py",
    "nsca/conversation": (
        "nsca/test_acknowledged.py nsca/test_client.py nsca/test_connection.py nsca/test_single_receivers.py"
    ),
    "nsca/mcrypt": "nsca/test_cipher.py",
    "nsca/openssl": "nsca/test_cipher.py",
    "nsca/outcome": (
        "nsca/test_acknowledged.py nsca/test_client.py nsca/test_connection.py nsca/test_single_receivers.py"
    ),
    "nsca/padding": "nsca/test_padding.py nsca/test_packet.py",
    "nsca/proxy": "transports/test_proxy.py transports/test_https.py",
    "nsca/receiver": "nsca/test_receiver.py nsca/test_single_receivers.py",
    "nsca/rijndael": "nsca/test_cipher.py",
    "nsca/ways": "nsca/test_ways.py forwarding/test_ways.py",
    "transports/alertmanager": "transports/test_alertmanager.py doctor/test_monitors.py",
    "transports/command_file": "transports/test_command_file.py commands/test_speaking.py",
    "transports/http_way": "doctor/test_monitors.py transports/test_https.py",
    "transports/https": "transports/test_https.py transports/test_on_the_wire.py transports/test_proxy.py",
    "transports/icinga2_answer": "transports/test_icinga2.py",
    "transports/icinga2_asked": "doctor/test_monitors.py",
    "transports/nsca_way": "doctor/test_monitors.py",
    "transports/nsca_ng": "transports/test_nsca_ng.py commands/test_dry_run.py",
    "transports/psk": "transports/test_nsca_ng.py",
    "transports/remarks": "doctor/test_monitors.py commands/test_speaking.py",
    "transports/result_folder": "transports/test_result_folder.py commands/test_speaking.py",
    "transports/status_file": "commands/test_speaking.py doctor/test_monitors.py",
    "transports/tls": "transports/test_https.py transports/test_nsca_ng.py",
}

SWAPS = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


def changes_of(node: ast.AST) -> list[ast.AST]:
    """Return what may stand in the place of a node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        return [ast.Compare(node.left, [SWAPS[type(node.ops[0])](), *node.ops[1:]], node.comparators)]
    if isinstance(node, ast.BoolOp):
        return [ast.BoolOp(SWAPS[type(node.op)](), node.values)]
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in SWAPS:
        return [changed(node, op=SWAPS[type(node.op)]())]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [node.operand]
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        return [ast.Constant(not node.value if isinstance(node.value, bool) else node.value + 1)]
    if isinstance(node, (ast.If, ast.IfExp)):
        return [changed(node, test=ast.UnaryOp(ast.Not(), node.test))]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return [ast.Pass()]
    if isinstance(node, ast.Return) and node.value and not isinstance(node.value, ast.Constant):
        return [ast.Return(ast.Constant(None))]
    if isinstance(node, (ast.Continue, ast.Break)):
        return [ast.Pass()]
    return []


def changed(node: ast.AST, **fields: ast.AST) -> ast.AST:
    """Return a copy of a node with other fields."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Yield each place of a node: its parent, the field, the index in a list; not what only a type checker reads."""
    for name, value in ast.iter_fields(tree):
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            is_for_types = name in ("annotation", "returns") or (
                isinstance(item, (ast.If, ast.Assign)) and ast.unparse(item).startswith(("if TYPE_", "TYPE_"))
            )
            if isinstance(item, ast.AST) and not is_for_types:
                yield tree, name, index if isinstance(value, list) else None
                yield from places(item)


def mutants_of(source: str) -> list[str]:
    """Return the module's text after each change."""
    tree = ast.parse(source)
    texts = []
    for parent, field, index in places(tree):
        value = getattr(parent, field)
        node = value if index is None else value[index]
        for change in changes_of(node):
            put(parent, field, index, change)
            texts.append(ast.unparse(tree))
            put(parent, field, index, node)
    return texts


def put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    """Put a node into its place."""
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def tests_of(module: str) -> list[str]:
    """Return the test files of a module, the model last."""
    room, name = module.split("/")
    files = [f"tests/{file}" for file in TESTS.get(module, f"{room}/test_{name}.py").split()]
    return [*files, *([MODEL] if room in ("spool", "forwarding") else [])]


class Run:
    """The tests of a module against one text of it, in a process of their own."""

    def __init__(self, module: str, text: str, timeout_s: float) -> None:
        self.module, self.text = module, text
        self.log = ""
        self.directory = tempfile.mkdtemp()
        os.chmod(self.directory, 0o755)
        self.started = time.monotonic()
        self.timeout_s = timeout_s
        self.pid = os.fork()
        if not self.pid:
            os._exit(self._run())

    def _run(self) -> int:
        os.setsid()
        os.chdir(ROOT)
        shutil.copytree(SNAPSHOT / PACKAGE, f"{self.directory}/{PACKAGE}")
        Path(self.directory, PACKAGE, f"{self.module}.py").write_text(self.text)
        sys.path.insert(0, self.directory)
        log = os.open(f"{self.directory}/log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ["PYTHONPATH"] = self.directory
        options = [
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--hypothesis-seed=0",
            "--timeout=60",
        ]
        return int(importlib.import_module("pytest").main([*options, *tests_of(self.module)]))

    def status(self) -> int | None:
        """Return the exit status of the tests; None while they run. What takes too long has failed."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid and time.monotonic() - self.started < self.timeout_s:
            return None
        if not pid:
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.log = Path(self.directory, "log").read_text(errors="replace")
        shutil.rmtree(self.directory, ignore_errors=True)
        return os.waitstatus_to_exitcode(status) if pid else TIMED_OUT

    def is_noticed(self, status: int) -> bool:
        """Return whether a test failed, or could not load the mutant; not what else ends pytest."""
        cannot_load = "ImportError while loading conftest" in self.log or "error during collection" in self.log
        return status in (1, TIMED_OUT) or cannot_load


def finish_all(waiting: list[tuple[str, str, float]]) -> Iterator[tuple[Run, int, float]]:
    """Run all (module, text, timeout), some at once; yield each run, its exit status and how long it took."""
    running: list[Run] = []
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            running.append(Run(*waiting.pop(0)))
        for run in [*running]:
            status = run.status()
            if status is not None:
                running.remove(run)
                yield run, status, time.monotonic() - run.started
        time.sleep(0.05)


def sample(modules: list[str], count: int, seed: int) -> list[tuple[str, str]]:
    """Return (module, changed text), one module after the other until they are `count`."""
    chance = random.Random(seed)
    texts = {module: mutants_of((SNAPSHOT / PACKAGE / f"{module}.py").read_text()) for module in modules}
    for of_module in texts.values():
        chance.shuffle(of_module)
    chosen = [(rank / len(texts[m]), m, text) for m in modules for rank, text in enumerate(texts[m])]
    print(f"{len(chosen)} mutants in {len(modules)} modules, of which {min(count, len(chosen))} run", flush=True)
    return [(module, text) for _, module, text in sorted(chosen)[:count]]


def lines_changed(module: str, text: str) -> list[str]:
    """Return the lines that were changed, as `-before` and `+after`, each part with its `@@` line."""
    before = ast.unparse(ast.parse((SNAPSHOT / PACKAGE / f"{module}.py").read_text())).splitlines()
    return [*difflib.unified_diff(before, text.splitlines(), lineterm="", n=0)][2:]


def difference(module: str, text: str) -> str:
    """Return what was changed."""
    return "\n    ".join([f"{module}.py", *lines_changed(module, text)])


def is_equivalent(module: str, text: str) -> bool:
    """Return whether no test can notice the change."""
    lines = [line for line in lines_changed(module, text) if not line.startswith("@@")]
    before, after = ([line[1:].strip() for line in lines if line.startswith(sign)] for sign in "-+")
    return (" ".join(before), " ".join(after)) in EQUIVALENT.get(module, {})


def modules_like(named: str) -> list[str]:
    """Return the modules of the rooms, as ROOM/MODULE, whose path has `named` in it."""
    paths = [path for room in ROOMS for path in sorted((SNAPSHOT / PACKAGE / room).glob("*.py"))]
    modules = [f"{path.parent.name}/{path.stem}" for path in paths if path.stem != "__init__"]
    return [module for module in modules if named in module]


def fault_of(modules: list[str]) -> str:
    """Return what is wrong with the tables of this tool; "" if nothing is."""
    if not modules:
        return "no module has this name"
    for module in modules:
        for file in tests_of(module):
            if not (ROOT / file).exists():
                return f"{module}: its test file {file} is missing; name its tests in TESTS"
    every = modules_like("")
    gone = [module for module in (*TESTS, *EQUIVALENT) if module not in every]
    return f"{gone[0]} is in a table and there is no such module" if gone else ""


def main() -> int:
    """Print the survivors and the share that was noticed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 160
    named = sys.argv[2] if len(sys.argv) > 2 else ""
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else SEED
    shutil.copytree(ROOT / PACKAGE, SNAPSHOT / PACKAGE)
    try:
        modules = modules_like(named)
        fault = fault_of(modules)
        if fault:
            print(fault)
            return 1
        if not count:
            return 0
        return run_all(sample(modules, count, seed))
    finally:
        shutil.rmtree(SNAPSHOT)


def run_all(chosen: list[tuple[str, str]]) -> int:
    """Run the tests of each module without a change, then of each mutant; print what survived."""
    for slow in SLOW_TO_LOAD:
        importlib.import_module(slow)
    plain = {module: (SNAPSHOT / PACKAGE / f"{module}.py").read_text() for module, _ in chosen}
    took: dict[str, float] = {}
    for run, status, seconds in finish_all([(module, text, 600.0) for module, text in plain.items()]):
        if status:
            print(f"{run.module}: its tests fail without a change\n{run.log}")
            return 1
        took[run.module] = seconds
    equivalent = [(module, text) for module, text in chosen if is_equivalent(module, text)]
    waiting = [mutant for mutant in chosen if mutant not in equivalent]
    survivors = timed_out = unclear = 0
    for run, status, _ in finish_all([(module, text, 3 * took[module] + SPARE_S) for module, text in waiting]):
        if not status:
            survivors += 1
            print(difference(run.module, run.text), flush=True)
        elif not run.is_noticed(status):
            unclear += 1
            print(f"{difference(run.module, run.text)}\n  pytest ended with {status}:\n{run.log[-2000:]}", flush=True)
        elif status == TIMED_OUT:
            timed_out += 1
            print(f"{difference(run.module, run.text)}\n  noticed by its time", flush=True)
    noticed, of = len(waiting) - survivors - unclear, len(waiting)
    print(f"{noticed} of {of} noticed: {noticed / max(of, 1):.0%} ({timed_out} by their time);", end=" ")
    print(f"{survivors} survived, {unclear} ended otherwise; {len(equivalent)} equivalent ones left out")
    return 1 if unclear else 0


if __name__ == "__main__":
    sys.exit(main())
