"""Files of rules as people have them: what `check` says stands beside each rule, what libwrap does stands below.

Each sample is one file of samples/. Another system's libwrap is asked with the path of its root directory, which needs
Python: debootstrap --include=python3-minimal,libwrap0 trixie DIRECTORY; LIBWRAP_ROOT=DIRECTORY pytest tests/libwrap
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

import click.testing
import pytest
from peers import libwrap
from support.machine import LINKED, NOT_LINKED
from support.missing import skip_or_fail
from support.samples import FILES, HOOK, all_samples

from tcpwrap_alert.commands.check import command as check
from tcpwrap_alert.libwrap import file_modes, hook_calls

SAMPLES = all_samples()
OTHER_ROOT = os.environ.get("LIBWRAP_ROOT", "")
each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name.removesuffix(".rules"))


def place(text, directory):
    """Let the absolute paths of a sample point into a directory, where its files and the hook are."""
    return re.sub(r"(?<![\w/.])/(opt/tcpwrap-alert|etc|usr/local)/", f"{directory}/\\1/", text)


def write_files(sample, directory):
    """Write the files of a sample, those of the machine aside, into a directory."""
    hook = Path(f"{directory}{HOOK}")
    hook.parent.mkdir(parents=True)
    for script in ("handle_tcp_wrapper", "submit_check_result"):
        if not (hook.parent / script).exists():
            shutil.copy(directory / script, hook.parent)
    for path, text in sample.other_files().items():
        file = Path(f"{directory}{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755 if text.startswith("#!") else 0o644)


@pytest.fixture
def said(sample, machine, tmp_path, monkeypatch):
    """What `check` says: file, line and text of each finding."""
    for module in (file_modes, hook_calls):
        monkeypatch.setattr(module, "others_who_may_change", lambda path: [])
    for name in sample.programs:
        path, _, kind = name.partition(": ")
        content = {"": LINKED, "not linked": NOT_LINKED, "script": "#!/bin/sh\n"}[kind]
        machine.add(path if path.startswith("/") else f"/usr/sbin/{path}", content)
    for script in ("handle_tcp_wrapper", "submit_check_result"):
        (tmp_path / script).write_text("#!/bin/sh\n# tcpwrap-alert\n")
        (tmp_path / script).chmod(0o755)
    write_files(sample, tmp_path)
    machine.forget()
    arguments = []
    for option, file in zip(("--allow", "--deny"), FILES):
        (tmp_path / file).write_text(place(sample.rules(file), tmp_path))
        arguments += [option, str(tmp_path / file)]
    result = click.testing.CliRunner().invoke(check, arguments)
    assert result.exit_code == bool(result.output), result.output
    lines = result.output.replace(f"{tmp_path}/", "/").splitlines()
    found = [re.fullmatch(r"/(hosts\.\w+)(?::(\d+))?: (.*)", line).groups() for line in lines]
    return [(file, int(lineno) if lineno else None, text) for file, lineno, text in found]


@each_sample
def test_check_says_what_stands_beside(sample, said):
    missing = [expected for expected in sample.expected if not any(expected.is_met_by(*finding) for finding in said)]
    unexpected = [finding for finding in said if not any(expected.is_met_by(*finding) for expected in sample.expected)]
    assert (missing, unexpected) == ([], [])
    assert len(said) == len(sample.expected)


@pytest.fixture(scope="module")
def wrap():
    """The real libwrap of this machine, or of LIBWRAP_ROOT."""
    if not OTHER_ROOT and not libwrap.is_there():
        skip_or_fail("libwrap is not installed")
    with tempfile.TemporaryDirectory(dir=f"{OTHER_ROOT}/tmp") as directory:
        os.chmod(directory, 0o755)
        asked = libwrap.Libwrap(Path(directory), OTHER_ROOT)
        yield asked
        asked.stop()


@each_sample
def test_libwrap_does_what_stands_below(sample, wrap):
    directory = wrap.hook.parent
    shutil.rmtree(directory / "opt", ignore_errors=True)
    shutil.rmtree(directory / "etc", ignore_errors=True)
    shutil.rmtree(directory / "usr", ignore_errors=True)
    write_files(sample, directory)
    wrap.write(*(place(sample.rules(file), wrap.inside(directory)).encode() for file in FILES))
    said = [
        question._replace(outcome=wrap.outcome(question.daemon, question.client, question.name))
        for question in sample.questions
    ]
    assert said == sample.questions
    asked = [(question.daemon, question.client, question.name) for question in sample.one_process]
    assert wrap.outcomes_in_one_process(asked) == [question.outcome for question in sample.one_process]


def test_there_are_as_many_samples_as_promised():
    assert len(SAMPLES) >= 50
    assert all(sample.questions for sample in SAMPLES)
