"""``io.kestra.plugin.kestra.logs`` (core plugins 18)."""

from collections.abc import Iterable
from typing import ClassVar
from urllib.parse import quote

from segue.plugins.core.log import Fetch as CoreFetch
from segue.plugins.core.log import FetchOutput
from segue.plugins.kestra.connection import KestraTask, Remote, text_of
from segue.plugins.kestra.fetching import stored
from segue.sdk import Example, LogLevel, RunContext


class Fetch(KestraTask, CoreFetch):
    """Stores the log lines of an execution as a file of Ion records."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.logs.Fetch"
    aliases: ClassVar[frozenset[str]] = frozenset()

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Keep the warnings of this execution",
            "id: logs\ntype: io.kestra.plugin.kestra.logs.Fetch\nlevel: WARN",
        ),
    )

    async def run(self, context: RunContext) -> FetchOutput:
        """Copy. Raises ``SegueError`` when there is no such execution, or the flow may not see it."""
        async with self.remote(context) as remote:
            if remote is None:
                return await CoreFetch.run(self, context)
            return await self._far(context, remote)

    async def _far(self, context: RunContext, remote: Remote) -> FetchOutput:
        execution_id = await text_of(context, self.execution_id) or context.execution.id
        level = await context.render(self.level) or LogLevel.INFO
        tasks: Iterable[str] = (None if self.tasks_id is None else await context.render(self.tasks_id)) or ()
        chosen = set(tasks)
        lines = await remote.json("GET", f"/logs/{quote(execution_id, safe='')}", [("minLevel", level.value)])
        records = [line for line in lines or () if not chosen or line.get("taskId") in chosen]
        return FetchOutput(uri=await stored(context, records), size=len(records))
