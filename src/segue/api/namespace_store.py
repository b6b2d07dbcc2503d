"""Namespaces as users see them: those that are stored, those that flows are in, and those above them (REST API 4.7)."""

from collections.abc import Iterable

from segue.api.ports import ApiPorts
from segue.domain.errors import NotFoundError
from segue.domain.namespace_settings import NamespaceDefinition, NamespaceSettings, joined_settings
from segue.domain.namespaces import lineage
from segue.ports.queue import Channel
from segue.ports.repositories.namespaces import StoredNamespace


class NamespaceStore:
    """Reads and writes namespaces, and tells every process of changes."""

    def __init__(self, ports: ApiPorts) -> None:
        self._ports = ports

    async def ids(self, tenant: str, *, existing: bool = False) -> list[str]:
        """All namespaces, sorted: with ``existing`` those only that are stored."""
        stored = await self._ports.namespaces.ids(tenant)
        if existing:
            return stored
        of_flows = await self._ports.flows.namespaces(tenant)
        return sorted({name for each in (*stored, *of_flows) for name in lineage(each)})

    async def find(self, tenant: str, ids: Iterable[str]) -> dict[str, StoredNamespace]:
        """Those that are stored."""
        return await self._ports.namespaces.get_many(tenant, list(ids))

    async def inherited(self, tenant: str, id_: str) -> NamespaceSettings:
        """What a namespace gets from those above it."""
        found = await self.find(tenant, lineage(id_)[1:])
        return joined_settings(id_, {name: (one.revision, one.definition) for name, one in found.items()})

    async def save(
        self, tenant: str, id_: str, definition: NamespaceDefinition, *, create: bool = False
    ) -> StoredNamespace:
        """Store what is said about a namespace. Raises as ``NamespaceRepository.save``."""
        now = self._ports.clock.now()
        stored = await self._ports.namespaces.save(tenant, id_, definition, now, create=create)
        await self._changed(tenant, id_)
        return stored

    async def delete(self, tenant: str, id_: str) -> None:
        """Forget it; flows and executions in it stay. Raises ``NotFoundError`` when it is not stored."""
        if not await self._ports.namespaces.delete(tenant, id_, self._ports.clock.now()):
            raise NotFoundError(f"Namespace {id_} not found")
        await self._changed(tenant, id_)

    async def _changed(self, tenant: str, id_: str) -> None:
        self._ports.catalog.invalidate_namespace(tenant, id_)
        await self._ports.queue.broadcast(Channel.NAMESPACES, [f"{tenant}/{id_}"])
