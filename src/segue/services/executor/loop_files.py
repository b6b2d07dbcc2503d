"""What a Loop reads and writes outside the database: the values of a file, the outputs of its iterations."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec

from segue.domain.engine.needs import FileLines, LineCountNeed, LinesNeed, RecordsNeed
from segue.domain.engine.value_rows import CHUNK, values_owner
from segue.domain.errors import IllegalPathError, LimitExceededError, NotFoundError, SegueError, UnavailableError
from segue.domain.execution.iterations import iteration_id
from segue.domain.execution.model import Execution, folder_of
from segue.domain.execution.places import owner_of
from segue.domain.execution.value_lines import LineSplitter, count_values, iteration_record, line_value, record_line
from segue.domain.ids import slugify
from segue.services.executor.config import ExecutorPorts

_SLICE_BYTES = 1 << 20
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class LoopFiles:
    """One per executor. Files are read and written in pieces; none is ever whole in memory."""

    def __init__(self, ports: ExecutorPorts, fetch_limit: int = 32 * 1024 * 1024) -> None:
        """``fetch_limit``: bytes of outputs that a loop may give back as a list."""
        self._ports = ports
        self._fetch_limit = fetch_limit

    async def find(self, execution: Execution, need: LineCountNeed | LinesNeed | RecordsNeed) -> Any:
        """What the need is about, or the ``SegueError`` that says why not. Raises ``UnavailableError``."""
        try:
            match need:
                case LineCountNeed():
                    return await self._count(execution, need.uri)
                case LinesNeed():
                    return await self._lines(execution, need.uri, need.offset)
                case RecordsNeed():
                    return await self._gather(execution, need)
        except UnavailableError:
            raise
        except SegueError as error:
            return error
        except ValueError as error:
            return SegueError(f"The values of the loop cannot be read: {error}")

    # Values

    async def _count(self, execution: Execution, uri: str) -> int:
        place = await self._place(execution, uri)
        splitter, count = LineSplitter(), 0
        async for chunk in self._ports.storage.get(execution.flow.tenant, place):
            count += await asyncio.to_thread(lambda chunk: count_values(splitter.feed(chunk)), chunk)
        return count + count_values(splitter.end())

    async def _lines(self, execution: Execution, uri: str, offset: int) -> FileLines:
        """The next values: at most as many as one row holds, and no more than a slice of the file."""
        place = await self._place(execution, uri)
        splitter = LineSplitter(offset)
        values: list[str] = []
        content = self._ports.storage.get(execution.flow.tenant, place, offset)
        try:
            async for chunk in content:
                is_full = await asyncio.to_thread(_take, splitter, chunk, values)
                if is_full or (values and splitter.offset - offset >= _SLICE_BYTES):
                    break
            else:
                _append(values, b"".join(splitter.end()))
        finally:
            if isinstance(content, AsyncGenerator):
                await content.aclose()
        return FileLines(values, splitter.offset)

    async def _place(self, execution: Execution, uri: str) -> str:
        """Where a file lies. Raises ``IllegalPathError`` unless it belongs to the execution's namespace, to the
        execution, or to one of the same chain."""
        flow = execution.flow
        if uri.startswith("nsfile://"):
            uri = f"kestra:///{flow.namespace.replace('.', '/')}/_files/{uri.removeprefix('nsfile://').lstrip('/')}"
        owner = owner_of(uri)
        if owner.execution_id is None:
            if owner.namespace != flow.namespace:
                raise IllegalPathError(f"The file {uri[:200]!r} is of another namespace")
            return uri
        other = execution
        if owner.execution_id != execution.id:
            found = (await self._ports.journal.executions([owner.execution_id])).get(owner.execution_id)
            if found is None or found.flow.tenant != flow.tenant or found.correlation_id != execution.correlation_id:
                raise IllegalPathError(f"The file {uri[:200]!r} is of an execution that is not related to this one")
            other = found
        if (owner.namespace, owner.flow_slug) != (other.flow.namespace, slugify(other.flow.flow_id)):
            raise IllegalPathError(f"The file {uri[:200]!r} does not lie where its execution's files do")
        return uri

    # Outputs of iterations

    async def _gather(self, execution: Execution, need: RecordsNeed) -> Any:
        if need.target_uri is not None:
            await self._ports.storage.put(execution.flow.tenant, need.target_uri, self._as_lines(execution, need))
            return need.target_uri
        records: list[dict[str, Any]] = []
        size = 0
        async for block, payloads in self._blocks(execution, need):
            size += payloads
            if size > self._fetch_limit:
                raise LimitExceededError(
                    f"The outputs of the iterations are larger than {self._fetch_limit} bytes: use fetchType STORE",
                    "loop-fetch-bytes",
                )
            records += block
        return records

    async def _as_lines(self, execution: Execution, need: RecordsNeed) -> AsyncIterator[bytes]:
        async for block, _ in self._blocks(execution, need):
            yield await asyncio.to_thread(lambda block: b"".join(map(record_line, block)), block)

    async def _blocks(self, execution: Execution, need: RecordsNeed) -> AsyncIterator[tuple[list[dict[str, Any]], int]]:
        """The records of the iterations that have outputs, in order, with the size of their outputs."""
        index = 0
        async for keys, some in self._values(execution, need):
            if index >= need.started:
                return
            values = some[: need.started - index]
            ids = [iteration_id(need.task_run_id, index + place) for place in range(len(values))]
            payloads = await self._payloads(execution, ids)
            size = sum(map(len, payloads.values()))
            yield await asyncio.to_thread(_records, index, keys, values, ids, payloads), size
            index += len(values)

    async def _values(
        self, execution: Execution, need: RecordsNeed
    ) -> AsyncIterator[tuple[list[str] | None, list[str]]]:
        """The values again, block by block: from the rows kept with the task run, or from the file."""
        if need.values_uri is None:
            for number in range(-(-need.started // CHUNK)):
                owner = values_owner(need.task_run_id, number)
                found = await self._ports.journal.outputs([owner])
                if owner not in found:
                    raise NotFoundError(f"The values of the loop {need.task_run_id} are gone from the database")
                row = _decode(found[owner])
                yield row["keys"], row["values"]
            return
        offset = 0
        while True:
            lines = await self._lines(execution, need.values_uri, offset)
            if not lines.values:
                return
            offset = lines.next_offset
            yield None, lines.values

    async def _payloads(self, execution: Execution, ids: list[str]) -> dict[str, bytes]:
        found = await self._ports.journal.outputs(ids)
        tenant, flow = execution.flow.tenant, execution.flow
        for execution_id in ids:
            if execution_id in found:
                continue
            uri = f"{folder_of(flow.namespace, flow.flow_id, execution_id)}/outputs/{execution_id}.json"
            if await self._ports.storage.exists(tenant, uri):
                found[execution_id] = b"".join([chunk async for chunk in self._ports.storage.get(tenant, uri)])
        return found


def _take(splitter: LineSplitter, chunk: bytes, values: list[str]) -> bool:
    """Add the values of a chunk; whether a row is full."""
    for line in splitter.feed(chunk):
        _append(values, line)
        if len(values) >= CHUNK:
            return True
    return False


def _append(values: list[str], line: bytes) -> None:
    value = line_value(line.decode("utf-8", "replace"))
    if value is not None:
        values.append(value)


def _records(
    first: int, keys: list[str] | None, values: list[str], ids: list[str], payloads: dict[str, bytes]
) -> list[dict[str, Any]]:
    return [
        iteration_record(first + place, None if keys is None else keys[place], value, _decode(payloads[ids[place]]))
        for place, value in enumerate(values)
        if ids[place] in payloads
    ]
