"""The two tasks that a ForEachItem makes for workers (flow language 7.9): before and after its executions."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

from segue.domain.errors import NotFoundError
from segue.plugins.core.splitting import SplitSettings, Splitter
from segue.sdk import Output, Property, RunContext, Task, TaskFailed

_BUFFERED = 4 * 1024 * 1024
_AT_ONCE = 16


class SplitOutput(Output):
    """``splits``: the URI of a text with the URI of a batch on every line."""

    splits: str
    number_of_batches: int


class Split(Task):
    """Cuts a file into batches."""

    type: ClassVar[str] = "io.kestra.plugin.core.flow.ForEachItem$ForEachItemSplit"

    items: Property[str]
    """The URI of the file."""
    batch: Property[dict[str, Any]]
    """How it is cut."""
    name_format: str
    """How the batches are called, with a place for their number."""

    async def run(self, context: RunContext) -> SplitOutput:
        """Read the file once, keeping no more of it in memory than a few MB."""
        uri = (await context.render(self.items) or "").strip()
        if not uri.startswith("kestra://"):
            raise TaskFailed(f"Unable to split the items from {uri[:200]}, this is not an internal storage URI!")
        splitter = Splitter(_settings(await context.render(self.batch) or {}))
        parts = Parts(context, self.name_format, in_order=splitter.in_order)
        async for chunk in context.files.read(uri):
            for part, record in splitter.feed(chunk):
                await parts.add(part, record)
        for part, record in splitter.finish():
            await parts.add(part, record)
        uris = await parts.finish()
        content = "".join(f"{each}\n" for each in uris).encode()
        return SplitOutput(splits=await context.files.write("splits.txt", content), number_of_batches=len(uris))


class Parts:
    """Parts being filled; complete ones are stored, several at the same time."""

    def __init__(self, context: RunContext, name_format: str, *, in_order: bool) -> None:
        self._context = context
        self._name_format = name_format
        self._in_order = in_order
        self._open: dict[int, bytearray] = {}
        self._spilled: set[int] = set()
        self._size = 0
        self._uris: dict[int, str] = {}

    async def add(self, part: int, record: bytes) -> None:
        """Put a record into a part."""
        if part not in self._open:
            if self._in_order and self._open:
                complete = list(self._open)
                if len(complete) >= _AT_ONCE:
                    await self._store(complete)
            self._open[part] = bytearray()
        self._open[part] += record
        self._size += len(record)
        if self._size > _BUFFERED:
            self._spill()

    async def finish(self) -> list[str]:
        """Store what is left; the URIs of all parts in order."""
        parts = list(self._open)
        for start in range(0, len(parts), _AT_ONCE):
            await self._store(parts[start : start + _AT_ONCE])
        return [self._uris[part] for part in sorted(self._uris)]

    def _spill(self) -> None:
        for part, content in self._open.items():
            if content:
                with self._file(part).open("ab") as file:
                    file.write(content)
                self._spilled.add(part)
                content.clear()
        self._size = 0

    async def _store(self, parts: list[int]) -> None:
        await asyncio.gather(*[self._store_one(part) for part in parts])

    async def _store_one(self, part: int) -> None:
        name = self._name_format.format(part)
        content = self._open.pop(part)
        self._size -= len(content)
        if part not in self._spilled:
            self._uris[part] = await self._context.files.write(name, bytes(content))
            return
        path = self._file(part)
        with path.open("ab") as file:
            file.write(content)
        self._uris[part] = await self._context.files.write(name, path)
        path.unlink()

    def _file(self, part: int) -> Path:
        return self._context.working_dir / f"part-{part}"


class Merge(Task):
    """Joins the outputs of all executions into one file, in the order of the batches."""

    type: ClassVar[str] = "io.kestra.plugin.core.flow.ForEachItem$ForEachItemMergeOutputs"

    base_uri: Property[str]
    """The URI of the folder that has a folder for every batch."""
    count: Property[int]
    """How many batches there are."""

    async def run(self, context: RunContext) -> dict[str, Any]:
        """No output when no execution had any."""
        base, count = await context.render(self.base_uri), await context.render(self.count)
        contents = _contents(context, str(base), count or 0)
        first = await anext(contents, None)
        if first is None:
            return {}

        async def joined() -> AsyncIterator[bytes]:
            yield first
            async for content in contents:
                yield content

        return {"subflowOutputs": await context.files.write("outputs.ion", joined())}


async def _contents(context: RunContext, base: str, count: int) -> AsyncIterator[bytes]:
    for index in range(count):
        try:
            chunks = [chunk async for chunk in context.files.read(f"{base}/{index}/outputs.ion")]
        except NotFoundError:
            continue  # this one had no outputs
        yield b"".join(chunks).strip() + b"\n"


def _settings(batch: dict[str, Any]) -> SplitSettings:
    numbers: dict[str, int] = {}
    for name in ("rows", "partitions"):
        if batch.get(name) is not None:
            text = str(batch[name]).strip()
            if not text.isdecimal():
                raise TaskFailed(f"`{name}` must be a whole number, not '{text[:100]}'")
            numbers[name] = int(text)
    size, pattern = batch.get("bytes"), batch.get("regexPattern")
    if not numbers and size is None and pattern is None:
        numbers["rows"] = 1
    return SplitSettings(
        regex_pattern=pattern,
        bytes=None if size is None else str(size),
        separator=str(batch.get("separator", "\n")),
        **numbers,
    )
