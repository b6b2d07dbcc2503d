"""``io.kestra.plugin.kestra.executions``: what is done to one execution (core plugins 18)."""

from typing import Any, ClassVar
from urllib.parse import quote

from segue.domain.platform.executions import DeleteExecution, KillExecution, ResumeExecution
from segue.plugins.kestra.connection import KestraTask, text_of
from segue.sdk import Example, Property, RunContext, TaskFailed


class Kill(KestraTask):
    """Ends an execution."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.executions.Kill"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "End an execution and what it has started",
            'id: kill\ntype: io.kestra.plugin.kestra.executions.Kill\nexecutionId: "{{ inputs.execution }}"',
        ),
    )

    execution_id: Property[str]
    """The execution."""
    propagate_kill: Property[bool] = Property.of(True)
    """Whether the executions it has started end too."""

    async def run(self, context: RunContext) -> None:
        """Ask for the end. Raises ``SegueError`` when there is no such execution, or it has ended."""
        execution_id = await _needed(context, self.execution_id)
        cascade = await context.render(self.propagate_kill) is not False
        async with self.remote(context) as remote:
            if remote is None:
                await context.platform.ask(KillExecution(execution_id=execution_id, cascade=cascade))
            else:
                query = [("isOnKillCascade", str(cascade).lower())]
                await remote.content("DELETE", f"/executions/{quote(execution_id, safe='')}/kill", query)


class Delete(KestraTask):
    """Removes an execution with its logs, metrics and files."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.executions.Delete"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Remove an execution and keep its log",
            "id: remove\ntype: io.kestra.plugin.kestra.executions.Delete\n"
            'executionId: "{{ inputs.execution }}"\ndeleteLogs: false',
        ),
    )

    execution_id: Property[str]
    """The execution."""
    delete_logs: Property[bool] = Property.of(True)
    """Whether its log lines are removed."""
    delete_metrics: Property[bool] = Property.of(True)
    """Whether its metrics are removed."""
    delete_storage: Property[bool] = Property.of(True)
    """Whether its files are removed."""

    async def run(self, context: RunContext) -> None:
        """Remove. Raises ``SegueError`` when there is no such execution, or it is the task's own."""
        execution_id = await _needed(context, self.execution_id)
        logs = await context.render(self.delete_logs) is not False
        metrics = await context.render(self.delete_metrics) is not False
        files = await context.render(self.delete_storage) is not False
        async with self.remote(context) as remote:
            if remote is None:
                call = DeleteExecution(execution_id=execution_id, logs=logs, metrics=metrics, files=files)
                await context.platform.ask(call)
            else:
                flags = {"deleteLogs": logs, "deleteMetrics": metrics, "deleteStorage": files}
                query = [(name, str(flag).lower()) for name, flag in flags.items()]
                await remote.content("DELETE", f"/executions/{quote(execution_id, safe='')}", query)


class Resume(KestraTask):
    """Lets a paused execution go on."""

    type: ClassVar[str] = "io.kestra.plugin.kestra.executions.Resume"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Answer the questions of a pause",
            "id: resume\ntype: io.kestra.plugin.kestra.executions.Resume\n"
            'executionId: "{{ inputs.execution }}"\ninputs:\n  approved: true',
        ),
    )

    execution_id: Property[str] | None = None
    """The execution; without it the task's own."""
    inputs: Property[dict[str, Any]] | None = None
    """Values of the inputs of `onResume`."""

    async def run(self, context: RunContext) -> None:
        """Ask to go on. Raises ``SegueError`` when there is no such execution, or it is not paused."""
        execution_id = await text_of(context, self.execution_id) or context.execution.id
        inputs = (None if self.inputs is None else await context.render(self.inputs)) or {}
        async with self.remote(context) as remote:
            if remote is None:
                await context.platform.ask(ResumeExecution(execution_id=execution_id, inputs=inputs))
            else:
                await remote.form(f"/executions/{quote(execution_id, safe='')}/resume", inputs)


async def _needed(context: RunContext, value: Property[str]) -> str:
    text = await text_of(context, value)
    if not text:
        raise TaskFailed("`executionId` is empty")
    return text
