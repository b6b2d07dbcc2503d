"""Records that a task found, in the form its ``fetchType`` asks for."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from segue.expr.ion.writer import ion_text
from segue.sdk import Output, RunContext

_LONGEST_RECORD = 4 * 1024 * 1024


class FetchType(StrEnum):
    """Where records go: nowhere, the first or all into the outputs, or into a file."""

    NONE = "NONE"
    FETCH_ONE = "FETCH_ONE"
    FETCH = "FETCH"
    STORE = "STORE"


class FetchOutput(Output):
    """``rows``, ``row`` or ``uri`` as ``fetchType`` asks for; ``size`` is the number of records."""

    rows: list[dict[str, Any]] | None = None
    row: dict[str, Any] | None = None
    uri: str | None = None
    size: int


async def fetched(context: RunContext, kind: FetchType, records: Sequence[dict[str, Any]]) -> FetchOutput:
    """The outputs for some records."""
    if kind is FetchType.STORE:
        return FetchOutput(uri=await stored(context, records), size=len(records))
    if kind is FetchType.FETCH_ONE:
        return FetchOutput(row=records[0] if records else None, size=min(len(records), 1))
    return FetchOutput(rows=list(records) if kind is FetchType.FETCH else None, size=len(records))


async def stored(context: RunContext, records: Sequence[Mapping[str, Any]]) -> str:
    """The URI of a file with one Ion record to a line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.ion"
        await asyncio.to_thread(_write, path, records)
        return await context.files.write(path.name, path)


def _write(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(ion_text(record, _LONGEST_RECORD) + "\n" for record in records)
