"""Bodies and queries of requests about triggers (REST API 4.6, 6.5)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from segue.api.backend import Backend
from segue.api.dates import parse_date_time
from segue.api.problems import INVALID_ARGUMENT, INVALID_REQUEST_BODY, ProblemError
from segue.api.schemas.triggers import ApiTriggerKey
from segue.api.submission import AnyRequest, read_body
from segue.api.trigger_filters import TriggerFilters
from segue.domain.labels import Label, parse_labels
from segue.ports.repositories.paging import PageRequest
from segue.ports.repositories.triggers import TriggerQuery

Body = TypeVar("Body")


class Walk(NamedTuple):
    """A backfill as users ask for it; until now without an end."""

    start: datetime
    end: datetime | None
    inputs: Mapping[str, Any]
    labels: tuple[Label, ...]


class BackfillBody(msgspec.Struct, frozen=True):
    """The backfill of a request; what the server alone knows of one is not read."""

    start: str
    end: str | None = None
    inputs: dict[str, Any] | None = None
    labels: Any = None

    def walk(self) -> Walk:
        """What is asked for. Raises ``ProblemError``."""
        start, end = parse_date_time(self.start), parse_date_time(self.end) if self.end else None
        if end is not None and end < start:
            raise ProblemError(INVALID_ARGUMENT, "the end of a backfill must not lie before its start")
        try:
            return Walk(start, end, self.inputs or {}, parse_labels(self.labels))
        except ValueError as error:
            raise ProblemError(INVALID_ARGUMENT, f"the labels of a backfill: {error}") from None


class CreateBackfill(ApiTriggerKey, frozen=True, rename="camel"):
    """A trigger and the backfill it is to make."""

    backfill: BackfillBody


class SetDisabled(ApiTriggerKey, frozen=True, rename="camel"):
    """A trigger and its switch."""

    disabled: bool


class OldTrigger(ApiTriggerKey, frozen=True, rename="camel"):
    """The whole trigger of a client of 1.x; only its switch and its backfill are read."""

    disabled: bool | UnsetType | None = UNSET
    backfill: BackfillBody | UnsetType | None = UNSET


class SetManyDisabled(msgspec.Struct, frozen=True):
    """Triggers and their switch."""

    triggers: list[ApiTriggerKey]
    disabled: bool


class DeleteByQuery(msgspec.Struct, frozen=True):
    """Filters in their JSON form."""

    filters: list[Any] | None = None


async def read_struct(backend: Backend, request: AnyRequest, kind: type[Body], what: str) -> Body:
    """The body of a request. Raises ``ProblemError`` when it is not ``what``."""
    body = await read_body(request, backend.config.max_body_bytes)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(INVALID_REQUEST_BODY, f"{what} is expected: {error}") from None


async def read_key(backend: Backend, request: AnyRequest) -> ApiTriggerKey:
    """A trigger named by a body."""
    return await read_struct(backend, request, ApiTriggerKey, "{namespace, flowId, triggerId}")


async def read_keys(backend: Backend, request: AnyRequest) -> list[ApiTriggerKey]:
    """Triggers named by a body."""
    return await read_struct(backend, request, list[ApiTriggerKey], "a list of {namespace, flowId, triggerId}")


def trigger_query(backend: Backend, request: AnyRequest, tenant: str, page: PageRequest | None = None) -> TriggerQuery:
    """The search that the query string asks for. Raises ``ProblemError``."""
    where = _filters(backend, request).read(request.query_params.multi_items())
    return TriggerQuery(tenant=tenant, where=where, page=page or PageRequest())


async def body_query(backend: Backend, request: AnyRequest, tenant: str) -> TriggerQuery:
    """The search that the filters in the body ask for, or, without a body, the query string."""
    body = await read_body(request, backend.config.max_body_bytes)
    if not body.strip():
        return trigger_query(backend, request, tenant)
    try:
        filters = msgspec.json.decode(body, type=DeleteByQuery).filters
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(INVALID_REQUEST_BODY, f"{{filters: [...]}} is expected: {error}") from None
    if not filters:
        return trigger_query(backend, request, tenant)
    return TriggerQuery(tenant=tenant, where=_filters(backend, request).read_json(filters))


def _filters(backend: Backend, request: AnyRequest) -> TriggerFilters:
    now = backend.ports.clock.now()
    return TriggerFilters(now, backend.config.system_namespace, request.query_params.get("dateFilter"))
