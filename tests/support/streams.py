"""Every encryption method with every backend that can do it, as test parameters."""

from __future__ import annotations

import pytest
from support.missing import IN_CI

from tcpwrap_alert.nsca import mcrypt
from tcpwrap_alert.nsca.cipher import LIBMCRYPT, METHODS

try:
    mcrypt.load()
    LACKS_LIBMCRYPT = False
except OSError:
    LACKS_LIBMCRYPT = not IN_CI

ALL = [(number, backend) for number, method in METHODS.items() for backend in method.backends]
AVAILABLE = [stream for stream in ALL if stream[1] != LIBMCRYPT or not LACKS_LIBMCRYPT]


def parameter(*values: object, backend: str, id: str | None = None) -> object:  # noqa: A002 - pytest's own word
    """Return a parameter set that is skipped where its backend is missing."""
    is_missing = backend == LIBMCRYPT and LACKS_LIBMCRYPT
    return pytest.param(*values, id=id, marks=pytest.mark.skipif(is_missing, reason="libmcrypt is not installed"))


STREAMS = [parameter(number, backend, backend=backend) for number, backend in ALL]
BLOCK_STREAMS = [parameter(number, backend, backend=backend) for number, backend in ALL if number > 1]
