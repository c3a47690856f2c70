"""`tcpwrap-alert setup` on a machine of its own: from one command to an alert at the real nsca, and back."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from pathlib import Path

import pytest
from peers.nsca_daemon import wait_for
from support import namespaces
from support.documents import ROOT, Shell
from support.host_setup import PROGRAM, HostSetup, contents, listing
from support.installation import DESK, MONITOR, STRANGER
from support.spools import wait_until_left

ALLOW, DENY = Path("/etc/hosts.allow"), Path("/etc/hosts.deny")
CONFIG = Path("/etc/tcpwrap-alert/send_nsca.cfg")
CRON = Path("/etc/cron.d/tcpwrap-alert")
GUIDE = ROOT / "docs" / "install.md"
SPOOL = Path("/var/spool/tcpwrap-alert")
UNITS = Path("/etc/systemd/system")
HOOK = "/opt/tcpwrap-alert/bin/handle_tcp_wrapper"
RULE = f"ALL: ALL: spawn ({HOOK} %h %d) &: deny"
DENIED = f"firestorm;TCP Wrappers;2;Denied sshd-{STRANGER}"
OWN_NETWORK = "ALL: 198.51.100.0/24"


@pytest.fixture
def host(machine):
    ALLOW.write_text("# who may come in\n")
    DENY.write_text("# who may not\n")
    yield HostSetup(machine)
    namespaces.end_processes("tcpwrap-alert forward")


def access(path):
    done = subprocess.run(["getfacl", "-cpE", path], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith("user:") and "::" not in line]


def is_user(name="tcpwrap-alert"):
    return any(entry.pw_name == name for entry in pwd.getpwall())


def backups(path):
    return sorted(path.parent.glob(f"{path.name}.bak-*"))


def test_one_command_leads_to_an_alert(host, nsca, sshd, log_in):
    printed = host.done(*host.values, "--apply")
    sshd()
    assert log_in(DESK)
    assert log_in(MONITOR)
    assert log_in("127.0.0.1")
    assert not log_in(STRANGER)
    assert nsca.wait_for_results(1) == [DENIED]
    assert "done: make the user tcpwrap-alert" in printed
    assert f"{PROGRAM} check:\n" in printed


def test_guide_leads_to_an_alert_and_back(host, nsca):
    environment = {**host.machine.environment, "SSH_CONNECTION": f"{DESK} 40000 {MONITOR} 22"}
    environment["PATH"] += f":{os.path.dirname(PROGRAM)}"
    with Shell(environment, host.machine.checkout) as shell:
        shell.follow(GUIDE, "One command")
        assert nsca.wait_for_results(1) == ["firestorm;TCP Wrappers;2;Denied test-203.0.113.7"]
        wait_until_left(SPOOL)
        shell.follow(GUIDE, "Undo it")
    assert not is_user()
    assert DENY.read_text() == "# who may not\n"


def test_owners_and_modes_are_those_of_readme(host):
    host.done(*host.values)
    modes = subprocess.run(
        ["stat", "-c", "%a %U:%G %n", SPOOL, SPOOL / "new", CONFIG, CRON], capture_output=True, text=True, check=True
    )
    assert modes.stdout.splitlines() == [
        f"710 tcpwrap-alert:tcpwrap-alert {SPOOL}",
        f"1730 tcpwrap-alert:tcpwrap-alert {SPOOL}/new",
        f"640 root:tcpwrap-alert {CONFIG}",
        f"644 root:root {CRON}",
    ]
    user = pwd.getpwnam("tcpwrap-alert")
    assert user.pw_shell == "/usr/sbin/nologin"
    assert not os.path.exists(user.pw_dir) or user.pw_dir == "/"
    assert CONFIG.read_text().splitlines()[1:] == [
        *("server=nagios.example", "password=s3cret", "encryption_method=14", "host_name=firestorm")
    ]
    assert CRON.read_text().splitlines()[1:] == ["* * * * * tcpwrap-alert /opt/tcpwrap-alert/bin/tcpwrap-alert replay"]


def test_daemons_that_are_not_root_may_add(host, peer, nsca):
    for program in ("rpcbind", "nrpe"):
        peer(program)
    host.done(*host.values)
    assert set(access(SPOOL)) == {"user:nagios:--x", "user:_rpc:--x"}
    assert set(access(SPOOL / "new")) == {"user:nagios:-wx", "user:_rpc:-wx"}
    hook = ["runuser", "-u", "_rpc", "--", HOOK, "203.0.113.7", "rpcbind"]
    subprocess.run(hook, check=True, env=host.machine.environment)
    subprocess.run([PROGRAM, "replay"], check=True, env=host.machine.environment)
    assert nsca.wait_for_results(1) == ["firestorm;TCP Wrappers;2;Denied rpcbind-203.0.113.7"]


def test_second_run_changes_nothing(host):
    host.done(*host.values, "--apply")
    before = listing()
    for options in (("--apply",), (*host.values, "--apply"), ()):
        printed = host.done(*options).partition("check:")[0].splitlines()
        assert [line for line in printed[:-1] if not line.startswith("is there: ")] == []
        assert listing() == before


def test_dry_run_changes_nothing(host):
    before = listing()
    printed = host.done(*host.values, "--apply", "--dry-run")
    assert listing() == before
    assert not is_user()
    assert printed.count("would ") == len(printed.splitlines())
    for word in ("user", "spool", str(CONFIG), str(CRON), f"{ALLOW}: ALL: 127.0.0.0/8", f"{DENY}: {RULE}"):
        assert word in printed


def test_output_that_is_closed_is_no_bug(host):
    done = host.run("--dry-run", before=("sh", "-c", '"$@" >&-', "sh"))
    assert "bug" not in done.stderr
    assert done.returncode in (0, 74)


def test_dry_run_needs_no_root(host):
    done = host.run("--dry-run", before=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "from your answers" in done.stdout
    assert f"    {RULE}" in done.stdout.splitlines()


def test_whoever_is_not_root_is_told_so(host):
    before = listing()
    done = host.run(*host.values[2:2], before=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
    assert (done.returncode, done.stdout) == (64, "")
    assert "must be root" in done.stderr
    assert listing() == before


def test_rules_are_printed_and_not_written(host):
    printed = host.done(*host.values)
    assert ALLOW.read_text() + DENY.read_text() == "# who may come in\n# who may not\n"
    lines = printed.splitlines()
    begin = lines.index("  /etc/hosts.allow")
    assert lines[begin + 1 : begin + 6] == [
        "    ALL: 127.0.0.0/8 [::1]/128",
        f"    ALL: {MONITOR}",
        f"    {OWN_NETWORK}",
        "  /etc/hosts.deny",
        f"    {RULE}",
    ]


def test_lines_that_are_there_stay(host):
    """And our rule stands before the one that denied everybody without an alert."""
    ALLOW.write_text("sshd: 203.0.113.0/24 \\\n  192.0.2.77")
    DENY.write_text("vsftpd: ALL: twist /bin/true\nALL: ALL\n")
    ALLOW.chmod(0o664)
    host.done(*host.values, "--apply")
    assert ALLOW.read_text().startswith("sshd: 203.0.113.0/24 \\\n  192.0.2.77\n# tcpwrap-alert setup: begin\n")
    assert DENY.read_text().splitlines() == [
        "vsftpd: ALL: twist /bin/true",
        "# tcpwrap-alert setup: begin",
        RULE,
        "# tcpwrap-alert setup: end",
        "ALL: ALL",
    ]
    assert ALLOW.stat().st_mode & 0o777 == 0o664
    (backup,) = backups(ALLOW)
    assert (backup.read_text(), backup.stat().st_mode & 0o777) == ("sshd: 203.0.113.0/24 \\\n  192.0.2.77", 0o664)


@pytest.mark.parametrize(
    ("options", "ssh_from", "allow", "said"),
    [
        (("--network", "198.51.100.0/24"), STRANGER, "", f"would lock you out, who are logged in from {STRANGER}"),
        ((), DESK, "sshd: 198.51.100.0/25: deny\n", "/etc/hosts.allow:1 would lock you out"),
        ((), DESK, "ALL: .example: deny\n", "/etc/hosts.allow:1 may lock you out"),
        ((), DESK, "ALL: 192.0.2.9\0\n", "libwrap cannot read line 1 of /etc/hosts.allow"),
        ((), "", "", "nobody can tell from where you are logged in"),
        ((), "somewhere", "", "nobody can tell from where you are logged in"),
    ],
)
def test_rules_that_may_lock_out_are_not_written(host, options, ssh_from, allow, said):
    ALLOW.write_text(allow)
    done = host.run(*host.values, *options, "--apply", ssh_from=ssh_from)
    assert done.returncode == 1
    assert done.stderr.startswith("tcpwrap-alert: /etc/hosts.deny: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert (ALLOW.read_text(), DENY.read_text()) == (allow, "# who may not\n")
    assert backups(ALLOW) == backups(DENY) == []
    dry = host.run("--apply", *options, "--dry-run", ssh_from=ssh_from)
    assert dry.returncode == 1
    assert said in dry.stdout
    shown = host.done(*options, ssh_from=ssh_from)
    assert re.search(f"rules: do not write these lines yet: .*{said}", shown)


def test_named_network_is_enough_without_a_session(host):
    host.done(*host.values, "--apply", "--network", "203.0.113.0/24", "--network", "2001:db8::/48", ssh_from="")
    lines = ALLOW.read_text().splitlines()
    assert lines[-3:-1] == ["ALL: 203.0.113.0/24", "ALL: [2001:db8::]/48"]
    assert DENY.read_text().splitlines()[-2] == RULE


@pytest.mark.parametrize(
    ("ssh_from", "line"),
    [("2001:db8:0:7::9", "ALL: [2001:db8:0:7::]/64"), ("::ffff:198.51.100.9", OWN_NETWORK)],
)
def test_own_network_is_that_of_ssh(host, ssh_from, line):
    host.done(*host.values, "--apply", ssh_from=ssh_from)
    assert line in ALLOW.read_text().splitlines()


def test_session_is_found_behind_sudo(host):
    """Which takes SSH_CONNECTION out of the environment."""
    host.done(*host.values, "--apply", before=("sh", "-c", 'env -u SSH_CONNECTION "$@"; exit $?', "sh"))
    assert OWN_NETWORK in ALLOW.read_text().splitlines()


def test_network_of_another_desk_is_added(host):
    host.done(*host.values, "--apply")
    host.done("--apply", ssh_from=STRANGER)
    assert ALLOW.read_text().splitlines()[-3:-1] == [OWN_NETWORK, "ALL: 203.0.113.0/24"]
    assert DENY.read_text().count(RULE) == 1


def test_removal_restores_the_host(host):
    before = contents(listing())
    host.done(*host.values, "--apply")
    printed = host.done("--remove")
    left = contents(listing(".bak-", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/sub"))
    known = {path: facts for path, facts in before.items() if path in left}
    assert set(left) - set(before) <= {"/etc/tcpwrap-alert"}
    assert left == {**known, "/etc/tcpwrap-alert": left["/etc/tcpwrap-alert"]}
    assert not is_user()
    (backup,) = backups(CONFIG)
    assert (backup.stat().st_uid, backup.stat().st_mode & 0o777) == (0, 0o600)
    assert "password=s3cret" in backup.read_text()
    assert "s3cret" not in printed
    assert not SPOOL.exists()


def test_second_removal_says_that_nothing_is_there(host):
    host.done(*host.values, "--apply")
    host.done("--remove")
    before = listing()
    printed = host.done("--remove").splitlines()
    assert [line for line in printed if not line.startswith("not there: ")] == []
    assert listing() == before


def test_dry_run_of_removal_changes_nothing(host):
    host.done(*host.values, "--apply")
    before = listing()
    printed = host.done("--remove", "--dry-run").splitlines()
    assert [line for line in printed if not line.startswith("would ")] == []
    assert listing() == before


def test_removal_keeps_waiting_alerts(host, start_nsca):
    host.done(*host.values, "--apply")
    for client in ("203.0.113.7", "203.0.113.8"):
        subprocess.run([HOOK, client, "sshd"], check=True, env=host.machine.environment)
    wait_for((SPOOL / "state").exists, "no attempt was made")
    namespaces.end_processes("tcpwrap-alert forward")
    printed = host.done("--remove")
    assert f"keep 2 alerts that wait in {SPOOL}" in printed
    assert "keep the user tcpwrap-alert" in printed
    assert "handle_tcp_wrapper" not in DENY.read_text()
    nsca = start_nsca(address=MONITOR, port=5667, method=14, password="s3cret")
    host.done(*host.values)
    subprocess.run([PROGRAM, "replay"], check=True, env=host.machine.environment)
    assert sorted(nsca.wait_for_results(2)) == [
        f"firestorm;TCP Wrappers;2;Denied sshd-203.0.113.{number}" for number in (7, 8)
    ]


def test_removal_does_not_lock_out_either(host):
    """An administrator has closed hosts.deny himself since."""
    host.done(*host.values, "--apply")
    DENY.write_text(DENY.read_text() + "ALL: ALL\n")
    printed = host.done("--remove")
    assert "the lines in /etc/hosts.allow stay" in printed
    assert OWN_NETWORK in ALLOW.read_text().splitlines()
    assert DENY.read_text() == "# who may not\nALL: ALL\n"


def test_what_others_have_made_is_left(host):
    """A user, a spool, a cron job and a configuration as README's commands make them."""
    subprocess.run(["useradd", "--system", "--no-create-home", "tcpwrap-alert"], check=True)
    (SPOOL / "new").mkdir(parents=True)
    for path, mode in ((SPOOL, 0o710), (SPOOL / "new", 0o1730)):
        os.chown(path, pwd.getpwnam("tcpwrap-alert").pw_uid, pwd.getpwnam("tcpwrap-alert").pw_gid)
        path.chmod(mode)
    CONFIG.parent.mkdir()
    CONFIG.write_text("server=nagios.example\npassword=s3cret\nencryption_method=14\n")
    CRON.write_text("* * * * * tcpwrap-alert /opt/tcpwrap-alert/bin/tcpwrap-alert replay\n")
    before = contents(listing("/var/spool"))
    printed = host.done()
    for what in ("user tcpwrap-alert", f"spool {SPOOL}", f"configuration {CONFIG}", f"cron job {CRON}"):
        assert f"is there: {what}" in printed
    host.done("--remove")
    assert is_user()
    assert SPOOL.exists()
    assert contents(listing("/var/spool", "made-by-setup")) == before


