"""`top`: who was denied most, in a terminal, for programs, and as a page that a real browser shows."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from support import namespaces
from support.missing import skip_or_fail

from tcpwrap_alert.spool.history import record

HOUR_S = 3600
HOSTILE = "<script>document.title='taken'</script><img/src=x>&amp;"
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--hide-scrollbars", "--window-size=1000,1300"),
)
ARTEFACTS = Path(sys.prefix)  # .venv, where they stay for people to look at


@pytest.fixture
def now_s():
    """The middle of an hour, so that what is an hour earlier is of the hour before."""
    return time.time() // HOUR_S * HOUR_S + 1


@pytest.fixture
def denied(spool_dir, now_s):
    """Some days with a burst, a slow attack, and a client whose name is hostile."""
    for hours in range(72):
        record(str(spool_dir), now_s - hours * HOUR_S, "sshd", "203.0.113.7", 60)
    record(str(spool_dir), now_s - 30 * HOUR_S, "vsftpd", "2001:db8::1", 500)
    record(str(spool_dir), now_s - 5 * HOUR_S, "sshd", HOSTILE, 20)
    for number in range(40):
        record(str(spool_dir), now_s - 20 * HOUR_S, "in.telnetd", f"198.51.100.{number}", 3)


def test_clients_have_bars(denied, run):
    lines = run("tcpwrap-alert", "top", env={**os.environ, "COLUMNS": "80"}).stdout.splitlines()
    assert re.fullmatch(r"203\.0\.113\.7 +4320 █{30}", lines[0])
    assert re.fullmatch(r"2001:db8::1 +500 █{3}", lines[1])
    assert lines[-2:] == ["and 23 more", "4960 denials"]
    assert len(lines) == 22


def test_terminal_without_blocks_gets_other_bars(denied, run):
    done = run("tcpwrap-alert", "top", env={**os.environ, "LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"})
    assert re.search(r"^203\.0\.113\.7 +4320 #+$", done.stdout, re.MULTILINE)


def test_since_cuts_off_what_is_older(denied, run):
    rows = json.loads(run("tcpwrap-alert", "top", "--since", "10h", "--json").stdout)
    assert {row["client"]: row["denials"] for row in rows} == {"203.0.113.7": 600, HOSTILE: 20}


def test_daemons_as_csv(denied, run):
    rows = list(csv.DictReader(io.StringIO(run("tcpwrap-alert", "top", "--by", "daemon", "--csv").stdout)))
    assert [(row["daemon"], row["denials"]) for row in rows] == [
        ("sshd", "4340"),
        ("vsftpd", "500"),
        ("in.telnetd", "120"),
    ]


def test_formula_in_csv_is_text(spool_dir, run):
    record(str(spool_dir), time.time(), "sshd", "=1+1")
    assert "\n'=1+1,1," in run("tcpwrap-alert", "top", "--csv").stdout


def test_hours_are_in_order(denied, run, now_s):
    rows = json.loads(run("tcpwrap-alert", "top", "--by", "hour", "--json").stdout)
    assert len(rows) == 72
    assert [row["hour"] for row in rows] == sorted(row["hour"] for row in rows)
    assert rows[-1]["hour"] == time.strftime("%Y-%m-%d %H:00", time.localtime(now_s))


def test_without_a_history_nothing_was_denied(spool_dir, run):
    assert run("tcpwrap-alert", "top").stdout == "0 denials\n"
    assert json.loads(run("tcpwrap-alert", "top", "--json").stdout) == []


@pytest.mark.parametrize("arguments", [["--since", "7"], ["--by", "year"], ["--json", "--csv"]])
def test_wrong_option_is_told(run, arguments):
    done = run("tcpwrap-alert", "top", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (64, 1)


def test_page_that_cannot_be_written_is_told(denied, run, tmp_path):
    done = run("tcpwrap-alert", "top", "--html", str(tmp_path / "none" / "top.html"))
    assert done.stderr == (
        f"tcpwrap-alert: {tmp_path}/none/top.html: cannot write the page: No such file or directory\n"
    )
    assert done.returncode == 74


def test_full_disk_leaves_nothing_beside_the_page(denied, run, tmp_path, isolated):
    (tmp_path / "www").mkdir()
    namespaces.mount_tmpfs(str(tmp_path / "www"), "size=4k")
    try:
        (tmp_path / "www" / "full").write_bytes(bytes(4096))
        done = run("tcpwrap-alert", "top", "--html", str(tmp_path / "www" / "top.html"))
        assert done.stderr.endswith("top.html: cannot write the page: No space left on device\n")
        assert os.listdir(tmp_path / "www") == ["full"]
    finally:
        namespaces.unbind(str(tmp_path / "www"))


@pytest.mark.parametrize("name", ["", "directory"])
def test_name_that_is_no_file_leaves_none(denied, run, tmp_path, name):
    (tmp_path / "directory").mkdir()
    done = run("tcpwrap-alert", "top", "--html", str(tmp_path / name) if name else "", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (74, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "spool"]


@pytest.mark.parametrize("is_file", [False, True], ids=["pipe", "file"])
def test_page_may_go_to_standard_output(denied, run, tmp_path, is_file):
    """Where /dev/stdout leads to: a link of /dev itself is not put at risk here."""
    command = "tcpwrap-alert top --html /proc/self/fd/1" + (f" >{tmp_path}/page" if is_file else "")
    done = run("sh", "-c", command)
    assert "203.0.113.7" in ((tmp_path / "page").read_text() if is_file else done.stdout)


@pytest.fixture
def page(denied, run, tmp_path):
    """The page."""
    path = tmp_path / "top.html"
    assert run("tcpwrap-alert", "top", "--html", str(path)).returncode == 0
    return path


def test_root_writes_the_page_where_root_wants(denied, run, spool_dir, tmp_path, isolated):
    subprocess.run(["chown", "-R", "nobody", spool_dir], check=True)
    assert run("tcpwrap-alert", "top", "--html", str(tmp_path / "top.html")).returncode == 0
    assert "203.0.113.7" in (tmp_path / "top.html").read_text()


def test_page_needs_nothing_from_elsewhere(page):
    text = page.read_text()
    assert re.findall(r"<script|<link|<img|@import|url\(|https?:", text) == []
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_page_shows_the_hours_of_the_zone(spool_dir, run, tmp_path, zone):
    at_s = time.time() // HOUR_S * HOUR_S - 10 * HOUR_S
    record(str(spool_dir), at_s + 600, "sshd", "203.0.113.7", 100)
    record(str(spool_dir), at_s + 2400, "sshd", "203.0.113.7", 7)
    path = tmp_path / "zone.html"
    assert run("tcpwrap-alert", "top", "--html", str(path), env={**os.environ, "TZ": zone}).returncode == 0
    bars = [int(count) for count in re.findall(r'<i [^>]*:00: (\d+)"', path.read_text())]
    assert [count for count in bars if count] == ([100, 7] if zone == "Asia/Kolkata" else [107])
    assert len(bars) == 7 * 24 + 1


def test_time_that_no_calendar_has_costs_no_table(spool_dir, run, tmp_path):
    record(str(spool_dir), 10**17, "sshd", "203.0.113.7", 3)
    for arguments in (["--by", "hour"], ["--html", str(tmp_path / "top.html")], []):
        assert run("tcpwrap-alert", "top", *arguments).returncode == 0


@pytest.fixture
def browser(peer, tmp_path):
    """Run Chromium with some options, and return what it prints."""
    chromium = peer("chromium")

    def browse(*options):
        argv = [chromium, *OPTIONS, f"--user-data-dir={tmp_path / 'profile'}", *options]
        environment = {**os.environ, "HOME": str(tmp_path)}
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=100, env=environment)
        if done.returncode:
            skip_or_fail(f"chromium ends with {done.returncode}: {done.stderr[-300:]}")
        return done.stdout

    return browse


def test_browser_shows_hostile_names_as_text(page, browser):
    shown = browser("--dump-dom", page.as_uri())
    assert "<title>Denied connections at " in shown
    assert "&lt;script&gt;document.title='taken'&lt;/script&gt;" in shown
    assert not re.search("<(script|img)", shown)


def first_pixel(png):
    """Return red, green and blue of the upper left pixel: no filter of PNG changes the first."""
    data, place = b"", 8
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        data += png[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        place += length + 12
    return tuple(zlib.decompress(data)[1:4])


@pytest.mark.parametrize(("scheme", "background"), [("light", (0xFA, 0xFA, 0xF8)), ("dark", (0x16, 0x16, 0x15))])
def test_page_is_readable_in_light_and_dark(page, browser, scheme, background):
    """The screenshots are what people look at."""
    picture = ARTEFACTS / f"top-{scheme}.png"
    picture.unlink(missing_ok=True)
    browser(f"--blink-settings=preferredColorScheme={int(scheme == 'light')}", f"--screenshot={picture}", page.as_uri())
    assert first_pixel(picture.read_bytes()) == background
