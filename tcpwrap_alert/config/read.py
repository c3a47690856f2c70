"""The configuration: a stock `send_nsca.cfg`, with our keys in the same file.

The stock part is read as C send_nsca 2.10.2 reads it: `key=value` lines, `#` comments, and for the password
everything after the `=`, blanks included, because that is what the daemon's own file holds too. The values of our
keys are stripped. Whatever is wrong is a ConfigError with file and line; a method that we cannot do is one of them,
so nothing is ever sent in clear by mistake.

Where the spool is does not depend on a configuration without faults: `find_spool_dirs` never raises, because an
alert must be safe before anybody is told that line 14 is wrong.
"""

from __future__ import annotations

import errno
import os
import stat

from ..check_result import CheckResult, clean, parse_return_code, shown
from ..denial import OUTPUT_FIELDS, fill
from ..errors import CheckResultError, ConfigError
from ..nsca.cipher import check_method
from ..nsca.server import DEFAULT_PORT, Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

CONFIG_PATHS = ("/etc/tcpwrap-alert/send_nsca.cfg", "/etc/send_nsca.cfg")
CONFIG_SEARCH = f"$TCPWRAP_ALERT_CONFIG, else {CONFIG_PATHS[0]}, else {CONFIG_PATHS[1]}"
DEFAULT_SPOOL_DIR = "/var/spool/tcpwrap-alert"
MAX_PASSWORD_BYTES = 511  # nsca 2.10.2: char password[512], the NUL included
MAX_TIMEOUT_S = 300.0
DEFAULT_FOLD = 20
DEFAULT_MAX_ENTRIES = 100_000
DEFAULT_MAX_AGE_S = 7 * 86400.0
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Config:
    """One monitor and how this host presents itself to it. Times are in seconds, the password is bytes.

    `command_file`, if it is not empty, is that of a monitor on this host, and takes the place of `monitor`'s host.
    `fold` is how many different denials of one pass are sent one by one; 0: all, and repeats, too. `max_entries` and
    `max_age_s` are how many queue files may wait, and how long (bounds.py).
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.monitor = Server("")
        self.command_file = ""
        self.host_name = os.uname().nodename
        self.service_description = "TCP Wrappers"
        self.return_code = 2
        self.output = "Denied {daemon}-{client}"
        self.fold = DEFAULT_FOLD
        self.max_entries = DEFAULT_MAX_ENTRIES
        self.max_age_s = DEFAULT_MAX_AGE_S
        self.is_readable_by_all = False

    @property
    def destination(self) -> str:
        """Where check results go, as text: host:port or the path of a command file; empty if nothing says it."""
        return self.command_file or (str(self.monitor) if self.monitor.host else "")

    def require_server(self) -> None:
        """Raise ConfigError unless the configuration names a monitor."""
        if not self.destination:
            raise ConfigError(self.path, None, "no monitor to send to; add a line like server=nagios.example")


def load_config(path: str | None = None) -> Config:
    """Read the configuration from `path`, else from where TCPWRAP_ALERT_CONFIG or /etc has it.

    Raises:
        ConfigError: no file, an unreadable one, or a line that is wrong.
    """
    path = path or find_config()
    try:
        lines, mode = _read(path)
    except OSError as error:
        raise ConfigError(path, None, f"cannot read the configuration: {error.strerror}") from error
    if mode & stat.S_IWOTH:
        raise ConfigError(path, None, f"everybody may write to it, so it is not used; run chmod o-w {path}")
    config = Config(path)
    for lineno, line in enumerate(lines, 1):
        try:
            _read_line(config, line)
        except ValueError as error:
            raise ConfigError(path, lineno, clean(str(error))) from None
    try:
        CheckResult(config.host_name, config.service_description, config.return_code, "")
    except CheckResultError as error:
        raise ConfigError(path, None, f"{error}; set host_name to this host's name at the monitor") from error
    config.is_readable_by_all = bool(mode & stat.S_IROTH)
    return config


def config_warning(path: str | None = None) -> str:
    """Return what is wrong, though not fatal, about the configuration; empty if nothing is, or if it is not usable."""
    try:
        config = load_config(path)
    except ConfigError:
        return ""
    if config.monitor.password and config.is_readable_by_all:
        return f"warning: {config.path}: everybody may read the password; run chmod o-r {config.path}"
    return ""


def find_config() -> str:
    """Return the path of the configuration. Raises ConfigError if there is none where we look."""
    path = os.environ.get("TCPWRAP_ALERT_CONFIG")
    if path:
        return path
    for path in CONFIG_PATHS:
        if os.path.lexists(path):
            return path
    raise ConfigError(
        CONFIG_PATHS[0], None, f"no configuration here, nor in {CONFIG_PATHS[1]}; see send_nsca.cfg.example"
    )


def find_spool_dirs(config_path: str | None = None) -> list[str]:
    """Return the spool directories to look after, the one to write to first; whatever state the configuration is in.

    handle_tcp_wrapper is a shell script that does not read the configuration: it uses TCPWRAP_ALERT_SPOOL or the
    default directory. So a `spool_dir` in the configuration comes first, and the default is looked after too.
    """
    from_environment = os.environ.get("TCPWRAP_ALERT_SPOOL")
    if from_environment:
        return [from_environment]
    try:
        lines, mode = _read(config_path or find_config())
    except (ConfigError, OSError):
        return [DEFAULT_SPOOL_DIR]
    if mode & stat.S_IWOTH:
        return [DEFAULT_SPOOL_DIR]
    spool_dir = DEFAULT_SPOOL_DIR
    for line in lines:
        key, _, value = line.partition(b"=")
        if key.strip() == b"spool_dir" and value.strip().startswith(b"/") and b"\0" not in value:
            spool_dir = os.fsdecode(value.strip())
    return list(dict.fromkeys((spool_dir, DEFAULT_SPOOL_DIR)))


def parse_age(value: str) -> int:
    """Return the seconds of a time like 7d, 12h, 30m or 90s. Raises ValueError for anything else."""
    number, unit = value[:-1], value[-1:]
    if unit not in UNITS_S or not (number.isascii() and number.isdigit() and len(number) < 7 and int(number)):
        raise ValueError(f"'{value}' is not a number from 1 on with its unit, like 7d, 12h, 30m or 90s")
    return int(number) * UNITS_S[unit]


def set_server(config: Config, value: str) -> None:
    """Set the monitor to a name or an address, either with or without a port, the same as a URL, nsca://name:port, or
    to the absolute path of a command file.

    Raises:
        ValueError: it is none of these.
    """
    config.command_file = value if value.startswith("/") and value.isprintable() else ""
    if config.command_file:
        return
    scheme, separator, rest = value.partition("://")
    if separator and scheme != "nsca":
        raise ValueError(f"server '{value}': no transport for '{scheme}:'; known: nsca:")
    address = rest.rstrip("/") if separator else value
    if address.startswith("["):
        host, bracket, port = address[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError(f"server '{value}' is not of the form [address]:port")
        port = port[1:]
    elif address.count(":") > 1:
        host, port = address, ""
    else:
        host, _, port = address.partition(":")
    if not host or host.startswith("-") or any(char in host for char in " /@;,") or not host.isprintable():
        raise ValueError(f"server '{value}' is not a name, an address, name:port or [address]:port")
    if config.monitor.host not in ("", host):
        _change_server(config, port=DEFAULT_PORT)  # the port was another host's
    _change_server(config, host=host)
    if port:
        _set_port(config, port)


def _read(path: str) -> tuple[list[bytes], int]:
    """Return lines and mode of a file; a FIFO or a device, which could hold us for ever, is an OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file")
        with open(fd, "rb", closefd=False) as file:
            lines = file.read().split(b"\n")
    finally:
        os.close(fd)
    return [line[:-1] if line.endswith(b"\r") else line for line in lines], mode


