"""What the forwarder knows of the ways to NSCA servers (nsca/ways.py), for `send`, which sends past the spool.

It is kept in the spool's state, if there is a spool that we may read and write. Else each start begins to learn anew.
"""

from __future__ import annotations

from ..errors import SpoolBusy, SpoolError
from ..nsca.ways import Ways
from ..spool.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.read import Config


class KeptWays:
    """A context that gives the ways that are known, and keeps what was learned."""

    def __init__(self, config: Config) -> None:
        self._spool = Spool(config.spool_dirs[0])
        self._memory: dict[str, str] = {}

    def __enter__(self) -> Ways:
        try:
            self._memory = self._spool.read_state().transport
        except SpoolError:
            pass  # not ours to read
        self._before = dict(self._memory)
        return Ways(self._memory)

    def __exit__(self, *_: object) -> None:
        if self._memory == self._before:
            return
        try:
            with self._spool.lock(0):
                state = self._spool.read_state()
                state.transport.update(self._memory)
                self._spool.write_state(state)
        except (SpoolBusy, SpoolError):
            pass  # there is none, it is not ours, or somebody is at work there; we find it out again
