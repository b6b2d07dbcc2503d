"""Namespaces: listed, written, and what they inherit (REST API 4.7, 4.14)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from segue.api.backend import Backend
from segue.api.filters import Condition, Operation, invalid, read_filters, unsupported
from segue.api.namespace_store import NamespaceStore
from segue.api.paging import page_request
from segue.api.schemas.namespaces import ApiNamespace, read_autocomplete, read_namespace, wire_namespace
from segue.api.schemas.paged import Paged
from segue.api.submission import AnyRequest, read_body
from segue.domain.namespaces import check_namespace

_LARGEST = 1024 * 1024
_PLAIN = {"q": ("q", Operation.EQUALS)}
_POSITIVE: dict[Operation, Callable[[str, str], bool]] = {
    Operation.EQUALS: lambda name, value: name == value,
    Operation.IN: lambda name, value: name == value,
    Operation.PREFIX: lambda name, value: f"{name}.".startswith(f"{value}."),
    Operation.STARTS_WITH: lambda name, value: name.startswith(value),
    Operation.ENDS_WITH: lambda name, value: name.endswith(value),
    Operation.CONTAINS: lambda name, value: value in name,
}
_NEGATIVE = frozenset({Operation.NOT_EQUALS, Operation.NOT_IN})


@get("/namespaces/search")
async def search_namespaces(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 10,
    sort: FromQuery[list[str] | None] = None,
    existing: FromQuery[bool] = False,
) -> Paged[ApiNamespace]:
    """Namespaces that match the filters: with ``existing`` stored ones, else also those of flows and above them."""
    wanted = page_request(page, size, sort, {"id"})
    conditions = read_filters(request.query_params.multi_items(), _PLAIN)
    existing = existing or any(_wants_existing(one) for one in conditions if one.field == "existingonly")
    store = NamespaceStore(backend.ports)
    ids = _matching(await store.ids(tenant, existing=existing), conditions)
    if wanted.sort and not wanted.sort[0][1]:
        ids.reverse()
    start = (wanted.page - 1) * wanted.size
    shown = ids[start : start + wanted.size]
    stored = await store.find(tenant, shown)
    return Paged([wire_namespace(id_, stored.get(id_)) for id_ in shown], len(ids))


@post("/namespaces/autocomplete", status_code=200)
async def autocomplete_namespaces(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> list[str]:
    """Ids to propose: those named exactly, and those that hold ``q``."""
    asked = read_autocomplete(await read_body(request, _LARGEST))
    ids = await NamespaceStore(backend.ports).ids(tenant, existing=asked.existing_only)
    named = set(asked.ids or ())
    if named and not asked.q:
        return [id_ for id_ in ids if id_ in named]
    text = (asked.q or "").lower()
    return [id_ for id_ in ids if id_ in named or text in id_.lower()]


@post("/namespaces", status_code=200)
async def create_namespace(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> ApiNamespace:
    """Store a namespace. 409 when it is stored already."""
    id_, definition = read_namespace(await read_body(request, _LARGEST))
    return wire_namespace(id_, await NamespaceStore(backend.ports).save(tenant, id_, definition, create=True))


@get("/namespaces/{id:str}")
async def get_namespace(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> ApiNamespace:
    """A namespace; every legal name is one, whether something is stored or not."""
    id_ = _id(request)
    return wire_namespace(id_, (await NamespaceStore(backend.ports).find(tenant, [id_])).get(id_))


@put("/namespaces/{id:str}", status_code=200)
async def update_namespace(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> ApiNamespace:
    """Store a namespace, new or not, in place of what was stored."""
    id_, definition = read_namespace(await read_body(request, _LARGEST), _id(request))
    return wire_namespace(id_, await NamespaceStore(backend.ports).save(tenant, id_, definition))


@delete("/namespaces/{id:str}", status_code=204)
async def delete_namespace(backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]) -> None:
    """Forget what is stored about a namespace. 404 when nothing is."""
    await NamespaceStore(backend.ports).delete(tenant, _id(request))


@get("/namespaces/{id:str}/inherited-variables")
async def inherited_variables(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> Mapping[str, Any]:
    """The variables that a namespace gets from those above it."""
    return (await NamespaceStore(backend.ports).inherited(tenant, _id(request))).variables


@get("/namespaces/{id:str}/inherited-plugindefaults")
async def inherited_plugin_defaults(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str]
) -> tuple[Mapping[str, Any], ...]:
    """The plugin defaults that a namespace gets from those above it, the nearest first (1.x)."""
    return (await NamespaceStore(backend.ports).inherited(tenant, _id(request))).plugin_defaults


def _id(request: AnyRequest) -> str:
    return check_namespace(str(request.path_params["id"]))


def _wants_existing(condition: Condition) -> bool:
    if condition.operation is not Operation.EQUALS:
        raise unsupported(condition)
    return condition.values == ("true",)


def _matching(ids: Iterable[str], conditions: Iterable[Condition]) -> list[str]:
    found = list(ids)
    for condition in conditions:
        if condition.field == "existingonly":
            continue
        fits = _test(condition)
        found = [id_ for id_ in found if fits(id_)]
    return found


def _test(condition: Condition) -> Callable[[str], bool]:
    negated = condition.operation in _NEGATIVE
    if condition.field == "q":
        if condition.operation not in {Operation.EQUALS, Operation.NOT_EQUALS}:
            raise unsupported(condition)
        return lambda id_: any(value.lower() in id_.lower() for value in condition.values) is not negated
    if condition.field not in {"id", "namespace"}:
        raise invalid(f"Unsupported field {condition.field[:100]}")
    compare = _POSITIVE.get(Operation.IN if negated else condition.operation)
    if compare is None:
        raise unsupported(condition)
    return lambda id_: any(compare(id_, value) for value in condition.values) is not negated


HANDLERS: list[Any] = [
    search_namespaces,
    autocomplete_namespaces,
    create_namespace,
    get_namespace,
    update_namespace,
    delete_namespace,
    inherited_variables,
    inherited_plugin_defaults,
]
