"""What a test does without something that it needs: it is skipped with the reason, but fails in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

IN_CI = bool(os.environ.get("CI"))


def skip_or_fail(reason: str) -> NoReturn:
    """End the running test."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)
