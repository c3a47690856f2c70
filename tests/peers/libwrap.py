"""The real libwrap, asked about rules of ours: a process of its own, which forks for each question.

As a program: reads questions, a JSON list each, and answers with what its hook said and whether the client was denied.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import subprocess
import sys
from pathlib import Path

HOOK_FD = 9


class Libwrap:
    """Ask libwrap about the rules in `directory`, for a hook that tells us its arguments."""

    def __init__(self, directory: Path) -> None:
        self.hosts_allow = directory / "hosts.allow"
        self.hosts_deny = directory / "hosts.deny"
        self.hook = directory / "handle_tcp_wrapper"
        self.hook.write_text(f'#!/bin/sh\necho "$@" >&{HOOK_FD}\n')
        self.hook.chmod(0o755)
        argv = [sys.executable, "-S", __file__, str(self.hosts_allow), str(self.hosts_deny)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def write(self, allow: bytes, deny: bytes) -> None:
        """Write the rules, in which `HOOK` is the hook's path."""
        for path, rules in ((self.hosts_allow, allow), (self.hosts_deny, deny)):
            path.write_bytes(rules.replace(b"HOOK", bytes(self.hook)))

    def ask(self, daemon: str = "sshd", client: str = "203.0.113.7", uid: int = 0) -> tuple[bool, list[str]]:
        """Return whether the client is denied, and the arguments of each run of the hook."""
        self._process.stdin.write(json.dumps([daemon, client, uid]) + "\n")
        self._process.stdin.flush()
        is_denied, calls = json.loads(self._process.stdout.readline())
        return is_denied, calls

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


def is_there() -> bool:
    """Whether this machine has the library."""
    return ctypes.util.find_library("wrap") is not None


def _ask(libwrap: ctypes.CDLL, daemon: str, client: str, uid: int) -> list[object]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writing, HOOK_FD)
        if uid:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        os._exit(libwrap.hosts_ctl(daemon.encode(), b"unknown", client.encode(), b"unknown"))
    os.close(writing)
    with open(reading) as pipe:
        calls = pipe.read().splitlines()  # ends with the last of the hook's processes
    _, status = os.waitpid(pid, 0)
    return [os.waitstatus_to_exitcode(status) == 0, calls]


def main() -> None:
    """Answer until the questions end."""
    libwrap = ctypes.CDLL("libwrap.so.0")
    paths = [ctypes.create_string_buffer(os.fsencode(path)) for path in sys.argv[1:3]]
    for name, path in zip(("hosts_allow_table", "hosts_deny_table"), paths):
        ctypes.c_void_p.in_dll(libwrap, name).value = ctypes.addressof(path)
    for question in sys.stdin:
        print(json.dumps(_ask(libwrap, *json.loads(question))), flush=True)


if __name__ == "__main__":
    main()
