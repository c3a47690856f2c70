"""What fills the bytes of a packet that hold no text: random letters, as the C client has them.

nsca reads each text up to its NUL. Other servers take the whole field and decode it as UTF-8, which random bytes are
not. Letters look like the text before them, and so tell little to whoever listens (nsca 2.10.2, src/utils.c,
`randomize_buffer`).
"""

from __future__ import annotations

import os

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TO_LETTERS = (LETTERS * 5)[:256]


def random_letters(length: int) -> bytes:
    """Return `length` random ASCII letters."""
    return os.urandom(length).translate(_TO_LETTERS)
