"""``io.kestra.plugin.core.output`` (core plugins 4)."""

from typing import Any, ClassVar

from segue.sdk import Example, Property, RunContext, Task


class OutputValues(Task):
    """Gives a map of rendered values back as output."""

    type: ClassVar[str] = "io.kestra.plugin.core.output.OutputValues"
    instant: ClassVar[bool] = True

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Name some values",
            "id: result\ntype: io.kestra.plugin.core.output.OutputValues\n"
            'values:\n  greeting: "Hello {{ inputs.name }}"',
        ),
    )

    values: Property[dict[str, Any]] | None = None
    """Names with the values to render."""

    async def run(self, context: RunContext) -> dict[str, Any]:
        """Render every text in the map; structures are kept."""
        values = None if self.values is None else await context.render(self.values)
        return {"values": {} if values is None else values}
