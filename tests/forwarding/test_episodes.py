"""Episodes at one monitor: what goes at once, what waits, what is told when, and that every denial is counted once."""

from __future__ import annotations

import os
import time

import pytest
from support.denials import counted

from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import ConnectError, NotDelivered, WindowOpen
from tcpwrap_alert.forwarding.attempt import attempt
from tcpwrap_alert.forwarding.submit import submit
from tcpwrap_alert.forwarding.waiting import list_waiting, measure_spools
from tcpwrap_alert.spool.episodes_file import EpisodesFile
from tcpwrap_alert.spool.history import counts_since
from tcpwrap_alert.spool.spool import Spool

NOON_S = 1795176000  # 2026-11-20 12:00:00 UTC; the tests run in UTC
MINUTE_S = 60
HOUR_S = 3600
ATTACKER = "203.0.113.7"
TEXT = f"Denied sshd-{ATTACKER}"


class Clock:
    """The clock on the wall."""

    def __init__(self):
        self.now_s = float(NOON_S)

    def set(self, minutes):
        """Let it be so long after noon."""
        self.now_s = NOON_S + minutes * MINUTE_S


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", lambda: clock.now_s)
    tick = iter(range(10**9)).__next__  # no two files have the same name
    monkeypatch.setattr(time, "time_ns", lambda: int(clock.now_s * 1e9) + tick())
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return clock


@pytest.fixture
def configure(write_config):
    """Return the configuration with these keys, and with the window that is there by default."""
    return lambda **keys: read_config(
        str(write_config(**{"server": "127.0.0.1:1", "host_name": "firestorm", "window": "5m", **keys}))
    )


@pytest.fixture
def config(configure):
    return configure()


@pytest.fixture
def seen(answer, clock):
    """The texts that the monitor has accepted."""
    return answer(lambda text: "").seen


@pytest.fixture
def deny(spool, clock):
    """Deny clients, now."""
    number = iter(range(10**6))

    def enqueue(*clients, daemon="sshd"):
        for client in clients:
            os.rename(
                f"{spool.new}/{spool.enqueue(Denial(daemon, client), int(clock.now_s * 1e9))}",
                f"{spool.new}/{next(number)}.x",
            )

    return enqueue


def test_second_denial_waits_for_the_end_of_the_window(spool, config, clock, seen, deny):
    for minutes in (0, 1, 2, 4):
        clock.set(minutes)
        deny(ATTACKER)
        attempt(spool, config)
    assert (seen, spool.scan()) == ([TEXT], [])
    clock.set(5)
    assert spool.has_work()
    attempt(spool, config)
    span = "12:01:00 to 12:04:00"
    assert seen[1:] == [f"{TEXT} (3 times, {span}, 4 since 12:00:00)|denied=3 clients=1"]
    assert not spool.has_work()


def test_file_of_a_far_time_costs_no_other_denial(spool, config, clock, seen, deny):
    for number in range(4):
        deny(ATTACKER)
        if number == 2:
            os.utime(f"{spool.new}/2.x", (15 * 10**9, 15 * 10**9))  # the year 2445: ext4 has it
        attempt(spool, config)
    clock.set(5)
    attempt(spool, config)
    assert counted(seen) == 4


def test_what_a_window_tells_has_the_time_of_its_end(spool, config, clock, answer, deny):
    """Icinga 2 throws away what is older than its last result."""
    transport = answer(lambda text: "")
    for minutes in (0, 1, 5):
        clock.set(minutes)
        if minutes < 5:
            deny(ATTACKER)
        attempt(spool, config)
    times_s = [parcel.at_s for parcel in transport.parcels]
    assert times_s == pytest.approx([NOON_S, NOON_S + 5 * MINUTE_S], rel=0, abs=0.01)


def test_what_a_window_tells_has_its_denials(spool, config, clock, answer, deny):
    """A monitor that takes denials by themselves makes its alerts of them."""
    transport = answer(lambda text: "")
    for minutes in (0, 1, 1, 5):
        clock.set(minutes)
        if minutes < 5:
            deny(ATTACKER)
        attempt(spool, config)
    (entry,) = transport.parcels[-1].entries
    ((words, (count, _, _)),) = entry.content
    assert (words[:2], count) == (("sshd", ATTACKER), 2)


