"""The keys of the configuration: a table from each key to what reads its value.

A reader takes the stripped text and returns the value, or raises ValueError with the text for the operator. The
password is no row of the table: it is bytes, and its blanks belong to it.
"""

from __future__ import annotations

from ..arguments import parse_return_code
from ..check_result import MAX_DIGITS, CheckResult, shown
from ..denial import OUTPUT_FIELDS, fill
from ..nsca.cipher import check_method
from ..nsca.server import RECEIVERS, VERDICTS
from .address import parse_port, parse_servers
from .files import read_regular
from .networks import parse_fold_prefix, parse_quiet
from .proxies import parse_no_proxy, parse_proxy
from .secrets import read_secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PASSWORD_BYTES = 511  # nsca 2.10.2: char password[512], the NUL included
MAX_TIMEOUT_S = 300.0
MAX_PEM_BYTES = 1 << 20
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def parse_age(value: str) -> int:
    """Return the seconds of a time like 7d, 12h, 30m or 90s. Raises ValueError for anything else."""
    number, unit = value[:-1], value[-1:]
    if unit not in UNITS_S or not (number.isascii() and number.isdigit() and len(number) < 7 and int(number)):
        raise ValueError(f"'{value}' is not a number from 1 on with its unit, like 7d, 12h, 30m or 90s")
    return int(number) * UNITS_S[unit]


def parse_password(value: bytes) -> bytes:
    """Return the password. Raises ValueError, which does not show it, if NSCA cannot take it."""
    if len(value) > MAX_PASSWORD_BYTES:
        raise ValueError(f"the password has {len(value)} bytes, the limit is {MAX_PASSWORD_BYTES}")
    if b"\0" in value:
        raise ValueError(f"the password of {len(value)} bytes holds a NUL byte")
    return value


def _method(value: str) -> int:
    method = _integer("encryption_method", value)
    check_method(method)
    return method


def _one_of(key: str, words: tuple[str, ...]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"{key} '{value}' is not one of {', '.join(words)}")
        return value

    return read


def _timeout(value: str) -> float:
    try:
        timeout_s = float(value)
    except ValueError:
        raise ValueError(f"timeout '{value}' is not a number of seconds") from None
    if not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise ValueError(f"timeout {value} is not above 0 and up to {MAX_TIMEOUT_S:g} seconds")
    return timeout_s


def _host_name(value: str) -> str:
    return CheckResult(value, "", 0, "").host_name


def _service_description(key: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not value:
            raise ValueError(f"{key} is empty")
        return CheckResult("host", value, 0, "").service_description

    return read


def _return_code(value: str) -> int:
    return parse_return_code(value, is_host_check=False)


def _output(value: str) -> str:
    fill(value, dict.fromkeys(OUTPUT_FIELDS, ""))
    return value


def _fold(value: str) -> int:
    if value != "no" and not (value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS and int(value)):
        raise ValueError(f"fold {shown(value)} is neither a number from 1 on nor no")
    return 0 if value == "no" else int(value)


def _max_entries(value: str) -> int:
    max_entries = _integer("max_entries", value)
    if max_entries < 1:
        raise ValueError(f"max_entries {value} is not a number from 1 on")
    return max_entries


def _age(key: str) -> Callable[[str], int]:
    def read(value: str) -> int:
        try:
            return parse_age(value)
        except ValueError as error:
            raise ValueError(f"{key} {error}") from None

    return read


def _window(value: str) -> int:
    if value == "no":
        return 0
    try:
        window_s = parse_age(value)
    except ValueError as error:
        raise ValueError(f"window {error}; write no to send each denial at once") from None
    if window_s > UNITS_S["d"]:
        raise ValueError(f"window {value} is longer than a day")
    return window_s


def _absolute_path(key: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not value.startswith("/") or "\0" in value:
            raise ValueError(f"{key} '{value}' is not an absolute path")
        return value

    return read


def _switch(key: str) -> Callable[[str], bool]:
    def read(value: str) -> bool:
        word = _without_comment(value)
        if word not in SWITCH:
            raise ValueError(f"{key} is '{value}', not one of {', '.join(SWITCH)}")
        return SWITCH[word]

    return read


def _integer(key: str, value: str) -> int:
    number = _without_comment(value)
    if not (number.isascii() and number.isdigit()):
        raise ValueError(f"{key} '{value}' is not a whole number")
    if len(number) > MAX_DIGITS:
        raise ValueError(f"{key} has {len(number)} digits, more than any")
    return int(number)


def _without_comment(value: str) -> str:
    """Return what stands before a comment on the line; C send_nsca reads a number or a switch so, too (2.10.2)."""
    word, blank, rest = value.partition(" ")
    return word if not blank or rest.lstrip().startswith("#") else value


def _file(key: str, label: str) -> Callable[[str], str]:
    """Return a reader of the path of a PEM file that is there and holds something with this label."""

    def read(value: str) -> str:
        try:
            is_pem = f"{label}-----".encode() in read_regular(value, MAX_PEM_BYTES)
        except (OSError, ValueError) as error:
            raise ValueError(f"{key} '{value}' cannot be read: {getattr(error, 'strerror', error)}") from None
        if not (value.startswith("/") and is_pem):
            what = f"holds no {label.lower()} in PEM format" if value.startswith("/") else "is not an absolute path"
            raise ValueError(f"{key} '{value}' {what}")
        return value

    return read


def _tls_names(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(";"))
    for name in names:
        if not name or not name.isprintable() or any(char in name for char in " :/@"):
            raise ValueError(f"tls_name '{name}' is not the name in a certificate, without port and scheme")
    return names


def _token(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"the token of {len(value)} characters holds others than ASCII")
    return value


KEYS: dict[str, Callable[[str], object]] = {
    "encryption_method": _method,
    "legacy_2_7_mode": _switch("legacy_2_7_mode"),
    "escape_newlines": _switch("escape_newlines"),
    "verdict": _one_of("verdict", VERDICTS),
    "receiver": _one_of("receiver", RECEIVERS),
    "server": parse_servers,
    "port": parse_port,
    "timeout": _timeout,
    "host_name": _host_name,
    "service_description": _service_description("service_description"),
    "heartbeat_service": _service_description("heartbeat_service"),
    "return_code": _return_code,
    "output": _output,
    "fold": _fold,
    "window": _window,
    "end_return_code": _return_code,
    "fold_prefix": parse_fold_prefix,
    "quiet": parse_quiet,
    "max_entries": _max_entries,
    "max_age": _age("max_age"),
    "spool_dir": _absolute_path("spool_dir"),
    "metrics_file": _absolute_path("metrics_file"),
    "password_file": read_secret("password_file"),
    "token": _token,
    "token_file": read_secret("token_file"),
    "ca_file": _file("ca_file", "CERTIFICATE"),
    "cert_file": _file("cert_file", "CERTIFICATE"),
    "key_file": _file("key_file", "PRIVATE KEY"),
    "tls_name": _tls_names,
    "allow_cleartext": _switch("allow_cleartext"),
    "proxy": parse_proxy,
    "proxy_password_file": read_secret("proxy_password_file"),
    "no_proxy": parse_no_proxy,
    "hold": _age("hold"),
}
