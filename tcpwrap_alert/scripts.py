"""The installed Python scripts, as far as they run often: without click, and loading only what the case needs.

`tcpwrap-alert` is click's (commands/) but for two calls: `replay` on an idle spool, which cron makes every minute on
every host, and `forward`, which handle_tcp_wrapper makes and people do not.
"""

from __future__ import annotations

import os
import sys

from .check_result import clean
from .config.read import Config, read_config
from .errors import EXIT_BUG, EXIT_FOUND, EXIT_KEPT, EXIT_SPOOL, TcpwrapAlertError, exit_statuses, unforeseen
from .spool.place import Place

# With its lock, one denial at a time is sent without a spool; bin/handle_tcp_wrapper opens it.
LOCK_FD = 9
MAX_DESCRIPTORS = 1 << 20  # as many as Linux allows (fs.nr_open); they are closed within a tenth of a second

SUBMIT_USAGE = """\
usage: submit_check_result HOST SERVICE STATE OUTPUT [PERFDATA]
       submit_check_result HOST STATE OUTPUT

Submits a passive check result, of a service or (three arguments) of the host itself, to the monitor that
send_nsca.cfg names. STATE is a number or a word: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; for a host 0 UP, 1 DOWN,
2 UNREACHABLE. Any other number of a service, such as 127 of a plugin that was not found, is sent as 3, and the output
begins with it. PERFDATA goes behind OUTPUT and a '|'; if it is empty, there is none. What cannot be delivered now is
kept in the spool and delivered by 'tcpwrap-alert replay'.

example: submit_check_result firestorm 'TCP Wrappers' CRITICAL 'Denied sshd-203.0.113.7'
"""


def tcpwrap_alert() -> int:
    """Run `tcpwrap-alert`; return its exit status."""
    os.umask(0o022)
    arguments = sys.argv[1:]
    if os.path.basename(sys.argv[0]) == "send_nsca":  # a link to us, for what takes no more than the path of a program
        arguments = ["send", *arguments]
    if arguments[:1] == ["forward"]:
        return forward(arguments[1:])
    config = None
    if _is_replay_of_cron(arguments):
        config = read_config()
        if _all_idle(config) and not (sys.stdout and sys.stdout.isatty()):  # a person is told
            return _write_metrics(config) if config.metrics_file else 0
    try:
        from .commands import run
    except Exception as error:
        _complain("tcpwrap-alert", f"cannot be loaded: {type(error).__name__}: {error}")
        return EXIT_BUG
    return run(arguments, config)


def _is_replay_of_cron(arguments: list[str]) -> bool:
    """Say whether this is `replay`, or `replay --splay SECONDS`; on an idle spool both do nothing."""
    if arguments[:1] != ["replay"]:
        return False
    splay = arguments[1:]
    return not splay or (len(splay) == 2 and splay[0] == "--splay" and splay[1].isascii() and splay[1].isdecimal())


def submit_check_result() -> int:
    """Run `submit_check_result`; return its exit status."""
    os.umask(0o022)
    arguments = sys.argv[1:]
    if arguments in (["-h"], ["--help"]):
        return _print(SUBMIT_USAGE, *exit_statuses(EXIT_FOUND))
    if arguments in (["-V"], ["--version"]):
        from . import __version__

        return _print(f"submit_check_result, version {__version__}")
    try:
        from .arguments import parse_check_result

        result = parse_check_result(arguments)
        config = read_config()
        _complain("submit_check_result", config.warning)
        from .forwarding.submit import submit

        submit(result, config)
    except TcpwrapAlertError as error:
        for line in error.lines:
            _complain("submit_check_result", line)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        _complain("submit_check_result", unforeseen(error))
        return EXIT_BUG
    return 0


def end(status: int) -> None:
    """End this process. The interpreter would free one by one what ends with us: a tenth of a submission's CPU time."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except OSError:
            pass  # whoever wrote there has told it, by the status
    os._exit(status)


def _print(*lines: str) -> int:
    try:
        print(*lines, sep="\n", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # takes what is left in the buffer, which would end us with 120
        _complain("submit_check_result", f"cannot write the output: {error.strerror}")
        return EXIT_SPOOL
    return 0


def _complain(script: str, text: str) -> None:
    if text and sys.stderr:  # None if descriptor 2 is closed, and perhaps something else by now
        try:
            # Not by print: what stays in a buffer, as on a full disk, would end us with 120.
            os.write(2, f"{script}: {clean(text)}\n".encode(errors="replace"))
        except OSError:
            pass  # that nobody can read it costs no check result


def forward(arguments: list[str]) -> int:
    """Become the forwarder of the spool that a drop used, detached from whatever started us (P7).

    Args:
        arguments: the spool directory; after it client, daemon, address and user, if the drop could not write them.
    """
    _detach(keeps=LOCK_FD if len(arguments) > 1 else -1)
    from .denial import Denial
    from .forwarding.lead import drop, lead
    from .spool.spool import Spool
    from .system_log import tell

    try:
        spool_dir, *denied = arguments
        if denied:
            client, daemon, address, user = denied
            drop(Denial(daemon, client, address, user), read_config(), LOCK_FD, _let_end)
        else:
            _let_end()
            lead(Spool(spool_dir), read_config())
    except TcpwrapAlertError as error:
        for line in error.lines:
            tell(line)
        return error.exit_status
    except Exception as error:
        tell(f"{unforeseen(error)}; what waits stays in the spool")
        return EXIT_BUG
    return 0


def _detach(keeps: int) -> None:
    """Leave the session of the daemon that denied, and every descriptor that it may have left us, but for `keeps`.

    Until `_let_end` an order to end is ignored, as in the shell that started us: an alert may depend on us.
    """
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _close_descriptors(keeps)
    for _ in range(3):
        try:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: 0, 1, 2
        except OSError:
            os.open("/", os.O_RDONLY)  # that no socket takes it, which would get what is meant for standard error
    try:
        os.setsid()
    except OSError:
        pass  # we lead a process group already, as from an interactive shell


def _close_descriptors(keeps: int) -> None:
    try:
        ranges = [(int(name), int(name) + 1) for name in os.listdir("/proc/self/fd")]
    except OSError:  # no /proc, or no descriptor left to list it with
        ranges = [(0, keeps), (keeps + 1, MAX_DESCRIPTORS)]
    for start, end in ranges:
        if start != keeps:
            os.closerange(start, end)


def _let_end() -> None:
    """Let an order to end be an orderly end, which lets go of leadership: the next denial must find no stale leader."""
    import signal

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_KEPT))


def _write_metrics(config: Config) -> int:
    from .forwarding.metrics import write_metrics

    try:
        write_metrics(config)
    except TcpwrapAlertError as error:
        _complain("tcpwrap-alert", str(error))
        return error.exit_status
    return 0


def _all_idle(config: Config) -> bool:
    try:
        return all(Place(path).is_idle() for path in config.spool_dirs)
    except TcpwrapAlertError:
        return False  # the command says what is wrong
