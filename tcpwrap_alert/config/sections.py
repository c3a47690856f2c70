"""The lines of the configuration: from bytes to the value of each key, by section.

Keys above the first `[name]` describe the one monitor that most people have, and are the defaults of the rest.
"""

from __future__ import annotations

from ..check_result import clean, cut, shown
from ..errors import ConfigError
from .address import Address
from .keys import KEYS, parse_password

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TOP = ""
DEFAULT = "default"  # the name of the monitor above the first section, if there are others
# A section's name is the name of a directory in the spool.
NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
MAX_NAME_CHARACTERS = 63
MAX_MESSAGE = 1000  # characters: a value may be of any length
NOT_INHERITED = ("server", "port", "tls_name")
# Two ways to say the same; a section that has one of its own does not inherit the other.
EITHER = (("password", "password_file"), ("token", "token_file"))


def read_sections(path: str, lines: list[bytes]) -> dict[str, dict[str, Any]]:
    """Return the value of each key, by section. Raises ConfigError with the first line that is wrong."""
    sections: dict[str, dict[str, Any]] = {TOP: {}}
    name = TOP
    for lineno, line in enumerate(lines, 1):
        try:
            if line.lstrip().startswith(b"["):
                name = _read_name(line)
                if name in sections:
                    raise ValueError(f"section [{name}] is here twice")
                sections[name] = {}
            else:
                _read_line(sections[name], line, name)
        except ValueError as error:
            raise ConfigError(path, lineno, cut(clean(str(error)), MAX_MESSAGE)) from None
    return sections


def merged(sections: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the values of a section, with those above the first section where it has none of its own."""
    if name == TOP:
        return sections[TOP]
    said_otherwise = {key for pair in EITHER for key in pair if set(pair) & sections[name].keys()}
    left_out = said_otherwise.union(NOT_INHERITED)
    defaults = {key: value for key, value in sections[TOP].items() if key not in left_out}
    return {**defaults, **sections[name]}


def _read_name(line: bytes) -> str:
    text = line.strip().decode(errors="replace")
    name = text[1:-1].strip()
    is_name = NAME_CHARACTERS.issuperset(name) and 0 < len(name) <= MAX_NAME_CHARACTERS and name[0] not in ".-"
    if name == DEFAULT:
        raise ValueError("[default] is the monitor above the first section; choose another name")
    if not (text.endswith("]") and is_name):
        raise ValueError(f"{shown(text)} is no section; write [name], of letters, digits, '_', '.' and '-'")
    return name


def _read_line(values: dict[str, Any], line: bytes, section: str) -> None:
    """Note what `line` says. Raises ValueError with what is wrong about it."""
    if not line.strip() or line.lstrip().startswith(b"#"):
        return
    raw_key, equals, raw_value = line.partition(b"=")
    key = raw_key.strip().decode(errors="replace")
    if not equals or len(key.split()) > 1:
        raise ValueError("not of the form key=value")  # and not shown: it may be the password
    if key == "password":
        values[key] = parse_password(raw_value)
        _check_either(values, key)
        return
    if b"password" in raw_value and not key.endswith("_file"):
        raise ValueError("more than one key on the line")  # and the line is not shown
    if key not in KEYS:
        raise ValueError(f"unknown key {shown(key)}; {_hint(key)}")
    if key in ("spool_dir", "metrics_file") and section:
        raise ValueError(f"{key} belongs above the first section: all monitors share the spool")
    try:
        value = raw_value.strip().decode()
    except UnicodeDecodeError:
        raise ValueError(f"the value of {key} is not UTF-8") from None
    _note(values, key, KEYS[key](value))
    _check_either(values, key)


def _hint(key: str) -> str:
    import difflib  # on this path only: the forwarder's start is lean

    from .other_files import file_of

    known = ["password", *KEYS]
    near = difflib.get_close_matches(key.lower(), known, 1)
    return file_of(key) or (f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}")


def _check_either(values: dict[str, Any], key: str) -> None:
    for pair in EITHER:
        if key in pair and all(one in values for one in pair):
            raise ValueError(f"{' and '.join(pair)} both; keep one of them")


def _note(values: dict[str, Any], key: str, value: Any) -> None:
    """Note a value. The last line of a key counts, and the port of a single node is a line of `port`, too."""
    if key == "server":
        if key in values and values[key][0].host != value[0].host:
            values.pop("port", None)  # it was another host's
        if len(value) == 1 and value[0].port:
            (node,) = value
            values["port"] = node.port
            value = (Address(node.scheme, node.host, None, node.path, node.user),)
    values[key] = value
