"""The KV store, and the keys of secrets (REST API 4.7, 5.5)."""

from typing import Any

import msgspec
from litestar import Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from segue.api.backend import Backend
from segue.api.paging import page_request
from segue.api.problems import INVALID_ARGUMENT, INVALID_REQUEST_BODY, RESOURCE_EXPIRED, ProblemError
from segue.api.queries import kv_query
from segue.api.schemas.kv import (
    ApiKvDetail,
    ApiKvEntry,
    ApiSecret,
    Keys,
    SecretPage,
    wire_detail,
    wire_entry,
)
from segue.api.schemas.paged import Paged
from segue.api.submission import AnyRequest, read_body, read_text
from segue.domain.durations import parse_duration
from segue.domain.errors import NotFoundError
from segue.domain.kv import MAX_VALUE_BYTES, check_key, read_content
from segue.domain.namespaces import check_namespace, lineage
from segue.ports.repositories.kv import KvEntry, KvQuery, KvWrite
from segue.ports.repositories.paging import PageRequest

_SORTABLE = {
    "key": "key",
    "namespace": "namespace",
    "description": "description",
    "creationDate": "created",
    "updateDate": "updated",
    "expirationDate": "expires",
}
_ALL = PageRequest(1, 10_000)
_MOST_KEYS = 10_000
_LONGEST_DESCRIPTION = 1000


@get("/kv")
async def list_kv(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 10,
    sort: FromQuery[list[str] | None] = None,
) -> Paged[ApiKvEntry]:
    """Keys of all namespaces that match the filters; no values, and no keys whose time is over."""
    wanted = page_request(page, size, sort, _SORTABLE)
    order = tuple((_SORTABLE[field], ascending) for field, ascending in wanted.sort)
    request_page = PageRequest(wanted.page, wanted.size, order)
    query = kv_query(tenant, request.query_params.multi_items(), backend.ports.clock.now(), request_page)
    found = await backend.values.kv.search(query)
    return Paged([wire_entry(entry) for entry in found.items], found.total)


@get("/namespaces/{namespace:str}/kv")
async def list_kv_1x(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str]
) -> list[ApiKvEntry]:
    """The keys of one namespace (1.x)."""
    return [wire_entry(entry) for entry in await _entries(backend, tenant, [namespace])]


@get("/namespaces/{namespace:str}/kv/inheritance")
async def list_inherited_kv(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str]
) -> list[ApiKvEntry]:
    """The keys that a flow of the namespace finds: its own, and those above that it does not hide."""
    found: dict[str, KvEntry] = {}
    entries = await _entries(backend, tenant, lineage(check_namespace(namespace)))
    for entry in sorted(entries, key=lambda one: -len(one.namespace)):
        found.setdefault(entry.key, entry)
    return [wire_entry(entry) for _, entry in sorted(found.items())]


async def _entries(backend: Backend, tenant: str, namespaces: list[str]) -> list[KvEntry]:
    query = KvQuery(
        tenant=tenant,
        namespaces=tuple(check_namespace(name) for name in namespaces),
        alive_at=backend.ports.clock.now(),
        page=_ALL,
    )
    return (await backend.values.kv.search(query)).items


@get("/namespaces/{namespace:str}/kv/{key:str}")
async def get_kv(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str], key: FromPath[str]
) -> ApiKvDetail:
    """A value. 404 when there is none, 410 when its time is over."""
    entry = await backend.values.kv.get(tenant, check_namespace(namespace), check_key(key))
    if entry is None:
        raise NotFoundError(f"No value found for key '{key}' in namespace '{namespace}'")
    if entry.is_expired(backend.ports.clock.now()):
        raise ProblemError(RESOURCE_EXPIRED, f"The value of '{key}' in namespace '{namespace}' has expired")
    return wire_detail(entry)


