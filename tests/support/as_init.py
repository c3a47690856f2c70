"""Process 1 of a PID namespace: runs its arguments and reaps every orphan, until nobody is left.

As on a real machine, what a daemon leaves behind outlives it, so a test can see it.
"""

from __future__ import annotations

import contextlib
import os
import sys

if __name__ == "__main__":
    if os.fork() == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
