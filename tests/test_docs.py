"""README, docs/*.md, examples and send_nsca.cfg.example say what the program does.

What they let a reader type is typed by tests/interop/test_readme.py, test_upgrade.py and test_guides.py.
"""

from __future__ import annotations

import re
import shutil
import subprocess

import click
import daemon_table
import pytest
from peers.daemons import CASES
from support import namespaces
from support.documents import LANGUAGES, PAGES, README, ROOT, read_blocks

from tcpwrap_alert import __version__
from tcpwrap_alert.commands import main
from tcpwrap_alert.config.proxies import NO
from tcpwrap_alert.config.read import read_config
from tcpwrap_alert.config.values import DEFAULT_HOLD_S
from tcpwrap_alert.errors import EXIT_STATUSES
from tcpwrap_alert.nsca.cipher import METHODS

RULE = "ALL: ALL: spawn (/opt/tcpwrap-alert/bin/handle_tcp_wrapper %h %d) &: deny"
HOSTS_DENY = (ROOT / "examples" / "hosts.deny").read_text()
EXAMPLE = (ROOT / "send_nsca.cfg.example").read_text()
WITHOUT_DEFAULT = (
    "password_file", "token", "token_file", "ca_file", "cert_file", "key_file", "tls_name", "proxy_password_file",
    "no_proxy", "metrics_file", "quiet", "end_return_code",
)  # fmt: skip
PATHS = {page.stem: page for page in PAGES}
TEXTS = {name: page.read_text() for name, page in PATHS.items()}
CONTEXT = click.Context(main)
NAMES = main.list_commands(CONTEXT)


def section(page, title):
    """Return the text of a section."""
    return TEXTS[page].partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def targets_of_links():
    """Return, for each relative link of a page, where it leads: the page, the path and the anchor."""
    return [
        (name, path, anchor)
        for name, text in TEXTS.items()
        for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text)
    ]


def anchors_of(path):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("name", "path", "anchor"), targets_of_links())
def test_link_leads_somewhere(name, path, anchor):
    target = (PATHS[name].parent / path).resolve() if path else PATHS[name]
    assert target.exists()
    assert not anchor or anchor in anchors_of(target)


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "man").glob("*.html")), ids=lambda page: page.stem)
def test_link_of_a_man_page_leads_somewhere(page):
    text = page.read_text()
    links = re.findall(r'href="(?!https:)([^"#]*)#?([^"]*)"', text)
    assert [path for path, _ in links if path and not (page.parent / path).exists()] == []
    assert [anchor for path, anchor in links if not path and f'id="{anchor}"' not in text] == []


@pytest.mark.parametrize("name", TEXTS)
def test_page_names_files_that_are_there(name):
    named = re.findall(r"(?<![\w/.])((?:docs|examples|tests|tools|benchmarks|man|completions)/[\w/.-]+\w)", TEXTS[name])
    assert [path for path in named if not (ROOT / path).exists() and not (ROOT / "docs" / path).exists()] == []


@pytest.mark.parametrize("name", TEXTS)
def test_page_names_commands_that_are_there(name):
    code = "\n".join([*re.findall(r"`([^`\n]+)`", TEXTS[name]), *(block.text for block in read_blocks(PATHS[name]))])
    called = re.findall(r"(?:^|[ /(])tcpwrap-alert ([a-z][a-z-]*)", code, re.MULTILINE)
    assert set(called) - {*NAMES, "forward", "replay"} == set()


@pytest.mark.parametrize("page", PAGES, ids=PATHS)
def test_every_block_says_what_it_is(page):
    """So that the tests know which blocks are commands."""
    assert {block.language for block in read_blocks(page)} <= set(LANGUAGES)


def test_readme_is_short_and_leads_to_every_page():
    assert TEXTS["README"].count("\n") <= 150
    assert {f"docs/{page.name}" for page in PAGES if page != README} <= {path for _, path, _ in targets_of_links()}


