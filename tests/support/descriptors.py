"""Descriptors that a test may have left open."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator


@contextlib.contextmanager
def leaves_no_descriptor() -> Iterator[None]:
    """Assert that no descriptor is open at the end that was not at the beginning."""
    gc.collect()  # what other tests left may close at any moment, and its number be taken again
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert set(os.listdir("/proc/self/fd")) <= before
