"""Task runs that wait for a person: which one is meant, and what the answer comes to (flow language 7.13, 7.14)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from segue.api.expressions import Scene
from segue.api.multipart import Upload
from segue.api.ports import ApiPorts
from segue.api.problems import inputs_error
from segue.api.submission import Inputs, Submission
from segue.domain.encrypted import revealed
from segue.domain.engine.flowables.pause import resolve_answers
from segue.domain.engine.references import named_tasks
from segue.domain.engine.rendering import available_outputs, context_for
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.model import Execution, execution_folder
from segue.domain.execution.operations import Operation, check_legal
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.inputs import Input
from segue.domain.flow.resolve_inputs import Resolution
from segue.domain.flow.tasks import Task
from segue.domain.ids import slugify


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
        data = [item.model_dump() for item in declared]
        named = self._ports.engine.references_of(data, self.flow.dialect)
        state = ExecutionState(self.flow, self.execution, self._runs)
        await self._load_outputs(state, named_tasks(state, named) if named.needs_root("outputs") else ())
        context = context_for(state, named)

        def resolve(scene: Scene) -> Resolution:
            seen = {**context, "inputs": revealed(context.get("inputs", {}), scene.values.plain)}
            return resolve_answers(declared, values, seen, _Answering(scene, self._ports.encrypt))

        return await inputs.expressions.evaluate(self.flow, resolve), files

    async def _load_outputs(self, state: ExecutionState, task_ids: Iterable[str]) -> None:
        """Take up the outputs of some tasks, wherever they lie."""
        needed = [item for task_id in task_ids for item in available_outputs(state, task_id)]
        inline = await self._ports.outputs.get_many([each.task_run_id for each in needed if each.reference.uri is None])
        for need in needed:
            payload = inline.get(need.task_run_id, b"{}")
            if need.reference.uri is not None:
                content = self._ports.storage.get(self.flow.tenant, need.reference.uri)
                payload = b"".join([chunk async for chunk in content])
            state.outputs[need.task_run_id] = msgspec.json.decode(payload)


class _Answering(NamedTuple):
    """A scene as the one that answers are rendered in."""

    scene: Scene
    encrypt: Callable[[str], Any] | None

    def render_typed(self, text: str, context: Mapping[str, Any]) -> Any:
        """See ``Scene``."""
        return self.scene.render_typed(text, context)


def checked(resolution: Resolution) -> dict[str, Any]:
    """The values. Raises ``ProblemError`` naming every one that does not fit."""
    if resolution.errors:
        raise inputs_error(resolution.errors)
    return resolution.values
