"""Parts of a file that are filled side by side and stored once they are complete (core plugins 2.10, 8)."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from segue.plugins.core.splitting import Splitter
from segue.sdk import RunContext, TaskFailed

_BUFFERED = 4 * 1024 * 1024
_AT_ONCE = 16
_LARGE_AT_ONCE = 2
_MOST_PARTS = 100_000
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,20}\Z")


def extension_of(uri: str, default: str = ".tmp") -> str:
    """How the name of a file ends, with the dot."""
    found = _EXTENSION.search(uri)
    return found[0] if found else default


async def store_parts(
    context: RunContext, content: AsyncIterator[bytes], splitter: Splitter, name_format: str
) -> list[str]:
    """Cut a file: the URIs of its parts in order. ``name_format`` has a place for the number of the part.

    Some MB are kept in memory, the rest of unfinished parts in a temporary folder. Raises ``TaskFailed`` for too
    many parts, and what reading and storing raise.
    """
    with TemporaryDirectory(prefix="segue-parts-") as folder:
        parts, done = Parts(context, name_format, Path(folder), in_order=splitter.in_order), 0
        async for chunk in content:
            await asyncio.to_thread(parts.add, splitter.feed(chunk))
            await parts.settle()
            done += len(chunk)
            context.insights.progress(done, message="bytes")
        await asyncio.to_thread(parts.add, splitter.finish())
        return await parts.finish()


class Parts:
    """Parts being filled; complete ones are stored, several at the same time."""

    def __init__(self, context: RunContext, name_format: str, folder: Path, *, in_order: bool) -> None:
        self._context = context
        self._name_format = name_format
        self._folder = folder
        self._in_order = in_order
        self._open: dict[int, bytearray] = {}
        self._size = 0
        self._latest = -1
        self._spilled: set[int] = set()
        self._uris: dict[int, str] = {}

    def add(self, records: Iterable[tuple[int, bytes]]) -> None:
        """Put records into their parts."""
        for part, record in records:
            if part not in self._open:
                self._make(part)
            self._open[part] += record
            self._size += len(record)
            if self._size > _BUFFERED:
                self._spill()

    async def settle(self) -> None:
        """Store the parts that are complete."""
        if self._in_order:
            await self._store([part for part in self._open if part != self._latest])

    async def finish(self) -> list[str]:
        """Store what is left; the URIs of all parts in order."""
        await self._store(list(self._open))
        return [self._uris[part] for part in sorted(self._uris)]

    def _make(self, part: int) -> None:
        if len(self._open) + len(self._uris) >= _MOST_PARTS:
            raise TaskFailed(f"The file would be cut into more than {_MOST_PARTS} parts")
        self._open[part] = bytearray()
        self._latest = part

    def _spill(self) -> None:
        for part, content in self._open.items():
            if content:
                with self._file(part).open("ab") as file:
                    file.write(content)
                self._spilled.add(part)
                content.clear()
        self._size = 0

    async def _store(self, parts: list[int]) -> None:
        large = [part for part in parts if part in self._spilled]
        small = [part for part in parts if part not in self._spilled]
        for some, at_once in ((small, _AT_ONCE), (large, _LARGE_AT_ONCE)):
            for start in range(0, len(some), at_once):
                await asyncio.gather(*[self._store_one(part) for part in some[start : start + at_once]])

    async def _store_one(self, part: int) -> None:
        name = self._name_format.format(part)
        content = self._open.pop(part)
        self._size -= len(content)
        if part not in self._spilled:
            self._uris[part] = await self._context.files.write(name, bytes(content))
            return
        path = self._file(part)
        await asyncio.to_thread(_append, path, content)
        self._uris[part] = await self._context.files.write(name, path)
        path.unlink()

    def _file(self, part: int) -> Path:
        return self._folder / f"part-{part}"


def _append(path: Path, content: bytearray) -> None:
    with path.open("ab") as file:
        file.write(content)
