"""The real spool and forwarder beside a model, whatever happens in whatever order: nothing is lost, nobody is deceived.

`make fuzz` runs many times as many examples.
"""

from __future__ import annotations

import pytest
from fuzz.hostile import TIMES
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from model.machine import STEPS, SpoolMachine, TwoMonitors

EXAMPLES = 40
SETTINGS = settings(
    max_examples=EXAMPLES * TIMES,
    stateful_step_count=STEPS,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[*HealthCheck],
)


@pytest.mark.parametrize("machine", [SpoolMachine, TwoMonitors], ids=["one monitor", "two monitors"])
def test_accepted_is_waiting_delivered_or_counted(machine):
    run_state_machine_as_test(machine, settings=SETTINGS)
