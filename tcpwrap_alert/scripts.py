"""The installed Python scripts, as far as they run often: without click, and loading only what the case needs.

`tcpwrap-alert` is click's (`cli.py`) but for two calls: `replay` on an idle spool, which cron makes every minute on
every host, and `forward`, which handle_tcp_wrapper makes and people do not.
"""

from __future__ import annotations

import os
import sys

from .check_result import clean, parse_check_result
from .config.read import config_warning, find_spool_dirs
from .errors import TcpwrapAlertError
from .spool.spool import Spool

SUBMIT_USAGE = """\
usage: submit_check_result HOST SERVICE STATE OUTPUT
       submit_check_result HOST STATE OUTPUT

Submits a passive check result, of a service or (three arguments) of the host itself, to the monitor that
send_nsca.cfg names. STATE is a number or a word: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; for a host 0 UP, 1 DOWN,
2 UNREACHABLE. What cannot be delivered now is kept in the spool and delivered by 'tcpwrap-alert replay'.

example: submit_check_result firestorm 'TCP Wrappers' CRITICAL 'Denied sshd-203.0.113.7'

exit status: 0 delivered, 75 kept in the spool, 77 refused by the monitor and kept, 78 configuration wrong and kept,
64 usage, 65 not a check result, 74 lost: neither spool nor monitor within reach
"""


def tcpwrap_alert() -> int:
    """Run `tcpwrap-alert`; return its exit status."""
    os.umask(0o022)
    arguments = sys.argv[1:]
    if arguments[:1] == ["forward"]:
        return forward(arguments[1:])
    if arguments == ["replay"] and _all_idle():
        return 0
    try:
        from .commands import run
    except Exception as error:
        _complain("tcpwrap-alert", f"cannot be loaded: {type(error).__name__}: {error}")
        return 70
    return run(arguments)


def submit_check_result() -> int:
    """Run `submit_check_result`; return its exit status."""
    os.umask(0o022)
    arguments = sys.argv[1:]
    if arguments in (["-h"], ["--help"]):
        print(SUBMIT_USAGE, end="")
        return 0
    try:
        result = parse_check_result(arguments)
        _complain("submit_check_result", config_warning())
        from .forwarding.forward import submit
        from .spool.entries import check_result_entry

        submit(check_result_entry(result))
    except TcpwrapAlertError as error:
        _complain("submit_check_result", error.line)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        _complain("submit_check_result", f"bug: {type(error).__name__}: {error}; please report it")
        return 70
    return 0


def _complain(script: str, text: str) -> None:
    if text and sys.stderr:  # None if descriptor 2 is closed; print would take stdout instead
        try:
            print(f"{script}: {clean(text)}", file=sys.stderr)
        except OSError:
            pass  # that nobody can read it costs no check result


def forward(arguments: list[str]) -> int:
    """Become the forwarder of the spool that a drop used, detached from whatever started us (P7).

    Args:
        arguments: the spool directory; after it client, daemon, address and user, if the drop could not write them.
    """
    _detach()
    from .denial import Denial
    from .forwarding.forward import drop, lead
    from .spool.entries import denial_entry
    from .system_log import tell

    try:
        spool_dir, *denied = arguments
        if denied:
            client, daemon, address, user = denied
            drop(denial_entry(Denial(daemon, client, address, user)))
        else:
            lead(Spool(spool_dir))
    except TcpwrapAlertError as error:
        tell(error.line)
        return error.exit_status
    except Exception as error:
        tell(f"bug: {type(error).__name__}: {error}; what waits stays in the spool")
        return 70
    return 0


def _detach() -> None:
    """Leave the session of the daemon that denied, and every descriptor that it may have left us."""
    try:
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:  # no /proc, or no descriptor left to list it with
        descriptors = [*range(256)]
    for fd in descriptors:
        try:
            os.close(fd)
        except OSError:
            pass
    for _ in range(3):
        try:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: 0, 1, 2
        except OSError:
            pass
    try:
        os.setsid()
    except OSError:
        pass  # we lead a process group already, as from an interactive shell
    import signal

    # An orderly end lets go of leadership, so that the first denial after a reboot finds no stale leader.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))


def _all_idle() -> bool:
    try:
        return all(Spool(path).is_idle() for path in find_spool_dirs())
    except TcpwrapAlertError:
        return False  # `cli` says what is wrong
