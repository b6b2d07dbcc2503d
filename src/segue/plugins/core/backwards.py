"""Reading a file from its end, line by line (core plugins 8, ``storage.Reverse``)."""

import asyncio
import codecs
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Protocol

from segue.expr.ion.binary_reader import MARKER
from segue.plugins.core.splitting import MAX_RECORD
from segue.sdk import RunContext, TaskFailed, as_text

BLOCK = 1024 * 1024
"""Bytes read at once; a multiple of the width of every charset."""
_MARKS = {
    "utf-16": ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")),
    "utf-32": ((codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be")),
}


class Charset:
    """An encoding, and the separator of lines in it."""

    def __init__(self, name: str, separator: str) -> None:
        """Raises ``TaskFailed`` for a charset that does not exist and a separator it does not have."""
        if not separator:
            raise TaskFailed("`separator` must not be empty")
        self.mark = b""
        """The mark of the order of bytes at the beginning of the file."""
        try:
            self._name = codecs.lookup(name).name
            self._text = separator
            self._set(_MARKS[self._name][1][1] if self._name in _MARKS else self._name)
        except LookupError:
            raise TaskFailed(f"'{name[:50]}' is no charset") from None
        except UnicodeEncodeError:
            raise TaskFailed(f"The separator cannot be written in the charset '{name[:50]}'") from None

    def _set(self, name: str) -> None:
        self.separator = self._text.encode(name)
        self.width = 4 if name.startswith("utf-32") else 2 if name.startswith("utf-16") else 1

    def begin(self, head: bytes) -> None:
        """Learn the order of bytes from the first bytes of a file; without a mark it is that of networks."""
        for mark, name in _MARKS.get(self._name, ()):
            if head.startswith(mark):
                self.mark = mark
                self._set(name)

    def split(self, data: bytes) -> list[bytes]:
        """Cut at every separator that begins where a character does."""
        if self.width == 1:
            return data.split(self.separator)
        parts, start, at = [], 0, 0
        while (found := data.find(self.separator, at)) >= 0:
            if found % self.width:
                at = found + 1
                continue
            parts.append(data[start:found])
            start = at = found + len(self.separator)
        return [*parts, data[start:]]


class LinesFromTheEnd:
    """Takes blocks, the last of a file first, and gives lines, the last one first."""

    def __init__(self, charset: Charset) -> None:
        self._charset = charset
        self._rest = b""
        self._has_separators = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        """The lines that are complete with this block. Raises ``TaskFailed`` for one that is too long."""
        self._rest, *lines = self._charset.split(block + self._rest)
        if len(self._rest) > MAX_RECORD:
            raise TaskFailed(f"A line is longer than {MAX_RECORD} bytes: is `separator` right?")
        if lines and not self._has_separators:
            self._has_separators = True
            if not lines[-1]:
                lines.pop()  # the separator of the last line, nothing behind it
        yield from reversed(lines)

    def finish(self) -> Iterator[bytes]:
        """The first line of the file."""
        if self._rest or self._has_separators:
            yield self._rest


class Source(Protocol):
    """A file that is read from any place."""

    async def size(self) -> int:
        """Its bytes."""
        ...

    async def read(self, start: int, size: int) -> bytes:
        """A piece of it."""
        ...


class Stored:
    """A file of internal storage."""

    def __init__(self, context: RunContext, uri: str) -> None:
        self._files = context.files
        self._uri = uri

    async def size(self) -> int:
        """Its bytes."""
        return await self._files.size(self._uri)

    async def read(self, start: int, size: int) -> bytes:
        """A piece of it."""
        data = bytearray()
        async with aclosing(self._files.read(self._uri, start)) as chunks:
            async for chunk in chunks:
                data += chunk
                if len(data) >= size:
                    break
        return bytes(data[:size])


class Local:
    """A file on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def size(self) -> int:
        """Its bytes."""
        return self._path.stat().st_size

    async def read(self, start: int, size: int) -> bytes:
        """A piece of it."""
        return await asyncio.to_thread(self._read, start, size)

    def _read(self, start: int, size: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(size)


async def reverse_lines(context: RunContext, uri: str, charset: Charset, target: Path) -> None:
    """Write the lines of a file to ``target``, the last one first, each with its separator.

    Raises ``TaskFailed`` for a line that is too long or a file that changes meanwhile, and what reading raises.
    """
    source: Source = Stored(context, uri)
    head = await source.read(0, len(MARKER))
    if head == MARKER:
        with NamedTemporaryFile(prefix="text-", dir=target.parent, delete=False) as text:
            async for chunk in as_text(context.files.read(uri)):
                await asyncio.to_thread(text.write, chunk)
        source = Local(Path(text.name))
    charset.begin(head)
    lines, end = LinesFromTheEnd(charset), await source.size()
    with target.open("wb") as turned:
        turned.write(charset.mark)
        for start in range((end - 1) // BLOCK * BLOCK, -1, -BLOCK):
            size = min(BLOCK, end - start)
            block = await source.read(start, size)
            if len(block) != size:
                raise TaskFailed("The file changed while it was read")
            own = block[len(charset.mark) :] if start == 0 else block
            await asyncio.to_thread(_write, turned, lines.feed(own), charset.separator)
        await asyncio.to_thread(_write, turned, lines.finish(), charset.separator)


def _write(file: BinaryIO, lines: Iterator[bytes], separator: bytes) -> None:
    for line in lines:
        file.write(line)
        file.write(separator)