def test_what_comes_as_others_are_counted_goes_at_once(spool, config, clock, seen, deny, monkeypatch):
    deny(ATTACKER)
    attempt(spool, config)
    really = EpisodesFile.take_in

    def take_in(*arguments):
        faults = really(*arguments)
        deny("203.0.113.8")
        return faults

    monkeypatch.setattr(EpisodesFile, "take_in", take_in)
    deny(ATTACKER)
    attempt(spool, config)
    assert seen == [TEXT, "Denied sshd-203.0.113.8"]


def test_single_denial_has_no_further_message(spool, config, clock, seen, deny):
    deny(ATTACKER)
    attempt(spool, config)
    clock.set(5)
    attempt(spool, config)
    assert (seen, os.path.exists(spool.episodes)) == ([TEXT], False)


def test_windows_double_up_to_an_hour(spool, config, clock, seen, deny):
    told_at = []
    for minutes in range(24 * 60):
        clock.set(minutes)
        deny(ATTACKER)
        before = len(seen)
        attempt(spool, config)
        told_at += [minutes] * (len(seen) - before)
    assert told_at[:6] == [0, 5, 15, 35, 75, 135]
    clock.set(24 * 60 + 34)
    attempt(spool, config)
    clock.set(24 * 60 + 120)
    attempt(spool, config)
    assert counted(seen) == 24 * 60
    assert len(seen) <= 30


def test_window_without_any_ends_the_episode(spool, config, clock, seen, deny):
    deny(ATTACKER)
    attempt(spool, config)
    clock.set(6)
    deny(ATTACKER)
    attempt(spool, config)
    assert seen == [TEXT, TEXT]


def test_last_summary_says_since_when_it_is_quiet(spool, config, clock, seen, deny):
    deny(ATTACKER)
    attempt(spool, config)
    clock.set(1)
    deny(ATTACKER)
    attempt(spool, config)
    for minutes in (5, 15, 60):
        clock.set(minutes)
        attempt(spool, config)
    expected = f"{TEXT} (once, 12:01:00, 2 since 12:00:00, quiet since 12:01:00)|denied=1 clients=1"
    assert seen[1:] == [expected]


def test_end_that_no_summary_told_is_told(spool, config, clock, seen, deny):
    for minutes in (0, 4, 5, 15):
        clock.set(minutes)
        if minutes < 5:
            deny(ATTACKER)
        attempt(spool, config)
    assert seen[2:] == [f"{TEXT} (no more, 2 since 12:00:00, quiet since 12:04:00)|denied=0 clients=0"]


@pytest.mark.parametrize(("minutes", "is_quiet"), [(2.5, True), (2.6, False)])
def test_half_a_window_without_any_is_quiet(spool, config, clock, seen, deny, minutes, is_quiet):
    for now in (0, minutes, 5):
        clock.set(now)
        if now < 5:
            deny(ATTACKER)
        attempt(spool, config)
    assert ("quiet since" in seen[1]) == is_quiet


def test_rejected_end_is_told_once(spool, config, clock, answer, deny):
    """It tells of no denial, so nothing is lost."""
    seen = answer(lambda text: "too late" if "no more" in text else "").seen
    for minutes in (0, 4, 5):
        clock.set(minutes)
        if minutes < 5:
            deny(ATTACKER)
        attempt(spool, config)
    clock.set(15)
    assert [str(fault) for fault in attempt(spool, config).faults.values()] == ["127.0.0.1:1: too late"]
    assert (spool.read_state().rejected, os.path.exists(spool.episodes)) == ({}, False)
    clock.set(60)
    attempt(spool, config)
    assert len(seen) == 3


def test_what_waited_is_counted_once_in_the_history(spool, config, clock, seen, deny):
    for _ in range(3):
        deny(ATTACKER)
        attempt(spool, config)
    clock.set(5)
    assert attempt(spool, config).accepted == 0  # their files went before
    assert sum(count for *_, count in counts_since(spool.path, 0)) == 3


def test_end_in_a_state_of_its_own_is_ok(spool, configure, clock, seen, deny, monkeypatch):
    config = configure(end_return_code=0)
    deny(ATTACKER, "203.0.113.8")
    attempt(spool, config)
    clock.set(5)
    attempt(spool, config)
    (end,) = seen[2:]
    assert end.startswith(TEXT + " (no more, 1 since 12:00:00, quiet since 12:00:00)")


@pytest.mark.parametrize("keys", [{}, {"end_return_code": 0}], ids=["in a summary", "in a state of its own"])
def test_monitor_of_denials_only_is_told_no_end(spool, configure, clock, seen, deny, keys):
    config = configure(server="alertmanager+http://127.0.0.1:1", allow_cleartext="true", **keys)
    for minutes in (0, 4, 5, 15):
        clock.set(minutes)
        if minutes < 5:
            deny(ATTACKER)
        attempt(spool, config)
    assert (counted(seen), len(seen)) == (2, 2)
    assert not os.path.exists(spool.episodes)


