"""Many check results to the real nsca daemon: one connection for all, beside a connection for each."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import namespaces
from nsca_daemon import NscaDaemon

from tcpwrap_alert import nsca

RESULTS = 20
PASSWORD = "s3cret"


def main() -> None:
    """Print how long both ways take until the daemon has confirmed everything."""
    namespaces.enter()
    results = [nsca.CheckResult("firestorm", f"Service {number}", 0, "OK") for number in range(RESULTS)]
    with tempfile.TemporaryDirectory() as directory:
        daemon = NscaDaemon(shutil.which("nsca") or "nsca", Path(directory) / "nsca", password=PASSWORD, method=14)
        daemon.start()
        monitor = nsca.Monitor("127.0.0.1", daemon.port, PASSWORD.encode(), 14)
        start = time.monotonic()
        for result in results:
            nsca.send_check_results(monitor, [result])
        each_s = time.monotonic() - start
        start = time.monotonic()
        with nsca.Connection(monitor) as connection:
            for result in results:
                connection.send([result])
        kept_s = time.monotonic() - start
        daemon.stop()
        assert len(daemon.results()) == 2 * RESULTS, "results were lost"
    print(f"{RESULTS} results, a connection for each: {each_s:6.2f} s")
    print(f"{RESULTS} results, one kept connection:   {kept_s:6.2f} s")


if __name__ == "__main__":
    main()
