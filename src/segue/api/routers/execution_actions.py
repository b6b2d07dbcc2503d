"""What is asked of one execution (REST API 4.3). The API writes facts; the executor acts (design D1).

Every path is served as in 2.0 (``.../actions/pause``) and as in 1.x (``.../pause``).
"""

from typing import Annotated, Any

import msgspec
from litestar import Response, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from segue.api.backend import Backend
from segue.api.operating import KILL_KEY, asked_by
from segue.api.problems import BAD_REQUEST, INVALID_ARGUMENT, INVALID_REQUEST_BODY, ProblemError
from segue.api.schemas.executions import ApiExecution
from segue.api.submission import AnyRequest, read_body
from segue.domain.errors import IllegalStateError, NotFoundError
from segue.domain.execution.facts import KillRequested
from segue.domain.execution.model import Execution, parse_breakpoints
from segue.domain.execution.operations import MARKED_STATES, UNQUEUED_STATES, Operation, check_legal
from segue.domain.execution.requests import (
    BreakpointResumed,
    ForceRunRequested,
    LabelsRequested,
    PauseRequested,
    StatusRequested,
    TaskStateRequested,
    UnqueueRequested,
)
from segue.domain.execution.state import State
from segue.domain.labels import SYSTEM_PREFIX, Label

Cascade = Annotated[bool, QueryParameter(name="isOnKillCascade")]
Answer = Response[ApiExecution | None]


class StateRequest(msgspec.Struct, frozen=True, rename="camel"):
    """A task run and the state it is marked with."""

    task_run_id: str
    state: State


class LabelRequest(msgspec.Struct, frozen=True):
    """A label as clients send it; one without a value takes its key away."""

    key: str | None = None
    value: str | None = None


def paths(action: str) -> list[str]:
    """The path of an action as in 2.0 and as in 1.x."""
    return [f"/executions/{{execution_id:str}}/actions/{action}", f"/executions/{{execution_id:str}}/{action}"]


async def answer(backend: Backend, request: AnyRequest, execution: Execution, status_1x: int = 200) -> Answer:
    """The execution; under paths of 1.x the status they answer with, without a body for 204."""
    status = 200 if "/actions/" in request.url.path else status_1x
    return Response(None if status == 204 else await backend.full(execution), status_code=status)


@delete("/executions/{execution_id:str}", status_code=204)
async def delete_execution(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    execution_id: FromPath[str],
    delete_logs: Annotated[bool, QueryParameter(name="deleteLogs")] = True,
    delete_metrics: Annotated[bool, QueryParameter(name="deleteMetrics")] = True,
    delete_storage: Annotated[bool, QueryParameter(name="deleteStorage")] = True,
) -> None:
    """Remove an execution with everything that belongs to it."""
    execution = await backend.execution(tenant, execution_id)
    removed = await backend.operating.delete(
        tenant,
        [execution.id],
        logs=delete_logs,
        metrics=delete_metrics,
        files=delete_storage,
        by=asked_by(request),
    )
    if not removed:
        raise NotFoundError(f"Execution {execution_id} not found")


@delete(paths("kill"), status_code=200)
async def kill_execution(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    execution_id: FromPath[str],
    is_on_kill_cascade: Cascade = True,
) -> Answer:
    """End an execution; 409 when it has ended."""
    execution = await backend.execution(tenant, execution_id)
    fact = KillRequested(backend.ports.clock.now(), is_on_kill_cascade, asked_by(request))
    killed = await backend.operating.ask(execution, Operation.KILL, fact, KILL_KEY)
    return await answer(backend, request, killed, 202)


