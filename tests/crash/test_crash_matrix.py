"""A kill and an error at every system call of the scripts: nothing is lost, and the next replay finishes the job.

`make crash` makes every fault at every call: Python's from the first that touches our package, the configuration or
the spool, the shell's from its first. Six calls in seven only load modules. A script makes these in each scenario, so
one that another scenario has had, of the same script and after the same call on something of ours, is not repeated.
Other runs make a choice that leaves little out:

    kills     before the calls that change something outside the process; between them there is nothing to tell apart
    errors    one of the five, in turn, at each call on the spool, the configuration, a socket or a process
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor

import pytest
from crash.faults import ERRORS, IS_FULL, KILL, NEVER_FAIL, SCENARIOS, Job, Monitor, record, run, set_up
from support import namespaces

pytestmark = pytest.mark.alone

LANES = os.cpu_count() + 1  # a lane waits now and then, for a forwarder say
PASSWORD = "s3cret"


def every_fault(calls, had):
    """Yield the pairs of call and fault of the full matrix, without what `had` names."""
    for call in (call for call in calls if call.touches or call.place not in had):
        yield call, KILL
        if call.name not in NEVER_FAIL:
            yield from ((call, error) for error in ERRORS)


def some_faults(calls):
    """Yield those of other runs."""
    for number, call in enumerate(call for call in calls if call.touches):
        if call.changes:
            yield call, KILL
        yield call, ERRORS[number % len(ERRORS)]
    yield calls[-1], KILL


@pytest.fixture
def pool(start_nsca, peer, tmp_path):
    """Processes that make runs, each with a daemon of its own, in a directory that costs no disk."""
    peer("strace")
    namespaces.mount_tmpfs(str(tmp_path))
    context = multiprocessing.get_context("spawn")
    monitors = context.Queue()
    for _ in range(LANES):
        # Of nsca's ways to run the one that does not sleep; it wants one connection at a time.
        daemons = [start_nsca("single", password=PASSWORD) for _ in range(2)]
        monitors.put([Monitor(f"127.0.0.1:{daemon.port}", PASSWORD, daemon.command_file) for daemon in daemons])
    with ProcessPoolExecutor(LANES, context, set_up, (tmp_path, monitors)) as pool:
        yield pool
    namespaces.run("umount", "--lazy", str(tmp_path))  # the daemons, which end later, have files open there


@pytest.fixture(scope="module")
def tell(request):
    """Print a line of counts for a scenario; after the last one their sum."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    total = Counter()

    def write(name, counts):
        with capture.global_and_fixture_disabled():
            print(f"\ncrash matrix, {name}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))

    def tell(name, **counts):
        write(name, counts)
        total.update(scenarios=1, **counts)

    yield tell
    write("in all", total)


@pytest.fixture(scope="module")
def had():
    """The places of the calls that scenarios before this one had, by script."""
    return defaultdict(set)


@pytest.mark.timeout(7200 if IS_FULL else 300)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_any_fault_loses_nothing_and_replay_finishes(pool, tell, had, scenario):
    calls = pool.submit(record, scenario).result()
    of_script = had[SCENARIOS[scenario].argv[0]]
    faults = every_fault(calls, frozenset(of_script)) if IS_FULL else some_faults(calls)
    of_script.update(call.place for call in calls)
    if not IS_FULL and len(SCENARIOS[scenario].up) > 1:  # they take the longest
        faults = list(faults)[::3]
    jobs = [Job(f"{scenario}-{number}", scenario, *fault) for number, fault in enumerate(faults)]
    outcomes = list(pool.map(run, jobs, chunksize=4))
    lost = sum(outcome.lost for outcome in outcomes)
    duplicates = sum(outcome.duplicates for outcome in outcomes)
    reached = sum(outcome.was_reached for outcome in outcomes)
    tell(scenario, calls=len(calls), faults=len(outcomes), met=reached, lost=lost, duplicates=duplicates)
    assert [problem for outcome in outcomes for problem in outcome.problems] == []
    assert lost == 0
    # With several monitors chance says which thread loads a module, and so how many calls the first one makes. What an
    # earlier scenario had counts as met: it was, there.
    all_faults = len(list(every_fault(calls, frozenset()))) if IS_FULL else len(outcomes)
    assert len(outcomes) - reached <= (0.02 if len(SCENARIOS[scenario].up) == 1 else 0.15) * all_faults
