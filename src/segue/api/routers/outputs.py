"""Outputs of task runs, which lie outside the execution (REST API 6.4; design D4)."""

from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import UNSET

from segue.api.backend import Backend, is_id
from segue.api.schemas.executions import TaskOutput
from segue.domain.errors import NotFoundError


@get(["/outputs/{execution_id:str}", "/outputs/tasks/{execution_id:str}"])
async def list_outputs(
    backend: NamedDependency[Backend], tenant: FromPath[str], execution_id: FromPath[str]
) -> list[TaskOutput]:
    """Which task runs have outputs, without the values."""
    execution = await backend.execution(tenant, execution_id)
    return [
        TaskOutput(
            task_id=run.task_id,
            task_run_id=run.id,
            inline=run.outputs.uri is None,
            value=UNSET if run.value is None else run.value,
            iteration=UNSET if run.iteration is None else run.iteration,
        )
        for run in await backend.ports.executions.task_runs(execution.id)
        if run.outputs is not None
    ]


@get(["/outputs/{execution_id:str}/{task_run_id:str}", "/outputs/tasks/{execution_id:str}/{task_run_id:str}"])
async def get_outputs(
    backend: NamedDependency[Backend], tenant: FromPath[str], execution_id: FromPath[str], task_run_id: FromPath[str]
) -> Stream:
    """The outputs of one task run as a map."""
    execution = await backend.execution(tenant, execution_id)
    runs = await backend.ports.executions.task_runs(execution.id) if is_id(task_run_id) else []
    run = next((one for one in runs if one.id == task_run_id), None)
    if run is None:
        raise NotFoundError(f"Task run {task_run_id[:64]} not found in execution {execution_id}")
    if run.outputs is not None and run.outputs.uri is not None:
        return Stream(backend.ports.storage.get(tenant, run.outputs.uri), media_type="application/json")
    inline = await backend.ports.outputs.get_many([task_run_id]) if run.outputs is not None else {}
    return Stream([inline.get(task_run_id, msgspec.json.encode({}))], media_type="application/json")


HANDLERS: list[Any] = [list_outputs, get_outputs]