def test_spool_of_another_user_stays_his(host):
    (SPOOL / "new").mkdir(parents=True)
    os.chown(SPOOL, 1, 1)
    host.done(*host.values)
    assert not is_user()
    assert SPOOL.stat().st_uid == 1
    assert CONFIG.stat().st_gid == 1
    assert CRON.read_text().splitlines()[-1].startswith("* * * * * daemon ")


def test_timer_is_made_where_systemd_runs(host):
    Path("/run/systemd/system").mkdir(parents=True)
    host.done(*host.values)
    assert host.machine.called() == [*("systemctl daemon-reload", "systemctl enable --now tcpwrap-alert-replay.timer")]
    assert not CRON.exists()
    service = (UNITS / "tcpwrap-alert-replay.service").read_text()
    assert "ExecStart=/opt/tcpwrap-alert/bin/tcpwrap-alert replay\n" in service
    sandbox = UNITS / "tcpwrap-alert-.service.d" / "sandbox.conf"
    assert "User=tcpwrap-alert\n" in sandbox.read_text()
    host.done("--remove")
    assert host.machine.called()[2:] == [
        *("systemctl disable --now tcpwrap-alert-replay.timer", "systemctl daemon-reload")
    ]
    assert list(UNITS.glob("tcpwrap-alert*")) == []


