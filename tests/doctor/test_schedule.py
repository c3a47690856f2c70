"""Who runs replay: cron's line or a timer, as the right user, and what keeps it from acting."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import namespaces

from .conftest import LINE

CRON_D = "/etc/cron.d/tcpwrap-alert"
PATH = "PATH=/usr/local/bin:/usr/bin:/bin\n"


def test_nothing_that_runs_replay_is_a_failure(host, faults):
    host.cron_d.unlink()
    assert faults("schedule") == [
        "fail nothing runs 'tcpwrap-alert replay', so what waits is sent with the next denial only"
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PATH + LINE, None),
        (PATH + LINE.replace("daemon", "root"), None),
        (PATH + LINE.replace("* * * * *", "@hourly"), None),
        (f"{PATH}# {LINE}", "nothing runs 'tcpwrap-alert replay', so what waits is sent with the next denial only"),
        (LINE, f"{CRON_D}: there is no program tcpwrap-alert in /usr/bin:/bin"),
        (LINE.replace("tcpwrap", "/no/tcpwrap"), f"{CRON_D}: there is no program /no/tcpwrap-alert"),
        (PATH + LINE.replace("daemon", "nobody"), f"{CRON_D}: runs as nobody, but the spool is of daemon"),
        (PATH + LINE.replace("daemon", "nodaemon"), f"{CRON_D}: there is no user nodaemon"),
        (PATH + LINE.rstrip("\n"), f"{CRON_D}: cron ignores it, as its last line has no newline"),
        (PATH + LINE.replace("daemon ", ""), f"{CRON_D}: there is no user tcpwrap-alert"),
    ],
)
def test_line_of_cron_is_read_as_cron_does(host, faults, text, told):
    host.cron_d.write_text(text)
    assert faults("schedule") == ([f"fail {told}"] if told else [])


def test_mode_and_name_of_the_table_count(host, faults):
    host.cron_d.chmod(0o664)
    (told,) = faults("schedule")
    assert "cron ignores it, as others than root may change it" in told
    host.cron_d.chmod(0o644)
    host.cron_d.rename(f"{CRON_D}.cron")
    (told,) = faults("schedule")
    assert "Debian's cron ignores a file whose name has other characters" in told


def test_cron_that_does_not_run_is_told(host, run):
    alone = ("unshare", "--pid", "--fork", "--mount-proc")  # other tests have a cron, too
    done = run(*alone, "tcpwrap-alert", "check", "--quiet")
    assert f"fail schedule: {CRON_D}: cron " in done.stdout


def test_a_users_own_table_counts(host, faults):
    host.cron_d.unlink()
    tables = Path("/var/spool/cron/crontabs")
    Path("/var/spool/cron").unlink()
    tables.mkdir(parents=True)
    (tables / "daemon").write_text(f"{PATH}* * * * * tcpwrap-alert replay\n")
    assert faults("schedule") == []


@pytest.fixture
def systemd(host):
    """Systemd as this machine's init, with our units; cron has Debian's line, which leaves it to the timer."""
    namespaces.mount_tmpfs("/run")
    Path("/run/systemd/system").mkdir(parents=True)
    for path in (Path(__file__).parents[2] / "packaging" / "systemd").glob("tcpwrap-alert-replay.*"):
        text = path.read_text().replace("/usr/bin/tcpwrap-alert", "/usr/local/bin/tcpwrap-alert")
        (host.units / path.name).write_text(text)
    (host.units / "tcpwrap-alert-.service.d").mkdir()
    (host.units / "tcpwrap-alert-.service.d" / "user.conf").write_text("[Service]\nUser=daemon\n")
    host.cron_d.write_text("* * * * * daemon [ -d /run/systemd/system ] || tcpwrap-alert replay\n")
    yield host
    namespaces.unbind("/run")


def enable(systemd):
    wants = systemd.units / "timers.target.wants"
    wants.mkdir()
    (wants / "tcpwrap-alert-replay.timer").symlink_to(systemd.units / "tcpwrap-alert-replay.timer")


def test_a_timer_must_be_enabled(systemd, faults):
    assert faults("schedule") == ["fail tcpwrap-alert-replay.timer: it is not enabled"]
    enable(systemd)
    assert faults("schedule") == []


def test_a_timer_runs_as_its_services_user(systemd, check, faults):
    enable(systemd)
    assert ("schedule", "ok", "tcpwrap-alert-replay.timer: runs replay as daemon", "") in check()
    (systemd.units / "tcpwrap-alert-replay.service.d").mkdir()
    (systemd.units / "tcpwrap-alert-replay.service.d" / "z.conf").write_text("[Service]\nUser=nobody\n")
    assert faults("schedule") == ["fail tcpwrap-alert-replay.timer: runs as nobody, but the spool is of daemon"]


def test_a_masked_timer_is_none(systemd, faults):
    enable(systemd)
    (systemd.units / "tcpwrap-alert-replay.timer").unlink()
    (systemd.units / "tcpwrap-alert-replay.timer").symlink_to("/dev/null")
    assert faults("schedule")[0].startswith("fail nothing runs 'tcpwrap-alert replay'")


def test_the_spools_owner_counts(host, faults):
    for path in (host.spool, host.spool / "new"):
        shutil.chown(path, "nobody", "nogroup")
    assert faults("schedule") == [f"fail {CRON_D}: runs as daemon, but the spool is of nobody"]