def _read_line(config: Config, line: bytes) -> None:
    """Set what `line` says. Raises ValueError with what is wrong about it."""
    if not line.strip() or line.lstrip().startswith(b"#"):
        return
    raw_key, equals, raw_value = line.partition(b"=")
    key = raw_key.strip().decode(errors="replace")
    if not equals or len(key.split()) > 1:
        raise ValueError("not of the form key=value")  # and not shown: it may be the password
    if key == "password":
        _set_password(config, raw_value)
        return
    if b"password" in raw_value:
        raise ValueError("more than one key on the line")  # and the line is not shown
    if key not in _KEYS:
        raise ValueError(f"unknown key {shown(key)}; known keys: password, {', '.join(_KEYS)}")
    try:
        value = raw_value.strip().decode()
    except UnicodeDecodeError:
        raise ValueError(f"the value of {key} is not UTF-8") from None
    _KEYS[key](config, value)


def _change_server(config: Config, **changes: Any) -> None:
    config.monitor = config.monitor.replace(**changes)


def _set_password(config: Config, value: bytes) -> None:
    if len(value) > MAX_PASSWORD_BYTES:
        raise ValueError(f"the password has {len(value)} bytes, the limit is {MAX_PASSWORD_BYTES}")
    if b"\0" in value:
        raise ValueError(f"the password of {len(value)} bytes holds a NUL byte")
    _change_server(config, password=value)