@post(paths("pause"), status_code=200)
async def pause_execution(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> Answer:
    """Let what runs finish and start nothing new; 409 unless it is RUNNING."""
    execution = await backend.execution(tenant, execution_id)
    paused = await backend.operating.ask(execution, Operation.PAUSE, PauseRequested(asked_by(request)))
    return await answer(backend, request, paused, 204)


@post(paths("resume-from-breakpoint"), status_code=200)
async def resume_from_breakpoint(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    execution_id: FromPath[str],
    breakpoints: FromQuery[str | None] = None,
) -> Answer:
    """Go on from a breakpoint; 409 unless it stands at one. ``breakpoints`` replace those there are."""
    execution = await backend.execution(tenant, execution_id)
    points = None if breakpoints is None else parse_breakpoints(breakpoints)
    fact = BreakpointResumed(points, asked_by(request))
    resumed = await backend.operating.ask(execution, Operation.RESUME_FROM_BREAKPOINT, fact)
    return await answer(backend, request, resumed, 204)


@post(paths("force-run"), status_code=200)
async def force_run(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> Answer:
    """Wait no longer for a date, a slot or the end of a pause; 409 when it has ended."""
    execution = await backend.execution(tenant, execution_id)
    running = await backend.operating.ask(execution, Operation.FORCE_RUN, ForceRunRequested(asked_by(request)))
    return await answer(backend, request, running)


@post(paths("unqueue"), status_code=200)
async def unqueue_execution(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    execution_id: FromPath[str],
    target: Annotated[str, QueryParameter(name="state")] = State.RUNNING.value,
) -> Answer:
    """Take an execution out of the queue, to RUNNING, CANCELLED or FAILED; 409 unless it is QUEUED."""
    fact = UnqueueRequested(read_state(target, UNQUEUED_STATES, "state"), asked_by(request))
    execution = await backend.execution(tenant, execution_id)
    return await answer(backend, request, await backend.operating.ask(execution, Operation.UNQUEUE, fact))


@post(paths("change-status"), status_code=200)
async def change_status(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    execution_id: FromPath[str],
    status: FromQuery[str],
) -> Answer:
    """Give a terminated execution another terminated state; 409 for any other."""
    state = read_state(status, frozenset(State), "status")
    execution = await backend.execution(tenant, execution_id)
    if not state.is_terminated:
        raise IllegalStateError(f"An execution cannot be marked as {state}: the new state must be a terminated one")
    fact = StatusRequested(state, asked_by(request))
    return await answer(backend, request, await backend.operating.ask(execution, Operation.CHANGE_STATUS, fact))


@post(paths("state"), status_code=200)
async def change_task_state(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> Answer:
    """Mark a task run as ended in a state and go on from there."""
    execution = await backend.execution(tenant, execution_id)
    body = await read_body(request, backend.config.max_body_bytes)
    wanted = _decode(body, StateRequest, "{taskRunId, state}")
    if wanted.state not in MARKED_STATES:
        raise IllegalStateError(f"A task run cannot be marked as {wanted.state}")
    check_legal(Operation.CHANGE_TASK_STATE, execution.state)
    runs = await backend.ports.executions.task_runs(execution.id)
    if all(run.id != wanted.task_run_id for run in runs):
        raise NotFoundError(f"Task run id '{wanted.task_run_id[:64]}' not found in execution")
    fact = TaskStateRequested(wanted.task_run_id, wanted.state, asked_by(request))
    return await answer(backend, request, await backend.operating.ask(execution, Operation.CHANGE_TASK_STATE, fact))


@post(paths("labels"), status_code=200)
async def set_labels(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> Answer:
    """Replace the labels of a terminated execution, but for the system's; 400 for one that goes on."""
    execution = await backend.execution(tenant, execution_id)
    labels = read_labels(await read_body(request, backend.config.max_body_bytes))
    _check_system_labels(labels, execution)
    if not execution.state.is_terminated:
        raise ProblemError(BAD_REQUEST, "The execution is not terminated")
    fact = LabelsRequested(labels, is_merge=False, by=asked_by(request))
    return await answer(backend, request, await backend.operating.ask(execution, Operation.SET_LABELS, fact))


def read_labels(body: bytes) -> tuple[Label, ...]:
    """Labels as a list of objects; those that are empty altogether are left out. Raises ``ProblemError``."""
    return checked_labels(_decode(body, list[LabelRequest], "a list of {key, value}"))


def checked_labels(given: list[LabelRequest]) -> tuple[Label, ...]:
    """The same, read already."""
    labels = [Label((one.key or "").strip(), (one.value or "").strip()) for one in given]
    if any(label.value and not label.key for label in labels):
        raise ProblemError(INVALID_ARGUMENT, "a label needs a key")
    return tuple(label for label in labels if label.key)


def _check_system_labels(labels: tuple[Label, ...], execution: Execution) -> None:
    for label in labels:
        if label.key.startswith(SYSTEM_PREFIX) and label not in execution.labels:
            raise ProblemError(
                INVALID_ARGUMENT,
                f"System labels can only be set by the system itself, offending label: {label.key}={label.value}",
            )


def read_state(text: str, allowed: frozenset[State], name: str) -> State:
    """A state by its name. Raises ``ProblemError`` for one that is not ``allowed``."""
    if text.upper() not in {state.value for state in allowed}:
        known = ", ".join(state.value for state in State if state in allowed)
        raise ProblemError(INVALID_ARGUMENT, f"{name} must be one of {known}")
    return State(text.upper())


def _decode(body: bytes, kind: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise ProblemError(INVALID_REQUEST_BODY, f"{what} is expected: {error}") from None


HANDLERS: list[Any] = [
    delete_execution,
    kill_execution,
    pause_execution,
    resume_from_breakpoint,
    force_run,
    unqueue_execution,
    change_status,
    change_task_state,
    set_labels,
]
