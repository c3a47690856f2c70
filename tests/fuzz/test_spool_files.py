"""Any bytes, name and kind of file in the spool: what is good beside it is delivered, once, and nothing hangs."""

from __future__ import annotations

import json
import os
import stat

from fuzz.hostile import EDITS, call, edited, examples, fresh_place, monitored_place, set_age
from hypothesis import assume, example, given
from hypothesis import strategies as st
from support.spools import let_grace_pass

DENIAL = (
    b"tcpwrap-alert 1 denial\0\nclient=203.0.113.7\0\ndaemon=sshd\0\naddress=203.0.113.7\0\nuser=unknown\0\nend\0\n"
)
CHECK_RESULT = (
    b"tcpwrap-alert 1 check_result\0\n"
    b"host_name=h\0\nservice_description=s\0\nreturn_code=2\0\nplugin_output=o\0\nend\0\n"
)
TALLY = b"tcpwrap-alert 1 denials\0\ntally=3\t1000\t2000\tsshd\tc\ta\tu\n1\t1\t2\tsshd\td\ta\tu\0\nend\0\n"
COUNTED = b"tcpwrap-alert 1 check_results\0\ntally=3\t1000\t2000\th;s;0\0\nend\0\n"
NUMBER = st.integers() | st.sampled_from([10**400, 9 * 10**18, -(10**19), 2**63])


def tally_of(lines):
    text = b"\n".join(b"%s\t%s\t%s\t%s" % (*(str(n).encode() for n in numbers), words) for numbers, words in lines)
    return b"tcpwrap-alert 1 denials\0\ntally=" + text + b"\0\nend\0\n"


FIELD = st.sampled_from([b"client", b"host_name", b"return_code", b"plugin_output", b"self", b"", b"\xff"])


def with_field(data, key, value):
    return data.replace(b"\0\nend\0\n", b"\0\n" + key + b"=" + value + b"\0\nend\0\n")


VALID = st.sampled_from([DENIAL, CHECK_RESULT, TALLY, COUNTED])
WORDS = st.sampled_from([b"d\tc\ta\tu", b"d\tc", b"x" * 1_020_000 + b"\t\t\t", b"\xff\t;\t|\t\x1b[31m"])
BYTES = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(lambda data: b"tcpwrap-alert 1 " + data + b"\0\nend\0\n"),
    st.builds(edited, VALID, EDITS),
    st.lists(st.tuples(st.tuples(NUMBER, NUMBER, NUMBER), WORDS), max_size=3).map(tally_of),
    st.builds(with_field, VALID, FIELD, st.binary(max_size=50) | st.sampled_from([b"9" * 5000, b"x" * (1 << 20)])),
)
STATES = st.lists(
    st.builds(
        b"%s%s %s %s".__mod__,
        st.tuples(
            st.sampled_from(
                [b"rejected=", b"unfinished=", b"seen=", b"failed_at=", b"reason=", b"transport.batch=", b"x"]
            ),
            st.sampled_from([b"bad", b"neighbour0", b"", b"\x1b[31m"]),
            st.sampled_from([b"nan", b"-inf", b"-1", b"1e309", b"9" * 400, b"0"]),
            st.sampled_from([b"", b"nan x", b"1e400 \x1b[31m", b"-1 \xff"]),
        ),
    ),
    max_size=5,
).map(b"\n".join)
SPECIAL = [
    "directory",
    "full directory",
    "FIFO",
    "socket",
    "dangling link",
    "link to itself",
    "link out",
    "link beside",
]
KINDS = st.sampled_from(SPECIAL)
NAMES = st.one_of(
    st.sampled_from([b"\n", b"-rf", b".", b"\x1b[31m", b"x" * 255, b"\xff" * 255, "€".encode() * 85, b"*", b" "]),
    st.binary(min_size=1, max_size=255).map(lambda name: name.translate(None, b"\0/")),
).filter(lambda name: name not in (b"", b".", b".."))
AGES_S = st.sampled_from([0, 30, -30, 90, -90, 1e6, 1.7e9, 4e9, -4e9])


def make(path, kind):
    """Make a file: with these bytes, or of this kind."""
    if isinstance(kind, bytes):
        with open(path, "wb") as file:
            file.write(kind)
    elif kind.endswith("directory"):
        os.mkdir(path)
        if kind.startswith("full"):
            os.mkdir(path + b"/x")
    elif kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    else:
        targets = {"dangling link": b"nowhere", "link to itself": path, "link out": b"/dev/zero"}
        os.symlink(targets.get(kind, b"neighbour0"), path)


def add_neighbours(place, ages_s):
    """Enqueue good check results, each of a host of its own."""
    for number, age_s in enumerate(ages_s):
        path = place.new / f"neighbour{number}"
        path.write_bytes(CHECK_RESULT.replace(b"host_name=h", b"host_name=neighbour%d" % number))
        set_age(path, age_s)
    return [f"neighbour{number}" for number in range(len(ages_s))]