def test_ok_of_the_end_waits_for_the_last_episode(spool, configure, clock, seen, deny):
    config = configure(end_return_code=0)
    deny(ATTACKER)
    attempt(spool, config)
    clock.set(3)
    deny("203.0.113.8")
    attempt(spool, config)
    clock.set(5)
    attempt(spool, config)
    assert len(seen) == 2
    clock.set(8)
    attempt(spool, config)
    assert seen[2].startswith("Denied sshd-203.0.113.8 (no more, ")


def test_somebodys_ok_ends_all_episodes(spool, config, clock, seen, deny):
    for client in (ATTACKER, ATTACKER, "198.51.100.1"):
        deny(client)
        attempt(spool, config)
    clock.set(1)
    spool.enqueue(CheckResult("firestorm", "TCP Wrappers", 0, "I looked"), NOON_S * 10**9 + 30 * 10**9)
    deny(ATTACKER)
    attempt(spool, config)
    assert [text.split(" (")[0] for text in seen] == [TEXT, "Denied sshd-198.51.100.1", TEXT, "I looked", TEXT]
    assert counted(text for text in seen if text != "I looked") == 4


def test_other_results_end_no_episode(spool, config, clock, seen, deny):
    deny(ATTACKER)
    spool.enqueue(CheckResult("firestorm", "Disk", 0, "fine"))
    spool.enqueue(CheckResult("firestorm", "TCP Wrappers", 1, "hm"))
    attempt(spool, config)
    deny(ATTACKER)
    attempt(spool, config)
    assert seen == [TEXT, "fine", "hm"]


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
def test_sweep_is_fold_messages_and_few_more(spool, config, clock, seen, deny, at_once):
    clients = [f"203.0.113.{number}" for number in range(200)]
    for number, client in enumerate(clients):
        clock.set(number / 60)
        deny(client)
        if not at_once:
            attempt(spool, config)
    for minutes in (4, 6, 9, 20, 60):
        clock.set(minutes)
        attempt(spool, config)
    assert counted(seen) == 200
    assert len(seen) == (1 if at_once else 20 + 1 + 1)


def test_new_text_during_an_episode_goes_at_once(spool, config, clock, seen, deny):
    for client in (ATTACKER, "203.0.113.8"):
        deny(client)
        attempt(spool, config)
    assert seen == [TEXT, "Denied sshd-203.0.113.8"]


def test_without_window_each_goes_at_once(spool, configure, clock, seen, deny):
    config = configure(window="no")
    for _ in range(3):
        deny(ATTACKER)
        attempt(spool, config)
    assert seen == [TEXT] * 3
    assert not os.path.exists(spool.episodes)


def test_window_that_is_taken_away_tells_all(spool, configure, config, clock, seen, deny):
    for _ in range(2):
        deny(ATTACKER)
        attempt(spool, config)
    deny(ATTACKER)
    attempt(spool, configure(window="no"))
    assert counted(seen) == 3
    assert not os.path.exists(spool.episodes)


def test_other_output_in_an_episode_loses_none(spool, configure, config, clock, seen, deny):
    for _ in range(2):
        deny(ATTACKER)
        attempt(spool, config)
    clock.set(5)
    attempt(spool, configure(output="{client} at {daemon}"))
    clock.set(60)
    attempt(spool, configure(output="{client} at {daemon}"))
    assert counted(seen) == 2


def test_monitor_away_at_the_end_of_a_window(spool, config, clock, answer, deny):
    answer(lambda text: "")
    for _ in range(3):
        deny(ATTACKER)
        attempt(spool, config)
    clock.set(5)
    answer(lambda text: ConnectError("gone", "m:1"))
    with pytest.raises(NotDelivered):
        attempt(spool, config)
    clock.set(7)
    assert measure_spools(config)[1] == 2 * MINUTE_S
    seen = answer(lambda text: "").seen
    attempt(spool, config)
    assert counted(seen) == 2


def test_rejected_summary_is_offered_a_window_later(spool, config, clock, answer, deny):
    answer(lambda text: "")
    for _ in range(3):
        deny(ATTACKER)
        attempt(spool, config)
    clock.set(5)
    transport = answer(lambda text: "no such service")
    assert [str(fault) for fault in attempt(spool, config).faults.values()] == ["127.0.0.1:1: no such service"]
    assert len(transport.seen) == 1
    seen = answer(lambda text: "").seen
    attempt(spool, config)
    assert seen == []
    clock.set(15)
    attempt(spool, config)
    assert counted(seen) == 2


