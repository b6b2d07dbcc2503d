"""Executions run again: restart and replay (flow language 11.3, 11.4; REST API 4.3)."""

from typing import Annotated, Any

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from segue.api.backend import Backend
from segue.api.operating import asked_by
from segue.api.routers.execution_actions import Answer, answer, paths
from segue.api.routers.flows import Revision
from segue.api.submission import AnyRequest, Submission, read_submission
from segue.domain.engine.operations.replaying import check_replay
from segue.domain.engine.operations.restarting import check_restart
from segue.domain.engine.state import ExecutionState
from segue.domain.errors import IllegalStateError, NotFoundError
from segue.domain.execution.model import Execution, ExecutionKind, parse_breakpoints
from segue.domain.execution.operations import Operation, check_legal
from segue.domain.execution.requests import ReplayRequested, RestartRequested
from segue.domain.flow.compiled import CompiledFlow

TaskRunId = Annotated[str | None, QueryParameter(name="taskRunId")]


@post(paths("restart"), status_code=200)
async def restart_execution(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    execution_id: FromPath[str],
    revision: Revision = None,
) -> Answer:
    """Try again what failed: in the same execution, or with ``revision`` in a new one on that revision.

    409 when the execution goes on, or when nothing in it failed.
    """
    execution = await backend.execution(tenant, execution_id)
    check_legal(Operation.RESTART, execution.state)
    targets = check_restart(await _state(backend, execution))
    if revision is None:
        fact = RestartRequested(asked_by(request))
        return await answer(backend, request, await backend.operating.ask(execution, Operation.RESTART, fact))
    flow = await _revision(backend, execution, revision)
    missing = sorted({run.task_id for run in targets if flow.find_task(run.task_id) is None})
    if missing:
        raise NotFoundError(f"Task '{missing[0]}' does not exist in revision {revision} of the flow")
    again = ReplayRequested(new_id=backend.starter.new_id(), revision=revision, is_restart=True, by=asked_by(request))
    return await answer(backend, request, await _made(backend, execution, again))


@post(paths("replay"), status_code=200)
async def replay_execution(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    execution_id: FromPath[str],
    task_run_id: TaskRunId = None,
    revision: Revision = None,
    breakpoints: FromQuery[str | None] = None,
) -> Answer:
    """Make a new execution out of this one: from scratch, or from a task run."""
    execution = await backend.execution(tenant, execution_id)
    fact = await _request(backend, request, execution, task_run_id, revision, breakpoints)
    return await answer(backend, request, await _made(backend, execution, fact))


@post(paths("replay-with-inputs"), status_code=200)
async def replay_with_inputs(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    execution_id: FromPath[str],
    task_run_id: TaskRunId = None,
    revision: Revision = None,
    breakpoints: FromQuery[str | None] = None,
) -> Answer:
    """The same with other inputs, given as when an execution is created."""
    execution = await backend.execution(tenant, execution_id)
    fact = await _request(backend, request, execution, task_run_id, revision, breakpoints)
    flow = await _revision(backend, execution, revision or execution.flow.revision)
    submission = await read_submission(request, backend.config)
    with submission.form:
        return await answer(backend, request, await _made_with(backend, execution, fact, flow, submission))


async def _made_with(
    backend: Backend, execution: Execution, fact: ReplayRequested, flow: CompiledFlow, submission: Submission
) -> Execution:
    """The new execution; its files are stored before it, and removed when it cannot be made."""
    values, files = await backend.inputs.with_files(flow, submission, fact.new_id)
    resolution = await backend.inputs.resolve(flow, values)
    resolution.raise_first()
    fact = msgspec.structs.replace(fact, inputs=resolution.values)
    await backend.inputs.store(flow.tenant, files)
    return await _made(backend, execution, fact)


async def _request(
    backend: Backend,
    request: AnyRequest,
    execution: Execution,
    task_run_id: str | None,
    revision: int | None,
    breakpoints: str | None,
) -> ReplayRequested:
    check_replayable(execution)
    await backend.starter.check_pressure()
    if revision is not None:
        await _revision(backend, execution, revision)
    if task_run_id is not None:
        check_replay(await _state(backend, execution), task_run_id)
    return ReplayRequested(
        new_id=backend.starter.new_id(),
        task_run_id=task_run_id,
        revision=revision,
        breakpoints=parse_breakpoints(breakpoints or ""),
        by=asked_by(request),
    )


def check_replayable(execution: Execution) -> None:
    """Raise ``IllegalStateError`` for an iteration of a loop: it has no life without its loop."""
    if execution.kind is ExecutionKind.LOOP:
        raise IllegalStateError(f"Execution {execution.id} is an iteration of a loop: replay the execution around it")


async def _made(backend: Backend, source: Execution, fact: ReplayRequested) -> Execution:
    """Ask for the new execution and return it. Raises ``IllegalStateError`` when the engine refused to make it."""
    await backend.operating.ask(source, Operation.REPLAY, fact)
    found = await backend.find_execution(source.flow.tenant, fact.new_id)
    if found is None:
        raise IllegalStateError(
            f"Execution {fact.new_id} is not made yet, or cannot be: see the log of execution {source.id}"
        )
    return found


async def _state(backend: Backend, execution: Execution) -> ExecutionState:
    flow = await backend.ports.catalog.by_key(execution.flow)
    return ExecutionState(flow, execution, await backend.ports.executions.task_runs(execution.id))


async def _revision(backend: Backend, execution: Execution, revision: int) -> CompiledFlow:
    return await backend.ports.catalog.by_key(msgspec.structs.replace(execution.flow, revision=revision))


HANDLERS: list[Any] = [restart_execution, replay_execution, replay_with_inputs]
