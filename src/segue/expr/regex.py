"""Java regular expressions on Python's `re`, within limits (expression language 7.1, 12).

Python's matcher has no deadline, so the defence is by size: pattern and input are bounded, and a pattern in
which a repetition stands directly inside another unbounded repetition (`(a+)+`, `(a|b*)*`) is refused for
inputs longer than `_NESTED_INPUT` characters. Overlapping alternatives under a repetition (`(a|a)*`) are
refused in the same way. Other slow patterns (`a*a*a*b`) are polynomial: with three or more unbounded repetitions
the text may have `_MANY_REPEATS_INPUT` characters only. That is a known gap: a hostile pattern of this kind
can still run for a long time; only a matcher with a deadline would end it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from re import _constants, _parser  # type: ignore[attr-defined]  # the parser of `re` has no public name
from typing import Any

from segue.expr.errors import EvaluationError, LimitError
from segue.expr.limits import Limits

__all__ = ["find", "java_replacement", "java_split", "matches_whole", "pattern", "replace_all"]

_NESTED_INPUT = 25
_MANY_REPEATS_INPUT = 5_000
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
_GROUP_NAME = re.compile(r"\(\?<(?=[A-Za-z])")
_NAME_REFERENCE = re.compile(r"\\k<(\w+)>")
_QUOTED = re.compile(r"\\Q(.*?)(?:\\E|$)", re.DOTALL)
_CLASSES = {
    r"\p{Alpha}": "a-zA-Z",
    r"\p{Digit}": "0-9",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{Upper}": "A-Z",
    r"\p{Lower}": "a-z",
    r"\p{Space}": r"\s",
    r"\p{XDigit}": "0-9a-fA-F",
    r"\p{Punct}": r"!-/:-@\[-`{-~",
    r"\p{L}": "a-zA-ZÀ-ÖØ-öø-ʯͰ-῿぀-퟿",
    r"\p{N}": "0-9",
    r"\h": r" \t\xA0",
}
_CLASS_ITEM = re.compile(r"\\\\|\\[pP]\{\w+\}|\\h|\\.|\[\^?\]?|\]", re.DOTALL)


def _translate(regex: str) -> str:
    """Java's spelling to Python's: quoting, named groups, POSIX classes, end anchors."""
    text = _QUOTED.sub(lambda found: re.escape(found[1]), regex)
    text = _GROUP_NAME.sub("(?P<", text)
    text = _NAME_REFERENCE.sub(r"(?P=\1)", text)
    depth = 0

    def item(found: re.Match[str]) -> str:
        nonlocal depth
        piece = found[0]
        if piece[0] == "[":
            depth += 1
        elif piece == "]":
            depth = max(0, depth - 1)
        elif piece in _CLASSES:
            return _CLASSES[piece] if depth else f"[{_CLASSES[piece]}]"
        elif piece in (r"\z", r"\Z"):
            return r"\Z"
        return piece

    return _CLASS_ITEM.sub(item, text)


@lru_cache(maxsize=500)
def _compiled(regex: str) -> tuple[re.Pattern[str], int]:
    """The pattern, and how long a text it may be run on (0: no limit of its own)."""
    source = _translate(regex)
    flags = re.ASCII
    try:
        compiled = re.compile(source, flags)
        tree = _parser.parse(source, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise EvaluationError(f"Invalid regex '{regex}': {error}") from None
    if _explodes(tree, inside_repeat=False):
        return compiled, _NESTED_INPUT
    return compiled, _MANY_REPEATS_INPUT if _unbounded(tree) > 2 else 0


def _explodes(tree: Any, *, inside_repeat: bool) -> bool:
    """Whether an unbounded repetition holds another one, or alternatives."""
    for op, value in tree:
        if op in _REPEATS:
            _, high, body = value
            unbounded = high is _constants.MAXREPEAT or high > 10
            if unbounded and inside_repeat:
                return True
            if _explodes(body, inside_repeat=inside_repeat or unbounded):
                return True
        elif op is _constants.SUBPATTERN:
            if _explodes(value[-1], inside_repeat=inside_repeat):
                return True
        elif op is _constants.BRANCH:
            if inside_repeat or any(_explodes(branch, inside_repeat=False) for branch in value[1]):
                return True
        elif op in (_constants.ASSERT, _constants.ASSERT_NOT) and _explodes(value[1], inside_repeat=inside_repeat):
            return True
    return False


def _unbounded(tree: Any) -> int:
    """How many unbounded repetitions a pattern has."""
    count = 0
    for op, value in tree:
        if op in _REPEATS:
            endless = value[1] is _constants.MAXREPEAT
            count += endless + _unbounded(value[2]) * (1 if endless else value[1])
        elif op is _constants.SUBPATTERN:
            count += _unbounded(value[-1])
        elif op is _constants.BRANCH:
            count += sum(map(_unbounded, value[1]))
    return count


def pattern(regex: str, text: str, limits: Limits) -> re.Pattern[str]:
    """The compiled pattern, fit to be run on this text.

    Raises:
        EvaluationError: `Invalid regex ...`, or a pattern that could run for ever on this text.
        LimitError: pattern or text are too long.
    """
    if len(regex) > limits.max_regex_length:
        raise LimitError("max_regex_length", limits.max_regex_length, "The regular expression is too long")
    if len(text) > limits.max_regex_input:
        raise LimitError("max_regex_input", limits.max_regex_input, "The text is too long for a regular expression")
    compiled, longest = _compiled(regex)
    if longest and len(text) > longest:
        raise EvaluationError(f"Invalid regex '{regex}': it could run for ever on a text of {len(text)} characters")
    return compiled


def find(regex: str, text: str, limits: Limits) -> re.Match[str] | None:
    """The first match anywhere."""
    return pattern(regex, text, limits).search(text)


def matches_whole(text: str, regex: str, limits: Limits) -> bool:
    """Whether the whole text matches."""
    return pattern(regex, text, limits).fullmatch(text) is not None


def java_replacement(template: str) -> Callable[[re.Match[str]], str]:
    """A replacement with `$1`, `${name}` and backslash escapes, as Java reads it."""
    parts: list[str | int] = []
    names: list[bool] = []
    index = 0
    while index < len(template):
        char = template[index]
        if char == "\\" and index + 1 < len(template):
            parts.append(template[index + 1])
            names.append(False)
            index += 2
        elif char == "$":
            found = re.compile(r"\$(?:(\d)|\{(\w+)\})").match(template, index)
            if found is None:
                raise EvaluationError("Illegal group reference")
            parts.append(int(found[1]) if found[1] else found[2])
            names.append(True)
            index = found.end()
        else:
            parts.append(char)
            names.append(False)
            index += 1
    pieces = list(zip(parts, names, strict=True))

    def replace(match: re.Match[str]) -> str:
        return "".join((match[part] or "") if is_group else str(part) for part, is_group in pieces)

    return replace


def replace_all(text: str, regex: str, replacement: Callable[[re.Match[str]], str], limits: Limits) -> str:
    """Every match replaced; stops when the result becomes too long."""
    size = 0

    def counted(match: re.Match[str]) -> str:
        nonlocal size
        try:
            piece = replacement(match)
        except IndexError as error:
            raise EvaluationError(str(error)) from None
        size += len(piece)
        if size > limits.max_output_length:
            raise LimitError("max_output_length", limits.max_output_length, "The text becomes too long")
        return piece

    return pattern(regex, text, limits).sub(counted, text)


def java_split(text: str, regex: str, limit: int, limits: Limits) -> list[str]:
    """Java's split: trailing empty pieces dropped at limit 0; no piece before a zero-width start."""
    if text == "":
        return [""]
    pieces: list[str] = []
    start = 0
    for match in pattern(regex, text, limits).finditer(text):
        if limit > 0 and len(pieces) == limit - 1:
            break
        if match.end() == 0 or (match.end() == match.start() == len(text)):
            continue
        pieces.append(text[start : match.start()])
        start = match.end()
    pieces.append(text[start:])
    if limit < 0 and pattern(regex, "", limits).fullmatch("") is not None and start < len(text):
        pieces.append("")
    while limit == 0 and len(pieces) > 1 and pieces[-1] == "":
        pieces.pop()
    if limit == 0 and pieces == [""]:
        return []
    return pieces
