"""The standard library's `socket`, without its enums, selectors and files.

These cost two thirds of a bare start of Python, and `submit_check_result` starts anew each time. What it needs is all
in `_socket`, which CPython and PyPy have: sockets, their options, `getaddrinfo`. There is no `with`, though.
"""

from __future__ import annotations

try:
    import _socket as socket
except ImportError:  # an implementation of Python that keeps all of it in one module
    import socket  # type: ignore[no-redef]  # one of the two

__all__ = ["socket"]
