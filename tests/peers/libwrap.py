"""The real libwrap, asked about rules of ours: a process of its own, which forks for each question.

As a program: reads questions, a JSON list each, and answers with what its hook said and whether the client was denied.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HOOK_FD = 9
REQUEST_BYTES = 1 << 14  # more than a struct request_info
RQ_FILE, RQ_DAEMON, RQ_USER, RQ_CLIENT_NAME, RQ_CLIENT_ADDR = range(1, 6)  # tcpd.h


class Libwrap:
    """Ask libwrap about the rules in `directory`, for a hook that tells us its arguments.

    With a `root` it is the libwrap of another system, whose root directory this is: `directory` must be in it, and
    Python. The paths in the rules are then those that this system sees: see `inside`.
    """

    def __init__(self, directory: Path, root: str = "") -> None:
        self._root = root
        self.hosts_allow = directory / "hosts.allow"
        self.hosts_deny = directory / "hosts.deny"
        self.hook = directory / "handle_tcp_wrapper"
        for script in (self.hook, directory / "submit_check_result"):
            script.write_text(f'#!/bin/sh\n# This stands for the script of tcpwrap-alert.\necho "$@" >&{HOOK_FD}\n')
            script.chmod(0o755)
        program = shutil.copy(__file__, directory) if root else __file__
        python = ["chroot", root, "/usr/bin/python3"] if root else [sys.executable]
        argv = [*python, "-S", *map(self.inside, (program, self.hosts_allow, self.hosts_deny))]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def inside(self, path: str | Path) -> str:
        """Return the path that libwrap sees."""
        return str(path).removeprefix(self._root)

    def write(self, allow: bytes, deny: bytes) -> None:
        """Write the rules, in which `HOOK` is the hook's path."""
        for path, rules in ((self.hosts_allow, allow), (self.hosts_deny, deny)):
            path.write_bytes(rules.replace(b"HOOK", bytes(self.hook)))

    def ask(self, daemon: str = "sshd", client: str = "203.0.113.7", uid: int = 0) -> tuple[bool, list[str]]:
        """Return whether the client is denied, and the arguments of each run of the hook."""
        answers, calls = self._answers([(daemon, client, "unknown")], uid)
        return answers != ["allowed"], calls

    def outcome(self, daemon: str, client: str, name: str) -> str:
        """Return `allowed`, `denied` or `twist`, and the calls of the hook; `alert` is a denial with the right one."""
        answers, calls = self._answers([(daemon, client, name)])
        answer = answers[0] if answers else "twist"  # another program has taken the place of the process
        alert = f"{client if name == 'unknown' else name} {daemon}"
        if (answer, calls) == ("denied", [alert]):
            return "alert"
        return ", ".join([answer, *("alert" if call == alert else f"hook {call}" for call in calls)])

    def outcomes_in_one_process(self, questions: list[tuple[str, str, str]]) -> list[str]:
        """Return `allowed` or `denied` for each daemon, client and client's name, all asked by one process."""
        return self._answers(questions)[0]

    def _answers(self, questions: list[tuple[str, str, str]], uid: int = 0) -> tuple[list[str], list[str]]:
        self._process.stdin.write(json.dumps([questions, uid]) + "\n")
        self._process.stdin.flush()
        answers, calls = json.loads(self._process.stdout.readline())
        return answers, calls

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


def is_there() -> bool:
    """Whether this machine has the library."""
    return ctypes.util.find_library("wrap") is not None


def _ask(libwrap: ctypes.CDLL, questions: list[list[str]], uid: int) -> tuple[list[str], list[str]]:
    told, tell = os.pipe()
    answered, answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(tell, HOOK_FD)
        if uid:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        for question in questions:
            os.write(answer, b"denied\n" if _is_denied(libwrap, *question) else b"allowed\n")
        os._exit(0)
    os.close(tell)
    os.close(answer)
    with open(answered) as pipe:
        answers = pipe.read().split()
    with open(told) as pipe:
        calls = pipe.read().splitlines()  # ends with the last of the hook's processes
    os.waitpid(pid, 0)
    return answers, calls


def _is_denied(libwrap: ctypes.CDLL, daemon: str, client: str, name: str) -> bool:
    """Ask as a daemon does that knows the client's name and address, for a connection that is /dev/null."""
    request = ctypes.create_string_buffer(REQUEST_BYTES)
    fd = os.open(os.devnull, os.O_RDWR)
    texts = [(RQ_DAEMON, daemon), (RQ_CLIENT_NAME, name), (RQ_CLIENT_ADDR, client), (RQ_USER, "unknown")]
    values = [value for key, text in texts for value in (ctypes.c_int(key), ctypes.c_char_p(text.encode()))]
    libwrap.request_init(request, ctypes.c_int(RQ_FILE), ctypes.c_int(fd), *values, ctypes.c_int(0))
    return libwrap.hosts_access(request) == 0


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
