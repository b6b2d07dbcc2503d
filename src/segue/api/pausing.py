"""Task runs that wait for a person: which one is meant, and what the answer comes to (flow language 7.13, 7.14)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from segue.api.multipart import Upload
from segue.api.ports import ApiPorts
from segue.api.problems import inputs_error
from segue.api.submission import Inputs, Submission
from segue.domain.engine.flowables.pause import resolve_answers
from segue.domain.engine.needs import Needed, OutputsNeed
from segue.domain.engine.state import ExecutionState
from segue.domain.errors import NotFoundError
from segue.domain.execution.model import Execution, execution_folder
from segue.domain.execution.operations import Operation, check_legal
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.inputs import Input
from segue.domain.flow.resolve_inputs import Resolution
from segue.domain.flow.tasks import Task
from segue.domain.ids import slugify
from segue.ports.rendering import Renderer


class Waiting:
    """A paused execution as its answers are checked against it."""

    def __init__(self, ports: ApiPorts, flow: CompiledFlow, execution: Execution, runs: Sequence[TaskRun]) -> None:
        self._ports = ports
        self.flow = flow
        self.execution = execution
        self._runs = runs

    @classmethod
    async def of(cls, ports: ApiPorts, execution: Execution) -> "Waiting":
        """Read what belongs to the execution. Raises ``IllegalStateError`` unless it is PAUSED."""
        check_legal(Operation.RESUME, execution.state)
        flow = await ports.catalog.by_key(execution.flow)
        return cls(ports, flow, execution, await ports.executions.task_runs(execution.id))

    def find(self, *kinds: type[Task], run_id: str | None = None) -> tuple[TaskRun, Task] | None:
        """The first task run that waits for an answer to one of these kinds of tasks, or the one named."""
        for run in self._runs:
            task = self.flow.get_task(run.task_id)
            if run.state is State.PAUSED and isinstance(task, kinds) and run_id in {None, run.id}:
                return run, task
        return None

    @property
    def is_by_hand(self) -> bool:
        """Whether no task has paused the execution."""
        return not any(run.state is State.PAUSED for run in self._runs)

    async def resolve(
        self, inputs: Inputs, run: TaskRun, declared: Sequence[Input], submission: Submission
    ) -> tuple[Resolution, dict[str, Upload]]:
        """The values given for ``declared``, and the files among them by the URIs they will have."""
        folder = f"{execution_folder(self.execution)}/tasks/{slugify(run.task_id)}/{run.id}"
        values, files = await inputs.placed(declared, submission, folder)
        flow = self.flow
        services = self._ports.services(flow.tenant, flow.flow.namespace)
        renderer = Renderer(self._ports.engine, lambda: services, self._ports.encrypt).for_dialect(flow.dialect)
        state = ExecutionState(flow, self.execution, self._runs)
        while True:
            try:
                return resolve_answers(state, renderer, declared, values), files
            except Needed as needed:
                for need in needed.needs:
                    await self._load(state, need)

    async def _load(self, state: ExecutionState, need: Any) -> None:
        if not isinstance(need, OutputsNeed):
            raise NotFoundError(f"The inputs need something that is not known here: {need}")
        uri = need.uri
        if uri is None and need.owner_id in state.runs and (reference := state.runs[need.owner_id].outputs) is not None:
            uri = reference.uri
        if uri is not None:
            chunks = [chunk async for chunk in self._ports.storage.get(self.flow.tenant, uri)]
            state.outputs[need.owner_id] = msgspec.json.decode(b"".join(chunks))
            return
        found = await self._ports.outputs.get_many([need.owner_id])
        if need.owner_id not in found:
            raise NotFoundError(f"Outputs of {need.owner_id} are gone")
        state.outputs[need.owner_id] = msgspec.json.decode(found[need.owner_id])


def checked(resolution: Resolution) -> dict[str, Any]:
    """The values. Raises ``ProblemError`` naming every one that does not fit."""
    if resolution.errors:
        raise inputs_error(resolution.errors)
    return resolution.values
