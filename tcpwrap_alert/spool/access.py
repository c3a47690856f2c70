"""Who may do what in a spool: nobody but its owner and root decides what is sent from it.

P10  Root is dropped before a queue file is read or anything is sent: whoever works in the spool is its owner.
"""

from __future__ import annotations

import errno
import os
import stat

from ..check_result import clean
from ..errors import SpoolError
from .files import NamingFailure

NO_DIRECTORY = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


def check_guarded(*directories: str) -> None:
    """Raise SpoolError if anybody may write to one of the directories, or if one below the first is a link."""
    for path in directories:
        try:
            mode = os.stat(path, follow_symlinks=path == directories[0]).st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(mode):
            raise SpoolError(f"{clean(path)}: a link, which is not followed; make it a directory")
        if mode & stat.S_IWOTH:
            raise SpoolError(
                f"{clean(path)}: everybody may write to it, so it is not used; run chmod o-w {clean(path)}"
            )


def check_own(directory: str, name: str, uid: int) -> None:
    """Raise SpoolError unless root or the owner wrote a file that is no denial: it chooses its host and service."""
    with NamingFailure("look at", directory):
        owner = os.stat(directory).st_uid
    if uid not in (0, owner):
        what = f"is no denial, and of user {uid}, who does not own the spool, so it is not sent"
        raise SpoolError(f"new/{clean(name)}: {what}; chown or remove it")


def check_removable(directory: str) -> None:
    """Raise SpoolError if delivered files could not be removed: they would be sent again and again."""
    if os.path.isdir(directory) and not os.access(directory, os.W_OK):
        raise SpoolError(f"{directory}: cannot be written, so nothing is sent from it; it would be sent for ever")


def drop_root(directory: str) -> None:
    """As root, become the owner of the directory for good, without supplementary groups. Without one, stay root.

    Raises:
        SpoolError: root may not do that, as in a container without CAP_SETUID and CAP_SETGID.
    """
    if os.geteuid() != 0:
        return
    with NamingFailure("become the owner of", directory):
        try:
            owner = os.stat(directory)
        except OSError as error:
            if error.errno in NO_DIRECTORY:
                return
            raise
        if owner.st_uid == 0:
            return
        try:
            os.setgroups([])
            os.setgid(owner.st_gid)
            os.setuid(owner.st_uid)
        except PermissionError as error:
            what = f"{clean(directory)}: root may not become its owner, user {owner.st_uid}, so nothing is sent from it"
            raise SpoolError(f"{what}; give CAP_SETUID and CAP_SETGID, or chown the spool to root") from error
