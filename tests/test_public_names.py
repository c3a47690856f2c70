"""What a program imports: the public names, loaded when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tcpwrap_alert
from tcpwrap_alert import nsca, pynsca, send_nsca
from tcpwrap_alert.nsca import client


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("package", [tcpwrap_alert, nsca, pynsca, send_nsca])
def test_every_public_name_exists(package):
    assert [name for name in package.__all__ if getattr(package, name, None) is None] == []


def test_a_public_name_is_its_modules_own():
    assert nsca.Connection is client.Connection


@pytest.mark.parametrize(
    "code",
    [
        "import tcpwrap_alert; tcpwrap_alert.nsca.Server; tcpwrap_alert.pynsca.OK",
        "from tcpwrap_alert import pynsca; pynsca.NSCANotifier",
        "from tcpwrap_alert import send_nsca; send_nsca.send_nsca, send_nsca.nsca.NscaSender",
        "from tcpwrap_alert.send_nsca import *; send_nsca, NscaSender, STATE_OK",
        "from tcpwrap_alert import nsca; nsca.send_check_results",
        "from tcpwrap_alert import *; nsca.CheckResult, pynsca.OK, send_nsca.nsca_ok",
        "from tcpwrap_alert.nsca import *; Connection, RejectedError, METHODS[14]",
    ],
)
def test_every_way_to_import_works_in_a_new_program(code):
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["tcpwrap_alert", "tcpwrap_alert.nsca"])
def test_any_other_name_is_an_attribute_error(name):
    done = python(f"import {name}; {name}.Conection")
    assert f"AttributeError: module '{name}' has no attribute 'Conection'" in done.stderr


def test_help_shows_every_public_name():
    done = python("from tcpwrap_alert import nsca; help(nsca)")
    assert [name for name in nsca.__all__ if name not in done.stdout] == []
    assert "delivered: how many check results the server has accepted" in done.stdout


def test_importing_the_package_loads_nothing_of_it():
    done = python("import tcpwrap_alert.nsca, sys; print([name for name in sys.modules if 'tcpwrap' in name])")
    assert done.stdout == "['tcpwrap_alert', 'tcpwrap_alert.nsca']\n"
