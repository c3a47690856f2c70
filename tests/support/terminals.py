"""What a program shows to somebody who sits at a terminal."""

from __future__ import annotations

import os
import subprocess
from typing import Any


def run_on_terminal(*argv: str, **kwargs: Any) -> tuple[int, str]:
    """Run a program with stdout and stderr on a terminal; return its exit status, and what was shown."""
    ours, its = os.openpty()
    with subprocess.Popen(argv, stdin=its, stdout=its, stderr=its, **kwargs) as process:
        os.close(its)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:
            pass  # the end of a terminal
        os.close(ours)
    return process.returncode, shown.decode(errors="replace").replace("\r\n", "\n")