def test_timer_takes_the_place_of_our_cron_job(host):
    host.done(*host.values)
    assert CRON.exists()
    Path("/run/systemd/system").mkdir(parents=True)
    host.done()
    assert not CRON.exists()
    assert (UNITS / "tcpwrap-alert-replay.timer").exists()


def test_existing_configuration_changes_where_told(host):
    host.done(*host.values)
    CONFIG.write_text(CONFIG.read_text() + "port=5668\n# mine\nwindow=no\n[second]\nserver=b.example\n")
    old = CONFIG.read_text()
    printed = host.done("--server", "127.0.0.1", "--host-name", "fire")
    assert "server=127.0.0.1 (was nagios.example)" in printed
    assert "host_name=fire (was firestorm)" in printed
    assert "port goes" in printed
    new = old.replace("server=nagios", "server=127").replace("=127.example", "=127.0.0.1", 1)
    assert CONFIG.read_text() == new.replace("firestorm", "fire").replace("port=5668\n", "")
    (backup,) = backups(CONFIG)
    assert backup.read_text() == old
    assert backup.stat().st_mode == CONFIG.stat().st_mode
    assert backup.stat().st_gid == CONFIG.stat().st_gid == pwd.getpwnam("tcpwrap-alert").pw_gid


def test_new_password_is_not_shown(host):
    host.done(*host.values)
    host.password_file.write_text("s3cret2\n")
    printed = host.done("--password-file", str(host.password_file))
    assert "password is another one" in printed
    assert "s3cret" not in printed
    assert "password=s3cret2" in CONFIG.read_text().splitlines()


