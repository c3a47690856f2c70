"""The command `tcpwrap-alert check server`."""

from __future__ import annotations

import click


@click.command("server")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object per finding.")
@click.option("--quiet", "-q", "is_quiet", is_flag=True, help="Print only what is to be changed, as for cron.")
def command(files: tuple[str, ...], as_json: bool, is_quiet: bool) -> None:
    """Check what receives results, on the monitor.

    Looks at nsca.cfg, nrpe.cfg and the files of Icinga 2: on which address they listen, who may send, read and change
    what, and whether results come to the monitor. Says for each line what to write instead. docs/security.md says why.

    FILE is such a file, wherever it is; its content says which one. Without any, the usual places are looked at. Run it
    as root. Nothing is changed. Exits 0 if there is nothing to change, else 1.

    Example: tcpwrap-alert check server /etc/nsca.cfg
    """
    from ..doctor.receiving.kinds import examine_server
    from .findings import print_findings

    status = print_findings(examine_server(files), as_json=as_json, is_quiet=is_quiet)
    click.get_current_context().exit(status)
