"""What this program costs beside those that it replaces: one table of figures and aims, a JSON file and a picture.

Peers and ours run in turn; the figures are medians. CPU time is of a process and all its children. "python3 -c pass"
is the interpreter of our installed scripts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from cases import CASES
from measure import Subject, Usage, machine
from picture import draw
from support import namespaces
from sweeps_case import sweeps
from transports_case import TRANSPORT_CASES

RESULTS = Path(__file__).with_name("results.json")
PICTURE = Path(__file__).with_name("results.svg")


def main() -> None:
    """Print the table as it is measured; write the files."""
    namespaces.enter()
    measured_on = machine()
    heading = ", ".join(f"{name} {value}" for name, value in measured_on.items())
    print(
        heading,
        f"{'':66}{'figure':>12}{'aim':>12}  met  {'CPU ms':>9}{'wall ms':>10}{'MiB':>7}",
        sep="\n\n",
        flush=True,
    )
    subjects = []
    for case in (*CASES, *TRANSPORT_CASES, sweeps):
        subjects.append(case())
        print("\n".join(_lines(subjects[-1])), flush=True)
    aims = [row for subject in subjects for row in subject.rows if row.aim is not None]
    print(f"\n{sum(row.is_met() for row in aims)} of {len(aims)} aims are met.")
    RESULTS.write_text(
        json.dumps({"machine": measured_on, "subjects": [_values(s) for s in subjects]}, indent=2) + "\n"
    )
    caption = ", ".join((measured_on["cpu"], f"{measured_on['cores']} cores", measured_on["distribution"]))
    PICTURE.write_text(draw(subjects, f"{caption}, Python {measured_on['python']}"))


def _lines(subject: Subject) -> Iterator[str]:
    yield subject.title
    for row in subject.rows:
        met = "" if row.aim is None else "yes" if row.is_met() else "NO"
        yield f"  {row.what:64}{row.shown_value():>12}{row.shown_aim():>12}  {met}"
    for label, usage in subject.usages.items():
        yield f"      {label:89}{_milliseconds(usage)}"


def _milliseconds(usage: Usage) -> str:
    peak = "" if usage.peak_mib is None else f"{usage.peak_mib:.1f}"
    return f"{1000 * usage.cpu_s:9.2f}{1000 * usage.wall_s:10.2f}{peak:>7}"


def _values(subject: Subject) -> dict[str, object]:
    return {
        "title": subject.title,
        "figures": [{**row._asdict(), "is_met": row.is_met()} for row in subject.rows],
        "medians": {label: usage._asdict() for label, usage in subject.usages.items()},
    }


if __name__ == "__main__":
    main()
