"""The text of a configuration: what its keys say, and the same text with another value of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..check_result import clean
from ..config.address import parse_servers
from ..config.read import BYTE_ORDER_MARK

# Keys that say the same in another way: who gives one takes these away.
INSTEAD = {"password": ("password_file",), "token": ("token_file",)}


def hosts_in(text: bytes) -> list[str]:
    """Return the names and addresses of the monitors in a configuration, whatever else is wrong with it."""
    found = []
    for line in text.split(b"\n"):
        key, _, value = line.partition(b"=")
        if key.strip() == b"server":
            try:
                found += [node.host for node in parse_servers(value.strip().decode()) if node.host]
            except ValueError:
                continue  # told by whoever reads the configuration
    return list(dict.fromkeys(found))


def _is_section(line: bytes) -> bool:
    return line.lstrip().startswith(b"[")


def key_of(line: bytes) -> bytes:
    """Return the key of a line; nothing of a comment or an empty line."""
    line = line.removeprefix(BYTE_ORDER_MARK)
    return b"" if line.lstrip().startswith(b"#") else line.partition(b"=")[0].strip()


def top_of(text: bytes) -> dict[bytes, bytes]:
    """Return the keys above the first section, with their values; the blanks of a password belong to it."""
    lines = [line for line in _until_section(text.split(b"\n")) if key_of(line)]
    return {key_of(line): line.partition(b"=")[2].rstrip(b"\r") for line in lines}


def _until_section(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        if _is_section(line):
            return
        yield line


def with_value(text: bytes, key: str, value: bytes) -> bytes:
    """Return the text with this value of a key above the first section; every other line stays."""
    name = key.encode()
    lines = text.split(b"\n")
    top = len(list(_until_section(lines)))
    old = top_of(text).get(name)
    dropped = {other.encode() for other in INSTEAD.get(key, ())}
    if key == "server" and old is not None and old.strip() != value:
        dropped.add(b"port")  # it was another host's
    places = [number for number in range(top) if key_of(lines[number]) == name]
    line = name + b"=" + value
    if places:
        lines[places[-1]] = line
    else:
        lines.insert(_place(lines[:top], name), line)
        top += 1
    return b"\n".join([one for number, one in enumerate(lines) if not (number < top and key_of(one) in dropped)])


def _place(lines: list[bytes], name: bytes) -> int:
    """Return where a new line belongs: below a comment that has the key, else at the end, before empty lines."""
    for number, line in enumerate(lines):
        if line.lstrip(b"# ").startswith(name + b"="):
            return number + 1
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return end


def changes(old: bytes, new: bytes) -> Iterator[str]:
    """Yield what changes above the first section; a secret is not shown."""
    before, after = top_of(old), top_of(new)
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) == after.get(key):
            continue
        name = key.decode(errors="replace")
        if key not in after:
            yield f"{name} goes"
        elif name in INSTEAD:
            yield f"{name} is another one" if key in before else f"{name} is new"
        else:
            was = f" (was {_shown(before[key])})" if key in before else ""
            yield f"{name}={_shown(after[key])}{was}"


def _shown(value: bytes) -> str:
    return clean(value.strip().decode(errors="replace"))
