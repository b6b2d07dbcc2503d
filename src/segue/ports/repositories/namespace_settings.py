"""What holds for the flows of a namespace, remembered for a short time (design D9)."""

from collections import OrderedDict
from datetime import datetime, timedelta

from segue.domain.errors import NotFoundError
from segue.domain.execution.model import FlowKey
from segue.domain.namespace_settings import NO_SETTINGS, NamespaceSettings, joined_settings, pinned_revisions
from segue.domain.namespaces import lineage
from segue.ports.clock import Clock, SystemClock
from segue.ports.repositories.namespaces import NamespaceRepository

Place = tuple[str, str]
"""Tenant and namespace."""


class NamespaceCatalog:
    """A bounded cache over the namespaces.

    What holds now is believed for ``staleness`` at most, and less where ``invalidate`` is called. What a pin names
    never changes.
    """

    def __init__(
        self,
        namespaces: NamespaceRepository,
        *,
        capacity: int = 1000,
        staleness: timedelta = timedelta(seconds=5),
        clock: Clock | None = None,
    ) -> None:
        self._namespaces = namespaces
        self._capacity = capacity
        self._staleness = staleness
        self._clock = clock or SystemClock()
        self._current: OrderedDict[Place, tuple[NamespaceSettings, datetime]] = OrderedDict()
        self._pinned: OrderedDict[tuple[Place, str], NamespaceSettings] = OrderedDict()

    async def current(self, tenant: str, namespace: str) -> NamespaceSettings:
        """What holds for flows of the namespace now."""
        place = (tenant, namespace)
        known = self._current.get(place)
        now = self._clock.now()
        if known is not None and now - known[1] < self._staleness:
            return known[0]
        found = await self._namespaces.get_many(tenant, lineage(namespace))
        settings = joined_settings(namespace, {name: (one.revision, one.definition) for name, one in found.items()})
        self._current[place] = (settings, now)
        if settings.pin:
            self._pinned[place, settings.pin] = settings
        self._trim()
        return settings

    async def of(self, key: FlowKey) -> NamespaceSettings:
        """What holds for a revision of a flow with these settings. Raises ``NotFoundError`` when it is gone,
        ``SegueError`` for a pin that is none."""
        if not key.settings:
            return NO_SETTINGS
        name = ((key.tenant, key.namespace), key.settings)
        known = self._pinned.get(name)
        if known is not None:
            self._pinned.move_to_end(name)
            return known
        wanted = pinned_revisions(key.namespace, key.settings)
        found = await self._namespaces.revisions(key.tenant, wanted)
        if len(found) != len(wanted):
            raise NotFoundError(f"Settings {key.settings} of the namespace '{key.namespace}' are gone")
        settings = joined_settings(key.namespace, {id_: (one.revision, one.definition) for id_, one in found.items()})
        self._pinned[name] = settings
        self._trim()
        return settings

    def invalidate(self, tenant: str, namespace: str) -> None:
        """Ask the repository again for this namespace and all below it."""
        below = f"{namespace}."
        for place in [one for one in self._current if one[0] == tenant and f"{one[1]}.".startswith(below)]:
            del self._current[place]

    def invalidate_all(self) -> None:
        """Ask the repository again for every namespace: some news may have been lost."""
        self._current.clear()

    def _trim(self) -> None:
        while len(self._current) > self._capacity:
            self._current.popitem(last=False)
        while len(self._pinned) > self._capacity:
            self._pinned.popitem(last=False)
