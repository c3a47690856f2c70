"""libmcrypt through ctypes: the ciphers that no other library has, in the very code that the NSCA server uses.

libmcrypt is old and has no maintainer, so we use it only for methods that no other library has, or only slowly, and
only where it is installed. Its interface: mcrypt.h of libmcrypt 2.5.8. One call for a whole buffer gives the same bytes
as nsca's call for each byte.
"""

from __future__ import annotations

import ctypes
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LIBRARY = "libmcrypt.so.4"
MODE = b"cfb"  # 8-bit CFB; full-block CFB is libmcrypt's "ncfb"


def load() -> ctypes.CDLL:
    """Return the library. Raises OSError if it is not installed."""
    library = ctypes.CDLL(LIBRARY)  # by its name: ctypes.util.find_library starts a compiler to look
    library.mcrypt_module_get_algo_key_size.argtypes = [ctypes.c_char_p] * 2
    library.mcrypt_module_open.restype = ctypes.c_void_p
    library.mcrypt_module_open.argtypes = [ctypes.c_char_p] * 4
    library.mcrypt_generic_init.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p]
    for name in ("mcrypt_generic", "mdecrypt_generic"):
        getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.mcrypt_generic_end.argtypes = [ctypes.c_void_p]
    return library


def has(algorithm: str) -> bool:
    """Return whether the library is installed and has the algorithm; makes no cipher."""
    try:
        library = load()
    except OSError:
        return False
    return int(library.mcrypt_module_get_algo_key_size(algorithm.encode(), None)) > 0


class McryptCipher:
    """One cipher in 8-bit CFB, for one direction of one connection.

    Args:
        algorithm: libmcrypt's name, such as "twofish".
        key: of the cipher's largest key size.
        iv: one block.

    Raises:
        OSError: the library is not installed.
        ValueError: the library lacks the algorithm.
    """

    def __init__(self, algorithm: str, key: bytes, iv: bytes) -> None:
        self._library = load()
        handle = self._library.mcrypt_module_open(algorithm.encode(), None, MODE, None)
        if not handle:
            raise ValueError(f"this {LIBRARY} has no {algorithm} with 8-bit CFB")
        weakref.finalize(self, self._library.mcrypt_generic_end, handle)
        if self._library.mcrypt_generic_init(handle, key, len(key), iv) < 0:
            raise ValueError(f"this {LIBRARY} takes no {algorithm} key of {len(key)} bytes")
        self._handle = handle

    def encryptor(self) -> Callable[[bytes], bytes]:
        """Return the function that encrypts packet after packet."""
        return lambda packet: self._process(self._library.mcrypt_generic, packet)

    def decryptor(self) -> Callable[[bytes], bytes]:
        """Return the function that decrypts packet after packet."""
        return lambda packet: self._process(self._library.mdecrypt_generic, packet)

    def _process(self, process: Any, packet: bytes) -> bytes:
        buffer = ctypes.create_string_buffer(packet, len(packet))
        process(self._handle, buffer, len(packet))
        return buffer.raw
