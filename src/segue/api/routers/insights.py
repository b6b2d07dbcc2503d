"""What tasks show of the inside of their attempts: an addition of our own to the REST API."""

from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from segue.api.backend import Backend
from segue.api.paging import page_request
from segue.api.schemas.insights import ApiInsight, wire_insight
from segue.api.schemas.paged import Paged
from segue.domain.execution.insights import InsightKind
from segue.ports.repositories.insights import InsightQuery


@get("/executions/{execution_id:str}/insights")
async def list_insights(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    execution_id: FromPath[str],
    task_run_id: Annotated[str | None, QueryParameter(name="taskRunId")] = None,
    attempt: FromQuery[int | None] = None,
    kind: FromQuery[InsightKind | None] = None,
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 100,
) -> Paged[ApiInsight]:
    """Steps, tables, links, texts and progress of an execution's tasks, in the order they began.

    ``attempt`` counts from 0. Steps that are not over have the state RUNNING and no ``endDate``.
    """
    execution = await backend.execution(tenant, execution_id)
    query = InsightQuery(
        tenant=tenant,
        execution_id=execution.id,
        task_run_id=task_run_id,
        attempt=attempt,
        kind=kind,
        page=page_request(page, size, None, ()),
    )
    found = await backend.ports.insights.search(query)
    return Paged([wire_insight(one) for one in found.items], found.total)


HANDLERS: list[Any] = [list_insights]
