"""libmcrypt through ctypes: the ciphers that no other library has, in the very code that the NSCA daemon uses.

libmcrypt is old and has no maintainer, so it is used only for methods that cannot be had elsewhere, or only slowly, and
only where it is installed. Its interface: mcrypt.h of libmcrypt 2.5.8. One call for a whole buffer gives the same bytes
as nsca's call for each byte.
"""

from __future__ import annotations

import ctypes
import weakref

LIBRARY = "libmcrypt.so.4"
MODE = b"cfb"  # 8-bit CFB; full-block CFB is libmcrypt's "ncfb"


def load() -> ctypes.CDLL:
    """Return the library. Raises OSError if it is not installed."""
    library = ctypes.CDLL(LIBRARY)  # by its name: ctypes.util.find_library starts a compiler to look
    library.mcrypt_module_open.restype = ctypes.c_void_p
    library.mcrypt_module_open.argtypes = [ctypes.c_char_p] * 4
    library.mcrypt_generic_init.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p]
    for name in ("mcrypt_generic", "mdecrypt_generic"):
        getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.mcrypt_generic_end.argtypes = [ctypes.c_void_p]
    return library


class Stream:
    """One cipher in 8-bit CFB over the packets of one connection, encrypting or decrypting.

    Args:
        algorithm: libmcrypt's name, such as "twofish".
        key: of the cipher's largest key size.
        iv: one block.

    Raises:
        OSError: the library is not installed.
        ValueError: the library lacks the algorithm.
    """

    def __init__(self, algorithm: str, key: bytes, iv: bytes, is_encryptor: bool) -> None:
        library = load()
        handle = library.mcrypt_module_open(algorithm.encode(), None, MODE, None)
        if not handle:
            raise ValueError(f"this {LIBRARY} has no {algorithm} with 8-bit CFB")
        weakref.finalize(self, library.mcrypt_generic_end, handle)
        if library.mcrypt_generic_init(handle, key, len(key), iv) < 0:
            raise ValueError(f"this {LIBRARY} takes no {algorithm} key of {len(key)} bytes")
        self._handle = handle
        self._process = library.mcrypt_generic if is_encryptor else library.mdecrypt_generic

    def __call__(self, packet: bytes) -> bytes:
        buffer = ctypes.create_string_buffer(packet, len(packet))
        self._process(self._handle, buffer, len(packet))
        return buffer.raw