def test_every_command_is_in_the_table():
    table = section("how-it-works", "Scripts and commands")
    assert sorted(re.findall(r"^\| `tcpwrap-alert ([\w-]+)", table, re.MULTILINE)) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_help_of_command_has_an_example(name):
    assert "Example" in main.get_command(CONTEXT, name).get_help(CONTEXT)


def test_every_exit_status_is_in_the_table():
    table = section("troubleshooting", "Exit statuses")
    found = re.findall(r"^\| (\d+) \| ([^|]+) \|", table, re.MULTILINE)
    assert [(int(status), meaning) for status, meaning in found] == list(EXIT_STATUSES.items())


def test_every_encryption_method_is_in_the_manual(run):
    text = (ROOT / "man" / "tcpwrap-alert.cfg.5").read_text().replace("\\-", "-")
    found = dict(re.findall(r"^\.It (\d+)\n(.*?):", text, re.MULTILINE))
    assert found == {str(number): method.name for number, method in METHODS.items()}
    assert "man tcpwrap-alert.cfg has" in run("tcpwrap-alert", "--help").stdout


def test_every_encryption_method_is_in_the_table():
    table = section("send", "Encryption methods")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| [^|]* \| ([^|]+) \|$", table, re.MULTILINE)
    expected = {number: (method.name, " or ".join(method.backends)) for number, method in METHODS.items()}
    assert {int(number): (name, by) for number, name, by in rows} == expected


def test_every_promise_stands_once():
    assert re.findall(r"^- \*\*P(\d+)\*\* ", "".join(TEXTS.values()), re.MULTILINE) == [*map(str, range(1, 11))]


@pytest.fixture
def nagios_example(start_nsca):
    """A real NSCA server under the name, port, method and password of the pages."""
    server = start_nsca(port=5667, method=14, password="s3cret")
    namespaces.bind_over("/etc/hosts", "127.0.0.1 nagios.example\n")
    yield server
    namespaces.unbind("/etc/hosts")


def test_python_of_the_pages_arrives(nagios_example):
    for page in PAGES:
        for block in read_blocks(page, "python"):
            exec(block.text, {})
    disks = [f"firestorm;Disk {number};0;OK" for number in range(20)]
    assert nagios_example.results() == [*disks, *disks, *["firestorm;Backup;0;OK - 12 GiB"] * 2]


def test_example_configuration_is_valid_as_it_is():
    server = read_config(str(ROOT / "send_nsca.cfg.example")).monitors[0].targets[0]
    assert (server.host, server.password) == ("nagios.example", b"change me")


def test_example_configuration_has_every_default(tmp_path, run, write_config):
    keys = re.findall(r"^#?([a-z_0-9]+)=", EXAMPLE, re.MULTILINE)
    write_config(nonsense="")
    known = re.search(r"known keys: ([\w, ]+)", run("submit_check_result", "h", "s", "0", "o").stderr)[1].split(", ")
    assert sorted(keys) == sorted(known)
    (tmp_path / "empty.cfg").write_text("server=nagios.example")
    with_default = rf"^#(?!(?:{'|'.join(WITHOUT_DEFAULT)})=)([a-z_0-9]+=)"
    (tmp_path / "all.cfg").write_text(re.sub(with_default, r"\1", EXAMPLE, flags=re.MULTILINE))
    default, example = (read_config(str(tmp_path / name)).monitors[0] for name in ("empty.cfg", "all.cfg"))
    for key in ("service_description", "return_code", "output", "fold", "window_s", "fold_prefix"):
        assert getattr(default.wording, key) == getattr(example.wording, key)
    for key in ("port", "timeout_s", "legacy_2_7_mode", "escape_newlines"):
        assert getattr(default.targets[0], key) == getattr(example.targets[0], key)
    for key in ("max_entries", "max_age_s"):
        assert getattr(default, key) == getattr(example, key)
    sections = read_config(str(tmp_path / "all.cfg")).sections[""]
    assert (sections["allow_cleartext"], sections["proxy"], sections["hold"]) == (False, NO, DEFAULT_HOLD_S)


