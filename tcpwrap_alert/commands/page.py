"""The page of `tcpwrap-alert top --html`: one file without scripts, fonts or pictures from elsewhere.

Its policy lets a browser load nothing. All names in it were chosen by denied clients, so all of them are escaped.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ..check_result import clean, format_time
from ..forwarding.denied import hour_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..forwarding.denied import Denied

HOUR_S = 3600
MAX_HOURS = 24 * 14
SHOWN = 50

STYLE = """
:root { color-scheme: light dark; --page: #fafaf8; --text: #1c1c1a; --soft: #5c5c57; --line: #dcdcd6; --bar: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --page: #161615; --text: #ecece8; --soft: #a3a39c; --line: #3a3a37; --bar: #ff8a80 }
}
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem }
p { color: var(--soft); margin: .25rem 0 }
.hours { display: flex; align-items: flex-end; gap: 1px; height: 9rem; border-bottom: 1px solid var(--line) }
.hours i { flex: 1 1 0; min-width: 1px; background: var(--bar) }
.ends { display: flex; justify-content: space-between }
table { width: 100%; border-collapse: collapse }
th { text-align: left; font-weight: 600; color: var(--soft) }
th, td { padding: .25rem .5rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: middle }
td:first-child { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
td:nth-child(2), th:nth-child(2) { text-align: right; padding-right: 1rem; white-space: nowrap }
td:nth-child(3) { width: 40% }
td:last-child, th:last-child { white-space: nowrap; color: var(--soft) }
td b { display: block; height: .75rem; min-width: 2px; background: var(--bar); border-radius: 2px }
"""


def make_page(found: dict[str, list[Denied]], host_name: str, since_s: float, now_s: float) -> str:
    """Return the page for what `denied_by` found; times in seconds since the epoch."""
    total = sum(denied.count for denied in found["daemon"])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Denied connections at {_text(host_name)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Denied connections at {_text(host_name)}</h1>
<p>{_several(total, "denial")} from {_several(len(found["client"]), "client")},
{_text(format_time(since_s))} to {_text(format_time(now_s))}</p>
<h2>Hours</h2>
{_hours(found["hour"], since_s, now_s)}
<h2>Clients</h2>
{_table("Client", found["client"])}
<h2>Daemons</h2>
{_table("Daemon", found["daemon"])}
</body>
</html>
"""


def _text(text: str) -> str:
    return html.escape(clean(text))


def _several(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _hours(hours: Sequence[Denied], since_s: float, now_s: float) -> str:
    """Return a bar for each hour, those without any included; at most two weeks."""
    counts = {denied.name: denied.count for denied in hours}
    first_s = max(since_s, now_s - (MAX_HOURS - 1) * HOUR_S)
    # An hour that the clock goes through twice in autumn is one.
    names = {hour_of(at_s) for at_s in range(int(now_s), int(first_s) - HOUR_S, -HOUR_S)}
    shown = sorted(name for name in names if name >= hour_of(first_s))
    largest = max((counts.get(name, 0) for name in shown), default=0) or 1
    bars = "".join(
        f'<i style="height:{100 * count / largest:.1f}%" title="{_text(name)}: {count}"></i>'
        for name, count in ((name, counts.get(name, 0)) for name in shown)
    )
    ends = f"<span>{shown[0]}</span><span>at most {largest} an hour</span><span>{shown[-1]}</span>"
    return f'<div class="hours">{bars}</div>\n<p class="ends">{ends}</p>'


def _table(heading: str, rows: Sequence[Denied]) -> str:
    if not rows:
        return "<p>none</p>"
    largest = max(denied.count for denied in rows)
    lines = [f"<table>\n<tr><th>{heading}</th><th>Denials</th><th></th><th>Last</th></tr>"]
    lines += [
        f"<tr><td>{_text(denied.name)}</td><td>{denied.count}</td>"
        f'<td><b style="width:{100 * denied.count / largest:.1f}%"></b></td>'
        f"<td>{_text(format_time(denied.last_s))}</td></tr>"
        for denied in rows[:SHOWN]
    ]
    lines.append("</table>")
    if len(rows) > SHOWN:
        lines.append(f"<p>and {len(rows) - SHOWN} more</p>")
    return "\n".join(lines)
