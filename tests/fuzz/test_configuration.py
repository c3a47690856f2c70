"""Any bytes as a configuration: usable, or one line that says where and what; and no alert is lost by it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from unittest import mock

import pytest
from fuzz.hostile import EDITS, call, edited, examples, fresh_place, monitored_place
from hypothesis import example, given
from hypothesis import strategies as st
from support import namespaces

from tcpwrap_alert.config.read import read_config

SECRET = b"s3cret,Wort"
EXAMPLE = Path(__file__).parents[2] / "send_nsca.cfg.example"
SHIPPED = EXAMPLE.read_bytes().replace(b"change me", SECRET).replace(b" /etc/tcpwrap-alert/quiet", b"")
ALL_SET = re.sub(rb"(?m)^#(?!\w+_file=|token=)(\w+=)", rb"\1", SHIPPED)
DENIAL = b"tcpwrap-alert 1 denial\0\nclient=203.0.113.7\0\ndaemon=sshd\0\nend\0\n"
NO_LOOKUP = b"\nserver=127.0.0.1:1\ntimeout=1\n"

VALUES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([b"9" * 5000, b"-1", b"nan", b"1e-300", b"{", b"{x}", b"\xff", b"\0", b"\x0bx", "\u2028".encode()]),
)
KEYS = st.sampled_from([line.partition(b"=")[0] for line in ALL_SET.splitlines() if re.match(rb"\w+=", line)])
LINES = st.builds(lambda key, value: key + b"=" + value.replace(b"\n", b" "), KEYS, VALUES)
FILES = st.one_of(
    st.binary(max_size=300),
    st.builds(edited, st.sampled_from([SHIPPED, ALL_SET]), EDITS),
    st.builds(lambda file, lines: b"\n".join([file, *lines]), st.sampled_from([SHIPPED, ALL_SET]), st.lists(LINES)),
)


def shows_nothing_of(message, content):
    """Say whether the password stays untold; only what stands behind the word is known to be one."""
    is_known = all(b"password" in line.partition(SECRET)[0] for line in content.split(b"\n") if SECRET in line)
    return not is_known or SECRET.decode() not in message


def test_the_file_that_the_targets_start_from_is_good():
    with fresh_place() as place:
        place.write_config(ALL_SET)
        assert read_config(str(place.config)).monitors[0].targets[0].password == SECRET


@given(FILES)
@example(SHIPPED.replace(b"server=", b"server=a\0b"))
@example(SHIPPED + b"\nserver=a b\rc\x0bd\n")
@example(SHIPPED.replace(b"\npassword=", b"\npassword "))
@examples(300)
def test_any_file_is_read_or_one_line_without_password(content):
    with fresh_place() as place:
        place.write_config(content)
        config = read_config(str(place.config))
        if config.fault is None:
            assert "\0" not in str(config.monitors[0])
        else:
            message = str(config.fault)
            assert re.match(rf"{re.escape(str(place.config))}(:[1-9]\d*)?: \S", message)
            assert len(message.splitlines()) == 1
            assert message.isprintable()
            assert shows_nothing_of(message, content)


@given(FILES, st.sampled_from([b"", b"\0", b"x\0y", b"\xff", b"\n", b"x" * 256, b"x" * 5000]))
@examples(300)
def test_any_file_leaves_the_spool_to_be_found(content, more):
    with fresh_place() as place, mock.patch.dict(os.environ):
        del os.environ["TCPWRAP_ALERT_SPOOL"]
        place.write_config(content + b"\nspool_dir=/spool" + more)
        found = read_config(str(place.config)).spool_dirs
        assert found[-1] == "/var/spool/tcpwrap-alert"
        assert all(path.startswith("/") and "\0" not in path for path in found)


# A name of the fuzzer's would be looked up: only in the private network that is nobody's business, and quick.
@pytest.mark.usefixtures("isolated")
@given(content=FILES, is_harmless=st.booleans())
@example(content=SHIPPED.replace(b"server=nagios.example", b"server=a\0b"), is_harmless=False)
@examples(40)
def test_no_file_costs_an_alert(content, is_harmless):
    with fresh_place() as place:
        place.write_config(content + NO_LOOKUP * is_harmless)
        done = call("submit_check_result", "h", "s", "2", "o")
        assert done.is_orderly()
        assert done.status in (75, 78)
        assert shows_nothing_of(done.stderr, content)
        assert len(place.waiting()) == 1
        place.configure()
        assert call("tcpwrap-alert", "replay").status == 75
        assert len(place.waiting()) == 1


@given(FILES)
@examples(60)
def test_any_file_lets_denials_be_delivered_or_kept(content):
    with monitored_place() as (place, packets):
        ours = place.config.read_bytes().replace(b"fold=no\n", b"legacy_2_7_mode=no\n")
        place.write_config(content + b"\n" + ours)
        for name in ("1", "2"):
            (place.new / name).write_bytes(DENIAL)
        done = call("tcpwrap-alert", "replay")
        assert done.is_orderly()
        assert (done.status, len(place.waiting())) in ((0, 0), (78, 2))
    assert len(packets) in ((1, 2) if done.status == 0 else (0,))


@pytest.fixture
def private_var_spool(isolated):
    """Let the default spool be nobody's."""
    namespaces.mount_tmpfs("/var/spool")
    yield
    namespaces.unbind("/var/spool")


def count_kept(spool_dirs):
    return sum(len(list(Path(path, "new").glob("*"))) for path in spool_dirs if Path(path, "new").is_dir())


@pytest.mark.usefixtures("private_var_spool")
@given(more=st.binary(max_size=20).map(lambda data: data.translate(None, b"/\n")) | st.just(b"x" * 5000))
@example(more=b"\0")
@examples(30)
def test_no_spool_dir_costs_an_alert(more):
    with fresh_place() as place, mock.patch.dict(os.environ):
        del os.environ["TCPWRAP_ALERT_SPOOL"]
        place.write_config(b"server=127.0.0.1:1\nspool_dir=" + os.fsencode(place.spool) + b"/x" + more)
        spool_dirs = [] if len(more) > 255 else read_config(str(place.config)).spool_dirs  # no such name can be
        before = count_kept(spool_dirs)
        done = call("submit_check_result", "h", "s", "2", "o")
        assert done.is_orderly()
        assert done.status in ((75, 78) if spool_dirs else (74,))  # nobody listens
        assert count_kept(spool_dirs) == before + bool(spool_dirs)
        assert call("tcpwrap-alert", "replay").is_orderly(most=3)  # `leader` and new/ of the one, new/ of the other
