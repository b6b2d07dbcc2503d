"""How many executions hold the slots of flows with a limit (REST API 4.2)."""

from typing import Any

import msgspec
from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from segue.api.backend import Backend
from segue.api.problems import INVALID_REQUEST_BODY, NOT_FOUND, ProblemError
from segue.api.schemas.paged import Paged
from segue.api.submission import AnyRequest, read_body
from segue.domain.execution.model import FlowKey
from segue.domain.execution.slots import slot_scope
from segue.ports.queue import Topic
from segue.ports.repositories.slots import SlotUsage


class ConcurrencyLimit(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A flow with its running executions; ``limit`` and ``queued`` are ours."""

    tenant_id: str
    namespace: str
    flow_id: str
    running: int
    queued: int = 0
    limit: int | None = None


class GivenLimit(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What clients send; the rest of it is in the path."""

    running: int = 0


@get("/concurrency-limit/search")
async def search_limits(backend: NamedDependency[Backend], tenant: FromPath[str]) -> Paged[ConcurrencyLimit]:
    """All flows that have or had a limit, by name."""
    found = [_wire(usage) for usage in await backend.ports.slots.usage(f"{tenant}/")]
    return Paged(found, len(found))


@put("/concurrency-limit/{namespace:str}/{flow_id:str}")
async def repair_limit(
    backend: NamedDependency[Backend],
    request: AnyRequest,
    tenant: FromPath[str],
    namespace: FromPath[str],
    flow_id: FromPath[str],
) -> ConcurrencyLimit:
    """Look for slots that are lost, and answer with the true figures: there is no counter that could be set."""
    try:
        msgspec.json.decode(await read_body(request, backend.config.max_body_bytes), type=GivenLimit)
    except msgspec.DecodeError as error:
        raise ProblemError(INVALID_REQUEST_BODY, f"a concurrency limit is expected: {error}") from None
    scope = slot_scope(FlowKey(tenant, namespace, flow_id, 0))
    mended = await backend.ports.slots.mend()
    if mended.woken:
        await backend.ports.queue.publish(Topic.EXECUTIONS, mended.woken)
    for usage in await backend.ports.slots.usage(scope):
        if usage.scope == scope:
            return _wire(usage)
    raise ProblemError(NOT_FOUND, f"Flow {namespace}.{flow_id} has no concurrency limit")


def _wire(usage: SlotUsage) -> ConcurrencyLimit:
    tenant, namespace, flow_id = usage.scope.split("/", 2)
    return ConcurrencyLimit(
        tenant_id=tenant,
        namespace=namespace,
        flow_id=flow_id,
        running=usage.running,
        queued=usage.queued,
        limit=usage.limit,
    )


HANDLERS: list[Any] = [search_limits, repair_limit]
