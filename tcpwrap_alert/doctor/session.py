"""From where the person who runs us has logged in, by ssh."""

from __future__ import annotations

import os

VARIABLE = "SSH_CONNECTION"  # ssh(1): client address, its port, server address, its port


def session_address() -> str:
    """Return the address that this session comes from; empty if it comes from no network.

    sudo and su keep the variable from us, so the processes that started us are asked, too.
    """
    value = os.environ.get(VARIABLE) or _of_ancestors()
    address = value.split(" ")[0].partition("%")[0]  # fe80::1%eth0
    return address if address.count(".") == 3 or ":" in address else ""


def _of_ancestors() -> str:
    pid = os.getppid()
    while pid > 1:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                values = file.read().split(b"\0")
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b") ")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return ""  # another user's, or gone
        for value in values:
            if value.startswith(f"{VARIABLE}=".encode()):
                return value.partition(b"=")[2].decode(errors="replace")
    return ""
