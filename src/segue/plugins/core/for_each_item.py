"""The two tasks that a ForEachItem makes for workers (flow language 7.9): before and after its executions."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar

from segue.domain.errors import NotFoundError
from segue.plugins.core.parts import store_parts
from segue.plugins.core.splitting import SplitSettings, Splitter
from segue.sdk import Output, Property, RunContext, Task, TaskFailed, as_text


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
        uris = await store_parts(context, as_text(context.files.read(uri)), splitter, self.name_format)
        content = "".join(f"{each}\n" for each in uris).encode()
        return SplitOutput(splits=await context.files.write("splits.txt", content), number_of_batches=len(uris))


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
