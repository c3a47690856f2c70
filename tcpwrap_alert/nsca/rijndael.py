"""Rijndael with blocks of 16, 24 or 32 bytes and keys of 32, as far as 8-bit CFB needs it: one byte per block.

AES is Rijndael with blocks of 16 bytes only, so NSCA's methods 15 and 16 (24 and 32 bytes) are in no cipher library of
today. This is the cipher of Daemen and Rijmen, "AES Proposal: Rijndael" (version 2, 1999), with nothing typed in: the
S-box and the round constants are computed from the field GF(2^8) modulo x^8+x^4+x^3+x+1.

How it is fast enough in Python: a byte string is permuted by using it as the *table* of `bytes.translate` on a string
of positions, so one call does ShiftRows for all four terms of MixColumns; four more substitute and multiply; the sum is
one XOR of big integers. 8-bit CFB uses only the first byte of the result, which depends on one byte before the last
round and on four before the last but one.
"""

from __future__ import annotations

KEY_SIZE = 32
ROUNDS = 14  # max(key words, block words) + 6, with 8 key words

_ROW_SHIFTS = {16: (0, 1, 2, 3), 24: (0, 1, 2, 3), 32: (0, 1, 3, 4)}


def _times_x(byte: int) -> int:
    return (byte << 1) ^ (0x11B if byte & 0x80 else 0)


def _make_sbox() -> bytes:
    """Return the S-box: the inverse in GF(2^8), then the affine map of section 4.2.1."""
    powers = [1]  # of x+1, which generates the field's multiplicative group
    while len(powers) < 255:
        powers.append(powers[-1] ^ _times_x(powers[-1]))
    inverses = {power: powers[-exponent % 255] for exponent, power in enumerate(powers)}
    inverses[0] = 0
    sbox = bytearray(256)
    for byte in range(256):
        repeated = inverses[byte] * 0x101  # so that a right shift rotates
        rotated = repeated ^ repeated >> 7 ^ repeated >> 6 ^ repeated >> 5 ^ repeated >> 4
        sbox[byte] = rotated & 0xFF ^ 0x63
    return bytes(sbox)


_S = _make_sbox()
_S2 = bytes(_times_x(byte) for byte in _S)
_S3 = bytes(_times_x(byte) ^ byte for byte in _S)


class Rijndael:
    """The cipher for one key (32 bytes) and block size (16, 24 or 32 bytes)."""

    def __init__(self, key: bytes, block_size: int) -> None:
        columns = block_size // 4
        shifts = _ROW_SHIFTS[block_size]
        # For each byte of a round's result the positions, before ShiftRows, of what MixColumns takes 2, 3, 1, 1 times.
        self._route = bytes(
            (column + shifts[(row + term) % 4]) % columns * 4 + (row + term) % 4
            for term in range(4)
            for column in range(columns)
            for row in range(4)
        )
        self._first_byte_route = self._route[::block_size]
        self._size = block_size
        keys = _expand_key(key, block_size)
        self._whitening_key = int.from_bytes(keys[0], "big")
        self._round_keys = [int.from_bytes(round_key, "big") for round_key in keys[1 : ROUNDS - 1]]
        self._last_bytes = (keys[ROUNDS - 1][0], keys[ROUNDS][0])

    def first_byte(self, block: bytes | memoryview) -> int:
        """Return the first byte of the encrypted `block`."""
        size, integer = self._size, int.from_bytes
        state = (integer(block, "big") ^ self._whitening_key).to_bytes(size, "big")
        for round_key in self._round_keys:
            routed = self._route.translate(state.ljust(256))
            state = (
                integer(routed[:size].translate(_S2), "big")
                ^ integer(routed[size : 2 * size].translate(_S3), "big")
                ^ integer(routed[2 * size : 3 * size].translate(_S), "big")
                ^ integer(routed[3 * size :].translate(_S), "big")
                ^ round_key
            ).to_bytes(size, "big")
        twice, thrice, once, once_more = self._first_byte_route
        before_last = _S2[state[twice]] ^ _S3[state[thrice]] ^ _S[state[once]] ^ _S[state[once_more]]
        return _S[before_last ^ self._last_bytes[0]] ^ self._last_bytes[1]


def _expand_key(key: bytes, block_size: int) -> list[bytes]:
    """Return the 15 round keys of `block_size` bytes each (section 4.3.1, for keys of more than 6 words)."""
    key_words = KEY_SIZE // 4
    words = [key[offset : offset + 4] for offset in range(0, KEY_SIZE, 4)]
    constant = 1
    for index in range(key_words, (ROUNDS + 1) * block_size // 4):
        word = words[-1]
        if index % key_words == 0:
            word = (word[1:] + word[:1]).translate(_S)
            word = bytes((word[0] ^ constant, *word[1:]))
            constant = _times_x(constant)
        elif index % key_words == 4:
            word = word.translate(_S)
        words.append(bytes(old ^ new for old, new in zip(words[-key_words], word)))
    schedule = b"".join(words)
    return [schedule[start : start + block_size] for start in range(0, (ROUNDS + 1) * block_size, block_size)]
