"""What fills the bytes of a packet that hold no text: random letters, as the C client has them.

nsca reads each text up to its NUL. Other servers take the whole field and decode it as UTF-8, which random bytes are
not. Letters look like the text before them, and so tell little to whoever listens (nsca 2.10.2, src/utils.c,
`randomize_buffer`).
"""

from __future__ import annotations

import os

POOL_BYTES = 8192
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TO_LETTERS = (LETTERS * 5)[:256]


class Padding:
    """The padding of one connection's packets: pieces of a pool of random letters, each from a random place.

    Fresh random bytes for each packet would be the dearest part of it.
    """

    def __init__(self) -> None:
        self._pool = random_letters(POOL_BYTES)

    def __call__(self, length: int) -> bytes:
        """Return `length` letters, no more than there are in the pool."""
        start = int.from_bytes(os.urandom(2), "big") % (POOL_BYTES - length + 1)
        return self._pool[start : start + length]


def random_letters(length: int) -> bytes:
    """Return `length` random ASCII letters."""
    return os.urandom(length).translate(_TO_LETTERS)
