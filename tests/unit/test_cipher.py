"""The encryption methods, against what libmcrypt made of the same packets (tests/data/nsca-cipher-vectors.json)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwrap_alert.nsca.cipher import METHODS, check_method, make_decryptor, make_encryptor

DOCUMENT = json.loads(Path(__file__).parents[1].joinpath("data", "nsca-cipher-vectors.json").read_text())
OURS = (0, 1, 14)
VECTORS = [vector for vector in DOCUMENT["vectors"] if vector["method"] in OURS]
UNAVAILABLE = (7, 99, -1, 3, 2, 15, 16, 255)

IV = bytes(range(1, 129))


def plaintext(vector_id, length):
    """Return the first bytes of a vector's plaintext, by the rule in the file's "about"."""
    names = (f"{DOCUMENT['seed']}/{vector_id}/{number}" for number in range(length // 32 + 1))
    return b"".join(hashlib.sha256(name.encode()).digest() for name in names)[:length]


def packets_of(vector):
    """Return the plaintext packets of a vector: consecutive parts of its plaintext."""
    ends = [
        sum(packet["len"] for packet in vector["packets"][: number + 1]) for number in range(len(vector["packets"]))
    ]
    whole = plaintext(vector["id"], ends[-1])
    return [whole[start:end] for start, end in zip([0, *ends], ends)]


def digest(data):
    return {
        "len": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "head": data[:32].hex(),
        "tail": data[-32:].hex(),
    }


def test_the_vectors_are_all_there_and_read_by_their_own_rule():
    check = DOCUMENT["plaintext_check"]
    assert DOCUMENT["format"] == "nsca-cipher-vectors/1"
    assert plaintext(check["id"], 64).hex() == check["first_64_bytes"]
    assert [sum(vector["method"] == method for vector in VECTORS) for method in OURS] == [3, 10, 9]


def test_the_table_of_methods_is_what_the_vectors_check():
    assert tuple(METHODS) == OURS


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_encrypts_as_libmcrypt_does(vector):
    encrypt = make_encryptor(vector["method"], bytes.fromhex(vector["password"]), bytes.fromhex(vector["iv"]))
    assert [digest(encrypt(packet)) for packet in packets_of(vector)] == vector["packets"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_decrypts_what_libmcrypt_encrypted(vector):
    key = vector["method"], bytes.fromhex(vector["password"]), bytes.fromhex(vector["iv"])
    encrypt, decrypt = make_encryptor(*key), make_decryptor(*key)
    encrypted = [encrypt(packet) for packet in packets_of(vector)]
    assert [digest(packet) for packet in encrypted] == vector["packets"]
    assert [decrypt(packet) for packet in encrypted] == packets_of(vector)


@given(
    method=st.sampled_from(OURS),
    password=st.binary(max_size=520),
    iv=st.binary(min_size=128, max_size=128),
    packets=st.lists(st.binary(max_size=300), max_size=5),
)
@settings(deadline=None)
def test_a_decryptor_undoes_any_packets(method, password, iv, packets):
    encrypt, decrypt = make_encryptor(method, password, iv), make_decryptor(method, password, iv)
    encrypted = [encrypt(packet) for packet in packets]
    assert [decrypt(packet) for packet in encrypted] == packets
    assert [len(packet) for packet in encrypted] == [len(packet) for packet in packets]


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
@settings(deadline=None)
def test_aes_runs_on_over_any_split_into_packets(data, cuts):
    ends = [*sorted(min(cut, len(data)) for cut in cuts), len(data)]
    encrypt, decrypt = make_encryptor(14, b"secret", IV), make_decryptor(14, b"secret", IV)
    encrypted = b"".join(encrypt(data[start:end]) for start, end in zip([0, *ends], ends))
    assert encrypted == make_encryptor(14, b"secret", IV)(data)
    assert decrypt(encrypted) == data


@given(password=st.binary(max_size=520), iv=st.binary(min_size=128, max_size=128), packet=st.binary(max_size=600))
@settings(deadline=None)
def test_xor_is_the_vector_and_the_password_both_from_their_first_byte(password, iv, packet):
    key = [iv[at % 128] ^ (password[at % len(password)] if password else 0) for at in range(len(packet))]
    assert make_encryptor(1, password, iv)(packet) == bytes(byte ^ key[at] for at, byte in enumerate(packet))


def test_xor_restarts_with_each_packet_whatever_came_before():
    encrypt = make_encryptor(1, b"secret", IV)
    encrypted = [encrypt(bytes(length)) for length in (4304, 720, 720, 4304)]
    assert encrypted[0] == encrypted[3]
    assert encrypted[1] == encrypted[2] == encrypted[0][:720]


def test_aes_does_not_restart_with_each_packet():
    encrypt = make_encryptor(14, b"secret", IV)
    assert encrypt(bytes(720)) != encrypt(bytes(720))


@pytest.mark.parametrize("method", [1, 14])
def test_every_connection_has_a_cipher_of_its_own(method):
    first, second = make_encryptor(method, b"secret", IV), make_encryptor(method, b"secret", IV)
    assert first(bytes(720)) == second(bytes(720))


@pytest.mark.parametrize("method", [1, 14])
@pytest.mark.parametrize("password", [b"", b"secret"])
def test_nothing_but_method_0_sends_in_clear(method, password):
    packet = b"Denied sshd-203.0.113.7" * 30
    assert packet[:16] not in make_encryptor(method, password, IV)(packet)


def test_aes_takes_32_bytes_of_the_password_and_16_of_the_vector():
    encrypted = make_encryptor(14, b"k" * 32, IV)(bytes(100))
    assert make_encryptor(14, b"k" * 33, IV[:16] + bytes(112))(bytes(100)) == encrypted
    assert make_encryptor(14, b"k" * 31, IV)(bytes(100)) != encrypted


@pytest.mark.parametrize("method", OURS)
def test_an_available_method_passes_the_check(method):
    check_method(method)


@pytest.mark.parametrize("method", UNAVAILABLE)
@pytest.mark.parametrize(
    "call",
    [check_method, lambda method: make_encryptor(method, b"", IV), lambda method: make_decryptor(method, b"", IV)],
)
def test_any_other_method_is_refused_with_those_that_are_available(call, method):
    message = rf"^encryption_method {method} is not available; available: 0 none, 1 XOR, 14 RIJNDAEL-128 \(AES\)$"
    with pytest.raises(ValueError, match=message):
        call(method)
