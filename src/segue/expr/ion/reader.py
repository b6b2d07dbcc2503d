"""Ion text to values: annotations are dropped, timestamps and symbols are text, lobs bytes."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from decimal import Decimal
from typing import Any

from segue.expr.errors import EvaluationError

__all__ = ["read_ion"]

_SKIP = re.compile(r"(?:\s|//[^\n\r]*|/\*.*?\*/)*", re.DOTALL)
_MAX_DEPTH = 200
_MAX_HEX = 3000
_MAX_EXPONENT = 4000
_TOKEN = re.compile(
    r"""
    (?P<timestamp>\d{4}-\d{2}(?:-\d{2})?(?:T(?:\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?)?|\d{4}T)
  | (?P<number>-?0[xX][0-9a-fA-F_]+|-?0[bB][01_]+|-?\d[\d_]*(?:\.[\d_]*)?(?:[eEdD][+-]?\d+)?)
  | (?P<special>nan|\+inf|-inf)(?![\w$])
  | (?P<null>null(?:\.\w+)?)(?![\w$])
  | (?P<bool>true|false)(?![\w$])
  | (?P<symbol>[A-Za-z_$][\w$]*)
  | (?P<long>'''(?:[^\\]|\\.)*?''')
  | (?P<quoted>'(?:[^'\\\n]|\\.)*')
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<lob>\{\{.*?\}\})
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ANNOTATION = re.compile(r"(?:[A-Za-z_$][\w$]*|'(?:[^'\\\n]|\\.)*')\s*::", re.ASCII | re.DOTALL)
_SYMBOL_TABLE = re.compile(r"\$ion_symbol_table\s*::")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|.)", re.DOTALL)
_SIMPLE = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "\n": "",
    "\r\n": "",
}


def _unescape(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        code = found[1]
        if code[0] in "xuU" and len(code) > 1:
            return chr(int(code[1:], 16))
        return _SIMPLE.get(code, code)

    return _ESCAPE.sub(one, text)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.depth = 0
        self.skip()

    def fail(self, what: str) -> EvaluationError:
        return EvaluationError(f"Invalid ion: {what} at position {self.pos}")

    def skip(self) -> None:
        found = _SKIP.match(self.text, self.pos)
        self.pos = found.end() if found else self.pos

    def take(self, char: str) -> bool:
        if not self.text.startswith(char, self.pos):
            return False
        self.pos += len(char)
        self.skip()
        return True

    def value(self) -> Any:
        while (annotation := _ANNOTATION.match(self.text, self.pos)) is not None:
            self.pos = annotation.end()
            self.skip()
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.fail("the value nests too deeply")
        result = self.container() if self.text[self.pos : self.pos + 1] in ("{", "[", "(") else self.scalar()
        self.depth -= 1
        return result

    def container(self) -> Any:
        if self.text.startswith("{{", self.pos):
            return self.scalar()
        if self.take("{"):
            return self.struct()
        if self.take("["):
            return self.sequence("]", ",")
        self.take("(")
        return self.sequence(")", "")

    def sequence(self, end: str, separator: str) -> list[Any]:
        items: list[Any] = []
        while not self.take(end):
            if self.pos >= len(self.text):
                raise self.fail("the text ends within a list")
            items.append(self.value())
            if separator and not self.take(separator) and not self.text.startswith(end, self.pos):
                raise self.fail("expected a comma")
        return items

    def struct(self) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not self.take("}"):
            found = _TOKEN.match(self.text, self.pos)
            if found is None or found.lastgroup not in ("symbol", "quoted", "string"):
                raise self.fail("expected a field name")
            name = found[0] if found.lastgroup == "symbol" else _unescape(found[0][1:-1])
            self.pos = found.end()
            self.skip()
            if not self.take(":"):
                raise self.fail("expected a colon")
            result[name] = self.value()
            if not self.take(",") and not self.text.startswith("}", self.pos):
                raise self.fail("expected a comma")
        return result

    def scalar(self) -> Any:
        found = _TOKEN.match(self.text, self.pos)
        if found is None:
            raise self.fail("unexpected text" if self.pos < len(self.text) else "the text ends early")
        self.pos = found.end()
        self.skip()
        kind, text = found.lastgroup, found[0]
        if kind == "number":
            return self.number(text)
        if kind == "null":
            return None
        if kind == "bool":
            return text == "true"
        if kind == "special":
            return float(text)
        if kind in ("quoted", "string"):
            return _unescape(text[1:-1])
        if kind == "long":
            return self.long_string(text)
        return self.lob(text[2:-2].strip()) if kind == "lob" else text

    def long_string(self, first: str) -> str:
        parts = [_unescape(first[3:-3])]
        while self.text.startswith("'''", self.pos):
            found = _TOKEN.match(self.text, self.pos)
            if found is None or found.lastgroup != "long":
                raise self.fail("an unclosed string")
            parts.append(_unescape(found[0][3:-3]))
            self.pos = found.end()
            self.skip()
        return "".join(parts)

    def lob(self, inside: str) -> bytes:
        if inside.startswith('"'):
            return _unescape(inside.strip('"')).encode("latin-1", "replace")
        try:
            return b64decode("".join(inside.split()), validate=True)
        except (binascii.Error, ValueError):
            raise self.fail("a blob that is not base64") from None

    def number(self, text: str) -> Any:
        plain = text.replace("_", "")
        if len(plain) > 4000:
            raise self.fail("a number that is too long")
        lowered = plain.lower()
        try:
            if lowered.lstrip("-").startswith(("0x", "0b")):
                if len(plain) > _MAX_HEX:
                    raise self.fail("a number that is too long")
                return int(lowered, 0)
            if "e" in lowered:
                return float(lowered)
            if "d" in lowered or "." in lowered:
                return self.decimal(lowered.replace("d", "e"))
            return int(lowered)
        except (ValueError, ArithmeticError):
            raise self.fail("a number that cannot be read") from None

    def decimal(self, text: str) -> Decimal:
        value = Decimal(text)
        if value and abs(value.adjusted()) > _MAX_EXPONENT:
            raise self.fail("a number that is too large or too small")
        return value


def read_ion(text: str, *, all_rows: bool) -> Any:
    """The first value of the text, or all of them.

    Raises:
        EvaluationError: `Invalid ion: ...`.
    """
    reader = _Reader(text)
    rows: list[Any] = []
    while reader.pos < len(text):
        if reader.text.startswith("$ion_1_0", reader.pos):
            reader.take("$ion_1_0")
            continue
        if _SYMBOL_TABLE.match(text, reader.pos):
            reader.value()
            continue
        rows.append(reader.value())
        if not all_rows:
            return rows[0]
    if not all_rows:
        raise EvaluationError("Invalid ion: there is no value")
    return rows
