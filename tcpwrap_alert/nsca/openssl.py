"""Ciphers from the package cryptography, that is OpenSSL: DES, 3DES, CAST-128, Blowfish and AES, in 8-bit CFB.

CAST-128 and Blowfish have no CFB8 there, so their single blocks are driven by our own loop; they also need OpenSSL's
legacy provider. The old ciphers move from place to place between versions 38 and 50, and up to 42 they warn, which is
of no use to whoever runs a server that speaks nothing else.
"""

from __future__ import annotations

import threading
import warnings

from .cfb8 import Cfb8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CLASSES = {"des": "TripleDES", "tripledes": "TripleDES", "cast-128": "CAST5", "blowfish": "Blowfish"}
_WARNINGS = threading.Lock()


def make_stream(algorithm: str, key: bytes, iv: bytes, is_encryptor: bool) -> Callable[[bytes], bytes]:
    """Return the function that encrypts, or decrypts, the packets of one connection.

    Args:
        algorithm: libmcrypt's name, one of des, tripledes, cast-128, blowfish, rijndael-128.
        key: of the cipher's largest key size.
        iv: one block.

    Raises:
        ValueError: this build of OpenSSL does not have the algorithm.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        if algorithm == "rijndael-128":
            return _cfb8_stream(Cipher(algorithms.AES(key), _cfb8_mode(iv)), is_encryptor)
        cipher_class = _decrepit_class(_CLASSES[algorithm])
        if algorithm in ("des", "tripledes"):
            # Single DES is 3DES with three times the same key.
            return _cfb8_stream(Cipher(cipher_class(key * (24 // len(key))), _cfb8_mode(iv)), is_encryptor)
        encrypt_block = Cipher(cipher_class(key), modes.ECB()).encryptor()  # noqa: S305 - CFB8 is built on single blocks
    except UnsupportedAlgorithm as error:
        raise ValueError(f"OpenSSL has no {algorithm} here: {error}") from error
    out = bytearray(2 * len(iv) - 1)  # update_into wants room for a block more, less one byte

    def first_byte(block: memoryview) -> int:
        encrypt_block.update_into(block, out)
        return out[0]

    return Cfb8(first_byte, iv, is_encryptor)


def _cfb8_stream(cipher: Any, is_encryptor: bool) -> Callable[[bytes], bytes]:
    context = cipher.encryptor() if is_encryptor else cipher.decryptor()
    update: Callable[[bytes], bytes] = context.update
    return update


def _cfb8_mode(iv: bytes) -> Any:
    try:
        from cryptography.hazmat.decrepit.ciphers.modes import CFB8  # from cryptography 47 on
    except ImportError:
        from cryptography.hazmat.primitives.ciphers.modes import CFB8
    return CFB8(iv)


def _decrepit_class(name: str) -> Any:
    try:
        from cryptography.hazmat.decrepit.ciphers import algorithms  # from cryptography 43 on
    except ImportError:
        return _deprecated_class(name)
    return getattr(algorithms, name)


def _deprecated_class(name: str) -> Any:
    from cryptography.hazmat.primitives.ciphers import algorithms

    # What warnings are let through is one state of the whole process.
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(algorithms, name)
