"""Expressions tried on executions (REST API 4.3): always 200, with a result or an error."""

from typing import Any

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath

from segue.api.backend import Backend
from segue.api.debugging import EvalResult
from segue.api.submission import AnyRequest, read_body, read_text

_LONGEST = 256 * 1024


@post(
    ["/executions/{execution_id:str}/actions/eval", "/executions/{execution_id:str}/eval"],
    status_code=200,
)
async def eval_execution(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], execution_id: FromPath[str]
) -> EvalResult:
    """The text in the body, rendered with the variables of the execution."""
    return await _evaluate(backend, request, tenant, execution_id)


@post(
    [
        "/executions/{execution_id:str}/actions/eval/{task_run_id:str}",
        "/executions/{execution_id:str}/eval/{task_run_id:str}",
    ],
    status_code=200,
)
async def eval_task_run(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    execution_id: FromPath[str],
    task_run_id: FromPath[str],
) -> EvalResult:
    """The same with the variables of one task run."""
    return await _evaluate(backend, request, tenant, execution_id, task_run_id)


async def _evaluate(
    backend: Backend, request: AnyRequest, tenant: str, execution_id: str, task_run_id: str | None = None
) -> EvalResult:
    execution = await backend.execution(tenant, execution_id)
    text = read_text(await read_body(request, _LONGEST), "the expression")
    return await backend.debugger.evaluate(execution, text, task_run_id)


HANDLERS: list[Any] = [eval_execution, eval_task_run]
