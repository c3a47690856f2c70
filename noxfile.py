"""The tests with every supported Python, each with its oldest and its newest dependencies, and with Debian's own.

    make test-all     all tests, on each Python below that is found
    make test-ends    what uses the dependencies or TLS, on the oldest Python with the oldest dependencies, and on the
                      newest with the newest

The oldest dependencies are the lower bounds in setup.cfg. Debian's are the packages python3-click and
python3-cryptography; pip brings only pytest and the like to them.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess

import nox

PYTHONS = ("3.9", "3.11", "3.13")
DEBIAN_PYTHON = "/usr/bin/python3"
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages/"
VERSIONS = """
import click, cryptography, importlib.metadata, sys
print(sys.version.split()[0], "click", importlib.metadata.version("click"), "cryptography", cryptography.__version__)
sys.exit(not all(module.__file__.startswith(sys.argv[1]) for module in (click, cryptography)))
"""

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = True
SETUP = configparser.ConfigParser(interpolation=None)
SETUP.read("setup.cfg")
BOUNDS = SETUP["options"]["install_requires"].strip().replace(">=", "==").splitlines()


def runs(python: str, program: str) -> bool:
    """Say whether this Python is there and runs a program; a shim of pyenv may not."""
    return bool(shutil.which(python)) and not subprocess.run([python, "-c", program], capture_output=True).returncode


FOUND = [version for version in PYTHONS if runs(f"python{version}", "import ensurepip")]
DEBIAN = [DEBIAN_PYTHON] if os.environ.get("CI") or runs(DEBIAN_PYTHON, "import ensurepip, click, cryptography") else []
OLDEST = [nox.param(python, BOUNDS, id=f"{python}-oldest", tags=["ends"] * (python == FOUND[0])) for python in FOUND]
NEWEST = [nox.param(python, [], id=f"{python}-newest", tags=["ends"] * (python == FOUND[-1])) for python in FOUND]


@nox.session
@nox.parametrize("python,requirements", OLDEST + NEWEST)
def tests(session: nox.Session, requirements: list[str]) -> None:
    """Run the tests with a Python that is found, and the oldest or the newest of what pip has."""
    test(session, requirements, session.virtualenv.location)


@nox.session(python=DEBIAN, venv_params=["--system-site-packages"])
def debian(session: nox.Session) -> None:
    """Run the tests with Debian's Python and its packages."""
    test(session, [], DEBIAN_PACKAGES)


def test(session: nox.Session, requirements: list[str], packages: str) -> None:
    """Install us and run the tests that the command line names; click and cryptography must be below `packages`."""
    session.install(".[test]", *requirements)
    session.run("python", "-c", VERSIONS, packages)
    for part in (["-m", "not alone", "-n", "6"], ["-m", "alone", "-n", "2"]):
        session.run("pytest", "-q", "-p", "no:cacheprovider", "--dist", "worksteal", *part, *session.posargs)
