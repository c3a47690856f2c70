"""What the commands of rules call: our programs, as they must be called, or what is only meant to be one of them."""

from __future__ import annotations

import difflib
import functools
import os
import re
import subprocess
from collections.abc import Iterator

from .file_modes import others_who_may_change

HOOK = "handle_tcp_wrapper"
SUBMIT = "submit_check_result"
HOOK_PATH = f"/opt/tcpwrap-alert/bin/{HOOK}"
OPTION = f"spawn ({HOOK_PATH} %h %d) &: deny"

# The path, in quotes or as a word, and the arguments.
CALL = r"""["'](/[^"']*{0})["']([^();&|]*)|([^\s();&|"'=]*{0})(?![\w/.-])["']?([^();&|]*)"""
HOOK_CALL = re.compile(CALL.format(HOOK))
SUBMIT_CALL = re.compile(CALL.format(SUBMIT))
COMMAND_CALL = re.compile(r"tcpwrap-alert\s+(?:deny|submit)\b")
REDIRECTION = re.compile(r"\d*[<>]+&?\s*[^\s();&|]+")
# The first word of each command, after assignments.
PROGRAM = re.compile(r"""(?:^|[;&|(]|\bexec\s)\s*(?:\w+=\S*\s+)*([^\s();&|<>"'%$`{}=]+)(?=[\s);&|]|$)""")
OURS = re.compile(rb"tcpwrap[-_]alert")
MAX_PROGRAM_BYTES = 1 << 16
LIKE = 0.75


@functools.lru_cache(1024)
def calls_hook(command: str) -> bool:
    """Return whether a command reports a denial."""
    return bool(HOOK_CALL.search(command) or re.search(r"tcpwrap-alert\s+deny\b", command))


@functools.lru_cache(1024)
def reports(command: str) -> bool:
    """Return whether a command submits something to the monitor by a program of ours."""
    return bool(calls_hook(command) or SUBMIT_CALL.search(command) or COMMAND_CALL.search(command))


def faults_of_command(command: str) -> list[str]:
    """Return what is wrong with a command of a rule that is meant to be an alert, or denies."""
    said = _fault_for_shell(re.sub(r"\d+", "0", command))  # addresses differ from rule to rule, and no digit matters
    faults = [f"the shell does not run this command: {said}"] if said else []
    return [*faults, *_faults_of_calls(command), *_missing_programs(command)]


@functools.lru_cache(None)
def _fault_for_shell(command: str) -> str:
    """Return what the shell says of a command that it cannot read; it only reads it."""
    done = subprocess.run(["/bin/sh", "-n"], input=command.encode(), capture_output=True, check=False)
    return done.stderr.decode(errors="replace").strip().removeprefix("/bin/sh: ") if done.returncode else ""


def _missing_programs(command: str) -> Iterator[str]:
    """Say of each program that is not there that there is none, and whether our hook may be meant."""
    for word in dict.fromkeys(PROGRAM.findall(command)):
        is_hook = _is_like_hook(word)
        is_missing = not os.path.exists(word) if word.startswith("/") else is_hook and "/" not in word
        if is_missing and os.path.basename(word) not in (HOOK, SUBMIT):
            yield f"there is no program {word}" + (f": no alert; did you mean {HOOK_PATH}?" if is_hook else "")


def means_hook(command: str) -> bool:
    """Return whether a command seems to be meant as a call of our hook, but is none: its name is misspelt."""
    return any(map(_is_like_hook, PROGRAM.findall(command))) and not calls_hook(command)


@functools.lru_cache(1024)
def _is_like_hook(word: str) -> bool:
    """Return whether the name of a program is nearly that of our hook."""
    return difflib.SequenceMatcher(None, os.path.basename(word), HOOK).ratio() > LIKE


def _faults_of_calls(command: str) -> Iterator[str]:
    """Check the calls of our programs; beside one that is right, another may be anything: `test -x`, or a log text."""
    plain = REDIRECTION.sub(" ", command)
    for call, check in ((HOOK_CALL, _faults_of_hook_call), (SUBMIT_CALL, lambda path, words: _faults_of_program(path))):
        said = [list(check(a or c, b or d)) for a, b, c, d in call.findall(plain)]
        if all(said):
            yield from said[0] if said else ()


def _faults_of_hook_call(path: str, words: str) -> Iterator[str]:
    arguments = re.sub("[\"']", " ", words).split()
    if len(arguments) < 2 or arguments[0] == "%d":
        yield f"{HOOK} is called with '{' '.join(arguments)}'; it takes '%h %d'"
    yield from _faults_of_program(path)


def _faults_of_program(path: str) -> Iterator[str]:
    if not path.startswith("/"):
        yield f"'{path}' is not an absolute path, and inetd gives its children no PATH"
    elif not os.path.exists(path):
        yield f"there is no program {path}: no alert"
    elif not os.access(path, os.X_OK) or os.path.isdir(path):
        yield f"{path} is no program (chmod +x): no alert"
    elif not _is_ours(path):
        yield f"{path} is not tcpwrap-alert's, but another program of that name; write {HOOK_PATH}"
    else:
        yield from map("{} may change what daemons run as root".format, others_who_may_change(path))


def _is_ours(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return bool(OURS.search(file.read(MAX_PROGRAM_BYTES)))
    except OSError:
        return True  # whoever may not read it cannot say that it is not
