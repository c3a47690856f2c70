"""The encryption methods of NSCA: number, password and initialization vector to encryptor or decryptor.

A block cipher runs as 8-bit CFB, one byte of output per block operation, and its state runs on over all packets of
a connection; XOR restarts at each packet (nsca 2.10.2, src/utils.c, `encrypt_buffer`). The key is the password,
filled up with NUL or cut to the cipher's largest key size, and the register starts as the first block of the 128
bytes of initialization vector. So method 14, Rijndael with 128-bit blocks, is AES-256 with a zero-padded key.

`METHODS` is the one list of what we can do. What is not in it is refused when the configuration is read; there is
no way to send in clear but method 0, literally.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

METHODS = {0: "none", 1: "XOR", 14: "RIJNDAEL-128 (AES)"}

AES_KEY_SIZE = 32
AES_BLOCK_SIZE = 16


def check_method(method: int) -> None:
    """Raise ValueError, with what is possible instead, if we cannot do this encryption method."""
    if method not in METHODS:
        known = ", ".join(f"{number} {name}" for number, name in METHODS.items())
        raise ValueError(f"encryption_method {method} is not available; available: {known}")


def make_encryptor(method: int, password: bytes, iv: bytes) -> Callable[[bytes], bytes]:
    """Return the function that encrypts the packets of one connection, each once and in order.

    Args:
        method: encryption method, a key of `METHODS`.
        password: as in the configuration, of any length.
        iv: the init packet's 128 bytes.
    """
    check_method(method)
    if method == 0:
        return bytes
    if method == 1:
        return _Xor(password, iv)
    encrypt: Callable[[bytes], bytes] = _aes_cfb8(password, iv).encryptor().update
    return encrypt


def make_decryptor(method: int, password: bytes, iv: bytes) -> Callable[[bytes], bytes]:
    """Return the function that decrypts what `make_encryptor` with the same arguments encrypted."""
    check_method(method)
    if method == 0:
        return bytes
    if method == 1:
        return _Xor(password, iv)
    decrypt: Callable[[bytes], bytes] = _aes_cfb8(password, iv).decryptor().update
    return decrypt


class _Xor:
    """Each packet XOR the vector XOR the password, both repeated from their first byte in every packet."""

    def __init__(self, password: bytes, iv: bytes) -> None:
        self._password = password
        self._iv = iv
        self._length = 0
        self._key_stream = 0

    def __call__(self, packet: bytes) -> bytes:
        if len(packet) != self._length:
            self._length = len(packet)
            self._key_stream = _repeated(self._iv, self._length) ^ _repeated(self._password, self._length)
        # One big integer instead of a loop over bytes: 12 µs instead of 300 for a packet.
        return (int.from_bytes(packet, "big") ^ self._key_stream).to_bytes(self._length, "big")


def _repeated(text: bytes, length: int) -> int:
    """Return `text` repeated to `length` bytes as an integer; an empty password is zero."""
    if not text:
        return 0
    return int.from_bytes((text * (length // len(text) + 1))[:length], "big")


def _aes_cfb8(password: bytes, iv: bytes) -> Any:
    # Imported here: cryptography takes longer to load than everything else we do for one alert.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

    try:  # CFB8 moved in cryptography 47, and its old place warns.
        from cryptography.hazmat.decrepit.ciphers.modes import CFB8
    except ImportError:
        from cryptography.hazmat.primitives.ciphers.modes import CFB8
    key = password[:AES_KEY_SIZE].ljust(AES_KEY_SIZE, b"\0")
    return Cipher(algorithms.AES(key), CFB8(iv[:AES_BLOCK_SIZE]))
