"""``io.kestra.plugin.core.templating`` (core plugins 4)."""

from typing import ClassVar

from segue.sdk import Example, Property, RunContext, Task, TaskResult


class TemplatedTask(Task):
    """Runs a task whose whole definition is rendered first, its type and the names of its properties too.

    The task runs in the place of this one: its outputs, log and metrics are this one's. Retries and timeout are
    those set on this task. The text is rendered as a whole, and the properties of the task once more when it runs.
    """

    type: ClassVar[str] = "io.kestra.plugin.core.templating.TemplatedTask"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.templating.TemplatedTask"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Choose the level of a log by an input",
            "id: say\ntype: io.kestra.plugin.core.templating.TemplatedTask\nspec: |\n"
            "  type: io.kestra.plugin.core.log.Log\n  message: Hello\n  level: {{ inputs.level }}",
        ),
    )

    spec: Property[str]
    """YAML of a runnable task; neither a flowable task nor another TemplatedTask."""

    async def run(self, context: RunContext) -> TaskResult:
        """Render and run. Raises ``SegueError`` for a text that is no such task, and what the task raises."""
        return await context.platform.run_task(await context.render(self.spec) or "")