def _set_encryption_method(config: Config, value: str) -> None:
    method = _integer(value, "encryption_method")
    check_method(method)
    _change_server(config, encryption_method=method)


def _set_legacy_2_7_mode(config: Config, value: str) -> None:
    _change_server(config, legacy_2_7_mode=_boolean(value, "legacy_2_7_mode"))


def _set_escape_newlines(config: Config, value: str) -> None:
    _change_server(config, escape_newlines=_boolean(value, "escape_newlines"))


def _set_verdict(config: Config, value: str) -> None:
    _change_server(config, verdict=value)


def _set_receiver(config: Config, value: str) -> None:
    _change_server(config, receiver=value)


def _set_port(config: Config, value: str) -> None:
    port = _integer(value, "port")
    if not 1 <= port <= 65535:
        raise ValueError(f"port {port} is not between 1 and 65535")
    _change_server(config, port=port)


def _set_timeout(config: Config, value: str) -> None:
    try:
        timeout_s = float(value)
    except ValueError:
        raise ValueError(f"timeout '{value}' is not a number of seconds") from None
    if not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise ValueError(f"timeout {value} is not above 0 and up to {MAX_TIMEOUT_S:g} seconds")
    _change_server(config, timeout_s=timeout_s)


def _set_host_name(config: Config, value: str) -> None:
    config.host_name = CheckResult(value, "", 0, "").host_name


def _set_service_description(config: Config, value: str) -> None:
    if not value:
        raise ValueError("service_description is empty")
    config.service_description = CheckResult("host", value, 0, "").service_description


def _set_return_code(config: Config, value: str) -> None:
    config.return_code = parse_return_code(value, is_host_check=False)


def _set_output(config: Config, value: str) -> None:
    fill(value, dict.fromkeys(OUTPUT_FIELDS, ""))
    config.output = value


def _set_fold(config: Config, value: str) -> None:
    if value != "no" and not (value.isascii() and value.isdigit() and int(value)):
        raise ValueError(f"fold '{value}' is neither a number from 1 on nor no")
    config.fold = 0 if value == "no" else int(value)


def _set_max_entries(config: Config, value: str) -> None:
    config.max_entries = _integer(value, "max_entries")
    if config.max_entries < 1:
        raise ValueError(f"max_entries {value} is not a number from 1 on")


def _set_max_age(config: Config, value: str) -> None:
    try:
        config.max_age_s = parse_age(value)
    except ValueError as error:
        raise ValueError(f"max_age {error}") from None


def _check_spool_dir(_: Config, value: str) -> None:
    """Only check: `find_spool_dirs` takes the value, whatever the rest of the file is like."""
    if not value.startswith("/") or "\0" in value:
        raise ValueError(f"spool_dir '{value}' is not an absolute path")


def _boolean(value: str, key: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if value not in words:
        raise ValueError(f"{key} is '{value}', not one of {', '.join(words)}")
    return words[value]


def _integer(value: str, key: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"{key} '{value}' is not a whole number")
    return int(value)


_KEYS: dict[str, Callable[[Config, str], None]] = {
    "encryption_method": _set_encryption_method,
    "legacy_2_7_mode": _set_legacy_2_7_mode,
    "escape_newlines": _set_escape_newlines,
    "verdict": _set_verdict,
    "receiver": _set_receiver,
    "server": set_server,
    "port": _set_port,
    "timeout": _set_timeout,
    "host_name": _set_host_name,
    "service_description": _set_service_description,
    "return_code": _set_return_code,
    "output": _set_output,
    "fold": _set_fold,
    "max_entries": _set_max_entries,
    "max_age": _set_max_age,
    "spool_dir": _check_spool_dir,
}
