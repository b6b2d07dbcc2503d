"""Triggers as they stand in their flows, for clients that show them (REST API 6.5)."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from segue.api.flow_relations import data_of
from segue.domain.execution.model import FlowKey
from segue.domain.flow.tree import maps_of
from segue.domain.trigger.state import TriggerState
from segue.ports.repositories.flows import FlowRepository

JsonObject = dict[str, Any]

_KEPT = 2_000


class TriggerDefinitions:
    """Reads triggers out of the texts of flows, each revision once while it is in use."""

    def __init__(self, flows: FlowRepository) -> None:
        self._flows = flows
        self._known: OrderedDict[FlowKey, Mapping[str, JsonObject]] = OrderedDict()

    async def of(self, states: Iterable[TriggerState]) -> list[JsonObject]:
        """What the user wrote of each trigger; its id and an empty type where the flow cannot be read any more."""
        return [
            (await self._in_flow(state.flow)).get(state.key.trigger_id, {"id": state.key.trigger_id, "type": ""})
            for state in states
        ]

    async def _in_flow(self, key: FlowKey) -> Mapping[str, JsonObject]:
        if key not in self._known:
            stored = await self._flows.get(
                key.tenant, key.namespace, key.flow_id, key.revision, drafts=True, deleted=True
            )
            data = {} if stored is None else data_of(stored)
            self._known[key] = {str(each.get("id")): _complete(each) for _, each in maps_of(data, "triggers")}
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def _complete(trigger: Mapping[str, Any]) -> JsonObject:
    """With what strict clients require."""
    return {"disabled": False, **{key: value for key, value in trigger.items() if value is not None}}
