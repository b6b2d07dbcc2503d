"""Tasks of ``io.kestra.plugin.core.storage`` that look at every record of a file (core plugins 8)."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, ClassVar

from pydantic import Field

from segue.domain.errors import SegueError
from segue.domain.record_files import RecordReader
from segue.expr import ExpressionError
from segue.expr.text import output_text
from segue.plugins.core.last_of_each import LastOfEach
from segue.plugins.core.parts import extension_of
from segue.sdk import Example, NativeProperty, Output, Property, Record, RunContext, Task, TaskFailed, is_truthy

_OLD = "io.kestra.core.tasks.storages."


class FilterType(StrEnum):
    """What happens to the records that the condition holds for."""

    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


class ErrorOrNullBehavior(StrEnum):
    """What happens to a record when the condition fails or is null."""

    FAIL = "FAIL"
    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


class FilterItemsOutput(Output):
    """``uri`` of the records that were kept."""

    uri: str
    processed_items_total: int
    dropped_items_total: int


class FilterItems(Task):
    """Keeps those records of a file that a condition holds for, or the others."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.FilterItems"
    aliases: ClassVar[frozenset[str]] = frozenset({_OLD + "FilterItems"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep the records of one country",
            'id: swiss\ntype: io.kestra.plugin.core.storage.FilterItems\nfrom: "{{ outputs.load.uri }}"\n'
            "filterCondition: \"{{ country == 'CH' }}\"",
        ),
    )

    from_: Annotated[Property[str], Field(alias="from")]
    """The URI of a file of records: Ion or JSON, one a line, or binary Ion."""
    filter_condition: NativeProperty
    """An expression, rendered for every record with its columns as variables."""
    filter_type: Property[FilterType] = Property.of(FilterType.INCLUDE)
    """Whether the records that the condition holds for are kept, or dropped."""
    error_or_null_behavior: Property[ErrorOrNullBehavior] = Property.of(ErrorOrNullBehavior.FAIL)
    """What happens to a record whose condition cannot be evaluated or is null."""

    async def run(self, context: RunContext) -> FilterItemsOutput:
        """Read once; lines that are kept stay as they are."""
        uri = (await context.render(self.from_) or "").strip()
        on_fault = await context.render(self.error_or_null_behavior) or ErrorOrNullBehavior.FAIL
        included = (await context.render(self.filter_type) or FilterType.INCLUDE) is FilterType.INCLUDE
        kept = 0
        with TemporaryDirectory(prefix="segue-filter-") as folder:
            path = Path(folder) / "kept"
            with path.open("wb") as target:

                def look_at(record: Record) -> None:
                    nonlocal kept
                    if self._keeps(context, record, on_fault, included=included):
                        kept += 1
                        target.write(record.line)

                count = await each_record(context, uri, "Filter", look_at)
            stored = await context.files.write("filter" + extension_of(uri), path)
        return FilterItemsOutput(uri=stored, processed_items_total=count, dropped_items_total=count - kept)

    def _keeps(self, context: RunContext, record: Record, on_fault: ErrorOrNullBehavior, *, included: bool) -> bool:
        try:
            value = context.render_blocking(self.filter_condition, columns_of(record))
        except (ExpressionError, SegueError) as error:
            if on_fault is ErrorOrNullBehavior.FAIL:
                raise TaskFailed(f"The condition fails for the record {record.number}: {error}") from error
            value = None
        if value is None:
            if on_fault is ErrorOrNullBehavior.FAIL:
                raise TaskFailed(f"The condition is null for the record {record.number}")
            return on_fault is ErrorOrNullBehavior.INCLUDE
        holds = value if isinstance(value, bool) else is_truthy(output_text(value))
        return holds is included


class DeduplicateItemsOutput(Output):
    """``uri`` of the records that are left; ``num_keys`` is how many different keys there are."""

    uri: str
    num_keys: int
    processed_items_total: int
    dropped_items_total: int


class DeduplicateItems(Task):
    """Keeps, of the records with the same key, the last one at its place."""

    type: ClassVar[str] = "io.kestra.plugin.core.storage.DeduplicateItems"
    aliases: ClassVar[frozenset[str]] = frozenset({_OLD + "DeduplicateItems"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "The latest record of each customer",
            'id: latest\ntype: io.kestra.plugin.core.storage.DeduplicateItems\nfrom: "{{ outputs.load.uri }}"\n'
            'expr: "{{ customer_id }}"',
        ),
    )

    from_: Annotated[Property[str], Field(alias="from")]
    """The URI of a file of records: Ion or JSON, one a line, or binary Ion."""
    expr: str
    """An expression that gives the key, rendered for every record with its columns as variables."""

    async def run(self, context: RunContext) -> DeduplicateItemsOutput:
        """Read twice: for the keys, of which only hashes are kept, and for the records."""
        uri = (await context.render(self.from_) or "").strip()
        with TemporaryDirectory(prefix="segue-deduplicate-") as folder, LastOfEach(Path(folder) / "keys") as keys:
            count = await each_record(
                context, uri, "Read the keys", lambda record: keys.add(self._key(context, record))
            )
            last = await asyncio.to_thread(keys.find, lambda: context.is_stopped)
            path = Path(folder) / "kept"
            with path.open("wb") as target:

                def copy(record: Record) -> None:
                    if last.has(record.number - 1):
                        target.write(record.line)

                if await each_record(context, uri, "Copy the last of each", copy) != count:
                    raise TaskFailed("The file changed while it was read")
            stored = await context.files.write("deduplicate" + extension_of(uri), path)
        return DeduplicateItemsOutput(
            uri=stored, num_keys=last.count, processed_items_total=count, dropped_items_total=count - last.count
        )

    def _key(self, context: RunContext, record: Record) -> bytes:
        try:
            key = context.render_blocking(self.expr, columns_of(record))
        except (ExpressionError, SegueError) as error:
            raise TaskFailed(f"The key of the record {record.number} cannot be rendered: {error}") from error
        return blake2b((key or "").encode("utf-8", "surrogatepass"), digest_size=16).digest()


def columns_of(record: Record) -> Mapping[str, Any]:
    """The columns of a record as variables. Raises ``TaskFailed`` for one that is no map."""
    if not isinstance(record.value, Mapping):
        raise TaskFailed(f"the record {record.number} has no columns, it is no map")
    return record.value


async def each_record(context: RunContext, uri: str, step: str, work: Callable[[Record], None]) -> int:
    """Call ``work`` with every record of a file, in a thread, some thousand at a time; how many there were.

    Shown as a step with its progress. Raises ``RecordError`` and what ``work`` raises.
    """
    reader = RecordReader()

    def take(records: Iterable[Record]) -> None:
        for record in records:
            if context.is_stopped:
                return
            work(record)

    with context.insights.step(step, file=uri) as shown:
        async for chunk in context.files.read(uri):
            await asyncio.to_thread(take, reader.feed(chunk))
            context.insights.progress(reader.count, message="records")
        await asyncio.to_thread(take, reader.finish())
        shown.set(records=reader.count)
    return reader.count