def test_section_of_the_example_is_a_second_monitor(tmp_path):
    section = "\n".join(re.findall(r"^#     (.*)$", EXAMPLE, re.MULTILINE))
    (tmp_path / "two.cfg").write_text(f"{EXAMPLE}{section}\n")
    assert [monitor.name for monitor in read_config(str(tmp_path / "two.cfg")).monitors] == ["default", "second"]


@pytest.mark.parametrize("text", [TEXTS["README"], TEXTS["daemons"], HOSTS_DENY], ids=["README", "daemons", "example"])
def test_rule_is_the_same_everywhere(text):
    assert set(re.findall(r"^ALL: ALL: spawn .*$", text, re.MULTILINE)) == {RULE}


def test_pages_name_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    named = {name for text in TEXTS.values() for name in re.findall(r"`make ([\w-]+)`", text)}
    assert named >= {"demo", "test", "test-all", "fuzz", "crash", "bench", "docs"}
    for name in named:
        assert re.search(rf"^(.* )?{name}( .*)?:", makefile, re.MULTILINE)


def test_changelog_has_this_version():
    assert re.search(rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_demo_loses_nothing(run):
    demo = run("tcpwrap-alert", "demo")
    assert demo.returncode == 0
    assert demo.stdout.endswith("The denied clients received 0 bytes.\nfired 8, delivered 8, lost 0\n")


@pytest.mark.parametrize("script", ["bin/handle_tcp_wrapper", ".ci/run", "tools/check-release"])
def test_shell_script_parses(script):
    shell = "dash" if script.startswith("bin") else "bash"
    subprocess.run([shell, "-n", str(ROOT / script)], check=True)


@pytest.mark.parametrize("system", daemon_table.SYSTEMS)
def test_table_of_daemons_has_every_case(system):
    """And nothing was lost, leaked or left in any."""
    begin, end = daemon_table.BEGIN.format(system), daemon_table.END.format(system)
    lines = TEXTS["daemons"].partition(begin)[2].partition(end)[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][1:]
    shown = [(row[0].partition(" (")[0], *row[1:6], row[7].partition(" ")[0], row[9]) for row in rows]
    assert shown == [
        (
            daemon.name,
            f"`{rule}`",
            daemon.named,
            daemon.handed(client),
            daemon.runs_hook_as,
            f"Denied {daemon.named}-{client}",
            "0",
            "0",
        )
        for daemon, rule, client in CASES
    ]


def check_release(tag, directory):
    """Run tools/check-release on a copy of what it reads; return its exit status and complaint."""
    argv = [directory / "tools" / "check-release", tag]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.fixture
def release(tmp_path):
    """What a release of 1.2.3 has in its commit."""
    for name in ("tools", "tcpwrap_alert", "debian"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "tools" / "check-release", tmp_path / "tools")
    (tmp_path / "tcpwrap_alert" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3, 2026-11-30\n")
    (tmp_path / "debian" / "changelog").write_text("tcpwrap-alert (1.2.3) unstable; urgency=medium\n")
    return tmp_path


def test_tag_that_fits_is_a_release(release):
    assert check_release("v1.2.3", release) == (0, "")


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("tcpwrap_alert/__init__.py", '__version__ = "1.2.2"\n', "is not of version 1.2.3"),
        ("CHANGELOG.md", "## 1.2.3, unreleased\n", "CHANGELOG.md has no line"),
        ("debian/changelog", "tcpwrap-alert (1.2.2) unstable\n", "debian/changelog does not begin with 1.2.3"),
    ],
)
def test_tag_that_does_not_fit_is_told(release, path, text, complaint):
    (release / path).write_text(text)
    status, told = check_release("v1.2.3", release)
    assert status == 1
    assert complaint in told


def test_workflow_runs_what_is_there():
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert re.findall(r"run: (\S+)", workflow) == ["tools/check-release", "make"]
