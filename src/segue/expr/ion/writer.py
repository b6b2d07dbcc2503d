"""Values to compact Ion text."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring
from typing import Any

from segue.expr.errors import LimitError
from segue.expr.text import double_text, java_text
from segue.expr.values import MapEntry, is_collection

__all__ = ["ion_text"]

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_KEYWORDS = frozenset({"null", "true", "false", "nan"})


class _Writer:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit
        self.parts: list[str] = []

    def add(self, piece: str) -> None:
        self.left -= len(piece)
        if self.left < 0:
            raise LimitError("max_output_length", self.limit, "The Ion text becomes too long")
        self.parts.append(piece)

    def value(self, value: Any) -> None:
        if isinstance(value, MapEntry):
            value = {value.key: value.value}
        if isinstance(value, Mapping):
            self.add("{")
            for number, (key, item) in enumerate(value.items()):
                self.add(("," if number else "") + _symbol(java_text(key)) + ":")
                self.value(item)
            self.add("}")
        elif is_collection(value):
            self.add("[")
            for number, item in enumerate(value):
                self.add("," if number else "")
                self.value(item)
            self.add("]")
        else:
            self.add(_scalar(value))


def _symbol(name: str) -> str:
    if _IDENTIFIER.fullmatch(name) and name not in _KEYWORDS:
        return name
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def _float(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "+inf" if value > 0 else "-inf"
    text = double_text(value)
    return text.replace("E", "e") if "E" in text else text + "e0"


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int) and not isinstance(value, Enum):
        return java_text(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Decimal):
        text = str(value).replace("E+", "d").replace("E", "d")
        return text if "." in text or "d" in text else text + "."
    if isinstance(value, bytes):
        return "{{" + b64encode(value).decode("ascii") + "}}"
    quoted: str = encode_basestring(java_text(value))
    if isinstance(value, datetime):
        return "ZonedDateTime::" + quoted if value.tzinfo else "LocalDateTime::" + quoted
    return "LocalDate::" + quoted if isinstance(value, date) else quoted


def ion_text(value: Any, limit: int) -> str:
    """The value as one line of Ion.

    Raises:
        LimitError: the text would be longer than `limit`.
    """
    writer = _Writer(limit)
    writer.value(value)
    return "".join(writer.parts)
