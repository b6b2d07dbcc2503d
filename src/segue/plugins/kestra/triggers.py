"""``io.kestra.plugin.kestra.triggers`` (core plugins 18)."""

from typing import ClassVar

from segue.domain.platform.triggers import SwitchTrigger
from segue.plugins.kestra.connection import KestraTask, text_of
from segue.sdk import Example, Property, RunContext

_TYPE = "io.kestra.plugin.kestra.triggers.Toggle"


class Toggle(KestraTask):
    """Enables or disables a trigger of a flow. It stays so when the flow is saved again."""

    type: ClassVar[str] = _TYPE

    examples: ClassVar[tuple[Example, ...]] = (
        Example("Disable the trigger of the flow itself", f"id: stop\ntype: {_TYPE}\ntrigger: daily"),
    )

    trigger: Property[str]
    """The id of the trigger."""
    enabled: Property[bool] = Property.of(False)
    """Whether it is enabled, else it is disabled."""
    namespace: Property[str] | None = None
    """The namespace of the flow; that of the task's own flow unless given."""
    flow_id: Property[str] | None = None
    """The flow; the task's own unless given."""

    async def run(self, context: RunContext) -> None:
        """Switch it. Raises ``SegueError`` when there is no such flow or trigger, or it is not open to the flow."""
        call = SwitchTrigger(
            namespace=await text_of(context, self.namespace) or context.flow.namespace,
            flow_id=await text_of(context, self.flow_id) or context.flow.id,
            trigger_id=await context.render(self.trigger) or "",
            enabled=await context.render(self.enabled) is True,
        )
        async with self.remote(context) as remote:
            if remote is None:
                await context.platform.ask(call)
            else:
                names = {"namespace": call.namespace, "flowId": call.flow_id, "triggerId": call.trigger_id}
                await remote.json("PUT", "/triggers", body={**names, "disabled": not call.enabled})
