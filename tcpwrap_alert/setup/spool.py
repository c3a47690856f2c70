"""The spool: its directories, and who may add to it besides root and its owner."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

from ..forwarding.window import waiting_by_key
from ..libwrap.daemons import askers
from ..spool.episodes_file import EpisodesFile
from ..spool.spool import Spool
from . import record
from .accounts import end_processes, is_user, is_user_ours
from .step import NotDone, Step, run

if TYPE_CHECKING:
    from ..config.read import Config
    from .accounts import Owner

# Daemons whose hooks are not root, and as whom they run it on Debian.
USERS = {"rpcbind": "_rpc", "nrpe": "nagios"}
DIRECTORIES = (("", 0o710, "x"), ("new", 0o1730, "wx"))  # below the spool: mode, what others get by an ACL


class Directories(Step):
    """The directories of the spool, with their owner and modes."""

    def __init__(self, config: Config, owner: Owner) -> None:
        self._config = config
        self._path = config.spool_dirs[0]
        self._owner = owner
        self._keeps = True
        self.what = f"spool {self._path}"

    def is_there(self) -> bool:
        """See Step."""
        try:
            return not self._faults()
        except NotDone:
            return False  # there is no owner yet

    def how(self) -> str:
        """See Step."""
        user, group = self._owner.names()
        return f"make the spool {self._path}: 0710, and new/ in it 1730, both of {user}:{group}"

    def do(self) -> None:
        """See Step."""
        uid, gid = self._owner.ids()
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        for name, mode, _ in DIRECTORIES:
            path = os.path.join(self._path, name)
            if not os.path.isdir(path):
                os.mkdir(path, 0o700)
            if os.stat(path).st_uid == 0:
                _give(path, uid, gid)
            os.chmod(path, mode)

    def _faults(self) -> list[str]:
        """Return the directories that are missing, root's, or of another mode."""
        uid, _ = self._owner.ids()
        found = []
        for name, mode, _ in DIRECTORIES:
            path = os.path.join(self._path, name)
            try:
                status = os.stat(path)
            except FileNotFoundError:
                found.append(path)
                continue
            except PermissionError:
                continue  # nobody but root and the owner can tell
            if stat.S_IMODE(status.st_mode) != mode or (status.st_uid == 0 != uid):
                found.append(path)
        return found

    def is_ours(self) -> bool:
        """See Step."""
        return is_user_ours() and os.path.isdir(self._path)

    def how_undone(self) -> str:
        """See Step."""
        self._keeps = bool(count := count_kept(self._config))
        if count:
            alerts = "1 alert that waits" if count == 1 else f"{count} alerts that wait"
            return f"keep {alerts} in {self._path}; to send what waits, run setup again"
        return f"remove the spool {self._path}: nothing waits there"

    def undo(self) -> None:
        """See Step."""
        if self._keeps:
            return
        end_processes(os.stat(self._path).st_uid)  # a forwarder stays for five minutes, with nothing to do
        if count_kept(self._config):
            raise NotDone(f"{self.what}: an alert has come just now, so it stays; run setup --remove again")
        shutil.rmtree(self._path)


def _give(path: str, uid: int, gid: int) -> None:
    """Give a directory of root's to the owner, with all of root's in it: he could not send it otherwise."""
    os.chown(path, uid, gid)
    for directory, directories, files in os.walk(path):
        for name in (*directories, *files):
            inner = os.path.join(directory, name)
            if os.lstat(inner).st_uid == 0:
                os.lchown(inner, uid, gid)


def count_kept(config: Config) -> int:
    """Return how many alerts wait in the spool or were set aside there. Raises SpoolError."""
    spool = Spool(config.spool_dirs[0])
    count = spool.corrupt.count()
    for one in spool.with_boxes():
        count += len(one.scan()) + len(waiting_by_key(EpisodesFile(one).look(), config.wording))
    return count


class AccessList(Step):
    """What lets the hook of one daemon that is not root add to the spool."""

    def __init__(self, spool: str, daemon: str, user: str) -> None:
        self._spool = spool
        self._daemon = daemon
        self._user = user
        self._recorded = f"access of {user}"
        self.what = f"access of {user} to the spool, for {daemon}"

    def is_there(self) -> bool:
        """See Step."""
        return all(self._entry(path, rights) for path, rights in self._wanted())

    def how(self) -> str:
        """See Step."""
        if not shutil.which("setfacl"):
            raise NotDone(f"{self.what}: there is no program setfacl; install the package acl, then run setup again")
        return f"let {self._user} add to the spool, for {self._daemon}: setfacl u:{self._user}:x, and wx for new/"

    def do(self) -> None:
        """See Step."""
        for path, rights in self._wanted():
            run("setfacl", "-m", f"u:{self._user}:{rights}", path)
        record.note(self._recorded)

    def is_ours(self) -> bool:
        """See Step."""
        return record.is_made(self._recorded)

    def how_undone(self) -> str:
        """See Step."""
        return f"take the access to the spool from {self._user}"

    def undo(self) -> None:
        """See Step."""
        for path, rights in self._wanted():
            if self._entry(path, rights):
                run("setfacl", "-x", f"u:{self._user}", path)
        record.forget(self._recorded)

    def _wanted(self) -> list[tuple[str, str]]:
        return [(os.path.join(self._spool, name), rights) for name, _, rights in DIRECTORIES]

    def _entry(self, path: str, rights: str) -> bool:
        if not shutil.which("getfacl") or not os.path.isdir(path):
            return False
        entries = run("getfacl", "--omit-header", "--absolute-names", "--no-effective", path).splitlines()
        return f"user:{self._user}:-{rights.rjust(2, '-')}" in entries


def access_lists(spool: str) -> list[AccessList]:
    """Return a step for each daemon of this host that needs one."""
    return [AccessList(spool, name, user) for name, user in USERS.items() if is_user(user) and name in askers()]
