"""The encryption methods of NSCA: number, password and initialization vector to encryptor or decryptor.

A block cipher runs as 8-bit CFB, one byte of output per block operation, and its state runs on over all packets of
a connection; XOR restarts at each packet (nsca 2.10.2, src/utils.c, `encrypt_buffer`). The key is the password,
filled up with NUL or cut to the cipher's largest key size, and the register starts as the first block of the 128
bytes of initialization vector. So method 14, Rijndael with 128-bit blocks, is AES-256 with a zero-padded key, and 15
and 16 are not AES at all: their blocks are longer.

`METHODS` is the one list of what there is; documentation and tests are made from it. `check_method` says what this
machine cannot do, as soon as the configuration is read, and makes no cipher for that: a connection makes one. Only
method 0, literally, sends in clear.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Cipher(Protocol):
        """A cipher with its key and vector; asked once, for one direction."""

        def encryptor(self) -> Callable[[bytes], bytes]: ...

        def decryptor(self) -> Callable[[bytes], bytes]: ...


CRYPTOGRAPHY = "cryptography"
OWN = "own code"
LIBMCRYPT = "libmcrypt"


class Method:
    """One encryption method: its name, libmcrypt's name, sizes in bytes, and the backends, best first."""

    __slots__ = ("backends", "block_size", "key_size", "mcrypt_name", "name")

    def __init__(self, name: str, mcrypt_name: str, key_size: int, block_size: int, *backends: str) -> None:
        self.name = name
        self.mcrypt_name = mcrypt_name
        self.key_size = key_size
        self.block_size = block_size
        self.backends = backends


METHODS = {
    0: Method("none", "", 0, 0, OWN),
    1: Method("XOR", "", 0, 0, OWN),
    2: Method("DES", "des", 8, 8, CRYPTOGRAPHY, LIBMCRYPT),
    3: Method("3DES", "tripledes", 24, 8, CRYPTOGRAPHY, LIBMCRYPT),
    4: Method("CAST-128", "cast-128", 16, 8, LIBMCRYPT, CRYPTOGRAPHY),
    5: Method("CAST-256", "cast-256", 32, 16, LIBMCRYPT),
    6: Method("xTEA", "xtea", 16, 8, LIBMCRYPT),
    8: Method("Blowfish", "blowfish", 56, 8, LIBMCRYPT, CRYPTOGRAPHY),
    9: Method("Twofish", "twofish", 32, 16, LIBMCRYPT),
    10: Method("LOKI97", "loki97", 32, 16, LIBMCRYPT),
    11: Method("RC2", "rc2", 128, 8, LIBMCRYPT),
    14: Method("RIJNDAEL-128 (AES)", "rijndael-128", 32, 16, CRYPTOGRAPHY, LIBMCRYPT),
    15: Method("RIJNDAEL-192", "rijndael-192", 32, 24, LIBMCRYPT, OWN),
    16: Method("RIJNDAEL-256", "rijndael-256", 32, 32, LIBMCRYPT, OWN),
    20: Method("Serpent", "serpent", 32, 16, LIBMCRYPT),
    23: Method("GOST", "gost", 32, 8, LIBMCRYPT),
    26: Method("SAFER+", "saferplus", 32, 16, LIBMCRYPT),
}

# In nsca's list, but nsca ends before the init packet: libmcrypt has no 8-bit CFB for them, or not in its builds.
UNUSABLE = {7: "3-WAY", 12: "ARCFOUR", 19: "WAKE", 22: "ENIGMA", 24: "SAFER-SK64", 25: "SAFER-SK128"}


def known_methods() -> str:
    """Return the numbers and names of all methods, for a text to people."""
    return ", ".join(f"{number} {method.name}" for number, method in METHODS.items())


def check_method(number: int) -> None:
    """Raise ValueError, with what to do about it, if we cannot do this encryption method here."""
    _find_backend(number)


def make_encryptor(number: int, password: bytes, iv: bytes) -> Callable[[bytes], bytes]:
    """Return the function that encrypts the packets of one connection, each once and in order.

    Args:
        number: encryption method, a key of `METHODS`.
        password: as in the configuration, of any length.
        iv: the init packet's 128 bytes.

    Raises:
        ValueError: the method is not available.
    """
    return make_cipher(number, password, iv, _find_backend(number)).encryptor()


def make_decryptor(number: int, password: bytes, iv: bytes) -> Callable[[bytes], bytes]:
    """Return the function that decrypts what `make_encryptor` with the same arguments encrypted."""
    return make_cipher(number, password, iv, _find_backend(number)).decryptor()


def make_cipher(number: int, password: bytes, iv: bytes, backend: str) -> Cipher:
    """Return the cipher of a method by one of its backends."""
    if number == 0:
        return _Clear()
    if number == 1:
        return _Xor(password, iv)
    method = METHODS[number]
    key = password[: method.key_size].ljust(method.key_size, b"\0")
    register = iv[: method.block_size]
    # Each backend is imported only when it is used: none of them is cheap to load.
    if backend == LIBMCRYPT:
        from .mcrypt import McryptCipher

        return McryptCipher(method.mcrypt_name, key, register)
    if backend == CRYPTOGRAPHY:
        from .openssl import make_cipher as make_openssl_cipher

        return make_openssl_cipher(method.mcrypt_name, key, register)
    from .cfb8 import Cfb8
    from .rijndael import Rijndael

    return Cfb8(Rijndael(key, method.block_size).first_byte, register)


def _find_backend(number: int) -> str:
    """Return the first backend of a method that works on this machine. Raises ValueError if none does."""
    if number in UNUSABLE:
        raise ValueError(
            f"encryption_method {number} ({UNUSABLE[number]}): no NSCA server can use it, because libmcrypt does not "
            "have it; nsca ends before it sends an init packet"
        )
    if number not in METHODS:
        raise ValueError(f"encryption_method {number} does not exist; known: {known_methods()}")
    for backend in METHODS[number].backends:
        if _works(backend, number):
            return backend
    raise ValueError(
        f"encryption_method {number} ({METHODS[number].name}) needs libmcrypt, which is not on this machine; "
        "install the package libmcrypt4 (Debian, Ubuntu) or libmcrypt (elsewhere)"
    )


def _works(backend: str, number: int) -> bool:
    method = METHODS[number]
    if backend == LIBMCRYPT:
        from . import mcrypt

        return mcrypt.has(method.mcrypt_name)
    if backend == CRYPTOGRAPHY and number != 14:  # AES is in every build, and the package is dear to load
        from . import openssl

        return openssl.has(method.mcrypt_name, method.key_size, method.block_size)
    return True


class _Clear:
    """No encryption at all."""

    def encryptor(self) -> Callable[[bytes], bytes]:
        return bytes

    def decryptor(self) -> Callable[[bytes], bytes]:
        return bytes


class _Xor:
    """Each packet XOR the vector XOR the password, both repeated from their first byte in every packet."""

    def __init__(self, password: bytes, iv: bytes) -> None:
        self._password = password
        self._iv = iv
        self._length = 0
        self._key_stream = 0

    def encryptor(self) -> Callable[[bytes], bytes]:
        return self._process

    def decryptor(self) -> Callable[[bytes], bytes]:
        return self._process

    def _process(self, packet: bytes) -> bytes:
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
