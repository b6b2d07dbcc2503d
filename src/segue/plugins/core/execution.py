"""``io.kestra.plugin.core.execution`` (core plugins 3)."""

from typing import ClassVar

from segue.expr import ExpressionError
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


class Assert(Task):
    """Fails unless all of its conditions hold."""

    type: ClassVar[str] = "io.kestra.plugin.core.execution.Assert"
    instant: ClassVar[bool] = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Check the inputs before anything else",
            "id: check\ntype: io.kestra.plugin.core.execution.Assert\n"
            'conditions:\n  - "{{ inputs.rows > 0 }}"\nerrorMessage: There are no rows',
        ),
    )

    conditions: list[str]
    """Expressions that must all hold."""
    error_message: Property[str] | None = None
    """A text added to the error."""

    async def run(self, context: RunContext) -> None:
        """Evaluate each condition; one that cannot be evaluated does not hold.

        Raises ``TaskFailed`` with the number of those that do not hold.
        """
        failed = 0
        for condition in self.conditions:
            try:
                answer = await context.render(condition)
                holds = is_truthy(answer)
            except ExpressionError as error:
                context.logger.error("%s", error)
                holds = False
            if not holds:
                failed += 1
                context.logger.error("Assertion `%s` failed!", condition)
        context.metrics.counter("success", len(self.conditions) - failed)
        context.metrics.counter("failed", failed)
        if failed:
            message = None if self.error_message is None else await context.render(self.error_message)
            raise TaskFailed(f"{failed} assertion(s) failed!" + (f"\n{message}" if message else ""))
