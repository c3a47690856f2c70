"""Whether a user may do something with a file, by mode and ACL, without becoming that user.

Source: acl(5), "Access check algorithm"; the attribute's bytes: Linux, include/uapi/linux/posix_acl_xattr.h.
"""

from __future__ import annotations

import os
import pwd
import struct
from typing import NamedTuple

READ, WRITE, ENTER = 4, 2, 1
ATTRIBUTE = "system.posix_acl_access"
HEAD = struct.Struct("<I")
ENTRY = struct.Struct("<HHI")
USER_OWNER, USER, GROUP_OWNER, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32


class Person(NamedTuple):
    """A user as the kernel sees one."""

    name: str
    uid: int
    gids: frozenset[int]


def person(name: str) -> Person | None:
    """Return the user of this name; None if there is none."""
    try:
        known = pwd.getpwnam(name)
    except KeyError:
        return None
    return Person(name, known.pw_uid, frozenset(os.getgrouplist(name, known.pw_gid)))


def may_reach(who: Person, path: str) -> bool:
    """Return whether a user may enter all directories above `path`. Raises OSError."""
    above = os.path.dirname(os.path.realpath(path))
    return may(who, above, ENTER) and (above == "/" or may_reach(who, above))


def may(who: Person, path: str, wanted: int) -> bool:
    """Return whether a user has these rights to a file itself. Raises OSError."""
    if who.uid == 0:
        return True
    status = os.stat(path)
    entries = _entries(path, status)
    rights = {tag: granted for tag, granted, _ in entries}
    mask = rights.get(MASK, READ | WRITE | ENTER)
    if who.uid == status.st_uid:
        return rights[USER_OWNER] & wanted == wanted
    for tag, granted, number in entries:
        if tag == USER and number == who.uid:
            return granted & mask & wanted == wanted
    of_groups = [
        granted & mask
        for tag, granted, number in entries
        if (tag == GROUP_OWNER and status.st_gid in who.gids) or (tag == GROUP and number in who.gids)
    ]
    if of_groups:
        return any(granted & wanted == wanted for granted in of_groups)
    return rights[OTHER] & wanted == wanted


def _entries(path: str, status: os.stat_result) -> list[tuple[int, int, int]]:
    """Return tag, rights and number of each entry of the ACL; what the mode says where there is none."""
    try:
        data = os.getxattr(path, ATTRIBUTE)
    except (AttributeError, OSError):  # another system, or a file system without
        mode = status.st_mode
        return [(USER_OWNER, mode >> 6 & 7, 0), (GROUP_OWNER, mode >> 3 & 7, 0), (OTHER, mode & 7, 0)]
    return list(ENTRY.iter_unpack(data[HEAD.size :]))


def owner_name(uid: int) -> str:
    """Return the name of a user, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
