"""A transport that does what a test says: it accepts, rejects or fails, by the text of each result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tcpwrap_alert.transports import Outcome, Parcel


class ScriptedTransport:
    """Answers each parcel with what `script` returns for its text: "" accepts, a text rejects, an error is raised.

    `seen` has the texts of all parcels that were taken, `parcels` the parcels, `memory` what the spool kept for it.
    """

    def __init__(self, script: Callable[[str], str | Exception]) -> None:
        self.script = script
        self.seen: list[str] = []
        self.parcels: list[Parcel] = []
        self.opened = 0
        self.memory: dict[str, str] = {}

    def open(self, _monitor: object, memory: dict[str, str]) -> ScriptedTransport:
        """Take the place of `open_transport`."""
        self.opened += 1
        self.memory = memory
        return self

    def __enter__(self) -> ScriptedTransport:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def deliver(self, parcels: Iterable[Parcel]) -> Iterator[list[Outcome]]:
        """Yield the outcome of each parcel by itself."""
        for parcel in parcels:
            self.seen.append(parcel.result.plugin_output)
            self.parcels.append(parcel)
            answer = self.script(parcel.result.plugin_output)
            if isinstance(answer, Exception):
                raise answer
            yield [Outcome(parcel, answer)]
