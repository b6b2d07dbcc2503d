"""What users do to triggers: switched, unlocked, begun anew, run over dates of the past (flow language 12.2, 12.3)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from segue.api.ports import ApiPorts
from segue.domain.errors import ConflictError, DefinitionError, NotFoundError
from segue.domain.labels import SYSTEM_PREFIX, Label
from segue.domain.trigger.operations import (
    BackfillRequest,
    First,
    create_backfill,
    delete_backfill,
    pause_backfill,
    reset,
    restart,
    set_disabled,
    unlock,
    unpause_backfill,
)
from segue.domain.trigger.registration import first_look
from segue.domain.trigger.state import TriggerKey, TriggerState
from segue.ports.queue import Channel

Change = Callable[[TriggerState], TriggerState]


class TriggerControl:
    """One verb each. All of them raise ``NotFoundError`` for a trigger that is not there, and wake a scheduler up."""

    def __init__(self, ports: ApiPorts) -> None:
        self._ports = ports

    async def get(self, key: TriggerKey) -> TriggerState:
        """The state."""
        state = await self._ports.triggers.get(key)
        if state is None:
            raise _missing(key)
        return state

    async def set_disabled(self, key: TriggerKey, *, disabled: bool) -> TriggerState:
        """Switch it; it stays so when its flow is saved again."""
        now = self._ports.clock.now()
        first = await self._first(key, now)
        return await self._change(key, lambda state: set_disabled(state, disabled=disabled, now=now, first=first))

    async def unlock(self, key: TriggerKey) -> TriggerState:
        """Do not wait for its execution any more. Raises ``ConflictError`` when it waits for none."""
        now = self._ports.clock.now()

        def change(state: TriggerState) -> TriggerState:
            if not state.is_locked:
                raise ConflictError(f"Trigger is not locked: {key.trigger_id}")
            return unlock(state, now)

        return await self._change(key, change)

    async def reset(self, key: TriggerKey) -> TriggerState:
        """Begin anew, as if its flow had just been saved for the first time."""
        now = self._ports.clock.now()
        first = await self._first(key, now)
        return await self._change(key, lambda state: reset(state, now, first))

    async def restart(self, key: TriggerKey) -> TriggerState:
        """Give its running evaluation up and look at it anew."""
        now = self._ports.clock.now()
        first = await self._first(key, now)
        return await self._change(key, lambda state: restart(state, now, first))

    async def delete(self, key: TriggerKey) -> None:
        """Forget its state: while its flow defines it, it begins anew; else nothing of it is left."""
        await self.get(key)
        try:
            await self.reset(key)
        except NotFoundError:
            await self._ports.triggers.remove([key])

    async def create_backfill(
        self,
        key: TriggerKey,
        start: datetime,
        end: datetime | None = None,
        inputs: Mapping[str, Any] | None = None,
        labels: tuple[Label, ...] = (),
    ) -> TriggerState:
        """Start its executions for the dates from ``start`` to ``end``, both included; until now without an end.

        ``inputs`` and ``labels`` (those of the system are left out) go over the trigger's. Raises ``ConflictError``
        when there is a backfill, ``IllegalStateError`` for other kinds of triggers and an end before the start.
        """
        now = self._ports.clock.now()
        own = tuple(label for label in labels if not label.key.startswith(SYSTEM_PREFIX))
        request = BackfillRequest(self._ports.ids.new(), start, end or now, inputs or {}, own)
        return await self._change(key, lambda state: create_backfill(state, request, now))

    async def pause_backfill(self, key: TriggerKey) -> TriggerState:
        """Let its backfill wait. Raises ``ConflictError`` without one that runs."""
        now = self._ports.clock.now()
        return await self._change(key, lambda state: pause_backfill(state, now))

    async def unpause_backfill(self, key: TriggerKey) -> TriggerState:
        """Let its backfill go on. Raises ``ConflictError`` without one that waits."""
        now = self._ports.clock.now()
        return await self._change(key, lambda state: unpause_backfill(state, now))

    async def delete_backfill(self, key: TriggerKey) -> TriggerState:
        """Give its backfill up. Raises ``ConflictError`` without one."""
        now = self._ports.clock.now()
        return await self._change(key, lambda state: delete_backfill(state, now))

    async def _first(self, key: TriggerKey, now: datetime) -> First:
        """When the trigger as it stands in its flow has to be looked at next."""
        try:
            revision = (await self.get(key)).revision
            flow = await self._ports.catalog.latest(key.tenant, key.namespace, key.flow_id, revision)
        except DefinitionError:
            return First(now, is_planned=False)
        trigger = next((each for each in flow.flow.triggers if each.id == key.trigger_id), None)
        if trigger is None:
            raise _missing(key)
        return First(*first_look(trigger, now))

    async def _change(self, key: TriggerKey, change: Change) -> TriggerState:
        given_up: list[str] = []

        def watched(state: TriggerState) -> TriggerState:
            changed = change(state)
            ends = state.evaluation_id is not None and changed.evaluation_id != state.evaluation_id
            given_up[:] = [f"{state.evaluation_id}-0"] if ends else []
            return changed

        changed = await self._ports.triggers.change(key, watched)
        if changed is None:
            raise _missing(key)
        if given_up:
            await self._ports.queue.broadcast(Channel.KILLS, given_up)
        if changed.due_at is not None:
            await self._ports.queue.broadcast(Channel.TRIGGERS, [changed.due_at.isoformat()])
        return changed


def _missing(key: TriggerKey) -> NotFoundError:
    return NotFoundError(f"Trigger {key.namespace}.{key.flow_id}.{key.trigger_id} not found")
