"""``io.kestra.plugin.core.log`` (core plugins 4)."""

from typing import ClassVar

from segue.sdk import Example, LogLevel, Property, RunContext, Task


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

    message: str | list[str]
    """The text to log, or a list of texts."""
    level: Property[LogLevel] = Property.of(LogLevel.INFO)
    """Level of the lines."""

    async def run(self, context: RunContext) -> None:
        """Render and log."""
        level = await context.render(self.level) or LogLevel.INFO
        messages = [self.message] if isinstance(self.message, str) else self.message
        for message in messages:
            context.logger.log(level, await context.render(message))
