"""A denied connection, and the text that tells the monitor about it.

Everything here was chosen by the denied client or its name server: `%h` may be a PTR record, `%u` the answer of an
ident server. libwrap lets only certain characters through into a command and turns each other byte into `_`
(percent_x.c: `ok_chars`); we apply the same rule again, because `tcpwrap-alert deny` may be fed by anything. So a
denial holds no blank, quote, `;`, `|`, `<` or `&` that a shell, Nagios's command file or its web pages could take
for their own.
"""

from __future__ import annotations

from .check_result import cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .check_result import Counted

OUTPUT_FIELDS = ("daemon", "client", "address", "user")

SAFE_CHARACTERS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!@%_=+:,./-")
# A DNS name has at most 253 characters, an ident user at most 512 (RFC 1413); four of them stay far below 4095.
MAX_FIELD_BYTES = 255

MAPPED = "::ffff:"
IPV4_CHARACTERS = frozenset("0123456789.")


class Denial:
    """Who was denied by which daemon: the rule's `%d`, `%h`, `%a` and `%u`, made harmless."""

    __slots__ = OUTPUT_FIELDS

    kind = "denial"
    tally_kind = "denials"

    def __init__(self, daemon: str, client: str, address: str = "", user: str = "") -> None:
        self.daemon = harmless(daemon)
        self.client = plain_address(harmless(client))
        self.address = plain_address(harmless(address))
        self.user = harmless(user)

    def fields(self) -> dict[str, str]:
        """Return what a queue file holds of it, with the names and in the order of handle_tcp_wrapper."""
        return {"client": self.client, "daemon": self.daemon, "address": self.address, "user": self.user}

    @classmethod
    def from_fields(cls, fields: dict[str, str]) -> Denial:
        """Return the denial with these fields. Raises TypeError if they are others."""
        return cls(**fields)

    def counted(self, at_ns: int) -> Iterator[Counted]:
        """Yield what a tally counts of it."""
        yield (self.daemon, self.client, self.address, self.user), (1, at_ns, at_ns)

    def text(self, template: str) -> str:
        """Return the plugin output of this denial; `template` is the configuration's `output`."""
        return fill(template, {field: getattr(self, field) for field in OUTPUT_FIELDS})


def harmless(text: str) -> str:
    """Return `text` with every character outside libwrap's own set as `_`, cut to 255 bytes; `unknown` if empty."""
    if not SAFE_CHARACTERS.issuperset(text):
        ascii_text = text.encode("ascii", "replace").decode("ascii")
        text = "".join(char if char in SAFE_CHARACTERS else "_" for char in ascii_text)
    return cut(text, MAX_FIELD_BYTES) or "unknown"


def plain_address(client: str) -> str:
    """Return `client` without the prefix that an IPv4 address has at an IPv6 socket (RFC 4291, 2.5.5.2).

    vsftpd and stunnel hand libwrap the address of such a socket as it is, so `%h` and `%a` are `::ffff:203.0.113.7`.
    """
    address = client[len(MAPPED) :]
    is_mapped = client[: len(MAPPED)].lower() == MAPPED and address.count(".") == 3
    return address if is_mapped and IPV4_CHARACTERS.issuperset(address) else client


def fill(template: str, values: dict[str, str]) -> str:
    """Return `template` with each `{field}` replaced by its value.

    Not `str.format`: that would evaluate attributes and indexes, which no template needs.

    Raises:
        ValueError: a brace without its partner, or a field that does not exist.
    """
    text, *parts = template.split("{")
    if "}" in text:
        raise ValueError("a '}' without its '{'")
    for part in parts:
        field, brace, rest = part.partition("}")
        if not brace or field not in values:
            known = ", ".join("{" + name + "}" for name in values)
            raise ValueError(f"'{{{field}{brace}' is not one of {known}")
        if "}" in rest:
            raise ValueError("a '}' without its '{'")
        text += values[field] + rest
    return text
