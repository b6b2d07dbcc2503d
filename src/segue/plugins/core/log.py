"""``io.kestra.plugin.core.log`` (core plugins 4)."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from segue.expr.ion.writer import ion_text
from segue.sdk import Example, LogLevel, Output, Property, RunContext, Task, TaskFailed

_LONGEST_RECORD = 1024 * 1024


def _checked(message: Any) -> Any:
    parts = message if isinstance(message, list) else [message]
    if all(isinstance(part, str | int | float) and not isinstance(part, bool) for part in parts):
        return message
    raise ValueError("Invalid message type: it must be a text or a list of texts")


class Log(Task):
    """Writes one line for each message."""

    type: ClassVar[str] = "io.kestra.plugin.core.log.Log"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.log.Log"})
    instant: ClassVar[bool] = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Log an input",
            'id: hello\ntype: io.kestra.plugin.core.log.Log\nmessage: "Hello {{ inputs.name }}"\nlevel: INFO',
        ),
    )

    message: Annotated[str | list[str], BeforeValidator(_checked)]
    """The text to log, or a list of texts."""
    level: Property[LogLevel] = Property.of(LogLevel.INFO)
    """Level of the lines."""

    async def run(self, context: RunContext) -> None:
        """Render and log."""
        level = await context.render(self.level) or LogLevel.INFO
        messages = [self.message] if isinstance(self.message, str) else self.message
        for message in messages:
            context.logger.log(level, await context.render(message))


class FetchOutput(Output):
    """``uri`` of the file, and how many lines are in it."""

    uri: str
    size: int


class Fetch(Task):
    """Stores the log lines of an execution as a file of Ion records (1.x)."""

    type: ClassVar[str] = "io.kestra.plugin.core.log.Fetch"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.log.Fetch"})
    deprecated: ClassVar[str] = "Use `io.kestra.plugin.kestra.logs.Fetch`."

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep the warnings of this execution",
            "id: logs\ntype: io.kestra.plugin.core.log.Fetch\nlevel: WARN\ntasksId:\n  - extract\n  - load",
        ),
    )

    execution_id: Property[str] | None = None
    """The execution whose lines are wanted; without it this one."""
    namespace: Property[str] | None = None
    """The namespace of that execution; only together with `flowId` and `executionId`."""
    flow_id: Property[str] | None = None
    """The flow of that execution; only together with `namespace` and `executionId`."""
    tasks_id: Property[list[str]] | None = None
    """Ids of the tasks whose lines are wanted; without them all lines."""
    level: Property[LogLevel] = Property.of(LogLevel.INFO)
    """The lowest level of the lines."""

    async def run(self, context: RunContext) -> FetchOutput:
        """Copy page by page. Raises ``SegueError`` when there is no such execution, or the flow may not see it."""
        execution_id, namespace, flow_id = [
            "" if value is None else (await context.render(value) or "").strip()
            for value in (self.execution_id, self.namespace, self.flow_id)
        ]
        if bool(namespace) != bool(flow_id) or (flow_id and not execution_id):
            raise TaskFailed("`namespace` and `flowId` go together, and with `executionId`")
        pages = context.platform.read_logs(
            execution_id,
            namespace=namespace,
            flow_id=flow_id,
            task_ids=(None if self.tasks_id is None else await context.render(self.tasks_id)) or (),
            level=await context.render(self.level) or LogLevel.INFO,
        )
        size = 0
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "logs.ion"
            path.touch()
            async for page in pages:
                await asyncio.to_thread(_append, path, page)
                size += len(page)
            return FetchOutput(uri=await context.files.write(path.name, path), size=size)


def _append(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(ion_text(record, _LONGEST_RECORD) + "\n" for record in records)
