"""Make the table of docs/daemons.md from a run of tests/interop/test_daemons.py: see `make docs`.

    daemon_table.py RESULTS DOCUMENT SYSTEM

RESULTS is what pytest wrote with --junitxml on SYSTEM, such as `Debian 12`. The table goes between the two marks in
DOCUMENT that name the system.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

from peers.daemons import CASES, DENIED, Daemon

SYSTEMS = ("Debian 12", "Debian 13")
BEGIN = "<!-- the table of {} is written by `make docs` -->\n"
END = "<!-- end of the table of {} -->\n"
COLUMNS = (
    "daemon (package)",
    "rule",
    "`%d`",
    "`%h`",
    "hook runs as",
    "text at the NSCA server",
    "there after",
    "client saw of us (of the daemon)",
    "closed after (plain denial)",
    "left after 5 s",
)

Result = dict[str, object]


def read_results(path: Path) -> dict[tuple[object, ...], Result]:
    """Return what the tests recorded by test, daemon, client and, of denials, rule."""
    found = [json.loads(entry.get("value", "")) for entry in ElementTree.parse(path).iterfind(".//property")]
    return {(one["test"], one["daemon"], one.get("client", DENIED), one.get("rule")): one for one in found}


def make_row(results: dict[tuple[object, ...], Result], daemon: Daemon, rule: str, client: str) -> str:
    """Return the row of one case."""
    denied = results["test_denied_connection_is_one_alert_and_no_more", daemon.name, client, rule]
    got = results["test_what_a_rule_gets", daemon.name, client, None]
    plain = results["test_plain_denial_is_daemons_answer_and_no_alert", daemon.name, DENIED, None]
    cells = (
        f"{daemon.name} ({daemon.package} {plain['version']})",
        f"`{rule}`",
        got["named"],
        got["handed"],
        got["user"],
        denied["text"],
        ("" if denied["is_root"] else "next replay + ") + shown_s(denied["alert_s"]),
        f"{denied['leaked']} ({denied['says']})",
        f"{shown_s(denied['closed_s'])} ({shown_s(plain['closed_s'])})",
        denied["left"],
    )
    return make_line(cells)


def make_line(cells: tuple[object, ...]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(map(str, cells))} |\n"


def shown_s(seconds: object) -> str:
    """Return seconds as the table has them; None is of a connection that the daemon does not close."""
    return f"{seconds:.2f} s" if isinstance(seconds, float) else "never"


def main(results_path: str, document_path: str, system: str) -> None:
    """Put the table into the document."""
    results, document = read_results(Path(results_path)), Path(document_path)
    before, _, rest = document.read_text().partition(BEGIN.format(system))
    _, end, after = rest.partition(END.format(system))
    table = make_line(COLUMNS) + "|---" * len(COLUMNS) + "|\n" + "".join(make_row(results, *case) for case in CASES)
    document.write_text(f"{before}{BEGIN.format(system)}\n{table}\n{end}{after}")


if __name__ == "__main__":
    main(*sys.argv[1:])
