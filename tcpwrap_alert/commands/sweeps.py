"""The command `tcpwrap-alert sweeps`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

from ..check_result import CheckResult, clean, format_time
from ..config.read import Config
from ..errors import NotDelivered, TcpwrapAlertError
from ..forwarding.submit import submit
from ..spool.spool import Spool
from .options import config_option
from .output import say, warn
from .tables import print_csv, print_json
from .top import age

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("client", "hosts", "host_names", "daemons", "denials", "first", "last")
LOGS = ("/var/log/nagios4/nagios.log", "/var/log/naemon/naemon.log", "/var/log/icinga2/icinga2.log")


@click.command("sweeps")
@click.argument("logs", metavar="[LOG]...", nargs=-1, type=click.Path())
@click.option("--since", "since_s", callback=age, default="1d", show_default=True, metavar="AGE", help="For how long.")
@click.option(
    "--hosts", "min_hosts", type=click.IntRange(2), default=5, show_default=True, help="From so many hosts on."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object per client.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, with a line of headings.")
@click.option("--submit", "submits", is_flag=True, help="Read what is new, and submit a result for each new sweep.")
@config_option()
def command(
    logs: tuple[str, ...], since_s: int, min_hosts: int, as_json: bool, as_csv: bool, submits: bool, config: Config
) -> None:
    """Show who was denied by many hosts.

    Run it on the monitor. It reads LOG, of Nagios 4, Naemon or Icinga 2, also with .gz at the end; without any the log
    in /var/log. Clients in the configuration's quiet are left out.

    With --submit, for a timer, each sweep is one result of the service "TCP Wrapper Sweeps" at this machine's
    host_name. It is told again when the number of hosts has reached 10, 20, 50, 100 and so on.

    Example: tcpwrap-alert sweeps --since 1h /var/log/nagios4/nagios.log
    """
    if as_json + as_csv + submits > 1:
        raise click.UsageError("--json, --csv and --submit cannot be used together")
    paths = list(logs) or [path for path in LOGS if os.path.exists(path)]
    if not paths:
        raise click.UsageError(f"name a log: there is none of {', '.join(LOGS)}")
    paths = list({os.path.realpath(path): path for path in paths}.values())  # a log that is named twice counts once
    after_s = time.time() - since_s
    faults: Sequence[TcpwrapAlertError]
    if submits:
        faults = _submit(paths, after_s, min_hosts, config)
    else:
        rows, faults = _rows(paths, after_s, min_hosts, config)
        show = print_json if as_json else _print_csv if as_csv else _print
        show(rows)
    for fault in faults[1:]:
        for line in fault.lines:
            say(line)
    if faults:
        raise faults[0]
    if not (submits or as_json or as_csv or rows):
        say(f"no client was denied by {min_hosts} hosts or more; read: {', '.join(paths)}")


def _rows(
    paths: list[str], since_s: float, min_hosts: int, config: Config
) -> tuple[list[dict[str, Any]], Sequence[TcpwrapAlertError]]:
    from ..sweeps.table import read_table, sweeps_in
    from ..sweeps.texts import Texts

    wording = config.wording
    clients, faults = read_table(paths, Texts(wording.service_description, wording.output), since_s)
    rows = [
        {
            "client": name,
            "hosts": len(client.hosts),
            "host_names": sorted(host.decode(errors="replace") for host in client.hosts),
            "daemons": sorted(daemon.decode(errors="replace") for daemon in client.daemons),
            "denials": client.denials,
            "first": format_time(client.first_s),
            "last": format_time(client.last_s),
        }
        for name, client in sweeps_in(clients, min_hosts, wording.quiet)
    ]
    return rows, faults


def _print_csv(rows: list[dict[str, Any]]) -> None:
    print_csv(COLUMNS, rows)


def _print(rows: list[dict[str, Any]]) -> None:
    click.echo(f"{'client':<39} {'hosts':>6} {'denials':>8}  {'first':<25}  {'last':<25}  daemons")
    for row in rows:
        numbers = f"{clean(row['client']):<39} {row['hosts']:>6} {row['denials']:>8}"
        click.echo(f"{numbers}  {row['first']}  {row['last']}  {clean(' '.join(row['daemons']))}")


def _submit(paths: list[str], since_s: float, min_hosts: int, config: Config) -> list[TcpwrapAlertError]:
    from ..sweeps.memory import Memory
    from ..sweeps.telling import tell_sweeps

    warn(config)
    spool = Spool(config.spool_dirs[0])
    spool.drop_root()
    kept: list[TcpwrapAlertError] = []

    def keep_or_deliver(result: CheckResult) -> None:
        try:
            submit(result, config)
        except NotDelivered as error:
            kept.append(error)  # it is safe in the spool, and told

    with Memory(os.path.join(spool.path, "sweeps")) as memory:
        faults = tell_sweeps(memory, paths, config.wording, since_s, min_hosts, keep_or_deliver)
    return [*kept, *faults]
