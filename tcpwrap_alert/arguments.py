"""What people, scripts and programs give us as arguments, of a command line or of a call, as values.

A state is a number or a word. Scripts hand on what a plugin ended with, as `02` or `127`. A program gives a text as str
or as bytes, and a number as a number or as text. What is neither is an error that names it, and is not guessed at.
"""

from __future__ import annotations

from .check_result import MAX_DIGITS, CheckResult, named_states, shown, states
from .errors import CheckResultError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_check_result(arguments: Sequence[str]) -> CheckResult:
    """Return the check result of the arguments HOST SERVICE STATE OUTPUT, or HOST STATE OUTPUT for a host check.

    A fifth argument is performance data, which goes behind the output and a `|`; if it is empty, there is none.

    Raises:
        UsageError: not three, four or five arguments, or an empty service description.
        CheckResultError: values that are not a check result.
    """
    if len(arguments) == 3:
        host_name, state, plugin_output = arguments
        return CheckResult(host_name, "", parse_state(state, is_host_check=True), plugin_output)
    if len(arguments) not in (4, 5):
        given = "1 argument" if len(arguments) == 1 else f"{len(arguments)} arguments"
        raise UsageError(f"{given} instead of HOST SERVICE STATE OUTPUT [PERFDATA] or HOST STATE OUTPUT")
    host_name, service_description, state, *texts = arguments
    if not service_description:
        raise UsageError("the service description is empty; a host check has three arguments: HOST STATE OUTPUT")
    plugin_output = "|".join(texts if texts[-1] else texts[:1])
    return CheckResult(host_name, service_description, parse_state(state, is_host_check=False), plugin_output)


def parse_state(word: str, *, is_host_check: bool) -> int:
    """Return the return code of what a plugin or a person says: a state's word, or of a service any whole number.

    Raises:
        CheckResultError: for anything else, `CRIT` for example; of a host, for any number but 0-2.
    """
    number = whole_number(word)
    if number is not None and not is_host_check:
        return number
    return parse_return_code(word, is_host_check=is_host_check)


def parse_return_code(word: str, *, is_host_check: bool) -> int:
    """Return the return code for the number or the word of a state: `2`, `02`, `CRITICAL`, `critical` or `Critical`.

    Raises:
        CheckResultError: for anything else; `CRIT` and `-1` are not guessed at.
    """
    for return_code, state in enumerate(states(is_host_check=is_host_check)):
        if word in (state, state.lower(), state.capitalize()) or whole_number(word) == return_code:
            return return_code
    kind = "host" if is_host_check else "service"
    raise CheckResultError(f"state {shown(word)} of a {kind} is not one of {named_states(is_host_check=is_host_check)}")


def whole_number(text: str) -> int | None:
    """Return the whole number that `text` is, or None; `02`, ` 2`, `+2` and `2.0` are 2."""
    number, _, fraction = text.strip().partition(".")
    digits = number[1:] if number[:1] in ("+", "-") else number
    if not text.isascii() or not digits.isdigit() or len(digits) > MAX_DIGITS or fraction.strip("0"):
        return None
    return int(number)


def as_text(text: str | bytes) -> str:
    """Return a text that a program gave as str or as bytes; bytes that are not UTF-8 become surrogates (PEP 383)."""
    return text.decode(errors="surrogateescape") if isinstance(text, bytes) else text


def as_bytes(text: str | bytes | None) -> bytes:
    """Return the bytes of a password that a program gave as str, as bytes or not at all."""
    return text.encode(errors="surrogateescape") if isinstance(text, str) else text or b""


def as_number(name: str, value: int | str | bytes) -> int:
    """Return the whole number `value` of the parameter `name`. Raises ValueError if it is a text and no number."""
    if not isinstance(value, (str, bytes)):
        return value
    number = whole_number(as_text(value))
    if number is None:
        raise ValueError(f"{name} {shown(as_text(value))} is not a number")
    return number
