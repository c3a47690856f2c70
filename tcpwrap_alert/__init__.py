"""Denied connections as passive checks at the monitor, by NSCA, with nothing lost on the way.

For programs: `tcpwrap_alert.nsca` sends check results. `tcpwrap_alert.pynsca` and `tcpwrap_alert.send_nsca` are for
programs that were written for pynsca or for Yelp's send_nsca.
"""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__", "nsca", "pynsca", "send_nsca"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from . import nsca, pynsca, send_nsca


def __getattr__(name: str) -> ModuleType:
    """Load a public module when it is first used (PEP 562): no start pays for what it does not use."""
    if name == "nsca":
        import tcpwrap_alert.nsca  # `from . import nsca` would ask for the attribute first, and so come here again

        return tcpwrap_alert.nsca
    if name == "pynsca":
        import tcpwrap_alert.pynsca

        return tcpwrap_alert.pynsca
    if name == "send_nsca":
        import tcpwrap_alert.send_nsca

        return tcpwrap_alert.send_nsca
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
