"""What people get of an attack, at a real Nagios 4 whose notification command counts: few messages, and every denial.

`pytest -s` prints a line for each series: denials fired, results sent, notifications counted.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from peers.nagios import COMMAND_FILE, Nagios
from peers.nsca_daemon import wait_for
from support import denials

FOLD = 20
LONG_S = 10**6  # until Nagios takes the service for stale: the hours of these tests are over in seconds
ROOT = Path(__file__).parents[1]
SUBMITTED = re.compile(r"PROCESS_SERVICE_CHECK_RESULT;firestorm;TCP Wrappers;(\d);(.*)")

SERIES = {
    "one a minute for a day": ([(60 * i, "203.0.113.7", "sshd") for i in range(1440)], 27, 30),
    "500 addresses of one /24": ([(i / 10, f"203.0.113.{i % 254}", f"d{i // 254}") for i in range(500)], 3, FOLD + 5),
    "a sweep of 40 daemons": ([(i, "203.0.113.7", f"daemon{i}") for i in range(40)], 3, FOLD + 5),
    "a burst of 500": ([(i / 500, "203.0.113.7", "sshd") for i in range(500)], 1, 1),
}


@pytest.fixture
def nagios(peer, isolated, write_config, spool_dir):
    """Nagios on this host, and the configuration for it, with the window that is there by default."""
    nagios = Nagios(peer("nagios4"), freshness_threshold_s=LONG_S)
    nagios.verify()
    nagios.start()
    write_config(server=COMMAND_FILE, host_name="firestorm", window="5m")
    yield nagios
    nagios.stop()


def submitted(nagios):
    """Return the outputs of the results that Nagios was given."""
    found = [SUBMITTED.fullmatch(line) for line in nagios.logged("EXTERNAL COMMAND")]
    return [match[2] for match in found if match]


@pytest.mark.parametrize("series", SERIES)
def test_series_is_few_messages_and_every_denial(nagios, spool_dir, tmp_path, series):
    fired, hours, limit = SERIES[series]
    (tmp_path / "series").write_text("".join(f"{at_s} {client} {daemon}\n" for at_s, client, daemon in fired))
    argv = [sys.executable, "-m", "support.simulated", str(spool_dir), str(tmp_path / "series"), str(hours)]
    subprocess.run(argv, check=True, cwd=ROOT, timeout=100)
    wait_for(lambda: denials.counted(submitted(nagios)) >= len(fired), "Nagios has not got all")
    results = submitted(nagios)
    wait_for(lambda: nagios.notified() >= len(results), "Nagios has not notified of all")
    print(f"\n{series}: {len(fired)} fired, {len(results)} sent, {nagios.notified()} notified")
    assert denials.counted(results) == len(fired)
    assert nagios.notified() <= limit
    assert not (spool_dir / "episodes").exists()


@pytest.mark.alone
def test_burst_as_fast_as_it_comes_is_one_message(nagios, spool_dir):
    """By the hook and its own forwarder, on the clock of this machine."""
    subprocess.run(
        ["sh", "-c", "i=0; while [ $i -lt 500 ]; do handle_tcp_wrapper 203.0.113.7 sshd; i=$((i + 1)); done"],
        check=True,
        timeout=60,
    )
    wait_for(lambda: denials.counted(submitted(nagios)) >= 500, "Nagios has not got all")
    assert denials.counted(submitted(nagios)) == 500
    wait_for(nagios.notified, "Nagios has not notified")
    assert nagios.notified() == len(submitted(nagios)) == 1
