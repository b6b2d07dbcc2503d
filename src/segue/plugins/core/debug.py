"""``io.kestra.plugin.core.debug`` (core plugins 4)."""

import time
from datetime import timedelta
from typing import ClassVar

from segue.sdk import Example, LogLevel, Output, Property, RunContext, Task


class ReturnOutput(Output):
    """``value`` is what ``format`` rendered to."""

    value: str | None


class Return(Task):
    """Gives a rendered text back as output; for trying out expressions."""

    type: ClassVar[str] = "io.kestra.plugin.core.debug.Return"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.debugs.Return"})
    instant: ClassVar[bool] = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Give an expression back",
            'id: hello\ntype: io.kestra.plugin.core.debug.Return\nformat: "{{ flow.id }} at {{ execution.startDate }}"',
        ),
    )

    format: Property[str] | None = None
    """The text to render."""

    async def run(self, context: RunContext) -> ReturnOutput:
        """Render, log at DEBUG, and measure both length and time."""
        began = time.perf_counter()
        value = None if self.format is None else await context.render(self.format)
        if value is not None:
            context.logger.debug(value)
        context.metrics.counter("length", len(value or ""))
        context.metrics.timer("duration", timedelta(seconds=time.perf_counter() - began))
        return ReturnOutput(value=value)


class Echo(Task):
    """The old form of Log, with ``format`` for its message (1.x)."""

    type: ClassVar[str] = "io.kestra.plugin.core.debug.Echo"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.debugs.Echo"})
    deprecated: ClassVar[str] = "Use `io.kestra.plugin.core.log.Log`."
    instant: ClassVar[bool] = True

    format: Property[str]
    """The text to log."""
    level: Property[LogLevel] = Property.of(LogLevel.INFO)
    """Level of the line."""

    async def run(self, context: RunContext) -> None:
        """Render and log."""
        level = await context.render(self.level) or LogLevel.INFO
        context.logger.log(level, await context.render(self.format) or "")
