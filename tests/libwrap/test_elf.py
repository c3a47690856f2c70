"""Which libraries a program needs, from its file: as ldd finds them, and nothing for what is no program."""

from __future__ import annotations

import os
import struct
import subprocess

import pytest
from support.elf import program
from support.missing import skip_or_fail

from tcpwrap_alert.libwrap.elf import needed_libraries
from tcpwrap_alert.libwrap.linked import is_linked


@pytest.mark.parametrize("libraries", [(), ("libc.so.6",), ("libcrypt.so.1", "libwrap.so.0", "libc.so.6")])
def test_needed_libraries_are_read(tmp_path, libraries):
    (tmp_path / "program").write_bytes(program(*libraries))
    assert needed_libraries(str(tmp_path / "program")) == list(libraries)


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\2\1\1", b"MZ" * 40])
def test_what_is_no_program_needs_nothing(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert needed_libraries(str(tmp_path / "file")) is None


def test_program_cut_anywhere_is_no_error(tmp_path):
    whole = program("libwrap.so.0")
    for size in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:size])
        assert needed_libraries(str(tmp_path / "cut")) in (None, [], ["libwrap.so.0"[: max(0, size - len(whole) + 13)]])


@pytest.mark.parametrize("offset", [32, 54, 56, 64, 72, 80, 96, 120, 128, 136, 152])
def test_program_with_wild_numbers_is_no_error(tmp_path, offset):
    content = bytearray(program("libwrap.so.0"))
    for number in (0, 1, 2**31, 2**63, 2**64 - 1):
        struct.pack_into("<Q", content, offset, number)
        (tmp_path / "wild").write_bytes(content)
        needed_libraries(str(tmp_path / "wild"))


def test_file_that_is_no_file_is_no_error(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert needed_libraries(str(tmp_path / "fifo")) is None
    assert needed_libraries(str(tmp_path)) is None
    assert needed_libraries(str(tmp_path / "none")) is None


@pytest.mark.parametrize("directory", ["/usr/sbin", "/usr/lib/openssh"])
def test_linked_programs_are_those_that_ldd_finds(peer, directory):
    ldd = peer("ldd")
    if not os.path.isdir(directory):
        skip_or_fail(f"no {directory}")
    programs = [entry.path for entry in os.scandir(directory) if entry.is_file()]
    ours = {path for path in programs if is_linked(path)}
    assert ours == {
        path
        for path in programs
        if b"libwrap.so" in subprocess.run([ldd, path], capture_output=True, check=False).stdout
    }
