"""8-bit CFB over any block cipher: each byte is XORed with the first byte of the encrypted register.

For each byte: c = p XOR E(register)[0], and the register moves on by one byte, taking c in. It is never reset, so one
object serves all packets of a connection. Both directions only ever encrypt the register.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Cfb8:
    """Encrypts or decrypts packet after packet.

    Args:
        first_byte: returns the first byte of an encrypted block, given as a memoryview.
        iv: one block, the first value of the register.
    """

    def __init__(self, first_byte: Callable[[memoryview], int], iv: bytes, is_encryptor: bool) -> None:
        self._first_byte = first_byte
        self._register = iv
        self._is_encryptor = is_encryptor

    def __call__(self, packet: bytes) -> bytes:
        first_byte = self._first_byte
        size = len(self._register)
        # The register is a window that moves along the ciphertext, which stands behind the last packet's end.
        cipher_text = bytearray(self._register) + packet
        window = memoryview(cipher_text)
        if self._is_encryptor:
            for start in range(len(packet)):
                cipher_text[start + size] ^= first_byte(window[start : start + size])
            result = bytes(cipher_text[size:])
        else:
            result = bytes(byte ^ first_byte(window[start : start + size]) for start, byte in enumerate(packet))
        self._register = bytes(cipher_text[len(packet) :])
        return result
