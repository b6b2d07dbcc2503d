"""Values to block YAML in the original's layout (expression language 7.4, `yaml`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from segue.expr.errors import LimitError
from segue.expr.text import java_text
from segue.expr.values import MapEntry, is_collection

__all__ = ["yaml_text"]

_LOOK_ALIKE = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"})
_LEADING = re.compile(r"[-?:](?:\s|$)|[,\[\]{}#&*!|>'\"%@`]|\s|---|\.\.\.|=$|<<$")
_SPECIAL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


class _Lines:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        self.left -= len(line) + 1
        if self.left < 0:
            raise LimitError("max_output_length", self.limit, "The YAML text becomes too long")
        self.lines.append(line)

    def node(self, value: Any, prefix: str, indent: int) -> None:
        """A value after `prefix` (`key:` or `-`); containers go on the following lines."""
        entries = _entries(value)
        if entries is not None:
            if not entries:
                self.add(f"{prefix} {{}}" if prefix else "{}")
                return
            if prefix:
                self.add(prefix)
            for key, item in entries:
                self.pair(key, item, indent)
        elif is_collection(value):
            if not len(value):
                self.add(f"{prefix} []" if prefix else "[]")
                return
            if prefix:
                self.add(prefix)
            for item in value:
                self.item(item, indent)
        else:
            self.scalar(value, prefix, indent)

    def pair(self, key: Any, item: Any, indent: int) -> None:
        name = _scalar_text(java_text(key)) if isinstance(key, str) else java_text(key)
        pad = " " * indent
        child = indent if is_collection(item) else indent + 2
        self.node(item, f"{pad}{name}:", child)

    def item(self, item: Any, indent: int) -> None:
        pad = " " * (indent + 1)
        self.node(item, f"{pad}-", indent + 2)

    def scalar(self, value: Any, prefix: str, indent: int) -> None:
        if isinstance(value, str) and "\n" in value and value.strip("\n") and not _SPECIAL.search(value):
            self.literal(value, prefix, indent)
            return
        text = _scalar_text(value) if isinstance(value, str) else java_text(value)
        self.add(f"{prefix} {text}" if prefix else text)

    def literal(self, value: str, prefix: str, indent: int) -> None:
        """A literal block; the chomping mark keeps or drops the last line break."""
        body = value.rstrip("\n")
        breaks = len(value) - len(body)
        mark = "-" if breaks == 0 else ("" if breaks == 1 else "+")
        deeper = "1" if prefix.endswith("-") else "2"  # how much deeper than what the block stands in
        hint = deeper if body[:1] in (" ", "\n") else ""
        self.add(f"{prefix} |{hint}{mark}" if prefix else f"|{hint}{mark}")
        pad = " " * max(indent, 2)
        for line in body.split("\n"):
            self.add(pad + line if line else "")
        for _ in range(breaks - 1):
            self.add("")


def _entries(value: Any) -> list[tuple[Any, Any]] | None:
    if isinstance(value, MapEntry):
        return [(value.key, value.value)]
    return list(value.items()) if isinstance(value, Mapping) else None


def _scalar_text(text: str) -> str:
    """Text plain where possible, else in double or single quotes."""
    if text == "" or text.lower() in _LOOK_ALIKE or ": " in text or " #" in text or text.endswith(":"):
        return _double(text)
    if _SPECIAL.search(text) or "\n" in text:
        return _double(text)
    if _LEADING.match(text) or text[-1].isspace():
        return "'" + text.replace("'", "''") + "'"
    return text


def _double(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + _SPECIAL.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped) + '"'


def yaml_text(value: Any, limit: int) -> str:
    """The value as block YAML, ending in a newline.

    Raises:
        LimitError: the text would be longer than `limit`.
    """
    lines = _Lines(limit)
    lines.node(value, "", 0)
    return "\n".join(lines.lines) + "\n"
