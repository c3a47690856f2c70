"""Which room may import which, who may import what costs or what is a room of its own, and what lean starts load."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tcpwrap_alert
from tcpwrap_alert.config import address
from tcpwrap_alert.transports import TRANSPORTS

PACKAGE = "tcpwrap_alert"
ROOT = Path(tcpwrap_alert.__file__).parent

# Each room, top to bottom, and the rooms that it may import, lazily and for types included. An arrow only points down.
# Change this table when you mean to change the design.
VALUES = "errors check_result arguments denial sockets debugging"
ROOMS = {
    "scripts": f"commands forwarding spool config system_log __init__ {VALUES}",
    "commands": f"setup doctor sweeps forwarding transports spool config libwrap nsca __init__ {VALUES}",
    "setup": f"forwarding spool config libwrap {VALUES}",
    "doctor": f"forwarding transports spool config libwrap nsca {VALUES}",
    "__init__": "nsca pynsca send_nsca",
    "send_nsca": f"config nsca {VALUES}",
    "sweeps": f"config {VALUES}",
    "forwarding": f"transports spool config nsca system_log {VALUES}",
    "transports": f"config nsca system_log {VALUES}",
    "spool": f"config system_log {VALUES}",
    "config": f"nsca {VALUES}",
    "libwrap": "errors",
    "pynsca": f"nsca {VALUES}",
    "nsca": VALUES,
    "system_log": VALUES,
    "denial": "check_result errors",
    "arguments": "check_result errors",
    "check_result": "errors",
    "errors": "",
    "sockets": "",
    "debugging": "",
}

# What only these rooms may import, at any place.
ONLY_IN = {
    "click": {"commands"},
    "cryptography": {"nsca"},
    "ctypes": {"nsca", "transports"},
    "socket": {"commands", "doctor", "libwrap", "nsca", "setup", "sockets", "transports"},
    "subprocess": {"commands", "libwrap", "setup", "transports"},
}

# Who loads a module by its name, and the table that says which: modules of the same room, when they are used.
BY_TABLE = {"commands.__init__": "COMMANDS", "transports.__init__": "TRANSPORTS"}

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


def room_of(name):
    """Return the room of a module: its folder, or the module itself where it stands on top."""
    return name.partition(".")[0]


def rooms_imported_by(room):
    """Return the rooms of ours that the modules of a room import."""
    found = set()
    for name in MODULES:
        if room_of(name) == room:
            parts = [imported.split(".")[1:] for imported in imports_of(name) if imported.split(".")[0] == PACKAGE]
            found.update(part[0] if part and part[0] in ROOMS else "__init__" for part in parts)
    return found - {room}


@pytest.mark.parametrize("name", MODULES)
def test_module_has_at_most_250_lines(name):
    assert len(MODULES[name].read_text().splitlines()) <= 250


def test_table_has_every_room():
    assert set(ROOMS) == {room_of(name) for name in MODULES}


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_what_the_table_says(room):
    assert rooms_imported_by(room) <= set(ROOMS[room].split())


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_point_down(room):
    below = list(ROOMS)[list(ROOMS).index(room) + 1 :]
    assert [target for target in ROOMS[room].split() if target not in below] == []


@pytest.mark.parametrize("module", ONLY_IN)
def test_module_is_for_some_rooms_only(module):
    importers = {
        room_of(name) for name in MODULES if any(imported.split(".")[0] == module for imported in imports_of(name))
    }
    assert importers == ONLY_IN[module]


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the list of standard modules came with Python 3.10")
def test_only_click_and_cryptography_come_from_outside():
    imported = {imported.split(".")[0] for name in MODULES for imported in imports_of(name)}
    assert imported - sys.stdlib_module_names == {PACKAGE, "click", "cryptography"}


def calls_in(name):
    """Return the name of what is called, and the call as text, for each call in a module."""
    calls = [node for node in ast.walk(ast.parse(MODULES[name].read_text())) if isinstance(node, ast.Call)]
    return [(getattr(call.func, "id", None) or getattr(call.func, "attr", None), ast.unparse(call)) for call in calls]


@pytest.mark.parametrize("name", MODULES)
def test_no_import_hides_from_this_test(name):
    hidden = [text for called, text in calls_in(name) if called in {"__import__", "import_module", "exec", "eval"}]
    by_table = rf"importlib\.import_module\(f'\.{{{BY_TABLE[name]}\[[\w.]+\]}}', __name__\)" if name in BY_TABLE else ""
    assert len(hidden) == (name in BY_TABLE)
    assert [text for text in hidden if not re.fullmatch(by_table, text)] == []


@pytest.mark.parametrize("name", BY_TABLE)
def test_the_tables_name_modules_of_their_own_room(name):
    table = getattr(importlib.import_module(f"{PACKAGE}.{room_of(name)}"), BY_TABLE[name])
    assert [module for module in table.values() if f"{room_of(name)}.{module}" not in MODULES] == []


def test_every_scheme_has_a_transport_and_no_other():
    assert {*address.PORTS, address.COMMAND_FILE, address.RESULT_FOLDER, address.EXEC} == set(TRANSPORTS)


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


@pytest.mark.parametrize("code", ["import tcpwrap_alert.scripts", "import tcpwrap_alert.spool.spool", REPLAY])
def test_a_lean_start_loads_nothing_heavy(spool_dir, tmp_path, code):
    loaded = loaded_by(code, tmp_path)
    assert loaded & {"tcpwrap_alert.spool.place", "tcpwrap_alert.spool.spool"}
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()


@pytest.mark.parametrize("options", [[], ["--splay", "60"]])
def test_idle_replay_of_a_configured_spool_is_as_lean(spool_dir, tmp_path, write_config, monkeypatch, options):
    monkeypatch.delenv("TCPWRAP_ALERT_SPOOL")
    write_config(server="127.0.0.1", password="ham", encryption_method=14, spool_dir=spool_dir)
    loaded = loaded_by(REPLAY.replace('["replay"]', str(["replay", *options])), tmp_path)
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()


NSCA = """
from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.transports import open_transport
for monitor in read_config().monitors:
    with open_transport(monitor, {}):
        pass
