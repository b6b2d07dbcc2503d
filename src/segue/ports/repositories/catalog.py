"""Compiled flows by revision: parsed once, shared by all executions of that revision."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from segue.domain.errors import DefinitionError, NotFoundError
from segue.domain.execution.model import FlowKey
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.parse import parse_flow
from segue.domain.flow.type_names import TypeCatalogue
from segue.domain.namespace_settings import NO_SETTINGS, NamespaceSettings
from segue.ports.clock import Clock, SystemClock
from segue.ports.repositories.flows import FlowRepository, StoredFlow
from segue.ports.repositories.namespace_settings import NamespaceCatalog


class FlowCatalog:
    """A bounded cache over a flow repository.

    A revision with the settings of its namespaces never changes, so what is compiled stays right. Which revision
    is the latest is believed for ``staleness`` at most, and less where ``invalidate`` is called (design D9).
    """

    def __init__(
        self,
        flows: FlowRepository,
        types: TypeCatalogue,
        *,
        capacity: int = 1000,
        staleness: timedelta = timedelta(seconds=5),
        clock: Clock | None = None,
        defaults: Sequence[Mapping[str, Any]] = (),
        namespaces: NamespaceCatalog | None = None,
    ) -> None:
        """``defaults`` are the plugin defaults of the server (flow language 2.12). Without ``namespaces`` flows get
        nothing from their namespaces."""
        self._flows = flows
        self._types = types
        self._defaults = defaults
        self._namespaces = namespaces
        self._capacity = capacity
        self._staleness = staleness
        self._clock = clock or SystemClock()
        self._compiled: OrderedDict[FlowKey, CompiledFlow | DefinitionError] = OrderedDict()
        self._latest: OrderedDict[tuple[str, str, str], tuple[int, datetime]] = OrderedDict()

    async def latest(self, tenant: str, namespace: str, flow_id: str, revision: int | None = None) -> CompiledFlow:
        """The revision named, or the latest that is no draft, with the settings that its namespaces have now.

        Raises ``NotFoundError`` when there is none, ``DefinitionError`` when its text cannot be read any more.
        """
        settings = await self.settings(tenant, namespace)
        if revision is not None:
            return await self.by_key(FlowKey(tenant, namespace, flow_id, revision, settings.pin))
        name = (tenant, namespace, flow_id)
        known = self._latest.get(name)
        if known is not None and self._clock.now() - known[1] < self._staleness:
            return await self.by_key(FlowKey(*name, known[0], settings.pin))
        stored = await self._flows.get(tenant, namespace, flow_id)
        if stored is None:
            self._latest.pop(name, None)
            raise NotFoundError(f"Flow '{namespace}.{flow_id}' does not exist in tenant '{tenant}'")
        self._latest[name] = (stored.revision, self._clock.now())
        if len(self._latest) > self._capacity:
            self._latest.popitem(last=False)
        key = replace(stored.key, settings=settings.pin)
        self._keep(key, stored, settings)
        return self._use(key)

    async def by_key(self, key: FlowKey) -> CompiledFlow:
        """Exactly this revision with exactly these settings, also when it is a draft or was deleted since.

        Raises ``NotFoundError`` when there is none, ``DefinitionError`` when its text cannot be read any more.
        """
        if key not in self._compiled:
            settings = NO_SETTINGS if self._namespaces is None else await self._namespaces.of(key)
            stored = await self._flows.get(
                key.tenant, key.namespace, key.flow_id, key.revision, drafts=True, deleted=True
            )
            if stored is None:
                raise NotFoundError(f"Flow '{key.namespace}.{key.flow_id}' has no revision {key.revision}")
            self._keep(key, stored, settings)
        return self._use(key)

    def cached(self, key: FlowKey) -> CompiledFlow | None:
        """The revision if it is in memory and readable, without looking further."""
        found = self._compiled.get(key)
        return found if isinstance(found, CompiledFlow) else None

    def invalidate(self, tenant: str, namespace: str, flow_id: str) -> None:
        """Ask the repository again the next time the latest revision is wanted."""
        self._latest.pop((tenant, namespace, flow_id), None)

    def invalidate_namespace(self, tenant: str, namespace: str) -> None:
        """Ask again for the settings of this namespace and all below it."""
        if self._namespaces is not None:
            self._namespaces.invalidate(tenant, namespace)

    def invalidate_all(self) -> None:
        """Ask again for every flow and namespace: some news may have been lost."""
        self._latest.clear()
        if self._namespaces is not None:
            self._namespaces.invalidate_all()

    async def settings(self, tenant: str, namespace: str) -> NamespaceSettings:
        """What holds for flows of the namespace now."""
        return NO_SETTINGS if self._namespaces is None else await self._namespaces.current(tenant, namespace)

    def _keep(self, key: FlowKey, stored: StoredFlow, settings: NamespaceSettings) -> None:
        if key in self._compiled:
            return
        try:
            defaults = (*settings.plugin_defaults, *self._defaults)
            report = parse_flow(stored.source, self._types, strict=False, defaults=defaults)
            flow = report.valid_flow()
            self._compiled[key] = CompiledFlow(
                flow, stored.revision, stored.tenant, dialect=report.dialect, settings=settings
            )
        except DefinitionError as error:
            self._compiled[key] = error
        if len(self._compiled) > self._capacity:
            self._compiled.popitem(last=False)

    def _use(self, key: FlowKey) -> CompiledFlow:
        self._compiled.move_to_end(key)
        found = self._compiled[key]
        if isinstance(found, DefinitionError):
            raise found
        return found
