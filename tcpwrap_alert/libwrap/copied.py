"""What comes along when a rule is copied from a web page or an editor: characters and words that only look right."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

# What only looks like a blank, or like nothing, and what only looks like a quotation mark or a dash.
NO_BLANK = re.compile(r"[^\S \t\r\n]|[\u00ad\u200b-\u200f\u2060\ufeff]")
NO_ASCII = re.compile(r"[\u2018-\u201f\u2032\u2033\u2010-\u2015\u2026]")
# What every such line has, and hardly any other.
SUSPECT = re.compile(r"[^ -~\t\r\n]|&[a-zA-Z#]")
ENTITY = re.compile(r"&(?:[a-z]+|#\d+|#x[\da-f]+);", re.IGNORECASE)


def find_copied(line: str) -> Iterator[str]:
    """Yield what to say of a line, one text for each kind of thing."""
    if found := NO_BLANK.search(line):
        yield f"U+{ord(found[0]):04X} is no blank for libwrap and the shell, but a part of the word beside it"
    if found := NO_ASCII.search(line):
        yield f"U+{ord(found[0]):04X} only looks like a quotation mark or a dash; type it anew"
    meant = {entity: html.unescape(entity) for entity in ENTITY.findall(line)}
    if words := [f"'{char}' for '{entity}'" for entity, char in meant.items() if char != entity]:
        yield f"copied from the text of a web page: write {', '.join(words)}"