def is_unfinished(kind):
    return isinstance(kind, bytes) and not kind.endswith(b"\0\nend\0\n")


def of_neighbours(packets):
    return sorted(packet.host_name for packet in packets if packet.host_name.startswith("neighbour"))


def assert_queue_shows(hosts):
    listed, as_json = call("tcpwrap-alert", "queue"), call("tcpwrap-alert", "queue", "--json")
    assert (listed.status, as_json.status, as_json.stderr) == (0, 0, "")
    assert all(line.isprintable() for line in listed.stdout.splitlines())
    shown = [row["host_name"] for row in json.loads(as_json.stdout)]
    assert all(shown.count(host) == 1 for host in hosts)


@given(
    bad=st.dictionaries(NAMES, st.tuples(BYTES | KINDS, AGES_S), min_size=1, max_size=5),
    ages_s=st.lists(AGES_S, min_size=1, max_size=3),
    fold=st.sampled_from(["no", 1, 20]),
)
@examples(100)
def test_bad_files_are_counted_and_neighbours_sent(bad, ages_s, fold):
    with monitored_place(fold=fold) as (place, packets):
        hosts = add_neighbours(place, ages_s)
        for name, (kind, age_s) in bad.items():
            path = os.path.join(os.fsencode(place.new), name)
            assume(not os.path.lexists(path))
            make(path, kind)
            set_age(path, age_s)
        assert_queue_shows(hosts)
        first = call("tcpwrap-alert", "replay")
        assert (first.status, first.stdout) == (0, "")
        assert all(is_unfinished(bad[name][0]) for name in place.waiting())  # their writer's, whatever their time says
        let_grace_pass(place.spool)
        assert call("tcpwrap-alert", "replay").status == 0
        assert place.waiting() == []
        gone = len(bad) - len(place.set_aside())
    assert of_neighbours(packets) == hosts
    if fold == "no":
        assert len(packets) == len(hosts) + gone


@given(
    strange=st.dictionaries(
        st.sampled_from([b"state", b"state.new", b"leader", b"corrupt"]),
        st.tuples(st.binary(max_size=300) | STATES | KINDS, AGES_S),
        min_size=1,
    ),
    bad=BYTES | KINDS,
    ages_s=st.lists(AGES_S, min_size=1, max_size=3),
)
@example(strange={b"state": ("link beside", 0)}, bad=b"", ages_s=[0])
@example(strange={b"state": ("socket", 0)}, bad=b"", ages_s=[0])
@example(strange={b"state": (b"\x1b[31m\n1\n", 0)}, bad=b"", ages_s=[0])
@examples(100)
def test_strange_state_files_hold_up_no_neighbour(strange, bad, ages_s):
    with monitored_place() as (place, packets):
        hosts = add_neighbours(place, ages_s)
        make(os.fsencode(place.new / "bad"), bad)
        for name, (kind, age_s) in strange.items():
            path = os.path.join(os.fsencode(place.spool), name)
            make(path, kind)
            set_age(path, age_s)
        if (place.spool / "corrupt").is_symlink():  # such a spool is not used at all
            assert call("tcpwrap-alert", "replay").status == 74
            assert len(place.waiting()) == len(hosts) + 1
            (place.spool / "corrupt").unlink()
        assert_queue_shows(hosts)
        for _ in range(3):
            let_grace_pass(place.spool)
            done = call("tcpwrap-alert", "replay")
            assert done.status in (0, 74)  # what cannot be removed, or no place for the bad file
            assert len(done.stderr.splitlines()) <= 2  # what is wrong, and how many were set aside
            assert all(line.isprintable() for line in done.stderr.splitlines())
        assert set(place.waiting()) <= {b"bad"}
    assert of_neighbours(packets) == hosts


@given(where=st.sampled_from(["new", "spool"]), kind=st.binary(max_size=9) | KINDS)
@examples(30)
def test_alert_is_sent_whatever_replaces_the_spool(where, kind):
    with monitored_place() as (place, packets):
        place.new.rmdir()
        if where == "spool":
            place.spool.rmdir()
        make(os.fsencode(place.new if where == "new" else place.spool), kind)
        assert call("submit_check_result", "h", "s", "2", "o") == (0, "", "")
    assert [packet.host_name for packet in packets] == ["h"]


def test_files_that_the_fuzzing_starts_from_are_good():
    with fresh_place() as place:
        for number, data in enumerate((DENIAL, CHECK_RESULT)):
            (place.new / str(number)).write_bytes(data)
        rows = json.loads(call("tcpwrap-alert", "queue", "--json").stdout)
        assert sorted(row["plugin_output"] for row in rows) == ["Denied sshd-203.0.113.7", "o"]
