"""Who may do what in a spool: root is dropped or nothing is sent, and others add denials only (P10)."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.configs import NOBODY
from support.queue_files import DENIAL, names_in

import tcpwrap_alert
from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.errors import SpoolError
from tcpwrap_alert.spool.passes import Pass
from tcpwrap_alert.spool.spool import Spool
from tcpwrap_alert.spool.state import State
from tcpwrap_alert.spool.tally import DENIALS, Tally

CONTENT = Denial("sshd", "203.0.113.7")

DROP_ROOT = """
import os
from tcpwrap_alert.denial import Denial
from tcpwrap_alert.spool.spool import Spool
spool = Spool(".")
spool.drop_root()
print(*os.getresuid(), *os.getresgid(), *os.getgroups())
spool.enqueue(Denial("sshd", "203.0.113.7"))
"""


@pytest.fixture
def of_nobody(isolated, spool_dir):
    """Let the spool be another user's."""
    for path in (spool_dir, spool_dir / "new"):
        os.chown(path, 65534, 65533)


def test_p10_root_becomes_the_spools_owner_for_good(of_nobody, spool_dir, run):
    done = run(sys.executable, "-c", DROP_ROOT, cwd=spool_dir, extra_groups=[0, 4])
    assert (done.stdout, done.stderr) == ("65534 65534 65534 65533 65533 65533\n", "")
    assert [path.stat().st_uid for path in (spool_dir / "new").iterdir()] == [65534]


def test_p10_root_stays_root_in_a_spool_of_its_own(isolated, spool_dir, run):
    done = run(sys.executable, "-c", DROP_ROOT, cwd=spool_dir)
    assert (done.stdout.split()[:6], done.stderr) == (["0"] * 6, "")


@pytest.mark.parametrize("capability", ["setuid", "setgid", "setuid,-setgid"])
@pytest.mark.parametrize(
    "command", [("submit_check_result", "h", "s", "0", "text"), ("tcpwrap-alert", "replay"), ("tcpwrap-alert", "queue")]
)
def test_p10_root_that_may_not_change_sends_nothing(of_nobody, put, spool, run, write_config, command, capability):
    write_config(server=NOBODY, password="s3cret")
    put("4711.0")
    done = run("setpriv", f"--bounding-set=-{capability}", *command)
    what = "root may not become its owner, user 65534, so nothing is sent from it; give CAP_SETUID and CAP_SETGID"
    assert f"{spool.path}: {what}" in done.stderr
    assert done.returncode == 74
    assert "connection refused" not in done.stderr
    assert "4711.0" in spool.scan()


def test_p10_what_such_a_root_submits_is_safe(of_nobody, spool, run, write_config):
    write_config(server=NOBODY)
    done = run("setpriv", "--bounding-set=-setuid", "submit_check_result", "h", "s", "0", "text")
    assert done.returncode == 74
    (name,) = spool.scan()
    assert spool.maybe_read(name).content == CheckResult("h", "s", 0, "text")


def test_p10_a_package_that_only_root_reads_is_told(default_spool, run, write_config, tmp_path):
    write_config(server=NOBODY)
    for path in (default_spool, default_spool / "new"):
        os.chown(path, 65534, 65533)
    home = tmp_path / "root"
    shutil.copytree(Path(tcpwrap_alert.__file__).parent, home / "tcpwrap_alert")
    home.chmod(0o700)
    code = "from tcpwrap_alert.scripts import end, submit_check_result; end(submit_check_result())"
    environment = {**os.environ, "PYTHONPATH": str(home)}
    done = run(sys.executable, "-c", code, "h", "s", "0", "text", env=environment, cwd="/")
    advice = "install it below /opt, by a Python that everybody may run"
    told = f"the spool's owner sends in place of root, and cannot read this; {advice}"
    assert (done.returncode, done.stderr) == (70, f"submit_check_result: {home}/tcpwrap_alert: {told}\n")
    assert len(names_in(default_spool / "new")) == 1


@pytest.fixture
def become(monkeypatch):
    """Let us be root in a spool of user 1000, where one of the calls that change users fails; return the calls."""

    def set_up(failing, error):
        calls = []

        def call(name, value):
            calls.append((name, value))
            if name == failing:
                raise OSError(error, os.strerror(error))

        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(os, "stat", lambda path: SimpleNamespace(st_uid=1000, st_gid=1001))
        monkeypatch.setattr(os, "setgroups", lambda groups: call("setgroups", groups))
        monkeypatch.setattr(os, "setgid", lambda gid: call("setgid", gid))
        monkeypatch.setattr(os, "setuid", lambda uid: call("setuid", uid))
        return calls

    yield set_up
    monkeypatch.undo()


