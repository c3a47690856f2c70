"""Numbers for Prometheus: the file `metrics_file`, in its text format, for node exporter's textfile collector.

It is written aside and renamed, so whoever reads it finds a whole one. The counters come from the spool's history and
never become less. What a monitor accepted or rejected has its name; the one monitor of most people is `default`.
"""

from __future__ import annotations

from ..check_result import clean
from ..errors import SpoolError
from ..spool.files import replace_file
from ..spool.history import DELIVERED, DENIED, REJECTED, sums
from ..spool.spool import Spool
from .waiting import measure_spools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.read import Config

    Samples = dict[str, int]  # value by label, in its text form; the label may be empty

PREFIX = "tcpwrap_alert_"
DEFAULT = "default"


def write_metrics(config: Config) -> None:
    """Write the metrics file, if the configuration names one.

    Raises:
        SpoolError: the file or the spool cannot be used; no alert is touched.
    """
    path = config.metrics_file
    if not path:
        return
    text = encode_metrics(config)
    try:
        replace_file(path, text.encode(errors="replace"))
    except OSError as error:
        what = "let the owner of the spool write to its directory (docs/monitors.md)"
        raise SpoolError(f"{clean(path)}: cannot write metrics_file: {error.strerror}; {what}") from error


def encode_metrics(config: Config) -> str:
    """Return the text of the file. Raises SpoolError if a spool cannot be read."""
    waiting, oldest_s, _ = measure_spools(config)
    denials: Samples = {}
    delivered: Samples = {}
    rejected: Samples = {}
    last_s = 0
    for path in config.spool_dirs:
        spool = Spool(path)
        for place in spool.with_boxes():
            label = _label("monitor", DEFAULT if place is spool else place.name)
            for (kind, daemon), one in sums(place.path).items():
                if kind == DENIED:
                    _add(denials, _label("daemon", daemon), one.count)
                elif kind == DELIVERED:
                    _add(delivered, label, one.count)
                    last_s = max(last_s, one.last_s)
                elif kind == REJECTED:
                    _add(rejected, label, one.count)
    for label in {*delivered, *rejected} or {_label("monitor", DEFAULT)}:
        _add(delivered, label, 0)
        _add(rejected, label, 0)
    return "".join(
        (
            _metric("denials_total", "counter", "Denied connections, when they left the spool.", denials),
            _metric("delivered_total", "counter", "Check results that the monitor accepted.", delivered),
            _metric("rejected_total", "counter", "Check results that the monitor rejected.", rejected),
            _metric("waiting", "gauge", "Queue files that wait in the spool.", {"": waiting}),
            _metric("oldest_seconds", "gauge", "For how long the oldest of them has waited.", {"": max(0, oldest_s)}),
            _metric(
                "last_success_timestamp_seconds", "gauge", "When a monitor last accepted a check result.", {"": last_s}
            ),
        )
    )


def _add(samples: Samples, label: str, count: int) -> None:
    samples[label] = samples.get(label, 0) + count


def _label(name: str, value: str) -> str:
    escaped = clean(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'{{{name}="{escaped}"}}'


def _metric(name: str, kind: str, what: str, samples: Samples) -> str:
    lines = [f"# HELP {PREFIX}{name} {what}", f"# TYPE {PREFIX}{name} {kind}"]
    lines += [f"{PREFIX}{name}{label} {value}" for label, value in sorted(samples.items())]
    return "".join(f"{line}\n" for line in lines) if samples else ""
