"""Answers of people to executions that wait: resume and review (REST API 4.3; flow language 7.13, 7.14)."""

from typing import Any

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath

from segue.api.backend import Backend
from segue.api.operating import asked_by
from segue.api.pausing import Waiting, checked
from segue.api.problems import INVALID_ARGUMENT, VALIDATION_FAILED, ProblemError
from segue.api.routers.execution_actions import Answer, answer, paths
from segue.api.schemas.executions import ApiExecution
from segue.api.schemas.flows import JsonObject
from segue.api.schemas.inputs import wire_result
from segue.api.submission import AnyRequest, Submission, read_submission
from segue.domain.engine.flowables.approval import needs_comment
from segue.domain.errors import IllegalStateError
from segue.domain.execution.facts import Reviewed, Verdict
from segue.domain.execution.operations import Operation
from segue.domain.execution.requests import ResumeRequested
from segue.domain.flow.flowables import Approval, Loop, Pause, Subflow
from segue.domain.flow.resolve_inputs import Resolution

_VERDICTS = {
    **{verdict.value: verdict for verdict in (Verdict.APPROVED, Verdict.DENIED)},
    "APPROVE": Verdict.APPROVED,
    "DENY": Verdict.DENIED,
}


@post(paths("resume"), status_code=200)
async def resume_execution(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> Answer:
    """Let a paused execution go on, with the values of ``onResume``; 409 when it is not paused."""
    execution = await backend.execution(tenant, execution_id)
    waiting = await Waiting.of(backend.ports, execution)
    submission = await read_submission(request, backend.config)
    with submission.form:
        fact = await _resumed(backend, waiting, submission, asked_by(request))
    return await answer(backend, request, await backend.operating.ask(execution, Operation.RESUME, fact), 204)


@post(paths("resume/validate"), status_code=200)
async def validate_resume(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> JsonObject:
    """What would become of these values of ``onResume``; faults stand beside their input, nothing is stored."""
    waiting = await Waiting.of(backend.ports, await backend.execution(tenant, execution_id))
    submission = await read_submission(request, backend.config)
    with submission.form:
        found = waiting.find(Pause)
        resolution = Resolution(())
        if found is not None and isinstance(found[1], Pause):
            resolution, _ = await waiting.resolve(backend.inputs, found[0], found[1].on_resume, submission)
    return {
        "id": waiting.flow.flow.id,
        "namespace": waiting.flow.flow.namespace,
        "inputs": [wire_result(entry) for entry in resolution.entries],
        "checks": [],
    }


@post(paths("review"), status_code=200)
async def review_execution(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> ApiExecution:
    """Answer an Approval: ``decision`` APPROVED or DENIED, ``comment``, and the values of its inputs.

    They come as parts of a form, as a JSON object with ``inputs``, or as query parameters beside the inputs.
    """
    execution = await backend.execution(tenant, execution_id)
    waiting = await Waiting.of(backend.ports, execution)
    submission = await read_submission(request, backend.config)
    with submission.form:
        given = submission.values
        control = {
            name: request.query_params.get(name, given.pop(name, None)) for name in ("decision", "comment", "taskRunId")
        }
        if isinstance(nested := given.get("inputs"), dict):
            submission.values = nested
        fact = await _review(backend, waiting, submission, {**control, "by": asked_by(request)})
    return await backend.full(await backend.operating.ask(execution, Operation.RESUME, fact))


async def _resumed(backend: Backend, waiting: Waiting, submission: Submission, by: str | None) -> ResumeRequested:
    now = backend.ports.clock.now()
    if waiting.is_by_hand:
        return ResumeRequested(now, by=by)
    found = waiting.find(Pause, Subflow, Loop)
    if found is None:
        raise IllegalStateError("No task run of the execution waits to be resumed by hand")
    run, task = found
    if not isinstance(task, Pause):
        return ResumeRequested(now, run.id, dict(submission.values), by=by)
    resolution, files = await waiting.resolve(backend.inputs, run, task.on_resume, submission)
    values = checked(resolution)
    await backend.inputs.store(waiting.flow.tenant, files)
    return ResumeRequested(now, run.id, values, is_resolved=True, by=by)


async def _review(backend: Backend, waiting: Waiting, submission: Submission, control: dict[str, Any]) -> Reviewed:
    verdict = _VERDICTS.get(str(control["decision"]).upper())
    if verdict is None:
        raise ProblemError(INVALID_ARGUMENT, "`decision` must be APPROVED or DENIED")
    found = waiting.find(Approval, run_id=control["taskRunId"])
    if found is None:
        raise IllegalStateError("No task run of the execution waits for a review")
    run, task = found
    assert isinstance(task, Approval)
    comment = control["comment"]
    if needs_comment(task.comment_required.upper(), verdict) and not str(comment or "").strip():
        raise ProblemError(VALIDATION_FAILED, "The review needs a comment")
    resolution, files = await waiting.resolve(backend.inputs, run, task.inputs, submission)
    values = checked(resolution)
    await backend.inputs.store(waiting.flow.tenant, files)
    said = None if comment is None else str(comment)
    return Reviewed(backend.ports.clock.now(), run.id, verdict, values, said, control["by"])


HANDLERS: list[Any] = [resume_execution, validate_resume, review_execution]
