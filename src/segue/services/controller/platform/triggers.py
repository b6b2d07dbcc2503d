"""Calls about triggers."""

from collections.abc import Iterable
from typing import Any

from segue.domain.errors import NotFoundError
from segue.domain.platform.triggers import Switched, SwitchTrigger
from segue.domain.trigger.operations import First, set_disabled
from segue.domain.trigger.state import TriggerKey
from segue.ports.queue import Channel
from segue.services.controller.config import ControllerPorts
from segue.services.controller.sessions import HeldJob


class TriggerCalls:
    """Switching."""

    def __init__(self, ports: ControllerPorts) -> None:
        self._ports = ports

    def handlers(self) -> Iterable[tuple[Any, Any]]:
        """Each call with who answers it."""
        return ((SwitchTrigger, self.switch),)

    async def switch(self, job: HeldJob, call: SwitchTrigger) -> Switched:
        """See ``SwitchTrigger``. Raises ``NotFoundError``, and ``IllegalPathError`` for a namespace that is not open to
        the flow. A trigger that is enabled is looked at by a scheduler at once, which finds its next date."""
        ports, tenant = self._ports, job.flow.tenant
        ports.values.access.check_namespace(job.flow, call.namespace)
        place = f"{call.namespace}.{call.flow_id}"[:300]
        if await ports.flows.get(tenant, call.namespace, call.flow_id) is None:
            raise NotFoundError(f"Unable to find flow {place}. Check `namespace` and `flowId`")
        now = ports.clock.now()
        first = First(now, is_planned=False)
        changed = await ports.triggers.change(
            TriggerKey(tenant, call.namespace, call.flow_id, call.trigger_id),
            lambda state: set_disabled(state, disabled=not call.enabled, now=now, first=first),
        )
        if changed is None:
            raise NotFoundError(f"Unable to find trigger {call.trigger_id[:300]} for the flow {place}")
        if changed.due_at is not None:
            await ports.queue.broadcast(Channel.TRIGGERS, [changed.due_at.isoformat()])
        return Switched()
