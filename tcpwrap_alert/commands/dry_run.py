"""`deny --dry-run` and `submit --dry-run`: what would travel, to which monitor; nothing is sent or stored.

A field is shown as its bytes are: text as text, and a backslash or what is no printable character as an escape.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ..forwarding.fold import make_check_result
from ..spool.entry import Entry
from ..spool.spool import Spool
from ..transports import Parcel, module_of

if TYPE_CHECKING:
    from ..config.read import Config
    from ..spool.entry import Content


def print_parcels(content: Content, config: Config) -> None:
    """Print what would be sent of `content` to each monitor, if nothing else waited. Raises ConfigError."""
    now_s = time.time()
    entry = Entry("dry-run", int(now_s * 1e9), content)
    for monitor in config.monitors:
        parcel = Parcel(make_check_result(entry, monitor.wording), now_s, entries=[entry])
        name = f"[{monitor.name}] " if monitor.name else ""
        click.echo(f"to {name}{monitor} ({monitor.scheme}):")
        fields = module_of(monitor).as_sent(monitor.targets[0], parcel)
        for field, value in fields:
            click.echo(f"  {field} ({len(value)} byte{'' if len(value) == 1 else 's'}): {_shown(value)}")
        if not fields:
            click.echo("  nothing, as it takes denials only")
    if Spool(config.spool_dirs[0]).until_s() is not None:
        click.echo("episodes are on: a denial of one of them is counted, and told at the end of its window")
    click.echo("nothing was sent or stored")


def _shown(value: bytes) -> str:
    text = value.replace(b"\\", b"\\\\").decode(errors="backslashreplace")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
