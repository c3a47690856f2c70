"""Finding and reading the configuration: a stock `send_nsca.cfg`, with our keys in the same file.

The stock part is read as C send_nsca 2.10.2 reads it: `key=value` lines, `#` comments, and for the password
everything after the `=`, blanks included, because that is what the server's own file holds too. The values of our
keys are stripped. Whatever is wrong is a ConfigError with file and line; a method that we cannot do is one of them,
so nothing is ever sent in clear by mistake.

The file is read once, and what was read travels. Its lines are understood when somebody asks for a value, and only
then is a fault raised: an alert must be safe in the spool before anybody is told that line 14 is wrong. Where the spool
is does not depend on a configuration without faults.
"""

from __future__ import annotations

import errno
import os
import stat

from ..debugging import debug
from ..errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..nsca.server import Server
    from .values import Monitor, Wording

CONFIG_PATHS = ("/etc/tcpwrap-alert/send_nsca.cfg", "/etc/send_nsca.cfg")
CONFIG_SEARCH = f"$TCPWRAP_ALERT_CONFIG, else {CONFIG_PATHS[0]}, else {CONFIG_PATHS[1]}"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some editors begin a file with it
SECRETS = ("password", "token")
DEFAULT_SPOOL_DIR = "/var/spool/tcpwrap-alert"


def read_config(path: str | None = None) -> Config:
    """Read the configuration from `path`, else from where TCPWRAP_ALERT_CONFIG or /etc has it. Never raises."""
    found = path or _find_config()
    if found is None:
        what = f"no configuration here, nor in {CONFIG_PATHS[1]}; see send_nsca.cfg.example"
        return Config(CONFIG_PATHS[0], fault=ConfigError(CONFIG_PATHS[0], None, what))
    debug("configuration: %s", found)
    try:
        lines, mode = _read(found)
    except OSError as error:
        what = f"cannot read the configuration: {error.strerror}"
        return Config(found, fault=ConfigError(found, None, what))
    if mode & stat.S_IWOTH:
        what = f"everybody may write to it, so it is not used; run chmod o-w {found}"
        return Config(found, fault=ConfigError(found, None, what))
    return Config(found, lines, bool(mode & stat.S_IROTH))


class Config:
    """One reading of the configuration.

    Attributes:
        path: where it was read, for messages.
        spool_dirs: the spool directories to look after, the one to write to first; whatever state the rest is in.
        metrics_file: where numbers for Prometheus go; empty if nowhere. Also whatever state the rest is in.
    """

    def __init__(
        self,
        path: str,
        lines: list[bytes] | None = None,
        is_readable_by_all: bool = False,
        fault: ConfigError | None = None,
    ) -> None:
        self.path = path
        self.spool_dirs = _spool_dirs(lines or [])
        self.metrics_file = _path_in(lines or [], b"metrics_file", "")
        self._lines = lines or []
        self._is_readable_by_all = is_readable_by_all
        self._fault = fault
        self._sections: dict[str, dict[str, Any]] | None = None

    @property
    def sections(self) -> dict[str, dict[str, Any]]:
        """The value of each key that the file has, by section; those above the first section have the name "".

        Raises:
            ConfigError: no file, an unreadable one, or a line that is wrong.
        """
        if self._sections is None and self._fault is None:
            from .sections import read_sections

            try:
                self._sections = read_sections(self.path, self._lines)
            except ConfigError as error:
                self._fault = error
        if self._sections is None:
            raise self._fault or AssertionError
        return self._sections

    @property
    def monitors(self) -> tuple[Monitor, ...]:
        """The monitors that must get every result, one at least.

        Raises:
            ConfigError: there is none, or what `sections` raises.
        """
        from .build import make_monitor
        from .sections import DEFAULT, TOP, merged

        sections = self.sections
        names = [name for name in sections if name or "server" in sections[TOP] or len(sections) == 1]
        shown = {TOP: DEFAULT if len(names) > 1 else ""}
        return tuple(make_monitor(shown.get(name, name), merged(sections, name), self.path) for name in names)

    @property
    def fault(self) -> ConfigError | None:
        """Why there is no monitor to send to; None if there is one."""
        try:
            self.monitors  # noqa: B018 - asked for what it raises
        except ConfigError as error:
            return error
        return None

    @property
    def wording(self) -> Wording:
        """How this host words a denial; as it comes by default where the configuration cannot be used."""
        from .build import default_wording, make_wording

        try:
            return make_wording(self.sections[""], self.path)
        except ConfigError:
            return default_wording()

    @property
    def warning(self) -> str:
        """What is wrong, though not fatal; empty if nothing is, or if the configuration cannot be used."""
        try:
            secrets = [key for key in SECRETS for values in self.sections.values() if values.get(key)]
        except ConfigError:
            return ""  # told by whoever needs it
        if not (secrets and self._is_readable_by_all):
            return ""
        return f"warning: {self.path}: everybody may read the {secrets[0]}; run chmod o-r {self.path}"

    def server(self, host: str = "") -> Server:
        """Return the NSCA server above the first section, or the one named `host` with all else from there.

        Raises:
            NoServer: no NSCA server is named; or what `sections` raises.
            ValueError: `host` is not a name or an address, with or without a port.
        """
        from .build import make_server

        return make_server(self.sections[""], self.path, host)


def _find_config() -> str | None:
    """Return the path of the configuration; None if there is none where we look."""
    from_environment = os.environ.get("TCPWRAP_ALERT_CONFIG")
    if from_environment:
        return from_environment
    return next(filter(os.path.lexists, CONFIG_PATHS), None)


def _spool_dirs(lines: list[bytes]) -> list[str]:
    """Return the spool directories to look after, the one to write to first.

    handle_tcp_wrapper is a shell script that does not read the configuration: it uses TCPWRAP_ALERT_SPOOL or the
    default directory. So a `spool_dir` in the configuration comes first, and the default is looked after too.
    """
    from_environment = os.environ.get("TCPWRAP_ALERT_SPOOL")
    if from_environment:
        return [from_environment]
    return list(dict.fromkeys((_path_in(lines, b"spool_dir", DEFAULT_SPOOL_DIR), DEFAULT_SPOOL_DIR)))


def _path_in(lines: list[bytes], wanted: bytes, default: str) -> str:
    """Return the path that a key above the first section names, understanding no other line."""
    path = default
    for line in lines:
        if line.lstrip().startswith(b"["):
            break  # a section is about a monitor
        key, _, value = line.partition(b"=")
        if key.strip() == wanted and value.strip().startswith(b"/") and b"\0" not in value:
            path = os.fsdecode(value.strip())
    return path


def _read(path: str) -> tuple[list[bytes], int]:
    """Return lines and mode of a file; a FIFO or a device, which could hold us for ever, is an OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file")
        with open(fd, "rb", closefd=False) as file:
            lines = file.read().removeprefix(BYTE_ORDER_MARK).split(b"\n")
    finally:
        os.close(fd)
    return [line[:-1] if line.endswith(b"\r") else line for line in lines], mode
