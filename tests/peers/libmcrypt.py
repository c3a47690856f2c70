"""What an nsca daemon makes of the bytes that it receives, by the library that it uses itself and in the way it does.

Written from the description of the protocol and from mcrypt(3): one call of libmcrypt per byte, where the package makes
one per packet. It shares no code with the package.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from peers.fake_daemon import INIT_VECTOR
from support.missing import skip_or_fail

# encryption_method: libmcrypt's name; 0 and 1 are nsca's own.
ALGORITHMS = {
    2: "des",
    3: "tripledes",
    4: "cast-128",
    5: "cast-256",
    6: "xtea",
    8: "blowfish",
    9: "twofish",
    10: "loki97",
    11: "rc2",
    14: "rijndael-128",
    15: "rijndael-192",
    16: "rijndael-256",
    20: "serpent",
    23: "gost",
    26: "saferplus",
}


def make_decryptor(method: int, password: bytes) -> Callable[[bytes], bytes]:
    """Return the function that decrypts the packets of one connection in order, each once."""
    if method == 0:
        return bytes
    if method == 1:
        return lambda packet: bytes(
            byte ^ INIT_VECTOR[at % 128] ^ password[at % len(password)] for at, byte in enumerate(packet)
        )
    return _block_decryptor(ALGORITHMS[method], password)


def _block_decryptor(algorithm: str, password: bytes) -> Callable[[bytes], bytes]:
    try:
        mcrypt = ctypes.CDLL("libmcrypt.so.4")
    except OSError:
        skip_or_fail("libmcrypt is not installed")
    mcrypt.mcrypt_module_open.restype = ctypes.c_void_p
    module = ctypes.c_void_p(mcrypt.mcrypt_module_open(algorithm.encode(), None, b"cfb", None))
    assert module, algorithm
    key_size = mcrypt.mcrypt_enc_get_key_size(module)
    vector_size = mcrypt.mcrypt_enc_get_iv_size(module)
    key = ctypes.create_string_buffer(password[:key_size], key_size)  # filled up with NUL
    assert mcrypt.mcrypt_generic_init(module, key, key_size, INIT_VECTOR[:vector_size]) == 0

    def decrypt(packet: bytes) -> bytes:
        cell = ctypes.create_string_buffer(1)
        clear = bytearray()
        for byte in packet:
            cell[0] = byte
            assert mcrypt.mdecrypt_generic(module, cell, 1) == 0
            clear += cell.raw
        return bytes(clear)

    return decrypt
