"""Files of records, such as tasks hand to each other: Ion or JSON, a value a line, or binary Ion (core plugins 8).

.. code-block:: python

    async for records in read_records(context.files.read(uri)):
        for record in records:
            target.write(record.line)

What is written is text: a record read from binary Ion has a line of its own as well.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

from segue.domain.record_files import Record, RecordError, RecordReader
from segue.expr.ion.binary_reader import MARKER

__all__ = ["Record", "RecordError", "RecordReader", "as_text", "read_records"]


async def read_records(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[Record]]:
    """The records of a file that comes in chunks, those of a chunk at a time; parsed in a thread.

    Raises ``RecordError`` for what is no record, and what reading raises.
    """
    reader = RecordReader()
    async for chunk in chunks:
        yield await asyncio.to_thread(_all, reader.feed(chunk))
    yield await asyncio.to_thread(_all, reader.finish())


async def as_text(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A file as it is, but for binary Ion, which becomes text with a record a line.

    Raises ``RecordError`` for binary Ion that cannot be read, and what reading raises.
    """
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= len(MARKER):
            break
    whole = _after(head, chunks)
    if not head.startswith(MARKER):
        async for chunk in whole:
            yield chunk
        return
    async for records in read_records(whole):
        yield b"".join(record.line for record in records)


async def _after(head: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for chunk in chunks:
        yield chunk


def _all(records: Iterator[Record]) -> list[Record]:
    return list(records)
