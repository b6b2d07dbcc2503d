"""Values in a file, one a line (flow language 7.10), and the records of iterations that are written as such lines."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from segue.expr import ExpressionError
from segue.expr.ion.reader import read_ion
from segue.expr.ion.writer import ion_text

MAX_LINE = 8 * 1024 * 1024
"""Bytes of the longest line that is read, and characters of the longest that is written."""

_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


def line_value(line: str) -> str | None:
    """The value of one line of Ion or JSON as text: texts and numbers as they are, the rest as JSON.

    A line that is neither is a text of its own; None for an empty one.
    """
    text = line.strip()
    if not text:
        return None
    if text[0] not in "{[\"'" and " " not in text:
        return text
    try:
        return _as_text(msgspec.json.decode(text))
    except msgspec.DecodeError:
        pass
    try:
        rows = read_ion(text, all_rows=True)
    except ExpressionError:
        return text
    if len(rows) != 1:
        return text
    return _as_text(rows[0])


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else _encoder.encode(value).decode()


class LineSplitter:
    """Cuts chunks of bytes into lines and counts where the next one begins.

    Raises ``ValueError`` for a line that is longer than ``MAX_LINE``.
    """

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset
        """Where the first line that was not given out yet begins."""
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that are complete now. Stop at any time: ``offset`` is right after each."""
        lines = (self._rest + chunk).split(b"\n") if self._rest else chunk.split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE:
            raise ValueError(f"a line at byte {self.offset} is longer than {MAX_LINE} bytes")
        for line in lines:
            self.offset += len(line) + 1
            yield line

    def end(self) -> Iterator[bytes]:
        """What follows the last line break, if anything."""
        if self._rest:
            self.offset += len(self._rest)
            yield self._rest


def count_values(lines: Iterable[bytes]) -> int:
    """How many of the lines hold a value."""
    return sum(1 for line in lines if line and not line.isspace())


def iteration_record(index: int, key: str | None, value: str, outputs: dict[str, Any]) -> dict[str, Any]:
    """What is told of an iteration after the loop (flow language 7.10)."""
    item: dict[str, Any] = {"value": value, "iteration": index}
    if key is not None:
        item["key"] = key
    return {"item": item, "outputs": outputs}


def record_line(record: dict[str, Any]) -> bytes:
    """A record as a line of Ion. Raises ``ExpressionError`` when it is longer than ``MAX_LINE``."""
    return ion_text(record, MAX_LINE).encode() + b"\n"
