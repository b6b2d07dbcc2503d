"""What pickers ask: values that executions have, namespaces and flows that can be run (REST API 4.3)."""

from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from segue.api.backend import Backend
from segue.api.execution_filters import FIELDS
from segue.api.filters import field_name, invalid
from segue.api.queries import execution_query
from segue.api.routers.flows import flows_of
from segue.api.schemas.flows import JsonObject, flow_for_execution
from segue.api.submission import AnyRequest
from segue.ports.repositories.paging import PageRequest

_MOST_VALUES = 10_000


@get("/executions/distinct-field-values")
async def distinct_values(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    field: FromQuery[str],
    size: Annotated[int, QueryParameter(ge=1)] = 100,
) -> list[str]:
    """The different values of one field among the executions that the filters find, sorted."""
    known = FIELDS.get(field_name(field))
    if known is None:
        raise invalid(f"Unsupported field {field[:100]}")
    parameters = [pair for pair in request.query_params.multi_items() if pair[0].startswith("filters")]
    now = backend.ports.clock.now()
    query = execution_query(tenant, parameters, PageRequest(), now, backend.config.system_namespace)
    return await backend.ports.executions.distinct(query, known, min(size, _MOST_VALUES))


@get("/executions/namespaces")
async def executable_namespaces(backend: NamedDependency[Backend], tenant: FromPath[str]) -> list[str]:
    """Namespaces that hold flows, sorted."""
    return list(await backend.ports.flows.namespaces(tenant))


@get("/executions/namespaces/{namespace:str}/flows")
async def executable_flows(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str]
) -> list[JsonObject]:
    """The flows of one namespace as their run forms need them."""
    return [flow_for_execution(stored) for stored in await flows_of(backend, tenant, namespaces=(namespace,))]


HANDLERS: list[Any] = [distinct_values, executable_namespaces, executable_flows]
