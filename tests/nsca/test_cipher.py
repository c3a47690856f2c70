"""The encryption methods, against what libmcrypt made of the same packets (tests/data/nsca-cipher-vectors.json)."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cryptography
import pytest
from cryptography.hazmat.primitives import ciphers
from hypothesis import given, settings
from hypothesis import strategies as st
from support.streams import AVAILABLE, BLOCK_STREAMS, STREAMS, parameter

from tcpwrap_alert.nsca import mcrypt
from tcpwrap_alert.nsca.cipher import (
    CRYPTOGRAPHY,
    LIBMCRYPT,
    METHODS,
    UNUSABLE,
    check_method,
    make_cipher,
    make_encryptor,
)

DOCUMENT = json.loads(Path(__file__).parents[1].joinpath("data", "nsca-cipher-vectors.json").read_text())
VECTORS = DOCUMENT["vectors"]
VECTOR_STREAMS = [
    parameter(vector, backend, backend=backend, id=f"{vector['id']}-{backend}")
    for vector in VECTORS
    for backend in METHODS[vector["method"]].backends
]

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


def encryptor(number, password, iv, backend):
    return make_cipher(number, password, iv, backend).encryptor()


def decryptor(number, password, iv, backend):
    return make_cipher(number, password, iv, backend).decryptor()


def digest(data):
    return {
        "len": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "head": data[:32].hex(),
        "tail": data[-32:].hex(),
    }


def test_vectors_are_complete_and_read_by_their_rule():
    check = DOCUMENT["plaintext_check"]
    assert DOCUMENT["format"] == "nsca-cipher-vectors/1"
    assert plaintext(check["id"], 64).hex() == check["first_64_bytes"]


def test_the_table_of_methods_is_that_of_the_vectors():
    described = DOCUMENT["methods"]
    assert list(METHODS) == [int(number) for number in described]
    for number, method in METHODS.items():
        theirs = described[str(number)]
        assert (method.mcrypt_name or None, method.key_size or None, method.block_size or None) == (
            theirs["mcrypt"],
            theirs["key_size"],
            theirs["block_size"],
        )


def test_what_pip_alone_brings():
    without_libmcrypt = [number for number, method in METHODS.items() if set(method.backends) != {LIBMCRYPT}]
    assert without_libmcrypt == [0, 1, 2, 3, 4, 8, 14, 15, 16]
    assert [n for n in without_libmcrypt if CRYPTOGRAPHY in METHODS[n].backends] == [2, 3, 4, 8, 14]


@pytest.mark.parametrize(("vector", "backend"), VECTOR_STREAMS)
def test_cipher_works_as_libmcrypt_does(vector, backend):
    key = vector["method"], bytes.fromhex(vector["password"]), bytes.fromhex(vector["iv"]), backend
    encrypt, decrypt = encryptor(*key), decryptor(*key)
    packets = packets_of(vector)
    encrypted = [encrypt(packet) for packet in packets]
    assert [digest(packet) for packet in encrypted] == vector["packets"]
    assert [decrypt(packet) for packet in encrypted] == packets


@given(
    stream=st.sampled_from(AVAILABLE),
    password=st.binary(max_size=520),
    iv=st.binary(min_size=128, max_size=128),
    packets=st.lists(st.binary(max_size=60), max_size=4),
)
@settings(deadline=None)
def test_a_decryptor_undoes_any_packets(stream, password, iv, packets):
    number, backend = stream
    encrypt, decrypt = encryptor(number, password, iv, backend), decryptor(number, password, iv, backend)
    encrypted = [encrypt(packet) for packet in packets]
    assert [decrypt(packet) for packet in encrypted] == packets
    assert [len(packet) for packet in encrypted] == [len(packet) for packet in packets]


@given(
    stream=st.sampled_from([stream for stream in AVAILABLE if stream[0] > 1]),
    data=st.binary(max_size=200),
    cuts=st.lists(st.integers(0, 200), max_size=5),
)
@settings(deadline=None)
def test_block_cipher_runs_on_over_any_split(stream, data, cuts):
    number, backend = stream
    ends = [*sorted(min(cut, len(data)) for cut in cuts), len(data)]
    encrypt, decrypt = encryptor(number, b"secret", IV, backend), decryptor(number, b"secret", IV, backend)
    encrypted = b"".join(encrypt(data[start:end]) for start, end in zip([0, *ends], ends))
    assert encrypted == encryptor(number, b"secret", IV, backend)(data)
    assert decrypt(encrypted) == data


@given(password=st.binary(max_size=520), iv=st.binary(min_size=128, max_size=128), packet=st.binary(max_size=600))
@settings(deadline=None)
def test_xor_starts_at_both_first_bytes(password, iv, packet):
    key = [iv[at % 128] ^ (password[at % len(password)] if password else 0) for at in range(len(packet))]
    assert make_encryptor(1, password, iv)(packet) == bytes(byte ^ key[at] for at, byte in enumerate(packet))


def test_xor_restarts_with_each_packet():
    encrypt = make_encryptor(1, b"secret", IV)
    encrypted = [encrypt(bytes(length)) for length in (4304, 720, 720, 4304)]
    assert encrypted[0] == encrypted[3]
    assert encrypted[1] == encrypted[2] == encrypted[0][:720]


@pytest.mark.parametrize(("number", "backend"), BLOCK_STREAMS)
def test_block_cipher_does_not_restart_per_packet(number, backend):
    encrypt = encryptor(number, b"secret", IV, backend)
    assert encrypt(bytes(100)) != encrypt(bytes(100))


@pytest.mark.parametrize(("number", "backend"), STREAMS)
def test_every_connection_has_a_cipher_of_its_own(number, backend):
    first, second = encryptor(number, b"secret", IV, backend), encryptor(number, b"secret", IV, backend)
    assert first(bytes(100)) == second(bytes(100))


@pytest.mark.parametrize(("number", "backend"), STREAMS[1:])
@pytest.mark.parametrize("password", [b"", b"secret"])
def test_nothing_but_method_0_sends_in_clear(number, backend, password):
    packet = b"Denied sshd-203.0.113.7" * 5
    assert packet[:16] not in encryptor(number, password, IV, backend)(packet)


def test_aes_takes_32_password_and_16_vector_bytes():
    encrypted = make_encryptor(14, b"k" * 32, IV)(bytes(100))
    assert make_encryptor(14, b"k" * 33, IV[:16] + bytes(112))(bytes(100)) == encrypted
    assert make_encryptor(14, b"k" * 31, IV)(bytes(100)) != encrypted


@pytest.mark.parametrize("number", dict(AVAILABLE))
def test_an_available_method_passes_the_check(number):
    check_method(number)


@pytest.mark.parametrize("call", [check_method, lambda number: make_encryptor(number, b"", IV)])
@pytest.mark.parametrize("number", [13, 17, 18, 21, 27, 99, -1, 255])
def test_unknown_method_is_an_error_that_lists_known(call, number):
    message = rf"^encryption_method {number} does not exist; known: 0 none, 1 XOR, 2 DES, .*, 26 SAFER\+$"
    with pytest.raises(ValueError, match=message):
        call(number)


@pytest.mark.parametrize("number", UNUSABLE)
def test_method_of_no_server_is_an_error_that_says_why(number):
    with pytest.raises(ValueError, match=rf"^encryption_method {number} \({UNUSABLE[number]}\): no NSCA server can"):
        check_method(number)


@pytest.fixture
def without_libmcrypt(monkeypatch):
    monkeypatch.setattr("tcpwrap_alert.nsca.mcrypt.LIBRARY", "libmcrypt-is-not-here.so.4")


@pytest.mark.parametrize("number", METHODS)
def test_without_libmcrypt_works_or_names_the_package(without_libmcrypt, number):
    if set(METHODS[number].backends) != {LIBMCRYPT}:
        make_encryptor(number, b"secret", IV)(bytes(10))
        return
    with pytest.raises(ValueError, match=rf"^encryption_method {number} .*install the package libmcrypt4 \(Debian"):
        check_method(number)


@pytest.mark.parametrize("number", [4, 8, 15, 16])
def test_bytes_are_the_same_with_and_without_libmcrypt(monkeypatch, number):
    with_it = make_encryptor(number, b"secret", IV)(bytes(100))
    monkeypatch.setattr("tcpwrap_alert.nsca.mcrypt.LIBRARY", "libmcrypt-is-not-here.so.4")
    assert make_encryptor(number, b"secret", IV)(bytes(100)) == with_it


@pytest.mark.parametrize("backend", [parameter(backend, backend=backend) for backend in METHODS[8].backends])
def test_a_packet_makes_one_cipher(monkeypatch, backend):
    """Blowfish, which two libraries have: to check the method makes none."""

    def count(function):
        def counted(*args):
            made.append(function.__qualname__)
            return function(*args)

        return counted

    made = []
    monkeypatch.setattr(METHODS[8], "backends", (backend,))
    monkeypatch.setattr(mcrypt.McryptCipher, "__init__", count(mcrypt.McryptCipher.__init__))
    monkeypatch.setattr(ciphers.Cipher, "encryptor", count(ciphers.Cipher.encryptor))
    check_method(8)
    assert made == []
    make_encryptor(8, b"secret", IV)(bytes(8))
    assert len(made) == 1


def test_no_warning_of_cryptography_leaves_a_thread(monkeypatch):
    monkeypatch.setattr(METHODS[8], "backends", (CRYPTOGRAPHY,))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    filters = list(warnings.filters)
    try:
        with ThreadPoolExecutor(4) as threads:
            packets = list(threads.map(lambda _: make_encryptor(8, b"secret", IV)(bytes(8)), range(400)))
    finally:
        sys.setswitchinterval(interval)
    assert len(set(packets)) == 1
    assert warnings.filters == filters


@pytest.mark.skipif(
    int(cryptography.__version__.split(".")[0]) < 41, reason="this cryptography cannot leave the legacy provider out"
)
def test_openssl_without_legacy_gives_no_traceback(without_libmcrypt, run):
    script = "from tcpwrap_alert.nsca import cipher, mcrypt; mcrypt.LIBRARY = 'none.so'; cipher.check_method(8)"
    done = run(sys.executable, "-c", script, env={"CRYPTOGRAPHY_OPENSSL_NO_LEGACY": "1"})
    assert "ValueError: encryption_method 8 (Blowfish) needs libmcrypt" in done.stderr
