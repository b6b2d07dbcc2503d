"""Reads the executions that flow triggers look at, with what their conditions may ask (flow language 12.6)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from segue.domain.engine.rendering import OutputsView, available_outputs, tasks_with_outputs
from segue.domain.engine.state import ExecutionState
from segue.domain.errors import LimitExceededError, NotFoundError
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.domain.execution.task_run import OutputReference, TaskRun
from segue.domain.flow.triggers import FlowTrigger
from segue.domain.trigger.upstream import Upstream
from segue.ports.repositories.followers import Transition
from segue.services.scheduler.config import FollowerPorts

_MOST_BYTES = 64 * 1024 * 1024
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def asks_for_task_outputs(trigger: FlowTrigger) -> bool:
    """Whether an expression of the trigger may look at outputs of tasks."""
    texts = [trigger.when or "", *(entry.when or "" for entry in trigger.depends_on)]
    if trigger.preconditions is not None:
        texts += [each.value or "" for where in trigger.preconditions.where for each in where.filters]
    return any("outputs" in text for text in texts)


class Upstreams:
    """The executions of one batch of transitions; each is read once."""

    def __init__(self, ports: FollowerPorts, executions: Mapping[str, Execution]) -> None:
        self._ports = ports
        self._executions = executions
        self._runs: dict[str, list[TaskRun]] = {}
        self._outputs: dict[str, dict[str, Any]] = {}

    @classmethod
    async def read(cls, ports: FollowerPorts, execution_ids: Iterable[str]) -> "Upstreams":
        """The executions that still exist."""
        return cls(ports, await ports.executions.get_many(list(execution_ids)))

    def execution(self, execution_id: str) -> Execution | None:
        """The execution, None when it is gone."""
        return self._executions.get(execution_id)

    async def of(self, transition: Transition, *, with_task_outputs: bool) -> Upstream:
        """The execution of a transition as conditions see it.

        Raises ``LimitExceededError`` for task outputs that are too large to be looked at, ``NotFoundError`` for
        outputs that are gone.
        """
        execution = self._executions[transition.execution_id]
        runs = await self._runs_of(execution)
        task_outputs: Mapping[str, Any] = {}
        if with_task_outputs:
            task_outputs = await self._task_outputs(execution, runs)
        retried = {attempt.status.current.value for run in runs if len(run.attempts) > 1 for attempt in run.attempts}
        failed = (run.task_id for run in runs if run.state is State.FAILED)
        return Upstream(
            execution=execution,
            state=transition.state,
            outputs=await self.outputs(execution),
            task_outputs=task_outputs,
            retried=frozenset(retried),
            first_failed_task_id=next(failed, None),
            last_task_id=runs[-1].task_id if runs else None,
        )

    async def outputs(self, execution: Execution) -> dict[str, Any]:
        """The outputs of the execution's flow."""
        if execution.outputs is None:
            return {}
        if execution.id not in self._outputs:
            found = await self._load(execution, {execution.id: execution.outputs})
            self._outputs[execution.id] = found[execution.id]
        return self._outputs[execution.id]

    async def _runs_of(self, execution: Execution) -> list[TaskRun]:
        if execution.id not in self._runs:
            count = execution.task_run_count
            self._runs[execution.id] = await self._ports.executions.task_runs(execution.id) if count else []
        return self._runs[execution.id]

    async def _task_outputs(self, execution: Execution, runs: Sequence[TaskRun]) -> Mapping[str, Any]:
        flow = await self._ports.catalog.by_key(execution.flow)
        state = ExecutionState(flow, execution, runs)
        needs = [need for task_id in tasks_with_outputs(state) for need in available_outputs(state, task_id)]
        state.outputs.update(await self._load(execution, {need.task_run_id: need.reference for need in needs}))
        return OutputsView(state)

    async def _load(self, execution: Execution, wanted: Mapping[str, OutputReference]) -> dict[str, dict[str, Any]]:
        size = sum(reference.size for reference in wanted.values())
        if size > _MOST_BYTES:
            raise LimitExceededError(
                f"Execution {execution.id} has {size} bytes of outputs, too many for the conditions of a trigger",
                "trigger_outputs",
            )
        inline = [owner for owner, reference in wanted.items() if reference.uri is None]
        found = {owner: _decode(payload) for owner, payload in (await self._ports.outputs.get_many(inline)).items()}
        for owner, reference in wanted.items():
            if reference.uri is not None:
                chunks = self._ports.storage.get(execution.flow.tenant, reference.uri)
                found[owner] = _decode(b"".join([chunk async for chunk in chunks]))
            elif owner not in found:
                raise NotFoundError(f"Outputs of {owner} are gone from the database")
        return found