STEPS = [("setgroups", []), ("setgid", 1001), ("setuid", 1000)]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_p10_root_that_may_not_change_is_told(spool, become, failing):
    calls = become(STEPS[failing][0], errno.EPERM)
    with pytest.raises(SpoolError, match=f"^{spool.path}: root may not become its owner, user 1000, so nothing is"):
        spool.drop_root()
    assert calls == STEPS[: failing + 1]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_p10_other_failure_to_become_the_owner_is_told(spool, become, failing):
    become(STEPS[failing][0], errno.EAGAIN)
    with pytest.raises(SpoolError, match=f"^{spool.path}: cannot become the owner of: Resource temporarily"):
        spool.drop_root()


def test_p10_a_missing_spool_has_no_owner_to_become(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for name in ("none", "file/spool", "loop", "loop/spool", "x" * 300):
        Spool(str(tmp_path / name)).drop_root()
    assert names_in(tmp_path) == ["file", "loop"]


def test_p10_unknown_owner_is_told(spool, failing, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    message = f"^{spool.path}: cannot become the owner of: Input/output error$"
    with failing("stat"), pytest.raises(SpoolError, match=message):
        spool.drop_root()


@pytest.mark.parametrize("part", ["", "new", "corrupt"])
@pytest.mark.parametrize("mode", [0o702, 0o1777])
def test_p10_world_writable_spool_is_not_used(spool, spool_dir, part, mode):
    spool.enqueue(CONTENT)
    (spool_dir / "corrupt").mkdir()
    path = (spool_dir / part).resolve()
    path.chmod(mode)
    uses = [spool.scan, lambda: spool.enqueue(CONTENT), lambda: spool.submit(CONTENT), lambda: spool.sync(0.0)]
    for use in uses:
        with pytest.raises(SpoolError) as caught:
            use()
        assert str(caught.value) == f"{path}: everybody may write to it, so it is not used; run chmod o-w {path}"
    path.chmod(0o700)
    assert len(spool.scan()) == 1


@pytest.mark.parametrize("part", ["new", "corrupt"])
def test_p10_link_as_directory_is_not_followed(spool, spool_dir, tmp_path, part):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(DENIAL)
    if part == "new":
        (spool_dir / "new").rmdir()
    (spool_dir / part).symlink_to(tmp_path / "elsewhere")
    for use in (spool.scan, lambda: spool.enqueue(CONTENT)):
        with pytest.raises(SpoolError, match=f"^{spool_dir}/{part}: a link, which is not followed; make it a dir"):
            use()
    assert names_in(tmp_path / "elsewhere") == ["file"]


def test_link_as_spool_is_followed(spool, spool_dir, tmp_path):
    """The owner of its directory has made it, as where /var/spool lies elsewhere."""
    (tmp_path / "link").symlink_to(spool_dir)
    name = Spool(str(tmp_path / "link")).enqueue(CONTENT)
    assert spool.scan() == [name]


def tally():
    counting = Tally(DENIALS)
    counting.add(("sshd", "c", "a", "u"), 1, 1, 1)
    return counting


@pytest.mark.parametrize("uid", [0, 4711, 4712])
@pytest.mark.parametrize("content", [CheckResult("firestorm", "Backup", 0, "OK"), tally()], ids=["result", "tally"])
def test_p10_who_is_not_the_owner_reports_denials_only(spool, spool_dir, isolated, content, uid):
    """What else lies there of somebody else is not sent, and stays."""
    os.chown(spool_dir, 4711, 4711)
    denial, other = spool.enqueue(CONTENT), spool.enqueue(content)
    for name in (denial, other):
        os.chown(spool_dir / "new" / name, uid, uid)
    one_pass = Pass(spool, State())
    names = [entry.name for entry in one_pass.read(one_pass.scan())]
    if uid == 4712:
        assert (names, list(one_pass.faults)) == ([denial], [other])
        what = "is no denial, and of user 4712, who does not own the spool, so it is not sent; chown or remove it"
        assert str(one_pass.faults[other]) == f"new/{other}: {what}"
    else:
        assert (names, one_pass.faults) == ([denial, other], {})
    assert (spool_dir / "new" / other).exists()


def test_p3_missing_permission_is_known_before_removal(spool, spool_dir, monkeypatch):
    spool.check_removable()
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (spool.new, os.W_OK))
    with pytest.raises(SpoolError, match=f"^{spool_dir}/new: cannot be written"):
        spool.check_removable()
    (spool_dir / "new").rmdir()
    spool.check_removable()


def test_setpriv_takes_the_capability_away(isolated):
    """Else the tests above would show nothing."""
    argv = ["setpriv", "--bounding-set=-setuid,-setgid", sys.executable, "-c", "import os; os.setuid(65534)"]
    assert b"PermissionError" in subprocess.run(argv, capture_output=True, check=False).stderr
