"""completions/ in the real shells: what a reader sees after <TAB>."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time

import completion_files
import pytest
from support.documents import ROOT
from support.missing import skip_or_fail

FILES = ROOT / "completions"
BASH = """\
. "$1"
COMP_WORDS=(tcpwrap-alert "${@:2}") COMP_CWORD=$(($# - 1))
compopt() { :; }
_tcpwrap_alert
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'source $argv[1]; complete -C "$argv[2]"'
# One command line for each kind of word, and all that may stand there.
COMMAND_LINES = [
    (["re"], {"replay"}),
    (["check"], {"check", "check-spool"}),
    (["replay", "--a"], {"--all"}),
    (["send", "--s"], {"--single-result", "--spool"}),
    (["replay", "--config", "sa"], {"sample.cfg"}),
    (["check-spool", "-w", ""], set()),
]


def program(name):
    found = shutil.which(name)
    return found or skip_or_fail(f"{name} is missing (Debian: {name})")


def by_bash(words, directory):
    argv = [program("bash"), "-c", BASH, "bash", FILES / "tcpwrap-alert.bash", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=directory)
    assert done.stderr == ""
    return set(done.stdout.split())


def by_fish(words, directory):
    argv = [
        program("fish"),
        "--no-config",
        "-c",
        FISH,
        FILES / "tcpwrap-alert.fish",
        f"tcpwrap-alert {' '.join(words)}",
    ]
    environment = {**os.environ, "HOME": str(directory), "XDG_CONFIG_HOME": str(directory / "config")}
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=directory, env=environment)
    assert done.stderr == ""
    return {line.partition("\t")[0] for line in done.stdout.splitlines()}


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "sample.cfg").touch()
    return tmp_path / "here"


@pytest.mark.parametrize("name", completion_files.FILES)
def test_file_is_what_make_man_writes(name):
    assert (FILES / name).read_text() == completion_files.FILES[name]()


@pytest.mark.parametrize("complete", [by_bash, by_fish])
@pytest.mark.parametrize(("words", "expected"), COMMAND_LINES)
def test_shell_offers_what_may_stand_there(directory, complete, words, expected):
    assert complete(words, directory) == expected


class Terminal:
    """A shell on a terminal of its own, to type in."""

    def __init__(self, argv, environment, directory):
        self._master, terminal = pty.openpty()
        argv = ["setsid", "--ctty", *argv]
        self._process = subprocess.Popen(
            argv, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, cwd=directory
        )
        os.close(terminal)

    def type_until(self, text, expected):
        """Type `text`, and return what the terminal shows as soon as `expected` is part of it."""
        os.write(self._master, text.encode())
        shown, deadline = "", time.monotonic() + 30
        while expected not in shown:
            assert select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0], shown
            shown += os.read(self._master, 4096).decode(errors="replace")
        return shown

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._master)


# What each shell needs to find the file in `completions`, as an installation puts it.
ON_A_TERMINAL = {
    "bash": (["--norc", "--noprofile", "-i"], 'PS1=; . "$COMPLETIONS/tcpwrap-alert.bash"; echo rea""dy\r'),
    "zsh": (["-f", "-i"], "PS1=; fpath=($COMPLETIONS $fpath); autoload -Uz compinit; compinit -u -D; echo rea''dy\r"),
    "fish": (["--no-config", "-i"], "source $COMPLETIONS/tcpwrap-alert.fish; echo rea''dy\r"),
}


@pytest.mark.parametrize("shell", ON_A_TERMINAL)
@pytest.mark.parametrize(
    ("typed", "called"), [("re", "replay"), ("check-spool --war", "check-spool --warning")], ids=["command", "option"]
)
def test_tab_completes_on_a_terminal(directory, shell, typed, called):
    (directory / "tcpwrap-alert").write_text('#!/bin/sh\necho "[$*]"\n')
    (directory / "tcpwrap-alert").chmod(0o755)
    arguments, prepare = ON_A_TERMINAL[shell]
    environment = {
        "PATH": f"{directory}:{os.environ['PATH']}", "HOME": str(directory), "TERM": "xterm", "LANG": "C.UTF-8",
        "COMPLETIONS": str(FILES), "XDG_CONFIG_HOME": str(directory),
    }  # fmt: skip
    with Terminal([program(shell), *arguments], environment, directory) as terminal:
        terminal.type_until(prepare, "ready")
        terminal.type_until(f"tcpwrap-alert {typed}\t\r", f"[{called}]")
