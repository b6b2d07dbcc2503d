"""Random and time-ordered identifiers (expression language 8.1), from clock and entropy services."""

from __future__ import annotations

from typing import Any

from segue.expr.callables import Table
from segue.expr.errors import EvaluationError, ServiceMissingError
from segue.expr.runtime import State
from segue.expr.values import is_integer

__all__ = ["TABLE"]

TABLE = Table()
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NANO_ID = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
_MAX_NANO_ID = 1000
_KSUID_EPOCH = 1_400_000_000


def _entropy(state: State, function: str, size: int) -> bytes:
    if state.services.entropy is None:
        raise ServiceMissingError(function, "entropy")
    return state.services.entropy(size)


def _millis(state: State, function: str) -> int:
    if state.services.clock is None:
        raise ServiceMissingError(function, "clock")
    return int(state.services.clock().timestamp() * 1000)


def _base62(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return digits or "0"


def _below(state: State, function: str, bound: int) -> int:
    """A number from 0 to bound - 1, without bias."""
    size = (bound.bit_length() + 7) // 8
    whole = 256**size - 256**size % bound
    while True:
        number = int.from_bytes(_entropy(state, function, size), "big")
        if number < whole:
            return number % bound


@TABLE.add("uuid", state=True)
def uuid(state: State) -> str:
    """A UUID of version 7, which sorts by time.

    Returns:
        text: 36 characters.

    Raises:
        ServiceMissingError: there is no clock or no source of chance here.

    Available: 1.x, 2.0

    Examples:
        {{ uuid() | length }} -> 36
    """
    random = int.from_bytes(_entropy(state, "uuid", 10), "big")
    value = (_millis(state, "uuid") & (2**48 - 1)) << 80 | 7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 2 << 62 | random & (2**62 - 1)
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@TABLE.add("id", state=True)
def identifier(state: State) -> str:
    """A random UUID written with 62 letters and digits.

    Returns:
        text: Up to 22 characters.

    Raises:
        ServiceMissingError: there is no source of chance here.

    Available: 1.x, 2.0

    Examples:
        {{ (id() | length) <= 22 }} -> true
    """
    random = int.from_bytes(_entropy(state, "id", 16), "big")
    return _base62(random & ~(0xF << 76) & ~(0x3 << 62) | 4 << 76 | 2 << 62)


@TABLE.add("ksuid", state=True)
def ksuid(state: State) -> str:
    """A KSUID: seconds and chance, which sorts by time.

    Returns:
        text: 27 letters and digits.

    Raises:
        ServiceMissingError: there is no clock or no source of chance here.

    Available: 1.x, 2.0

    Examples:
        {{ ksuid() | length }} -> 27
    """
    seconds = _millis(state, "ksuid") // 1000 - _KSUID_EPOCH
    value = (seconds & 0xFFFFFFFF) << 128 | int.from_bytes(_entropy(state, "ksuid", 16), "big")
    return _base62(value).rjust(27, "0")


@TABLE.add("nanoId", "length", "alphabet", state=True)
def nano_id(state: State, length: Any = None, alphabet: Any = None) -> str:
    """Random characters of an alphabet.

    Args:
        length (integer, default 21): How many, at most 1000.
        alphabet (text, optional): What they are taken from; by default letters, digits, `-` and `_`.

    Returns:
        text: Arguments of the wrong type are ignored.

    Raises:
        EvaluationError: the length is negative or too large.
        ServiceMissingError: there is no source of chance here.

    Available: 1.x, 2.0

    Examples:
        {{ nanoId() | length }} {{ nanoId(4, 'a') }} -> 21 aaaa
    """
    size = length if is_integer(length) else 21
    letters = alphabet if isinstance(alphabet, str) and alphabet else _NANO_ID
    if size > _MAX_NANO_ID:
        raise EvaluationError(f"The 'nanoId()' function field 'length' must be lower than: {_MAX_NANO_ID}")
    if size < 0:
        raise EvaluationError("The 'nanoId()' function field 'length' must not be negative")
    return "".join(letters[_below(state, "nanoId", len(letters))] for _ in range(size))


@TABLE.add("randomInt", "lower", "upper", state=True)
def random_int(state: State, lower: Any = None, upper: Any = None) -> int:
    """A random integer.

    Args:
        lower (integer): The smallest possible.
        upper (integer): One more than the largest possible; equal bounds give `lower`.

    Returns:
        integer: From `lower` up to, not including, `upper`.

    Raises:
        EvaluationError: an argument is absent or no integer, or `upper` is less than `lower`.
        ServiceMissingError: there is no source of chance here.

    Available: 1.x, 2.0

    Examples:
        {{ randomInt(5, 6) }} -> 5
    """
    for name, value in (("lower", lower), ("upper", upper)):
        if value is None:
            raise EvaluationError(f"The 'randomIn()' function expects an argument {name}")
        if not is_integer(value):
            raise EvaluationError(f"The 'randomIn()' function expects an argument {name} of type Long.")
    if upper < lower:
        raise EvaluationError("In 'randomIn()' upper is less than lower")
    return int(lower if upper == lower else lower + _below(state, "randomInt", upper - lower))


@TABLE.add("randomPort", state=True)
def random_port(state: State) -> int:
    """A TCP port of this machine that nobody listens to now.

    Returns:
        integer: The port.

    Raises:
        ServiceMissingError: there are no ports here.

    Available: 1.x, 2.0

    Examples:
        {{ randomPort() > 1023 }} -> true
    """
    if state.services.free_port is None:
        raise ServiceMissingError("randomPort", "free_port")
    return state.services.free_port()
