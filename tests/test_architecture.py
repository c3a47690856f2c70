"""Which module may import which, who may import what costs or what is a room of its own, and what lean starts load."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tcpwrap_alert

PACKAGE = "tcpwrap_alert"
ROOT = Path(tcpwrap_alert.__file__).parent

# Every module of ours, top to bottom, and all that it imports of ours, lazily and for types included. An arrow may only
# point down, so a module stands above whatever it imports. Change this table when you mean to change the design.
ARROWS = {
    "scripts": "cli forward entries spool config denial check_result system_log errors",
    "cli": "cli_send cli_check cli_check_spool cli_options demo waiting forward entries nsca.receiver nsca.cipher "
    "config denial check_result errors __init__",
    "cli_send": "cli_options send records nsca.client nsca.monitor config errors __init__",
    "cli_check": "check_rules check_result errors",
    "cli_check_spool": "cli_options waiting config check_result errors",
    "cli_options": "config check_result",
    "send": "forward entries records queue_file nsca.client nsca.conversation check_result errors",
    "records": "check_result errors",
    "demo": "nsca.receiver spool check_result errors",
    "waiting": "fold entries spool config check_result errors",
    "forward": "drain fold entries transports.__init__ spool queue_file config check_result system_log errors",
    "drain": "bounds fold entries transports.__init__ spool files config system_log errors",
    "bounds": "entries spool queue_file files tally config denial check_result system_log errors",
    "fold": "queue_file tally config denial check_result",
    "entries": "spool queue_file tally denial check_result system_log errors",
    "check_rules": "client_patterns daemons file_modes hosts_access",
    "client_patterns": "",
    "daemons": "",
    "file_modes": "",
    "hosts_access": "",
    "__init__": "nsca.__init__ pynsca",
    "pynsca": "nsca.client nsca.packet nsca.cipher nsca.monitor check_result errors",
    "nsca.__init__": "nsca.client nsca.cipher nsca.monitor check_result errors",
    "transports.__init__": "transports.command_file transports.nsca config check_result",
    "transports.command_file": "config check_result errors",
    "transports.nsca": "nsca.client config check_result",
    "nsca.client": "nsca.conversation nsca.monitor check_result errors",
    "nsca.conversation": "nsca.connect nsca.packet nsca.cipher nsca.monitor check_result errors",
    "nsca.connect": "nsca.packet nsca.monitor errors",
    "nsca.receiver": "nsca.packet nsca.cipher check_result errors",
    "nsca.packet": "check_result errors",
    "spool": "queue_file leader files check_result errors",
    "tally": "queue_file",
    "queue_file": "",
    "leader": "files errors",
    "files": "check_result errors",
    "config": "nsca.cipher nsca.monitor denial check_result errors",
    "nsca.cipher": "nsca.mcrypt nsca.openssl nsca.rijndael nsca.cfb8",
    "nsca.mcrypt": "",
    "nsca.openssl": "nsca.cfb8",
    "nsca.rijndael": "",
    "nsca.cfb8": "",
    "nsca.monitor": "",
    "denial": "check_result",
    "system_log": "check_result",
    "check_result": "errors",
    "errors": "",
}

# What only these modules may import, at any place.
ROOMS = {
    "click": {"cli", "cli_send", "cli_check", "cli_check_spool", "cli_options"},
    "cryptography": {"nsca.openssl"},
    "ctypes": {"nsca.mcrypt"},
    "socket": {"demo", "nsca.connect", "nsca.conversation", "nsca.receiver", "system_log"},
    "subprocess": {"check_rules", "daemons", "demo"},
}

# Each of these costs a good part of a bare start of Python.
HEAVY = {
    "click",
    "collections",
    "contextlib",
    "cryptography",
    "dataclasses",
    "enum",
    "json",
    "re",
    "socket",
    "typing",
}


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports_of(name):
    """Return the absolute names of what a module imports: each module, and each name that it takes from one."""
    package = [PACKAGE, *name.split(".")[:-1]]
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            found.update(f"{source}.{alias.name}" for alias in node.names)
    return found


def arrows_of(name):
    """Return the modules of ours that a module imports."""
    parts = [imported.split(".")[1:] for imported in imports_of(name) if imported.split(".")[0] == PACKAGE]
    return {maybe_module(part) or maybe_module(part[:-1]) or "?" for part in parts}


def maybe_module(parts):
    """Return the name of the module at this place of the package; None for a name within a module."""
    return next((name for name in (".".join(parts), ".".join([*parts, "__init__"])) if name in MODULES), None)


def test_the_table_has_every_module():
    assert set(ARROWS) == set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_what_the_table_says(name):
    assert sorted(arrows_of(name)) == sorted(ARROWS.get(name, "").split())


@pytest.mark.parametrize("name", ARROWS)
def test_arrows_point_down(name):
    below = list(ARROWS)[list(ARROWS).index(name) + 1 :]
    assert [target for target in ARROWS[name].split() if target not in below] == []


@pytest.mark.parametrize("room", ROOMS)
def test_some_imports_are_for_some_modules_only(room):
    importers = {name for name in MODULES if any(imported.split(".")[0] == room for imported in imports_of(name))}
    assert importers == ROOMS[room]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the list of standard modules came with Python 3.10")
def test_nothing_but_click_and_cryptography_comes_from_outside():
    imported = {imported.split(".")[0] for name in MODULES for imported in imports_of(name)}
    assert imported - sys.stdlib_module_names == {PACKAGE, "click", "cryptography"}


@pytest.mark.parametrize("name", MODULES)
def test_no_import_hides_from_this_test(name):
    calls = [node.func for node in ast.walk(ast.parse(MODULES[name].read_text())) if isinstance(node, ast.Call)]
    called = {getattr(call, "id", None) or getattr(call, "attr", None) for call in calls}
    assert called.isdisjoint({"__import__", "import_module", "exec", "eval"})


def loaded_by(code, cwd):
    """Return the modules that a bare Python has loaded after `code`; -S, because a .pth file may load anything."""
    program = f"import sys; sys.path.insert(0, {str(ROOT.parent)!r})\n{code}\nprint(*sys.modules)"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    argv = [sys.executable, "-S", "-c", program]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60, cwd=cwd, env=environment)
    assert done.stderr == ""
    return set(done.stdout.split())


REPLAY = """
from tcpwrap_alert import scripts
sys.argv[1:] = ["replay"]
assert scripts.tcpwrap_alert() == 0
"""


@pytest.mark.parametrize("code", ["import tcpwrap_alert.scripts", "import tcpwrap_alert.spool", REPLAY])
def test_a_lean_start_loads_nothing_heavy(spool_dir, tmp_path, code):
    loaded = loaded_by(code, tmp_path)
    assert "tcpwrap_alert.spool" in loaded
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()


def test_a_replay_that_finds_its_spool_in_the_configuration_is_as_lean(spool_dir, tmp_path, write_config, monkeypatch):
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
    write_config(server="127.0.0.1", password="ham", encryption_method=14, spool_dir=spool_dir)
    loaded = loaded_by(REPLAY, tmp_path)
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()
