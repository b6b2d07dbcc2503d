"""Java regular expressions with a deadline (expression language 7.1, 12).

The package `regex` looks at the time while it matches, so no pattern runs longer than `max_regex_seconds`, however it
backtracks. Pattern, text, and counted repetitions (which are unfolded before matching) are bounded as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from segue.expr.errors import EvaluationError, LimitError
from segue.expr.limits import Limits
from segue.expr.regex_syntax import translate

__all__ = ["Match", "find", "java_replacement", "java_split", "match_in_time", "matches_whole", "replace_all"]

T = TypeVar("T")
_UNFOLDED = 10
_REFERENCE = re.compile(r"\$(?:(\d)|\{(\w+)\})")


class Match(Protocol):
    """What is used of a match."""

    @property
    def re(self) -> Any:
        """The pattern."""

    def start(self) -> int:
        """Where it begins."""

    def end(self) -> int:
        """Where it ends."""

    def __getitem__(self, group: int | str, /) -> str | None:
        """Text of a group, None when it took no part."""


@lru_cache(maxsize=500)
def _compiled(source: str, longest: int) -> Any:
    """The pattern. Raises EvaluationError, or LimitError when its repetitions unfold to too many parts."""
    import regex

    translated, weight = translate(source)
    if weight > longest * _UNFOLDED:
        raise LimitError("max_regex_length", longest, "The regular expression repeats too many parts")
    try:
        return regex.compile(translated, regex.VERSION1)
    except (regex.error, OverflowError, RecursionError, ValueError, KeyError) as error:
        raise EvaluationError(f"Invalid regex '{source[:200]}': {error}") from None


def _pattern(source: str, text: str, limits: Limits) -> Any:
    """The compiled pattern, once pattern and text are known to be short enough."""
    if len(source) > limits.max_regex_length:
        raise LimitError("max_regex_length", limits.max_regex_length, "The regular expression is too long")
    if len(text) > limits.max_regex_input:
        raise LimitError("max_regex_input", limits.max_regex_input, "The text is too long for a regular expression")
    return _compiled(source, limits.max_regex_length)


def _in_time(limits: Limits, call: Callable[[float], T]) -> T:
    """The result of a matching that is given so many seconds. Raises LimitError."""
    try:
        return call(limits.max_regex_seconds)
    except TimeoutError:
        limit = limits.max_regex_seconds
        raise LimitError("max_regex_seconds", limit, "The regular expression takes too long") from None
    except MemoryError:
        message = "The regular expression needs too much memory for this text"
        raise LimitError("max_regex_input", limits.max_regex_input, message) from None


def find(source: str, text: str, limits: Limits) -> Match | None:
    """The first match anywhere. Raises EvaluationError for a bad pattern, LimitError."""
    compiled = _pattern(source, text, limits)
    found: Match | None = _in_time(limits, lambda seconds: compiled.search(text, timeout=seconds))
    return found


def match_in_time(expression: str, text: str, limits: Limits) -> Any:
    """A whole match of a text with an expression of our own (in the spelling of `regex`). Raises LimitError."""
    compiled = _own(expression)
    return _in_time(limits, lambda seconds: compiled.fullmatch(text, timeout=seconds))


@lru_cache(maxsize=200)
def _own(expression: str) -> Any:
    """Raises EvaluationError for what is not valid."""
    import regex

    try:
        return regex.compile(expression, regex.ASCII)
    except regex.error as error:
        raise EvaluationError(f"The pattern is not valid for reading: {error}") from None


def matches_whole(text: str, source: str, limits: Limits) -> bool:
    """Whether the whole text matches. Raises EvaluationError for a bad pattern, LimitError."""
    compiled = _pattern(source, text, limits)
    return _in_time(limits, lambda seconds: compiled.fullmatch(text, timeout=seconds)) is not None


def java_replacement(template: str) -> Callable[[Match], str]:
    """A replacement with `$1`, `${name}` and backslash escapes, as Java reads it.

    Raises:
        EvaluationError: a `$` that names no group.
    """
    parts: list[tuple[str | int, bool]] = []
    index = 0
    while index < len(template):
        char = template[index]
        if char == "\\" and index + 1 < len(template):
            parts.append((template[index + 1], False))
            index += 2
        elif char == "$":
            found = _REFERENCE.match(template, index)
            if found is None:
                raise EvaluationError("Illegal group reference")
            parts.append((int(found[1]) if found[1] else found[2], True))
            index = found.end()
        else:
            parts.append((char, False))
            index += 1

    def replace(match: Match) -> str:
        return "".join((match[part] or "") if is_group else str(part) for part, is_group in parts)

    return replace


def replace_all(text: str, source: str, replacement: Callable[[Match], str], limits: Limits) -> str:
    """Every match replaced; stops when the result becomes too long.

    Raises:
        EvaluationError: a bad pattern, or a replacement that names a group which does not exist.
        LimitError: time or length.
    """
    size = 0

    def counted(match: Match) -> str:
        nonlocal size
        try:
            piece = replacement(match)
        except IndexError as error:
            raise EvaluationError(f"No such group in the regular expression: {error}") from None
        size += len(piece)
        if size > limits.max_output_length:
            raise LimitError("max_output_length", limits.max_output_length, "The text becomes too long")
        return piece

    compiled = _pattern(source, text, limits)
    return str(_in_time(limits, lambda seconds: compiled.sub(counted, text, timeout=seconds)))


def java_split(text: str, source: str, limit: int, limits: Limits) -> list[str]:
    """Java's split: trailing empty pieces dropped at limit 0; no piece before a zero-width start.

    Raises:
        EvaluationError: a bad pattern.
        LimitError: time or length.
    """
    if text == "":
        return [""]
    compiled = _pattern(source, text, limits)
    pieces, start = _in_time(limits, lambda seconds: _cut(compiled.finditer(text, timeout=seconds), text, limit))
    pieces.append(text[start:])
    if limit < 0 and start < len(text) and matches_whole("", source, limits):
        pieces.append("")
    while limit == 0 and len(pieces) > 1 and pieces[-1] == "":
        pieces.pop()
    if limit == 0 and pieces == [""]:
        return []
    return pieces


def _cut(matches: Any, text: str, limit: int) -> tuple[list[str], int]:
    """The pieces before each match, and where the last one ends."""
    pieces: list[str] = []
    start = 0
    for match in matches:
        if limit > 0 and len(pieces) == limit - 1:
            break
        if match.end() == 0 or (match.end() == match.start() == len(text)):
            continue
        pieces.append(text[start : match.start()])
        start = match.end()
    return pieces, start
