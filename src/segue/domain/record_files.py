"""Files of records that come in chunks: text of Ion or JSON, a value a line, or binary Ion (core plugins 8).

The form is told by the first four bytes. Never more than one record and one chunk is in memory.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from segue.domain.errors import SegueError
from segue.expr import ExpressionError
from segue.expr.ion.binary_reader import MARKER
from segue.expr.ion.binary_stream import MAX_VALUE, BinaryIonStream
from segue.expr.ion.reader import read_ion
from segue.expr.ion.writer import ion_text

_decode = msgspec.json.Decoder().decode
_PIECES = re.compile(
    rb"""(?P<long>''')|(?P<comment>/\*)|//.*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?P<open>[\[{(])|(?P<close>[\]})])"""
)
_ENDS = {b"'''": re.compile(rb"(?:[^\\']|\\.|'(?!''))*?'''"), b"/*": re.compile(rb".*?\*/")}


class RecordError(SegueError):
    """A file holds something that is no record; the message says where."""


class Record(NamedTuple):
    """A value of a file, with its number counted from 1."""

    value: Any
    number: int
    text: bytes | None = None
    """The line it stands on alone, without line break; None when it has none of its own."""

    @property
    def line(self) -> bytes:
        """A line of text with this record: as it was, or Ion. Raises ``ExpressionError`` when it is too long."""
        text = self.text if self.text is not None else ion_text(self.value, MAX_VALUE).encode("utf-8", "replace")
        return text + b"\n"


class RecordReader:
    """Takes the chunks of a file and gives its records."""

    def __init__(self) -> None:
        self.count = 0
        """Records given so far."""
        self._head = b""
        self._binary: BinaryIonStream | None = None
        self._text: _Text | None = None

    def feed(self, chunk: bytes) -> Iterator[Record]:
        """The records that are complete with this chunk; to be used up before the next one.

        Raises:
            RecordError: a record is neither Ion nor JSON, or longer than ``MAX_VALUE`` bytes.
        """
        if self._binary is None and self._text is None:
            chunk, self._head = self._head + chunk, b""
            if len(chunk) < len(MARKER) and MARKER.startswith(chunk):
                self._head = chunk
                return
            self._choose(chunk)
        yield from self._numbered(self._parts(chunk))

    def finish(self) -> Iterator[Record]:
        """What the end of the file completes. Raises as ``feed``, also for a file that ends within a record."""
        if self._binary is None and self._text is None:
            self._text = _Text()
            yield from self._numbered(self._text.feed(self._head))
        yield from self._numbered(self._last())

    def _choose(self, start: bytes) -> None:
        if start.startswith(MARKER):
            self._binary = BinaryIonStream()
        else:
            self._text = _Text()

    def _parts(self, chunk: bytes) -> Iterator[tuple[Any, bytes | None]]:
        if self._text is not None:
            yield from self._text.feed(chunk)
        elif self._binary is not None:
            yield from ((value, None) for value in self._binary.feed(chunk))

    def _last(self) -> Iterator[tuple[Any, bytes | None]]:
        if self._text is not None:
            yield from self._text.finish()
        elif self._binary is not None:
            self._binary.finish()

    def _numbered(self, parts: Iterator[tuple[Any, bytes | None]]) -> Iterator[Record]:
        try:
            for value, text in parts:
                self.count += 1
                yield Record(value, self.count, text)
        except ExpressionError as error:
            raise RecordError(f"The file cannot be read after {self.count} records: {error.message}") from None


class _Text:
    """Records of a text: one a line as a rule, but a record may go over lines, and a line may hold several."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._open: list[bytes] = []
        self._open_size = 0
        self._depth = 0
        self._within = b""
        self._line = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[Any, bytes | None]]:
        first, *lines = chunk.split(b"\n")
        self._rest.append(first)
        self._rest_size += len(first)
        self._check(self._rest_size)
        if not lines:
            return
        lines.insert(0, b"".join(self._rest))
        self._rest = [lines.pop()]
        self._rest_size = len(self._rest[0])
        for line in lines:
            yield from self._take(line)

    def finish(self) -> Iterator[tuple[Any, bytes | None]]:
        yield from self._take(b"".join(self._rest))
        if self._open:
            raise self._fault("the file ends within it", self._line - len(self._open) + 1)

    def _take(self, line: bytes) -> Iterator[tuple[Any, bytes | None]]:
        self._line += 1
        text = line.strip()
        if not self._open:
            if not text:
                return
            try:
                yield _decode(text), text
                return
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass
        self._open.append(text)
        self._open_size += len(text) + 1
        self._check(self._open_size)
        self._scan(text)
        if self._depth <= 0 and not self._within:
            yield from self._parsed()

    def _parsed(self) -> Iterator[tuple[Any, bytes | None]]:
        lines, self._open, self._open_size, self._depth = self._open, [], 0, 0
        first = self._line - len(lines) + 1
        try:
            values = read_ion(b"\n".join(lines).decode(), all_rows=True)
        except ExpressionError as error:
            raise self._fault(error.message, first) from None
        except UnicodeDecodeError:
            raise self._fault("it is not UTF-8", first) from None
        is_alone = len(values) == 1 and len(lines) == 1
        for value in values:
            yield value, lines[0] if is_alone else None

    def _scan(self, line: bytes) -> None:
        """Keep account of brackets, long strings and comments that go on with the next line."""
        pos = 0
        while pos < len(line):
            if self._within:
                end = _ENDS[self._within].match(line, pos)
                if end is None:
                    return
                self._within, pos = b"", end.end()
                continue
            found = _PIECES.search(line, pos)
            if found is None:
                return
            pos = found.end()
            kind = found.lastgroup
            if kind in ("long", "comment"):
                self._within = found[0]
            elif kind is not None:
                self._depth += 1 if kind == "open" else -1

    def _check(self, size: int) -> None:
        if size > MAX_VALUE:
            raise self._fault(f"a record of more than {MAX_VALUE} bytes", self._line + 1)

    def _fault(self, reason: str, line: int | None = None) -> RecordError:
        return RecordError(f"The file holds no record in line {line or self._line}: {reason}")