def test_rejected_rest_of_an_ended_episode_rests(spool, config, clock, answer, deny):
    """Somebody's OK ends the episode, but the monitor does not take what waited."""
    answer(lambda text: "")
    for _ in range(3):
        deny(ATTACKER)
        attempt(spool, config)
    spool.enqueue(CheckResult("firestorm", "TCP Wrappers", 0, "I looked"))
    transport = answer(lambda text: "too long" if "times" in text else "")
    attempt(spool, config)
    assert [text.split(" (")[0] for text in transport.seen] == [TEXT, "I looked"]
    seen = answer(lambda text: "").seen
    clock.set(11)
    attempt(spool, config)
    assert counted(seen) == 2


def test_whoever_waits_is_told_that_it_is_counted(spool, config, clock, seen):
    submit(Denial("sshd", ATTACKER), config)
    with pytest.raises(NotDelivered) as caught:
        submit(Denial("sshd", ATTACKER), config)
    assert isinstance(caught.value.why, WindowOpen)
    assert caught.value.exit_status == 75
    (line,) = caught.value.lines
    assert line.startswith(
        "the monitor knows of such denials already; this one is counted, and told at 2026-11-20 12:05:00"
    )
    assert "counted" in line


def test_queue_lists_what_waits_for_a_window(spool, config, clock, seen, deny):
    for _ in range(3):
        deny(ATTACKER)
        attempt(spool, config)
    (row,) = list_waiting(config)
    assert row["queue_file"] == spool.episodes
    assert row["plugin_output"].startswith(f"{TEXT} (2 times, ")
    assert row["why"] == "waits for the end of a window, at 2026-11-20 12:05:00 +0000"


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
def test_clock_that_is_set_loses_no_denial(spool, config, clock, seen, deny, hours):
    for _ in range(3):
        deny(ATTACKER)
        attempt(spool, config)
    clock.set(hours * 60)
    deny(ATTACKER)
    attempt(spool, config)
    for minutes in (6, 30, 100):
        clock.set(hours * 60 + minutes)
        attempt(spool, config)
    assert counted(seen) == 4


def test_full_disk_sends_what_it_cannot_count(spool, config, clock, seen, deny, monkeypatch):
    deny(ATTACKER)
    attempt(spool, config)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tcpwrap_alert.spool.episodes_file.write_aside", fail)
    deny(ATTACKER, ATTACKER)
    attempt(spool, config)
    assert counted(seen) == 3


def test_full_disk_keeps_quiet_clients_waiting(spool, configure, clock, seen, deny, monkeypatch):
    """They are told once a day, so they do not go at once when they cannot be counted."""
    config = configure(quiet="192.0.2.10")

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr("tcpwrap_alert.spool.episodes_file.write_aside", fail)
        deny("192.0.2.10")
        (fault, *_) = attempt(spool, config).faults.items()
    assert fault[0] == f"{spool.new}/0.x"
    assert "cannot write: No space left on device" in str(fault[1])
    assert (seen, spool.scan()) == ([], ["0.x"])
    attempt(spool, config)
    assert spool.scan() == []
    clock.set(24 * 60 + 1)
    attempt(spool, config)
    assert counted(seen) == 1


def test_p3_tally_is_on_disk_before_its_files_go(spool, config, clock, seen, deny, monkeypatch):
    deny(ATTACKER)
    attempt(spool, config)
    done = []
    really = Spool.remove

    def remove(_spool, name):
        done.append(name)
        really(spool, name)

    monkeypatch.setattr("tcpwrap_alert.spool.episodes_file.fsync_path", done.append)
    monkeypatch.setattr(Spool, "remove", remove)
    deny(ATTACKER)
    attempt(spool, config)
    assert done[:2] == [spool.path, "1.x"]


def test_file_that_cannot_be_written_is_told_rarely(spool, config, clock, seen, deny, monkeypatch):
    """What was told stays in it: it is told again at the end of the next window, not each minute."""
    for _ in range(3):
        deny(ATTACKER)
        attempt(spool, config)
    clock.set(5)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tcpwrap_alert.spool.episodes_file.write_aside", fail)
    (fault,) = attempt(spool, config).faults.values()
    assert "cannot write: No space left on device" in str(fault)
    assert not spool.has_work()


