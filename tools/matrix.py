"""Run the tests with every supported Python, each with its oldest and its newest dependencies, and with Debian's own.

    make test-all     all tests, on each Python below that is found
    make test-ends    what depends most on versions: on the oldest Python with the oldest dependencies, on the newest
                      with the newest, and on Debian's

The oldest dependencies are the lower bounds in setup.cfg. Debian's are the packages python3-click and
python3-cryptography; pip brings only pytest and the like to them. Each combination has a virtual environment of its
own, .venv/matrix/NAME, and logs beside it; make has put the wheel to be tested there.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

PYTHONS = ("3.9", "3.11", "3.13")
DEBIAN_PYTHON = "/usr/bin/python3"
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages/"

ROOT = Path(__file__).parents[1]
MATRIX = Path(sys.prefix, "matrix")
ENDS = ["tests/unit", "tests/wire", "tests/cli", "tests/spool", "tests/interop/test_nsca_daemon.py"]
ENDS += sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/test_*.py"))

# A run mostly waits, for a daemon that looks at its sockets once a second.
AT_ONCE = (os.cpu_count() or 1) + 1
PARTS = {"": ["-m", "not alone", "-n", "2", "--dist", "worksteal"], "alone": ["-m", "alone"]}

VERSIONS = """
import click, cryptography, importlib.metadata, platform
print(f"Python {platform.python_version():8}click {importlib.metadata.version('click'):8}"
      f"cryptography {cryptography.__version__:8}", click.__file__, cryptography.__file__, sep="\\n")
"""


class Combination(NamedTuple):
    """A Python, what pip installs beside us, and where click and cryptography then are."""

    name: str
    python: str
    requirements: list[str]
    packages: str


def main() -> None:
    ends = sys.argv[1] == "ends"
    found = combinations(ends)
    lines, failed = [], False
    with ThreadPoolExecutor(AT_ONCE) as pool:
        versions = list(pool.map(install, found))
        for part in PARTS:
            for line, has_failed in pool.map(partial(run, part, ENDS if ends else []), found, versions):
                lines.append(line)
                failed = failed or has_failed
    print("", *lines, sep="\n")
    sys.exit(failed)


def combinations(ends: bool) -> list[Combination]:
    """Return what can run on this machine; say what cannot."""
    found = {version: python for version in PYTHONS if (python := find_python(version))}
    if not found:
        sys.exit("none of them: nothing can be tested")
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    bounds = setup["options"]["install_requires"].strip().replace(">=", "==").splitlines()
    oldest = [combination(f"{version}-oldest", python, bounds) for version, python in found.items()]
    newest = [combination(f"{version}-newest", python, []) for version, python in found.items()]
    return (oldest[:1] + newest[-1:] if ends else oldest + newest) + debian()


def combination(name: str, python: str, requirements: list[str]) -> Combination:
    return Combination(name, python, requirements, f"{MATRIX / name}/")


def find_python(version: str) -> str | None:
    """Return a Python that really runs (a shim of pyenv may not) and can make virtual environments."""
    candidates = [Path(directory, f"python{version}") for directory in os.get_exec_path()]
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip()
        candidates += sorted(Path(root, "versions").glob(f"{version}.*/bin/python{version}"))
    for path in candidates:
        if path.exists() and (executable := output(str(path), "import sys, ensurepip; print(sys.executable)")):
            print(f"Python {version}: {executable}", flush=True)
            return executable
    print(f"Python {version}: not found", flush=True)
    return None


def debian() -> list[Combination]:
    if output(DEBIAN_PYTHON, "import ensurepip, click, cryptography; print(True)"):
        print(f"Debian's: {DEBIAN_PYTHON}", flush=True)
        return [Combination("debian", DEBIAN_PYTHON, [], DEBIAN_PACKAGES)]
    missing = f"Debian's: {DEBIAN_PYTHON} lacks python3-venv, python3-click or python3-cryptography"
    if os.environ.get("CI"):
        sys.exit(missing)
    print(missing, flush=True)
    return []


def output(python: str, program: str) -> str:
    """Return what a program prints; nothing if it fails."""
    try:
        done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def run(part: str, tests: list[str], combination: Combination, versions: str) -> tuple[str, bool]:
    """Run one of PARTS with one combination; return its line of the result and whether it failed."""
    log = MATRIX / f"{combination.name}{part}.log"
    argv = [MATRIX / combination.name / "bin" / "pytest", "-q", "-p", "no:cacheprovider", *PARTS[part], *tests]
    with log.open("w") as file:
        failed = subprocess.run(argv, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False).returncode != 0
    text = log.read_text().rstrip()
    line = f"{combination.name:12}{versions}{part:6}{'FAILED: ' if failed else ''}{text.rpartition(chr(10))[2]}"
    print(*([text] if failed else []), line, sep="\n", flush=True)
    return line, failed


def install(combination: Combination) -> str:
    """Make the virtual environment and return the versions that are in force there; without it, end here."""
    directory = MATRIX / combination.name
    python = str(directory / "bin" / "python")
    borrowing = ["--system-site-packages"] if combination.packages == DEBIAN_PACKAGES else []
    call(combination.python, "-m", "venv", *borrowing, str(directory))
    (wheel,) = MATRIX.glob("*.whl")
    quiet = ["-qq", "--disable-pip-version-check"]
    call(python, "-m", "pip", "install", *quiet, f"{wheel}[test]", *combination.requirements)
    versions, *origins = call(python, "-c", VERSIONS).splitlines()
    if not all(origin.startswith(combination.packages) for origin in origins):
        sys.exit(f"{combination.name}: not from {combination.packages}: {' '.join(origins)}")
    return versions


def call(*argv: str) -> str:
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)}: {done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