@put("/namespaces/{namespace:str}/kv/{key:str}", status_code=200)
async def put_kv(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    namespace: FromPath[str],
    key: FromPath[str],
) -> Response[str]:
    """Write a value: the body whatever its content type, with the headers ``ttl`` and ``description``."""
    now = backend.ports.clock.now()
    ttl, description = request.headers.get("ttl"), request.headers.get("description")
    expires_at = None
    if ttl:
        try:
            lifetime = parse_duration(ttl.strip())
            expires_at = now + lifetime
        except (ValueError, OverflowError) as error:
            raise ProblemError(INVALID_ARGUMENT, f"ttl: {error}") from None
        if expires_at <= now:
            raise ProblemError(INVALID_ARGUMENT, "ttl: a duration of more than zero is expected")
    if description and len(description) > _LONGEST_DESCRIPTION:
        raise ProblemError(INVALID_ARGUMENT, f"description: more than {_LONGEST_DESCRIPTION} characters")
    body = read_text(await read_body(request, MAX_VALUE_BYTES), "the value")
    await backend.values.kv.put(
        KvWrite(
            tenant=tenant,
            namespace=check_namespace(namespace),
            key=check_key(key),
            content=read_content(body),
            at=now,
            description=description or None,
            expires_at=expires_at,
        )
    )
    return Response("", media_type="text/plain")


@delete("/namespaces/{namespace:str}/kv/{key:str}", status_code=200)
async def delete_kv(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str], key: FromPath[str]
) -> Response[bool]:
    """Remove a key; whether there was one."""
    deleted = await backend.values.kv.delete(tenant, check_namespace(namespace), [check_key(key)])
    return Response(bool(deleted), media_type="application/json")


@delete("/namespaces/{namespace:str}/kv", status_code=200)
async def delete_many_kv(
    backend: NamedDependency[Backend], request: AnyRequest, tenant: FromPath[str], namespace: FromPath[str]
) -> Keys:
    """Remove keys; those that there were."""
    body = await read_body(request, backend.config.max_body_bytes)
    try:
        keys = msgspec.json.decode(body, type=Keys).keys
    except msgspec.DecodeError as error:
        raise ProblemError(INVALID_REQUEST_BODY, f'{{"keys": [...]}} is expected: {error}') from None
    if len(keys) > _MOST_KEYS:
        raise ProblemError(INVALID_ARGUMENT, f"more than {_MOST_KEYS} keys")
    return Keys(await backend.values.kv.delete(tenant, check_namespace(namespace), keys))


@get("/secrets")
async def list_secrets(
    backend: NamedDependency[Backend], tenant: FromPath[str], page: FromQuery[int] = 1, size: FromQuery[int] = 10
) -> SecretPage:
    """The keys of secrets, without values."""
    return await _secrets(backend, tenant, "", page_request(page, size, None, ()))


@get("/namespaces/{namespace:str}/secrets")
async def list_secrets_1x(
    backend: NamedDependency[Backend],
    tenant: FromPath[str],
    namespace: FromPath[str],
    page: FromQuery[int] = 1,
    size: FromQuery[int] = 10,
) -> SecretPage:
    """The keys of secrets of a namespace (1.x)."""
    return await _secrets(backend, tenant, check_namespace(namespace), page_request(page, size, None, ()))


@get("/namespaces/{namespace:str}/inherited-secrets")
async def list_inherited_secrets(
    backend: NamedDependency[Backend], tenant: FromPath[str], namespace: FromPath[str]
) -> dict[str, list[str]]:
    """The keys of secrets of a namespace and of those above."""
    secrets = backend.values.secrets
    return {name: list(await secrets.keys(tenant, name)) for name in lineage(check_namespace(namespace))}


async def _secrets(backend: Backend, tenant: str, namespace: str, page: PageRequest) -> SecretPage:
    keys = await backend.values.secrets.keys(tenant, namespace)
    start = (page.page - 1) * page.size
    return SecretPage(results=[ApiSecret(key) for key in keys[start : start + page.size]], total=len(keys))


HANDLERS: list[Any] = [
    list_kv,
    list_kv_1x,
    list_inherited_kv,
    get_kv,
    put_kv,
    delete_kv,
    delete_many_kv,
    list_secrets,
    list_secrets_1x,
    list_inherited_secrets,
]
