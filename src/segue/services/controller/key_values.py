"""The KV store for tasks: what a worker writes, removes and lists on behalf of a job it holds (core plugins 6)."""

from datetime import UTC, timedelta
from typing import Any

import msgspec

from segue.domain.errors import AlreadyExistsError, NotFoundError, SegueError
from segue.domain.execution.model import FlowKey
from segue.domain.kv import MAX_VALUE_BYTES, KvContent, KvType, check_key, content_of
from segue.domain.namespaces import check_namespace
from segue.ports.repositories.kv import KvQuery, KvWrite
from segue.ports.repositories.paging import PageRequest
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.config import ControllerPorts
from segue.services.controller.fetch import held_job
from segue.services.controller.sessions import Session

_TYPES = {kind.value: kind for kind in KvType}
_PAGE = 1000
_MOST_KEYS = 10_000
_LONGEST_DESCRIPTION = 1000
_CLOCKS_DIFFER = timedelta(minutes=5)


class KeyValues:
    """The KV store of one controller. A job reaches the namespaces its flow may use, as expressions do."""

    def __init__(self, ports: ControllerPorts) -> None:
        self._ports = ports
        self._kv = ports.values.kv

    async def call(self, session: Session, request: pb.CallKvRequest) -> list[str]:
        """The keys that were removed or that there are; none after writing.

        Raises ``IllegalPathError`` for a namespace that is not open, and ``SegueError`` for what cannot be written.
        """
        flow = held_job(session, request.token).flow
        namespace = check_namespace(request.namespace or flow.namespace)
        self._ports.values.access.check_namespace(flow, namespace)
        kind = request.WhichOneof("call")
        if kind == "set":
            await self._set(flow, namespace, request.set)
            return []
        if kind == "delete":
            return await self._kv.delete(flow.tenant, namespace, [check_key(request.delete.key)])
        if kind == "list":
            return await self._keys(flow.tenant, namespace, request.list.prefix)
        raise SegueError("`set`, `delete` or `list` is expected")

    async def _set(self, flow: FlowKey, namespace: str, wanted: pb.KvSet) -> None:
        """Write, once: what is sent again is known by the moment the task asked and the value."""
        write = self._write(flow.tenant, namespace, wanted)
        before = await self._kv.get(flow.tenant, namespace, write.key)
        if before is not None and before.updated_at == write.at and before.content == write.content:
            return
        if before is None and not await self._exists(flow, namespace):
            raise NotFoundError(f"The namespace '{namespace}' does not exist")
        try:
            await self._kv.put(write)
        except AlreadyExistsError:
            raise SegueError(
                f"Cannot set value for key '{write.key}'. Key already exists and `overwrite` is set to `false`."
            ) from None

    def _write(self, tenant: str, namespace: str, wanted: pb.KvSet) -> KvWrite:
        now, asked = self._ports.clock.now(), wanted.at.ToDatetime(UTC)
        at = asked if abs(asked - now) < _CLOCKS_DIFFER else now
        if len(wanted.description) > _LONGEST_DESCRIPTION:
            raise SegueError(f"The description of a key may have {_LONGEST_DESCRIPTION} characters at most")
        try:
            expires_at = at + timedelta(microseconds=wanted.lives_us) if wanted.HasField("lives_us") else None
        except OverflowError:
            raise SegueError("The time to live of a key is too long") from None
        return KvWrite(
            tenant=tenant,
            namespace=namespace,
            key=check_key(wanted.key),
            content=_content(wanted),
            at=at,
            description=wanted.description or None,
            expires_at=expires_at,
            overwrite=wanted.overwrite,
        )

    async def _exists(self, flow: FlowKey, namespace: str) -> bool:
        """Whether there is anything in the namespace: flows, here or below, or keys."""
        if f"{flow.namespace}.".startswith(f"{namespace}."):
            return True
        below = f"{namespace}."
        if any(f"{name}.".startswith(below) for name in await self._ports.flows.namespaces(flow.tenant)):
            return True
        query = KvQuery(tenant=flow.tenant, namespaces=(namespace,), page=PageRequest(1, 1))
        return bool((await self._kv.search(query)).items)

    async def _keys(self, tenant: str, namespace: str, prefix: str) -> list[str]:
        keys: list[str] = []
        now = self._ports.clock.now()
        for page in range(1, _MOST_KEYS // _PAGE + 1):
            query = KvQuery(
                tenant=tenant,
                namespaces=(namespace,),
                key_prefix=prefix or None,
                alive_at=now,
                page=PageRequest(page, _PAGE, (("key", True),)),
            )
            found = (await self._kv.search(query)).items
            keys += [entry.key for entry in found]
            if len(found) < _PAGE:
                return keys
        raise SegueError(f"There are more than {_MOST_KEYS} such keys: give a longer prefix")


def _content(wanted: pb.KvSet) -> KvContent:
    if wanted.type not in _TYPES:
        raise SegueError(f"{wanted.type[:50]!r} is no type of KV values")
    if len(wanted.value) > MAX_VALUE_BYTES:
        raise SegueError(f"A KV value may have {MAX_VALUE_BYTES} bytes at most, this one has {len(wanted.value)}")
    try:
        value: Any = msgspec.json.decode(wanted.value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise SegueError(f"The KV value is no JSON: {error}") from None
    kind = _TYPES[wanted.type]
    return KvContent(kind, value) if kind is KvType.JSON else content_of(value, kind)