def test_counted_file_that_is_left_counts_once(spool, config, clock, seen, deny, monkeypatch):
    """As after a crash between the tally and the removal."""
    deny(ATTACKER)
    attempt(spool, config)
    deny(ATTACKER)

    def die(_spool, _name):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(Spool, "remove", die)
        with pytest.raises(KeyboardInterrupt):
            attempt(spool, config)
    assert len(spool.scan()) == 1
    attempt(spool, config)
    assert spool.scan() == []
    clock.set(5)
    attempt(spool, config)
    assert counted(seen) == 2


def test_episodes_file_at_fault_is_set_aside(spool, spool_dir, config, clock, seen, deny, monkeypatch):
    told = []
    monkeypatch.setattr("tcpwrap_alert.spool.episodes_file.tell", told.append)
    (spool_dir / "episodes").write_bytes(b"tcpwrap-alert 1 episodes\0\ntally")
    deny(ATTACKER)
    attempt(spool, config)
    assert seen == [TEXT]
    (path,) = (spool_dir / "corrupt").iterdir()
    assert path.name.split(".")[0] == "episodes"
    (line,) = told
    assert line.startswith(f"{spool_dir}/episodes: ")
    assert line.endswith(f"; moved to {path}, and its denials are not sent")


def test_clients_of_a_network_count_as_one(spool, configure, clock, seen, deny):
    config = configure(fold_prefix="24/64")
    for number in range(5):
        deny(f"203.0.113.{number}", f"2001:db8::{number}", "a.example")
        attempt(spool, config)
    clock.set(5)
    attempt(spool, config)
    first = ["Denied sshd-203.0.113.0", "Denied sshd-2001:db8::0", "Denied sshd-a.example"]
    notes = "12:00:00 to 12:00:00, 5 since 12:00:00, quiet since 12:00:00"
    assert seen == [
        *first,
        f"Denied sshd-203.0.113.0/24 (4 times, 4 clients, {notes})|denied=4 clients=4",
        f"Denied sshd-2001:db8::/64 (4 times, 4 clients, {notes})|denied=4 clients=4",
        f"Denied sshd-a.example (4 times, {notes})|denied=4 clients=1",
    ]


def test_quiet_client_is_told_once_a_day_as_ok(spool, configure, clock, answer, deny, tmp_path):
    (tmp_path / "quiet").write_text("198.51.100.0/24 # the scanner\n")
    config = configure(quiet=f"192.0.2.10 scanner.example {tmp_path}/quiet")
    parcels = answer(lambda text: "")
    for _ in range(3):
        deny("192.0.2.10", "198.51.100.9", "Scanner.example")
        attempt(spool, config)
    assert (parcels.seen, spool.scan()) == ([], [])
    clock.set(24 * 60)
    attempt(spool, config)
    (text,) = parcels.seen
    first, *lines = text.splitlines()
    assert first.startswith("Denied quiet clients (9 times, ")
    assert first.endswith("|denied=9 clients=3")
    assert sorted(lines) == [f"Denied sshd-{client}: 3" for client in ("192.0.2.10", "198.51.100.9", "Scanner.example")]
    assert not os.path.exists(spool.episodes)


def test_quiet_client_is_told_as_ok_without_window(spool, configure, clock, seen, deny):
    config = configure(quiet="192.0.2.10", window="no")
    deny("192.0.2.10", ATTACKER)
    attempt(spool, config)
    assert seen == [TEXT]


def test_two_monitors_have_episodes_of_their_own(spool, write_config, clock, answer, deny, tmp_path):
    path = write_config(host_name="firestorm")
    path.write_text("host_name=firestorm\n[a]\nserver=127.0.0.1:1\n[b]\nserver=127.0.0.1:2\nwindow=no\n")
    config = read_config(str(path))
    seen = answer(lambda text: "").seen
    for _ in range(3):
        deny(ATTACKER)
        attempt(spool, config)
    assert seen == [TEXT] * 4
    clock.set(5)
    attempt(spool, config)
    assert counted(seen) == 6


def test_what_waits_goes_on_beside_a_second_monitor(spool, config, write_config, clock, answer, deny):
    seen = answer(lambda text: "").seen
    for _ in range(3):
        deny(ATTACKER)
        attempt(spool, config)
    path = write_config()
    path.write_text("host_name=firestorm\n[a]\nserver=127.0.0.1:1\n[b]\nserver=127.0.0.1:2\n")
    attempt(spool, read_config(str(path)))
    assert counted(seen) == 1 + 2 * 2
    assert not os.path.exists(spool.episodes)
