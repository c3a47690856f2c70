"""What fills the unused bytes of packets: letters, other ones for each packet and connection."""

from __future__ import annotations

import pytest

from tcpwrap_alert.nsca.padding import LETTERS, POOL_BYTES, Padding, random_letters


@pytest.mark.parametrize("length", [0, 1, 720, 4304, POOL_BYTES])
@pytest.mark.parametrize("padding", [random_letters, Padding()])
def test_as_many_letters_as_asked_for(padding, length):
    assert len(padding(length)) == length
    assert set(padding(length)) <= set(LETTERS)


def test_every_letter_comes():
    assert set(random_letters(10_000)) == set(LETTERS)


def test_pieces_of_one_connection_differ():
    padding = Padding()
    assert len({padding(4304) for _ in range(100)}) > 50


def test_two_connections_differ():
    assert Padding()(4304) != Padding()(4304)


def test_every_place_of_the_pool_is_used():
    padding = Padding()
    pool = padding(POOL_BYTES)
    starts = {pool.index(padding(4304)) for _ in range(2000)}
    assert min(starts) < 200
    assert max(starts) > POOL_BYTES - 4304 - 200
