"""8-bit CFB over any block cipher: each byte is XORed with the first byte of the encrypted register.

For each byte: c = p XOR E(register)[0], and the register moves on by one byte, taking c in. The register is never
reset, so one function serves all packets of a connection. Both directions only ever encrypt the register.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Cfb8:
    """A block cipher in 8-bit CFB.

    Args:
        first_byte: returns the first byte of an encrypted block, which it gets as a memoryview.
        iv: one block, the first value of the register.
    """

    def __init__(self, first_byte: Callable[[memoryview], int], iv: bytes) -> None:
        self._first_byte = first_byte
        self._iv = iv

    def encryptor(self) -> Callable[[bytes], bytes]:
        """Return the function that encrypts packet after packet."""
        first_byte, register, size = self._first_byte, self._iv, len(self._iv)

        def encrypt(packet: bytes) -> bytes:
            nonlocal register
            # The register is a window that moves along the ciphertext, which stands behind the last packet's end.
            cipher_text = bytearray(register) + packet
            window = memoryview(cipher_text)
            for start in range(len(packet)):
                cipher_text[start + size] ^= first_byte(window[start : start + size])
            register = bytes(cipher_text[len(packet) :])
            return bytes(cipher_text[size:])

        return encrypt

    def decryptor(self) -> Callable[[bytes], bytes]:
        """Return the function that decrypts packet after packet."""
        first_byte, register, size = self._first_byte, self._iv, len(self._iv)

        def decrypt(packet: bytes) -> bytes:
            nonlocal register
            cipher_text = register + packet
            window = memoryview(cipher_text)
            register = cipher_text[len(packet) :]
            return bytes(byte ^ first_byte(window[start : start + size]) for start, byte in enumerate(packet))

        return decrypt
