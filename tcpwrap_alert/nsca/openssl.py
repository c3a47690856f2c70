"""Ciphers from the package cryptography, that is OpenSSL: DES, 3DES, CAST-128, Blowfish and AES, in 8-bit CFB.

CAST-128 and Blowfish have no CFB8 there, so our own loop drives their single blocks; they also need OpenSSL's legacy
provider. The old ciphers move from place to place between versions 38 and 50 of the package, and up to 42 they warn,
which is of no use to whoever runs a server that speaks nothing else.
"""

from __future__ import annotations

import _thread

from .cfb8 import Cfb8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CLASSES = {"des": "TripleDES", "tripledes": "TripleDES", "cast-128": "CAST5", "blowfish": "Blowfish"}
_WARNINGS = _thread.allocate_lock()  # as threading's, which is dear to load


def has(algorithm: str, key_size: int, block_size: int) -> bool:
    """Return whether this build of OpenSSL has the algorithm; makes no cipher."""
    from cryptography.hazmat.backends.openssl import backend

    return bool(backend.cipher_supported(*_algorithm_and_mode(algorithm, bytes(key_size), bytes(block_size))))


def make_cipher(algorithm: str, key: bytes, iv: bytes) -> Cfb8 | NativeCipher:
    """Return the cipher for one direction of one connection.

    Args:
        algorithm: libmcrypt's name, one of des, tripledes, cast-128, blowfish, rijndael-128.
        key: of the cipher's largest key size.
        iv: one block.

    Raises:
        ValueError: this build of OpenSSL does not have the algorithm.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import Cipher

    cipher = Cipher(*_algorithm_and_mode(algorithm, key, iv))
    if algorithm not in ("cast-128", "blowfish"):
        return NativeCipher(cipher)
    try:
        encrypt_block = cipher.encryptor()
    except UnsupportedAlgorithm as error:
        raise ValueError(f"OpenSSL has no {algorithm} here: {error}") from error
    out = bytearray(2 * len(iv) - 1)  # update_into wants room for a block more, less one byte

    def first_byte(block: memoryview) -> int:
        encrypt_block.update_into(block, out)
        return out[0]

    return Cfb8(first_byte, iv)


class NativeCipher:
    """A cipher whose 8-bit CFB OpenSSL has itself."""

    def __init__(self, cipher: Any) -> None:
        self._cipher = cipher

    def encryptor(self) -> Callable[[bytes], bytes]:
        """Return the function that encrypts packet after packet."""
        update: Callable[[bytes], bytes] = self._cipher.encryptor().update
        return update

    def decryptor(self) -> Callable[[bytes], bytes]:
        """Return the function that decrypts packet after packet."""
        update: Callable[[bytes], bytes] = self._cipher.decryptor().update
        return update


def _algorithm_and_mode(algorithm: str, key: bytes, iv: bytes) -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.ciphers import algorithms, modes

    if algorithm == "rijndael-128":
        return algorithms.AES(key), _cfb8_mode(iv)
    cipher_class = _decrepit_class(_CLASSES[algorithm])
    if algorithm in ("des", "tripledes"):
        return cipher_class(key * (24 // len(key))), _cfb8_mode(iv)  # single DES is 3DES with three times the same key
    return cipher_class(key), modes.ECB()  # noqa: S305 - CFB8 is built on single blocks


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
    import warnings

    from cryptography.hazmat.primitives.ciphers import algorithms

    # What warnings are let through is one state of the whole process.
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(algorithms, name)
