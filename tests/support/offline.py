"""What an installation takes from the network, without one: `python3 -m venv` and its pip borrow our own packages."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "pip",
    "setuptools",
    "_distutils_hack",
    "click",
    "cryptography",
    "cffi",
    "pycparser",
    "typing_extensions",
    "_cffi_backend",
)
# In the place of python3. An environment that it makes sees these packages, and its pip asks no index.
PYTHON3 = """\
#!/bin/sh
[ "$1 $2 $#" = '-m venv 3' ] || exec {python} "$@"
{python} -m venv --without-pip "$3" || exit
echo {packages} >"$(echo "$3"/lib/python3*/site-packages)/offline.pth"
cat >"$3/bin/pip" <<EOF
#!/bin/sh
exec "$3/bin/python" -m pip --quiet "\\$@" --no-cache-dir --no-deps --no-index --no-build-isolation
EOF
chmod +x "$3/bin/pip"
"""


def put_python3(bin_dir: Path) -> None:
    """Put a `python3` that makes such environments into `bin_dir`, and the packages beside it."""
    packages = bin_dir / "packages"
    packages.mkdir(parents=True)
    for name in PACKAGES:
        if spec := importlib.util.find_spec(name):
            assert spec.origin is not None
            source = Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
            for path in (source, *source.parent.glob(f"{name}-*.dist-info")):  # setuptools' lists its commands
                (packages / path.name).symlink_to(path)
    script = bin_dir / "python3"
    script.write_text(PYTHON3.format(python=sys.executable, packages=packages))
    script.chmod(0o755)


def copy_checkout(directory: Path) -> None:
    """Copy our files, as a user has them, to `directory`: pip writes beside them."""
    shutil.copytree(ROOT, directory, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "build", "*.egg-info"))
