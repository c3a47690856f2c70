"""What `tcpwrap-alert send` does: check results from standard input to the NSCA server, or into the spool.

They go out as they come, over one kept connection: with an endless input, too, memory is bounded and nothing waits for
the end. A connection is not held while the input is silent: a server closes it then, and the outcome is lost.
"""

from __future__ import annotations

import os
import select
import time

from ..errors import UsageError
from ..nsca.conversation import SILENCE_S
from .submit import submit_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..check_result import CheckResult
    from ..config.read import Config
    from ..nsca.client import Connection
    from ..nsca.records import Records

READ_BYTES = 65536


def send_input(fd: int, records: Records, connection: Connection) -> None:
    """Send the check results that are read from `fd`; `connection.delivered` counts them, whatever happens.

    Raises:
        DeliveryError: why the server did not take them all.
        UsageError: the input cannot be read.
    """
    with connection:
        for results in _read_results(fd, records, connection.confirm):
            connection.send(results)


def spool_input(fd: int, records: Records, config: Config) -> int:
    """Enqueue the check results that are read from `fd`, then deliver all that waits; return how many they were.

    Raises:
        TcpwrapAlertError: why something still waits; what `submit` raises.
        UsageError: the input cannot be read.
    """
    count = 0

    def read_results() -> Iterator[CheckResult]:
        nonlocal count
        for results in _read_results(fd, records, on_silence=lambda: None):
            count += len(results)
            yield from results

    submit_all(read_results(), config)
    return count


def _read_results(fd: int, records: Records, on_silence: Callable[[], object]) -> Iterator[list[CheckResult]]:
    """Yield the check results of the input as they become complete; `on_silence` is called when none has for 5 s.

    Input that completes none is silence, too: a record without end that trickles in must not hold a connection.
    """
    silent_at = time.monotonic() + SILENCE_S
    while True:
        data = _read(fd, silent_at)
        if data == b"":
            break
        if data is None:
            on_silence()
        else:
            results = records.feed(data)
            if not results:
                continue
            yield results
        silent_at = time.monotonic() + SILENCE_S
    yield records.finish()


def _read(fd: int, deadline: float) -> bytes | None:
    """Return what comes next, empty at the end of the input; None at the deadline, in seconds of `monotonic()`."""
    left_s = deadline - time.monotonic()
    try:
        # Even without a deadline a read would have to wait here: whoever started us may have made it non-blocking.
        if left_s <= 0 or not select.select([fd], [], [], left_s)[0]:
            return None
        return os.read(fd, READ_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read standard input: {error.strerror}") from error