def test_terminal_is_asked_for_what_is_missing(host):
    status, shown = host.on_terminal(answers=["nagios.example", "s3cret", "nonsense", "14", "firestorm"])
    assert status == 0, shown
    assert "'nonsense' is not a whole number" in shown
    assert "s3cret" not in shown
    assert CONFIG.read_text().splitlines()[1:] == [
        *("server=nagios.example", "password=s3cret", "encryption_method=14", "host_name=firestorm")
    ]
    before = listing()
    assert host.on_terminal()[0] == 0
    assert listing() == before


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((), 64, "--server is missing"),
        (("--server", "nagios.example"), 64, "--password-file is missing"),
        (("--server", "nagios.example:99999"), 64, "port 99999 is not between 1 and 65535"),
        (("--server", ""), 64, "is not a name, an address"),
        (("--server", "nonsense://m"), 64, "no transport for 'nonsense:'"),
        (("--method", "99"), 64, "99"),
        (("--method", "aes"), 64, "'aes' is not a whole number"),
        (("--host-name", "a;b"), 64, "';'"),
        (("--host-name", "x" * 64), 64, "64"),
        (("--password-file", "/no/such/file"), 64, "No such file"),
        (("--password-file", "/etc"), 64, "not a regular file"),
        (("--password-file", "/etc/hosts"), 64, "everybody may read"),
        (("--network", "198.51.100.7/24"), 64, "has host bits set"),
        (("--network", "everywhere"), 64, "is no network like"),
        (("--network", "0.0.0.0/0"), 64, "is everybody"),
        (("--remove", "--apply"), 64, "--remove takes no values"),
        (("--remove", "--server", "a"), 64, "--remove takes no values"),
        (("now",), 64, "unexpected extra argument"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(host, options, status, said):
    before = listing()
    done = host.run(*options)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert listing() == before


def test_configuration_that_cannot_be_is_not_written(host):
    """An icinga2 server with a key of another transport is fine, in clear without a word for it is not."""
    before = listing()
    done = host.run("--server", "nrdp+http://nagios.example/nrdp/", "--password-file", str(host.password_file))
    assert done.returncode == 78
    assert "would send secrets in clear" in done.stderr
    assert listing() == before


def test_full_disk_is_one_line(host):
    namespaces.run("mount", "-t", "tmpfs", "-o", "ro,mode=755", "tmpfs", "/etc/cron.d")
    done = host.run(*host.values, "--apply")
    namespaces.run("umount", "/etc/cron.d")
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "handle_tcp_wrapper" not in DENY.read_text()


def test_unknown_monitor_is_a_note(host):
    printed = host.done("--server", "nowhere.example", *host.values[2:], "--apply")
    assert "note: the monitor nowhere.example has no address" in printed
    assert DENY.read_text().splitlines()[-2] == RULE


def test_lost_mark_is_not_guessed(host):
    host.done(*host.values, "--apply")
    DENY.write_text(DENY.read_text().replace("# tcpwrap-alert setup: end\n", ""))
    before = listing()
    done = host.run("--remove")
    assert done.returncode == 1
    assert "/etc/hosts.deny:2: one of the two marks around the lines of setup is missing" in done.stderr
    assert listing() == before
