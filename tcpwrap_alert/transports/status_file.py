"""The status file of a Nagios or Naemon on this host, `status.dat`, as far as it is beside the command file.

Nagios writes it anew every `status_update_interval` seconds, ten by default.
"""

from __future__ import annotations

import glob
import os
import time
from typing import TYPE_CHECKING

from .remarks import OK, WARN, Remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..check_result import CheckResult

NAME = "status.dat"
FURTHER = ("/var/cache/nagios*", "/var/cache/naemon", "/var/spool/nagios*", "/usr/local/nagios/var")
LEVELS = 3  # /var/lib/nagios4/spool/checkresults/ and /var/lib/nagios4/status.dat
READ_BACK_S = 30.0
PAUSE_S = 0.5
MAX_BYTES = 256 << 20


def look_for(path: str, result: CheckResult) -> Iterator[Remark]:
    """Yield whether the status file near `path` has this result by now."""
    name = ";".join(filter(None, (result.host_name, result.service_description)))
    status_file = _find(path)
    if not status_file:
        what = f"no {NAME} that we may read is near it, so nothing can be read back"
        yield Remark(OK, what, f"Look for '{result.plugin_output}' at {name}, and for '{name}' in nagios.log.")
        return
    deadline = time.monotonic() + READ_BACK_S
    while True:
        is_known, output = _read(status_file, result)
        if output == result.plugin_output:
            yield Remark(OK, f"read back: {status_file} has '{result.plugin_output}' for {name}")
            return
        if not is_known:
            what = f"{status_file} does not know {name}"
            yield Remark(WARN, what, "Write host_name and service_description as they are in Nagios's objects.")
            return
        if time.monotonic() >= deadline:
            break
        time.sleep(PAUSE_S)
    what = f"{status_file} does not have it for {name} after {READ_BACK_S:.0f} s"
    yield Remark(WARN, what, "Look into nagios.log; is status_update_interval longer than that?")


def _find(path: str) -> str:
    """Return the status file above `path`, or where distributions have it; empty without one that can be read."""
    directory = path.rstrip("/")
    candidates = []
    for _ in range(LEVELS):
        directory = os.path.dirname(directory)
        candidates.append(os.path.join(directory, NAME))
    candidates += [path for pattern in FURTHER for path in sorted(glob.glob(os.path.join(pattern, NAME)))]
    return next((path for path in candidates if os.path.isfile(path) and os.access(path, os.R_OK)), "")


def _read(path: str, result: CheckResult) -> tuple[bool, str]:
    """Return whether the host or service is known, and its output."""
    kind = "servicestatus" if result.service_description else "hoststatus"
    wanted = {"host_name": result.host_name}
    if result.service_description:
        wanted["service_description"] = result.service_description
    try:
        with open(path, errors="replace") as file:
            text = file.read(MAX_BYTES)
    except OSError:
        return True, ""  # it is being replaced
    for block in text.split(f"{kind} {{\n")[1:]:
        lines = (line.strip().partition("=") for line in block.partition("\n\t}")[0].splitlines())
        values = {key: value for key, _, value in lines}
        if all(values.get(key) == value for key, value in wanted.items()):
            return True, values.get("plugin_output", "")
    return False, ""
