"""Figures that tasks measured: of an execution, and over time (REST API 4.5)."""

from datetime import timedelta
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from segue.api.backend import Backend
from segue.api.dates import parse_date_time
from segue.api.metric_periods import period_of, values_of
from segue.api.paging import page_request
from segue.api.problems import INVALID_QUERY_PARAMETER, ProblemError
from segue.api.schemas.metrics import MetricAggregation, MetricAggregations, MetricEntry, wire_metric
from segue.api.schemas.paged import Paged
from segue.api.submission import AnyRequest
from segue.ports.repositories.metrics import Aggregation, MetricQuery, MetricScope

_SORTABLE = frozenset({"timestamp", "name", "type", "value", "taskId", "taskRunId"})
_WINDOW = timedelta(days=30)

TaskId = Annotated[str | None, QueryParameter(name="taskId")]
TaskRunId = Annotated[str | None, QueryParameter(name="taskRunId")]


@get("/metrics/{execution_id:str}")
async def metrics_of_execution(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    execution_id: FromPath[str],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 10,
    sort: FromQuery[list[str] | None] = None,
    task_id: TaskId = None,
    task_run_id: TaskRunId = None,
) -> Paged[MetricEntry]:
    """The figures of an execution, or of one of its tasks or task runs; none when there is no such execution."""
    wanted = page_request(page, size, sort, _SORTABLE)
    query = MetricQuery(tenant=tenant, execution_id=execution_id, task_id=task_id, task_run_id=task_run_id, page=wanted)
    found = await backend.ports.metrics.search(query)
    execution = await backend.find_execution(tenant, execution_id) if found.items else None
    kind = None if execution is None else execution.kind
    return Paged([wire_metric(item, kind) for item in found.items], found.total)


@get(["/metrics/names/{namespace:str}/{flow_id:str}", "/metrics/names/{namespace:str}/{flow_id:str}/{task_id:str}"])
async def names_of_metrics(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> list[str]:
    """The names of the figures of a flow, or of one of its tasks."""
    return await backend.ports.metrics.names(_scope(tenant, request))


@get("/metrics/tasks/{namespace:str}/{flow_id:str}")
async def tasks_with_metrics(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> list[str]:
    """Ids of the tasks of a flow that measured something."""
    return await backend.ports.metrics.tasks(_scope(tenant, request))


@get(
    [
        "/metrics/aggregates/{namespace:str}/{flow_id:str}/{metric:str}",
        "/metrics/aggregates/{namespace:str}/{flow_id:str}/{task_id:str}/{metric:str}",
    ]
)
async def aggregated_metrics(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> MetricAggregations:
    """A figure over time: ``startDate``, ``endDate`` (30 days until now), ``aggregation`` (sum, avg, min or max)."""
    parameters = request.query_params
    name = str(request.path_params["metric"])
    try:
        aggregation = Aggregation(parameters.get("aggregation", "sum").lower())
    except ValueError:
        choices = ", ".join(Aggregation)
        raise ProblemError(INVALID_QUERY_PARAMETER, f"aggregation must be one of {choices}") from None
    end, start = parameters.get("endDate"), parameters.get("startDate")
    before = parse_date_time(end) if end else backend.ports.clock.now()
    after = parse_date_time(start) if start else before - _WINDOW
    period = period_of(after, before)
    summaries = await backend.ports.metrics.summaries(_scope(tenant, request), name, after, before, period.seconds)
    return MetricAggregations(
        period,
        [
            MetricAggregation(name, value, date)
            for date, value in values_of(summaries, period, (after, before), aggregation)
        ],
    )


def _scope(tenant: str, request: AnyRequest) -> MetricScope:
    path = request.path_params
    return MetricScope(tenant=tenant, namespace=path["namespace"], flow_id=path["flow_id"], task_id=path.get("task_id"))


HANDLERS: list[Any] = [metrics_of_execution, names_of_metrics, tasks_with_metrics, aggregated_metrics]
