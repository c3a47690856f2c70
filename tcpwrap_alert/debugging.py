"""What `--debug` shows: names, addresses, sizes and outcomes.

Whoever knows something says it here. Without --debug nobody listens, and no text is made. Never said: a password, a
token, a key, or the text of a check result. (Python's own logging would cost a third of a lean start.)
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_listeners: list[Callable[[str], None]] = []


def listen(listener: Callable[[str], None]) -> None:
    """Call `listener` with each text from now on, from whichever thread it comes."""
    _listeners.append(listener)


def debug(text: str, *values: object) -> None:
    """Say `text`, with `values` in place of its %s, if somebody listens."""
    for listener in _listeners:
        listener(text % values)