"""
TO_NOBODY = """
from tcpwrap_alert.check_result import CheckResult
from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.errors import ConnectError
from tcpwrap_alert.transports import Parcel, open_transport
with open_transport(read_config().monitors[0], {}) as transport:
    try:
        list(transport.deliver([Parcel(CheckResult("h", "s", 0, "o"), 0)]))
    except ConnectError:
        pass
"""
FURTHER = {"http", "ssl", "ctypes", "subprocess", "threading", "urllib", "base64"}


def transports_loaded_by(code, cwd):
    """Return the transports' modules, and the modules of Python's own that only the further transports want."""
    loaded = loaded_by(code, cwd)
    ours = {name.rpartition(".")[2] for name in loaded if name.startswith(f"{PACKAGE}.transports.")}
    return ours, {name.split(".")[0] for name in loaded} & FURTHER


def test_nsca_loads_no_further_transport(tmp_path, write_config):
    write_config(server="127.0.0.1", password="ham", encryption_method=1)
    ours, others = transports_loaded_by(NSCA, tmp_path)
    assert ours == {"nsca"}
    assert others <= {"threading"}


def test_nsca_without_a_proxy_loads_none(tmp_path, write_config):
    write_config(server="127.0.0.1:1", password="ham", encryption_method=1)
    loaded = loaded_by(TO_NOBODY, tmp_path)
    assert "tcpwrap_alert.nsca.connect" in loaded
    assert loaded & {"tcpwrap_alert.nsca.proxy", "base64", "ssl"} == set()


def test_command_file_loads_no_further_transport(tmp_path, write_config):
    write_config(server="/nagios.cmd")
    assert transports_loaded_by(NSCA, tmp_path) == ({"command_file"}, set())


@pytest.mark.parametrize("server", ["icinga2://u@127.0.0.1", "exec:/bin/true", "nrdp+https://127.0.0.1/"])
def test_idle_replay_loads_no_transport(spool_dir, tmp_path, write_config, server):
    write_config(server=server, password="ham")
    assert transports_loaded_by(REPLAY, tmp_path) == (set(), set())


def test_names_of_tests_have_at_most_50_characters():
    tests = [path.read_text() for path in Path(__file__).parent.rglob("test_*.py")]
    names = [node.name for text in tests for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert [name for name in names if name.startswith("test_") and len(name) > 50] == []


def test_make_mutants_knows_the_tests_of_each_module():
    tool = Path(__file__).parent.parent / "tools" / "mutants.py"
    ran = subprocess.run([sys.executable, tool, "0"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
