"""man/ and docs/man/ say what the program does, and mandoc has nothing to complain about."""

from __future__ import annotations

import re
import shutil
import subprocess

import command_tree
import man_pages
import mdoc
import pytest
from support.documents import ROOT
from support.missing import skip_or_fail

from tcpwrap_alert.config.keys import KEYS
from tcpwrap_alert.scripts import SUBMIT_USAGE

COMMANDS = command_tree.read_commands()
PAGES = {path.name: path.read_text() for path in man_pages.PAGES}
# Manuals of others, which this machine may not have.
OF_OTHERS = {"hosts_access 5", "hosts_options 5"}
OVERSTRUCK = re.compile(r".\x08")
OF_THE_MACHINE = ("referenced manual not found", "outdated mandoc.db")


@pytest.fixture(scope="module")
def mandoc():
    """Run mandoc on a page; return what it printed."""
    if not shutil.which("mandoc"):
        skip_or_fail("mandoc is missing (Debian: mandoc)")

    def run(page, *options):
        argv = ["mandoc", *options]
        return subprocess.run(argv, input=page, capture_output=True, text=True, check=False).stdout

    return run


def shown(mandoc, name):
    """Return a page as a terminal shows it, without bold and underlined."""
    return OVERSTRUCK.sub("", mandoc(PAGES[name], "-Tascii", "-Owidth=200"))


def test_every_page_is_there():
    names = ["handle_tcp_wrapper.8", "submit_check_result.8", "tcpwrap-alert.1", "tcpwrap-alert.7"]
    assert list(PAGES) == [*names, "tcpwrap-alert.cfg.5"]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_make_man_writes(name):
    assert PAGES[name] == man_pages.fill(PAGES[name])


@pytest.mark.parametrize("name", PAGES)
def test_html_is_what_make_man_writes(mandoc, name):
    assert (man_pages.HTML / f"{name}.html").read_text() == man_pages.make_html(PAGES[name])


@pytest.mark.parametrize("name", PAGES)
def test_mandoc_complains_of_nothing(mandoc, name):
    lines = mandoc(PAGES[name], "-Tlint", "-Wstyle").splitlines()
    assert [line for line in lines if not any(words in line for words in OF_THE_MACHINE)] == []


@pytest.mark.parametrize("name", PAGES)
def test_page_leads_to_manuals_that_are_there(name):
    ours = {page.replace(".", " ") if page.count(".") == 1 else "tcpwrap-alert.cfg 5" for page in PAGES}
    assert set(re.findall(r"^\.Xr (\S+ \d)", PAGES[name], re.MULTILINE)) - ours - OF_OTHERS == set()


def test_every_block_is_in_a_page():
    found = {match[1] for page in PAGES.values() for match in man_pages.BLOCK.finditer(page)}
    assert found == set(man_pages.BLOCKS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_command_and_its_options_are_described(command):
    assert command.summary.endswith(".")
    assert [option.names for option in command.options if not option.text or option.text.startswith("[")] == []


def test_every_key_is_described():
    groups = [(keys, comment) for keys, comment in man_pages.read_keys() if keys]
    described = [key for keys, comment in groups for key, _ in keys if comment.strip()]
    assert sorted(described) == sorted([*KEYS, "password"])


def test_page_shows_every_command_key_and_status(mandoc):
    commands = mandoc(PAGES["tcpwrap-alert.1"], "-Tmarkdown")
    assert [one.name for one in COMMANDS if f"## {one.name}\n" not in commands.replace("\\", "")] == []
    keys = re.findall(r"^ +(\w+)=", shown(mandoc, "tcpwrap-alert.cfg.5"), re.MULTILINE)
    assert set(keys) >= {*KEYS, "password"}


def test_scripts_are_called_as_they_say(mandoc):
    usages = re.findall(r"submit_check_result HOST .*", SUBMIT_USAGE.partition("\n\n")[0])
    usages += re.findall(r"usage: (handle_tcp_wrapper .*)' >", (ROOT / "bin" / "handle_tcp_wrapper").read_text())
    assert len(usages) == 3
    text = "".join(shown(mandoc, name) for name in ("submit_check_result.8", "handle_tcp_wrapper.8"))
    assert [usage for usage in usages if usage not in text] == []


def test_sentences_begin_on_lines_of_their_own():
    lines = mdoc.text("Take --spool, or -c. It's 'a-b' from 1 to -1. .hidden is none: " + "word " * 40)
    assert lines[:2] == [r"Take \-\-spool, or \-c.", r"It\(aqs \(aqa-b\(aq from 1 to \-1."]
    assert lines[2].startswith(r"\&.hidden is none:")
    assert max(map(len, lines)) <= 80
