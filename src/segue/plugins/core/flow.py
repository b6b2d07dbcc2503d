"""The runnable tasks of ``io.kestra.plugin.core.flow`` (core plugins 2); its flowables are the engine's."""

import asyncio
from typing import ClassVar

from segue.domain.durations import format_duration
from segue.sdk import Duration, Example, Property, RunContext, Task, TaskFailed


class Sleep(Task):
    """Waits (core plugins 2.13)."""

    type: ClassVar[str] = "io.kestra.plugin.core.flow.Sleep"

    examples: ClassVar[tuple[Example, ...]] = (
        Example("Wait half a minute", "id: wait\ntype: io.kestra.plugin.core.flow.Sleep\nduration: PT30S"),
    )

    duration: Property[Duration]
    """How long."""

    async def run(self, context: RunContext) -> None:
        """Wait without holding a thread."""
        duration = await context.render(self.duration)
        if duration is None:
            raise TaskFailed("`duration` rendered to nothing")
        context.logger.info("Waiting for %s", format_duration(duration))
        await asyncio.sleep(duration.total_seconds())
