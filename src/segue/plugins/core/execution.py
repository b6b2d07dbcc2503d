"""``io.kestra.plugin.core.execution`` (core plugins 3)."""

from typing import ClassVar

from segue.sdk import Example, Property, RunContext, Task, TaskFailed, is_truthy


class Fail(Task):
    """Fails: always, or when its condition holds."""

    type: ClassVar[str] = "io.kestra.plugin.core.execution.Fail"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.executions.Fail"})
    instant: ClassVar[bool] = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Fail when there is nothing to do",
            "id: check\ntype: io.kestra.plugin.core.execution.Fail\n"
            'condition: "{{ inputs.rows == 0 }}"\nerrorMessage: There are no rows',
        ),
    )

    condition: Property[str] | None = None
    """An expression; the task only fails when it holds."""
    error_message: Property[str] = Property.of("Task failure")
    """The text that is logged."""

    async def run(self, context: RunContext) -> None:
        """Raise ``TaskFailed``; return when there is a condition that does not hold."""
        if self.condition is None:
            raise TaskFailed(await context.render(self.error_message) or "")
        if is_truthy(await context.render(self.condition)):
            context.logger.error(await context.render(self.error_message) or "")
            raise TaskFailed("Fail on a condition")
