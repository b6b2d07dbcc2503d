"""``io.kestra.plugin.core.trigger.Toggle`` of 1.x: a task that switches a trigger (core plugins 9.7)."""

from typing import ClassVar

from segue.domain.platform.triggers import SwitchTrigger
from segue.sdk import Example, Property, RunContext, Task

_TYPE = "io.kestra.plugin.core.trigger.Toggle"


class Toggle(Task):
    """Enables or disables a trigger of a flow. It stays so when the flow is saved again."""

    type: ClassVar[str] = _TYPE
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.core.tasks.trigger.Toggle"})
    deprecated: ClassVar[str] = "Use `io.kestra.plugin.kestra.triggers.Toggle`, or the API."

    examples: ClassVar[tuple[Example, ...]] = (
        Example("Disable the trigger of the flow itself", f"id: stop\ntype: {_TYPE}\ntrigger: daily"),
        Example(
            "Enable the trigger of another flow",
            f"id: begin\ntype: {_TYPE}\nnamespace: company.team\nflowId: report\ntrigger: daily\nenabled: true",
        ),
    )

    trigger: Property[str]
    """The id of the trigger."""
    enabled: bool = False
    """Whether it is enabled, else it is disabled."""
    namespace: Property[str] | None = None
    """The namespace of the flow; that of the task's own flow unless given."""
    flow_id: Property[str] | None = None
    """The flow; the task's own unless given."""

    async def run(self, context: RunContext) -> None:
        """Switch it. Raises ``NotFoundError`` when there is no such flow or trigger, ``IllegalPathError`` for a
        namespace that is not open to the flow."""
        namespace = None if self.namespace is None else await context.render(self.namespace)
        flow_id = None if self.flow_id is None else await context.render(self.flow_id)
        call = SwitchTrigger(
            namespace=namespace or context.flow.namespace,
            flow_id=flow_id or context.flow.id,
            trigger_id=await context.render(self.trigger) or "",
            enabled=self.enabled,
        )
        await context.platform.ask(call)
