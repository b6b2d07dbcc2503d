"""Patterns for files (core plugins 1.2): globs with ``*``, ``**``, ``?``, ``[...]`` and ``{a,b}``, or regular
expressions after ``regex:``.

Paths have ``/`` between their parts and none in front; a pattern has to match the whole path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from segue.domain.errors import SegueError

_LONGEST = 1000
_GLOB, _REGEX = "glob:", "regex:"


class GlobError(SegueError):
    """A pattern that is none."""


class FilePatterns:
    """Some patterns: a path fits when one of them does."""

    __slots__ = ("_compiled",)

    def __init__(self, patterns: Iterable[str], *, anywhere: bool = False) -> None:
        """``anywhere``: a pattern that begins with a word character fits at any depth, as for namespace files.

        Raises ``GlobError``.
        """
        self._compiled = [compile_pattern(_at_any_depth(text) if anywhere else text) for text in patterns]

    def __bool__(self) -> bool:
        return bool(self._compiled)

    def match(self, path: str) -> bool:
        """Whether one of the patterns fits the path."""
        return any(pattern.fullmatch(path) for pattern in self._compiled)


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> re.Pattern[str]:
    """A pattern as a regular expression for whole paths. Raises ``GlobError``."""
    if len(text) > _LONGEST:
        raise GlobError(f"A pattern for files may have {_LONGEST} characters at most")
    try:
        if text.startswith(_REGEX):
            return re.compile(text[len(_REGEX) :].removeprefix("/"), re.DOTALL)
        glob = text.removeprefix(_GLOB).removeprefix("./").lstrip("/")
        return re.compile(_translate(glob), re.DOTALL)
    except re.error as error:
        raise GlobError(f"{text[:200]!r} is no pattern for files: {error}") from None


def _at_any_depth(text: str) -> str:
    if text.startswith(_REGEX):
        return text
    glob = text.removeprefix(_GLOB)
    return f"**/{glob}" if glob[:1].isalnum() or glob[:1] == "_" else glob


def _translate(glob: str) -> str:
    parts: list[str] = []
    depth, at = 0, 0
    while at < len(glob):
        char = glob[at]
        at += 1
        if char == "*":
            at, part = _stars(glob, at)
            parts.append(part)
        elif char == "?":
            parts.append("[^/]")
        elif char == "[":
            at, part = _characters(glob, at)
            parts.append(part)
        elif char == "{":
            if depth:
                raise GlobError(f"Groups cannot be nested in the pattern {glob[:200]!r}")
            depth = 1
            parts.append("(?:")
        elif char == "}" and depth:
            depth = 0
            parts.append(")")
        elif char == "," and depth:
            parts.append("|")
        elif char == "\\" and at < len(glob):
            parts.append(re.escape(glob[at]))
            at += 1
        else:
            parts.append(re.escape(char))
    if depth:
        raise GlobError(f"A '}}' is missing in the pattern {glob[:200]!r}")
    return "".join(parts)


def _stars(glob: str, at: int) -> tuple[int, str]:
    """What a star is, the place after the first one being ``at``: within a part, or (two) across parts."""
    if glob[at : at + 1] != "*":
        return at, "[^/]*"
    start = at - 1
    while glob[at : at + 1] == "*":
        at += 1
    at_begin_of_part = start == 0 or glob[start - 1] == "/"
    if at_begin_of_part and glob[at : at + 1] == "/":
        return at + 1, "(?:.*/)?"
    return at, ".*"


def _characters(glob: str, at: int) -> tuple[int, str]:
    end = glob.find("]", at + 1)
    if end < 0:
        raise GlobError(f"A ']' is missing in the pattern {glob[:200]!r}")
    inside = glob[at:end]
    negation = "^" if inside[0] in "!^" else ""
    inside = inside[1:] if negation else inside
    escaped = inside.replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^").replace("&&", r"&\&")
    return end + 1, f"(?!/)[{negation}{escaped}]"
