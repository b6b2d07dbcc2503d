"""Names that the editor of flows offers (REST API 4.1, 4.2)."""

from typing import Annotated, Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from segue.api.backend import Backend
from segue.api.routers.flows import read_source
from segue.api.schemas.flows import JsonObject
from segue.api.submission import AnyRequest
from segue.domain.errors import FlowSyntaxError
from segue.domain.flow.completion import expression_context
from segue.domain.flow.source import read_document
from segue.domain.namespace_settings import NO_SETTINGS
from segue.expr.filters import FILTERS
from segue.expr.functions import FUNCTIONS


@post("/flows/expressions", status_code=200)
async def complete_expressions(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    task_id: Annotated[str | None, QueryParameter(name="taskId")] = None,
) -> JsonObject:
    """What expressions of this text may name. A text that cannot be read yet has no names of its own."""
    try:
        data = read_document(await read_source(backend, request)).data
    except FlowSyntaxError:
        data = {}
    namespace = data.get("namespace")
    settings = await backend.ports.catalog.settings(tenant, namespace) if isinstance(namespace, str) else NO_SETTINGS
    return {"categories": expression_context(data, task_id, settings.variables)}


@get("/pebble/filters")
async def list_filters() -> list[str]:
    """Names of all filters."""
    return sorted(FILTERS)


@get("/pebble/functions")
async def list_functions() -> list[JsonObject]:
    """All functions with the names of their arguments."""
    return [
        {"name": name, "arguments": [{"name": argument} for argument in FUNCTIONS[name].params or ()]}
        for name in sorted(FUNCTIONS)
    ]


HANDLERS: list[Any] = [complete_expressions]
TENANT_LESS: list[Any] = [list_filters, list_functions]
